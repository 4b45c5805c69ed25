/** The rows of an error report without writing a file. */
import type { EngineContract, TensorError } from '../../protocol/engineApi';
import { encodingFor } from '../../quant/encoding';
import { recipeOf } from '../../quant/recipe';
import { checkedRecipe } from '../../quant/recipeFile';
import { storedBytes } from '../../quant/scheme';
import { noErrorSums, tensorError } from '../../quant/tensorError';
import type { OpenedCheckpoint } from '../checkpointCache';
import { encodedSetting } from '../encode/encodedSource';
import { encodeTensor, surveyTensor } from '../encode/encodeTensor';
import { quantizeTensor, takesRows } from '../encode/quantizeTensor';
import { modelImportance, weighedSetting } from '../importance/modelImportance';
import { assertRecipeMatrix } from '../importance/recipeImportance';
import type { Engine, JobContext } from '../jobs';
import { namingTensor } from '../namingTensor';
import { resolveFor } from '../recipe/policy';
import { withLayers } from '../recipe/pruneLayers';
import { recipeWithLayers } from '../recipe/recipeLayers';
import { inOrder } from '../worker/inOrder';

type ErrorsMethod = EngineContract['errors'];

/** One row a tensor in the order asked for; kept tensors have no error and a note that says why. */
export async function errorsJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  { choice: asked, recipe: given, tensors, pure, imatrix }: Omit<ErrorsMethod['params'], 'path'>,
  { signal, progress }: JobContext<ErrorsMethod['progress']>,
): Promise<readonly TensorError[]> {
  const { checkpoint } = opened;
  const recipe = given
    ? await recipeWithLayers(engine, opened, checkedRecipe(given), { signal })
    : recipeOf(await withLayers(engine, opened, asked, pure ?? false, { signal }), pure ?? false);
  const resolved = resolveFor(checkpoint, recipe);
  await assertRecipeMatrix(recipe, imatrix);
  const importance = imatrix === undefined ? undefined : await modelImportance(opened, imatrix);
  const indices = tensors ?? checkpoint.tensors.map((_, i) => i);
  const total = indices.length;
  const rows: TensorError[] = [];
  let done = 0;
  const runners = { pool: engine.pool, encoder: engine.pool };
  await inOrder(
    indices,
    engine.pool.size + 1,
    signal,
    async (index) => {
      const tensor = opened.tensor(index);
      const { name, dtype: from, bytes } = tensor;
      const decision = resolved.tensors[index]!;
      const { choice } = decision;
      let row: TensorError;
      if (choice) {
        const source = opened.source(index);
        const { setting, note } = namingTensor(source, () =>
          weighedSetting(encodedSetting(opened, index, choice), importance, index),
        );
        const encoding = namingTensor(source, () => encodingFor(setting));
        const known = takesRows(setting, source, runners)
          ? undefined
          : await surveyTensor(engine.pool, checkpoint, source, setting, { signal });
        const sums = known
          ? await encodeTensor(engine.pool, source, setting, known, undefined, { signal })
          : (await quantizeTensor(runners, source, choice, undefined, { signal })).sums!;
        const to = encoding.to;
        row = tensorError(sums, tensor.elements, {
          name,
          from,
          to,
          bytes: storedBytes(encoding.pieces(known)),
          ...(note === undefined ? {} : { note }),
        });
      } else {
        row = tensorError(noErrorSums, tensor.elements, {
          name,
          from,
          to: from,
          bytes,
          note: decision.reason,
        });
      }
      done++;
      progress({ done, total, row });
      return row;
    },
    (row) => {
      rows.push(row);
    },
  );
  return rows;
}
