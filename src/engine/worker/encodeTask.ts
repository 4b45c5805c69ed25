/** Quantizes whole rows: ranges, parameters, codes, error sums, and the codes' way to the file. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { LoupeError } from '../../errors';
import type { ErrorSums } from '../../kernels/kernels';
import { findDtype } from '../../numeric/dtypes';
import { type LinearCode, linearCodeNamed, type QuantParameters } from '../../quant/linearCode';
import { addErrorSums, noErrorSums } from '../../quant/tensorError';
import { type Block, divide, segmentElements } from '../matrix';
import { namingTensor } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import type { EncodeResult, EncodeTask, RangesTask } from './task';
import type { WorkerContext } from './workerContext';

/** Smallest and largest value of each row of `part`, which is whole rows. */
export function runRanges(
  context: WorkerContext,
  task: Omit<RangesTask, 'kind'>,
): { min: Float32Array; max: Float32Array } {
  const { kernels, reader } = context;
  const { source, part } = task;
  const min = new Float32Array(part.rows).fill(Number.POSITIVE_INFINITY);
  const max = new Float32Array(part.rows).fill(Number.NEGATIVE_INFINITY);
  const mark = kernels.mark();
  const values = kernels.alloc(4 * Math.min(segmentElements, part.rows * part.columns));
  for (const block of divide(part, segmentElements)) {
    context.checkCancelled();
    reader.read(source, block, values);
    const range = blockRange(context, source, block, values);
    for (let i = 0; i < block.rows; i++) {
      const row = block.row - part.row + i;
      min[row] = Math.min(min[row]!, range.min[i]!);
      max[row] = Math.max(max[row]!, range.max[i]!);
    }
  }
  kernels.reset(mark);
  return { min, max };
}

/** The codes' batches: runs of segments, as many as the encoder likes at once. */
function* batches(part: Block, most: number): Generator<Block[]> {
  let batch: Block[] = [];
  let elements = 0;
  for (const block of divide(part, segmentElements)) {
    const size = block.rows * block.columns;
    // Slices of one long row stay by themselves: a matrix has one width.
    if (batch.length > 0 && (elements + size > most || block.columns !== part.columns)) {
      yield batch;
      batch = [];
      elements = 0;
    }
    batch.push(block);
    elements += size;
  }
  if (batch.length > 0) yield batch;
}

/** Codes of a part's rows, written where `output` says; sums of their errors unless they are left for later. Throws `non-finite`, and what writing throws. */
export async function runEncode(context: WorkerContext, task: EncodeTask): Promise<EncodeResult> {
  const { kernels, reader, encoder } = context;
  const { source, part, rule, output, sumsErrors = true } = task;
  const code = linearCodeNamed(task.scheme)!;
  const parameters = new ParameterColumns(part.rows);
  // A row that is cut into slices has its range taken before the first slice is encoded.
  const cut = source.columns > segmentElements;
  if (cut && rule.kind === 'row') {
    const { min, max } = runRanges(context, task);
    namingTensor(source, () => parameters.fromRanges(code, rule.scaleDtype, min, max, 0));
  }
  if (rule.kind === 'given') parameters.fill(rule);

  const mark = kernels.mark();
  const batchElements = Math.max(encoder.batchElements, segmentElements);
  const most = Math.min(part.rows * part.columns, batchElements);
  const values = kernels.alloc(4 * most);
  const codes = kernels.alloc(most + 4 * Math.min(part.rows, most));
  const dequantized = sumsErrors ? kernels.alloc(4 * Math.min(most, segmentElements)) : 0;
  const columns = new ParameterPointers(context, part.rows);

  let sums: ErrorSums = noErrorSums;
  const file = output && openSync(output.path, 'r+');
  try {
    for (const batch of batches(part, batchElements)) {
      context.checkCancelled();
      const first = batch[0]!;
      const block = { ...first, rows: batch.reduce((rows, segment) => rows + segment.rows, 0) };
      const row = block.row - part.row;
      reader.read(source, block, values);
      // Given parameters come from a pass that found all values finite, and so do those of cut rows.
      if (rule.kind === 'row' && !cut) {
        const { min, max } = blockRange(context, source, block, values);
        namingTensor(source, () => parameters.fromRanges(code, rule.scaleDtype, min, max, row));
      }
      columns.load(parameters, row, block.rows);
      const strideBytes = 4 * Math.ceil(block.columns / 4);
      await encoder.encode({
        x: values,
        codes,
        rows: block.rows,
        columns: block.columns,
        strideBytes,
        inverses: columns.inverse,
        zeros: columns.zero,
        low: code.low,
        high: code.high,
      });
      for (const segment of sumsErrors ? batch : []) {
        const at = segment.row - block.row;
        kernels.decodeCodes8(
          codes + at * strideBytes,
          dequantized,
          segment.rows,
          segment.columns,
          strideBytes,
          columns.scale + 4 * at,
          columns.zero + 4 * at,
        );
        const n = segment.rows * segment.columns;
        sums = addErrorSums(sums, kernels.errorSums(values + 4 * at * segment.columns, dequantized, n));
      }
      if (file !== undefined && output) {
        const bytes = kernels.u8(codes, block.rows * strideBytes);
        writeAll(file, bytes, output.byteOffset + block.row * output.strideBytes + block.column, output.path);
      }
    }
  } finally {
    if (file !== undefined) closeSync(file);
    kernels.reset(mark);
  }
  const { scale } = parameters;
  return { sums: sumsErrors ? sums : undefined, scale, zero: Uint8Array.from(parameters.zero) };
}

/** Ranges of a decoded block of whole rows, or of one row's slice; throws `non-finite`. */
function blockRange(
  { kernels }: WorkerContext,
  source: TensorSource,
  block: Block,
  values: number,
): { min: Float32Array; max: Float32Array } {
  const mark = kernels.mark();
  const min = kernels.alloc(4 * block.rows);
  const max = kernels.alloc(4 * block.rows);
  const bad = kernels.rowRange(values, block.rows, block.columns, min, max);
  if (bad >= 0) {
    const value = kernels.f32(values + 4 * bad, 1)[0]!;
    throw nonFinite(source, block.row * source.columns + block.column + bad, value);
  }
  const result = {
    min: kernels.f32(min, block.rows).slice(),
    max: kernels.f32(max, block.rows).slice(),
  };
  kernels.reset(mark);
  return result;
}

/** Where an element lies: for sentences, and in the file where it has a place of its own. */
export function elementPlace(
  source: TensorSource,
  element: number,
): { text: string; byteOffset: number | undefined } {
  const dtype = findDtype(source.dtype);
  const row = Math.floor(element / source.columns);
  return {
    text: `row ${row}, column ${element % source.columns}`,
    byteOffset:
      dtype && !source.packed
        ? source.byteOffset + Math.floor(element / dtype.blockElements) * dtype.blockBytes
        : undefined,
  };
}

/** The error for a value that no scheme takes. `element`: its index into the flattened tensor. */
export function nonFinite(source: TensorSource, element: number, value: number): LoupeError {
  const { text, byteOffset } = elementPlace(source, element);
  return new LoupeError(
    'non-finite',
    `${source.name} holds ${Number.isNaN(value) ? 'NaN' : String(value)} at ${text}, and cannot be quantized.`,
    { file: source.file.path, tensor: source.name, byteOffset },
  );
}

/** The parameters of a part's rows. */
export class ParameterColumns {
  readonly scale: Float32Array;
  readonly inverse: Float32Array;
  readonly zero: Float32Array;

  constructor(rows: number) {
    this.scale = new Float32Array(rows);
    this.inverse = new Float32Array(rows);
    this.zero = new Float32Array(rows);
  }

  fill({ scale, inverse, zero }: QuantParameters): void {
    this.scale.fill(scale);
    this.inverse.fill(inverse);
    this.zero.fill(zero);
  }

  fromRanges(
    code: LinearCode,
    scaleDtype: Parameters<LinearCode['parameters']>[2],
    min: Float32Array,
    max: Float32Array,
    row: number,
  ): void {
    for (let i = 0; i < min.length; i++) {
      const { scale, inverse, zero } = code.parameters(min[i]!, max[i]!, scaleDtype);
      this.scale[row + i] = scale;
      this.inverse[row + i] = inverse;
      this.zero[row + i] = zero;
    }
  }
}

/** Room in the kernels' memory for the parameters of a batch. */
export class ParameterPointers {
  readonly scale: number;
  readonly inverse: number;
  readonly zero: number;

  constructor(
    private readonly context: WorkerContext,
    rows: number,
  ) {
    this.scale = context.kernels.alloc(4 * rows);
    this.inverse = context.kernels.alloc(4 * rows);
    this.zero = context.kernels.alloc(4 * rows);
  }

  load(
    from: { scale: Float32Array; inverse: Float32Array; zero: Float32Array },
    row: number,
    rows: number,
  ): void {
    const { kernels } = this.context;
    kernels.f32(this.scale, rows).set(from.scale.subarray(row, row + rows));
    kernels.f32(this.inverse, rows).set(from.inverse.subarray(row, row + rows));
    kernels.f32(this.zero, rows).set(from.zero.subarray(row, row + rows));
  }
}

/** Writes all bytes from `position` on, however few the system takes at a time. Throws `io` naming the byte that could not be written. */
export function writeAll(file: number, bytes: Uint8Array, position: number, path: string): void {
  let written = 0;
  try {
    while (written < bytes.length) {
      written += writeSync(file, bytes, written, bytes.length - written, position + written);
    }
  } catch (thrown) {
    throw LoupeError.from(thrown, { file: path, byteOffset: position + written });
  }
}
