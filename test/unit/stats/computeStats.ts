import type { Kernels } from '../../../src/kernels/kernels';
import { byteSize, dtypes } from '../../../src/numeric/dtypes';
import { completeStats } from '../../../src/stats/exactMoments';
import { finalizeStats, sigmaCounts, sigmaThresholds } from '../../../src/stats/finalizeStats';
import { matrixShape } from '../../../src/stats/matrixShape';
import { type CountedStats, emptyPartialStats, mergeStats } from '../../../src/stats/partialStats';
import { histogramKindOf } from '../../../src/stats/patterns';
import { SegmentSigmaCounts } from '../../../src/stats/segmentSigmaCounts';
import { SegmentStats } from '../../../src/stats/segmentStats';
import type { TensorStats } from '../../../src/stats/types';
import { place } from '../kernels/loadKernels';

export interface EncodedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface Splitting {
  readonly segmentElements?: number;
  readonly runElements?: number;
  readonly reversed?: boolean;
  readonly channels?: boolean;
}

/** The statistics of a tensor as the engine gathers them: segments, runs within them, merging, a second pass. */
export function computeStats(
  kernels: Kernels,
  tensor: EncodedTensor,
  splitting: Splitting = {},
): TensorStats {
  const partial = partialStats(kernels, tensor, splitting);
  const thresholds = sigmaThresholds(partial);
  let counts = sigmaCounts(partial);
  if (counts === undefined && thresholds !== undefined) {
    kernels.reset();
    const pass = new SegmentSigmaCounts(kernels, tensor.dtype, thresholds);
    pass.add(place(kernels, tensor.bytes), elementsOf(tensor));
    counts = pass.finish();
  }
  return finalizeStats(partial, tensor, { counts });
}

export function partialStats(
  kernels: Kernels,
  tensor: EncodedTensor,
  splitting: Splitting = {},
): CountedStats {
  const elements = elementsOf(tensor);
  const shape = matrixShape(tensor.shape);
  const size = splitting.segmentElements ?? Math.max(elements, 1);
  const starts = Array.from({ length: Math.max(1, Math.ceil(elements / size)) }, (_, i) => i * size);
  if (splitting.reversed) starts.reverse();
  const channels = splitting.channels !== false;
  let merged = emptyPartialStats(histogramKindOf(tensor.dtype), channels ? shape : undefined);
  for (const start of starts) {
    kernels.reset();
    const count = Math.min(size, elements - start);
    const segment = new SegmentStats(kernels, {
      dtype: tensor.dtype,
      startElement: start,
      elements: count,
      columns: channels ? shape.columns : undefined,
    });
    const run = splitting.runElements ?? Math.max(count, 1);
    for (let done = 0; done < count; done += run) {
      const end = Math.min(done + run, count);
      const bytes = tensor.bytes.subarray(bytesOf(tensor, start + done), bytesOf(tensor, start + end));
      segment.add(place(kernels, bytes), end - done);
    }
    merged = mergeStats(merged, segment.finish());
  }
  return completeStats(merged);
}

function elementsOf(tensor: EncodedTensor): number {
  return tensor.shape.reduce((product, n) => product * n, 1);
}

function bytesOf(tensor: EncodedTensor, elements: number): number {
  return byteSize(dtypes.get(tensor.dtype)!, elements)!;
}
