/** Values of a region as text for the clipboard. */
import { LoupeError } from '../../errors';
import { numpyDtype } from '../../numeric/numpyDtypes';
import { mostTextValues, type TensorViewContract } from '../../protocol/tensorViews';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { divide } from '../matrix';
import { namingTensorLater } from '../namingTensor';
import { inOrder } from '../worker/inOrder';
import { checkedRegion, regionBlock, tensorMatrix } from './tensorMatrix';

/** Values that one task makes text of: about a megabyte. */
export const textElements = 2 ** 16;

/** Throws `usage` for a region outside the slice's matrix, or of more than `mostTextValues` values. */
export async function textJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: TensorViewContract['tensorText']['params'],
  { signal }: JobContext<undefined>,
): Promise<{ text: string }> {
  const { tensor, slice, format } = params;
  const source = opened.source(tensor);
  const matrix = tensorMatrix(opened.tensor(tensor).shape, slice, source.name);
  const region = checkedRegion(matrix, params.region, source.name);
  const all = regionBlock(region);
  if (all.rows * all.columns > mostTextValues)
    throw new LoupeError(
      'usage',
      `At most ${mostTextValues} values are given as text; save them to a file.`,
      {
        tensor: source.name,
      },
    );
  const texts: string[] = [];
  await namingTensorLater(source, () =>
    inOrder(
      divide(all, textElements),
      engine.pool.size + 1,
      signal,
      (block) =>
        engine.pool.run({ kind: 'text', source, matrix, block, region, format }, { signal, urgent: true }),
      (text) => {
        texts.push(text);
      },
    ),
  );
  if (format === 'csv') return { text: texts.join('') };
  const { name } = numpyDtype(source.dtype, source.packed !== undefined);
  const lines = texts.join('').replaceAll('\n', '\n  ');
  return { text: `np.array([\n  ${lines}\n], dtype=np.${name === 'bool' ? 'bool_' : name})\n` };
}
