/** Single values of a matrix of a tensor. */
import { LoupeError } from '../../errors';
import { type MatrixValues, mostValues, type TensorViewContract } from '../../protocol/tensorViews';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { namingTensorLater } from '../namingTensor';
import { checkedRegion, regionBlock, tensorMatrix } from './tensorMatrix';

/** The region of the slice's matrix, row by row. Throws `usage` for a region outside it, or of more than `mostValues` values. */
export async function valuesJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: TensorViewContract['values']['params'],
  { signal }: JobContext<undefined>,
): Promise<MatrixValues> {
  const { shape, name } = opened.tensor(params.tensor);
  const source = opened.source(params.tensor);
  const matrix = tensorMatrix(shape, params.slice, name);
  const region = checkedRegion(matrix, params.region, name);
  const block = regionBlock(region);
  if (block.rows * block.columns > mostValues)
    throw new LoupeError('usage', `At most ${mostValues} values are given at once.`, { tensor: name });
  const read = await namingTensorLater(source, () =>
    engine.pool.run({ kind: 'values', source, matrix, block }, { signal, urgent: true }),
  );
  return { region, ...read };
}
