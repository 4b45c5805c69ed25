/** Absmax and RMS of the rows and columns of any matrix of a tensor. */
import { LoupeError } from '../../errors';
import type { ChannelProfile, TensorViewContract } from '../../protocol/tensorViews';
import { type AxisSums, axisStats, outlierFactor as usualFactor } from '../../stats/outliers';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { parts } from '../matrix';
import { namingTensorLater } from '../namingTensor';
import { longestChannelAxis } from '../stats/tensorStats';
import { inOrder } from '../worker/inOrder';
import { tensorMatrix } from './tensorMatrix';

/** One figure a row and one a column of the slice's matrix. Throws `unsupported` for longer axes than are kept, or values that cannot be read. */
export async function profileJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: TensorViewContract['profile']['params'],
  { signal }: JobContext<undefined>,
): Promise<ChannelProfile> {
  const { tensor, slice, outlierFactor: factor = usualFactor } = params;
  const source = opened.source(tensor);
  const matrix = tensorMatrix(opened.tensor(tensor).shape, slice, source.name);
  if (matrix.rows > longestChannelAxis || matrix.columns > longestChannelAxis)
    throw new LoupeError('unsupported', `Profiles have at most ${longestChannelAxis} rows and columns.`, {
      tensor: source.name,
    });
  const rows = new Sums(matrix.rows, matrix.columns);
  const columns = new Sums(matrix.columns, matrix.rows);
  await namingTensorLater(source, () =>
    inOrder(
      parts(matrix),
      engine.pool.size + 1,
      signal,
      (block) => engine.pool.run({ kind: 'profile', source, matrix, block }, { signal, urgent: true }),
      (part, block) => {
        rows.add(part.rows, block.row);
        columns.add(part.columns, block.column);
      },
    ),
  );
  return { rows: axisStats(rows, factor), columns: axisStats(columns, factor) };
}

/** Sums over the channels of one axis, merged from parts. */
class Sums implements AxisSums {
  readonly absmax: Float32Array;
  readonly sumSq: Float64Array;
  nonFinite: Float64Array | undefined;

  constructor(
    private readonly channels: number,
    readonly length: number,
  ) {
    this.absmax = new Float32Array(channels);
    this.sumSq = new Float64Array(channels);
  }

  /** Adds a part whose first channel is number `first`. */
  add(part: Omit<AxisSums, 'length'>, first: number): void {
    for (let i = 0; i < part.absmax.length; i++) {
      this.absmax[first + i] = Math.max(this.absmax[first + i]!, part.absmax[i]!);
      this.sumSq[first + i]! += part.sumSq[i]!;
    }
    if (!part.nonFinite) return;
    this.nonFinite ??= new Float64Array(this.channels);
    for (let i = 0; i < part.nonFinite.length; i++) this.nonFinite[first + i]! += part.nonFinite[i]!;
  }
}
