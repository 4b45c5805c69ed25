/** The rows of an error report without writing a file. */
import type { EngineContract, TensorError } from '../protocol/engineApi';
import { schemeNamed } from '../quant/schemes';
import { noErrorSums, tensorError } from '../quant/tensorError';
import { matrixShape } from '../stats/matrixShape';
import type { OpenedCheckpoint } from './checkpointCache';
import type { Engine, JobContext } from './jobs';
import { decisionFor, packedBytes } from './policy';
import { checkChoice, quantizeTensor, scaleDtypeFor } from './quantizeTensor';
import { inOrder } from './worker/inOrder';

type ErrorsMethod = EngineContract['errors'];

/** One row a tensor in the order asked for; kept tensors have no error and a note that says why. */
export async function errorsJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  { choice, tensors, pure }: Omit<ErrorsMethod['params'], 'path'>,
  { signal, progress }: JobContext<ErrorsMethod['progress']>,
): Promise<readonly TensorError[]> {
  checkChoice(choice);
  const { checkpoint } = opened;
  const indices = tensors ?? checkpoint.tensors.map((_, i) => i);
  const { symmetric } = schemeNamed(choice.scheme);
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
      const decision = decisionFor(checkpoint, tensor, pure ?? false);
      let row: TensorError;
      if (decision.quantize) {
        const { rows: height, columns } = matrixShape(tensor.shape);
        const scaleBytes = scaleDtypeFor(choice, from) === 'F32' ? 4 : 2;
        const { sums } = await quantizeTensor(runners, opened.source(index), choice, undefined, { signal });
        row = tensorError(sums, tensor.elements, {
          name,
          from,
          to: 'INT8',
          bytes: packedBytes(height, columns, scaleBytes, symmetric).total,
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
