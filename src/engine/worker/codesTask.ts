/** The codes of single values, for pictures that write them into their cells. */
import { roundHalfEven } from '../../numeric/floats';
import { encodingFor } from '../../quant/encoding';
import { linearCodeNamed } from '../../quant/linearCode';
import { namingTensor } from '../namingTensor';
import { readFlat } from './flatValues';
import type { CodesResult, CodesTask, Counterpart } from './task';
import type { WorkerContext } from './workerContext';

export function runCodes(context: WorkerContext, task: CodesTask): CodesResult {
  const { counterpart } = task;
  switch (counterpart.kind) {
    case 'scheme':
      return linearCodes(context, task, counterpart);
    case 'encoding':
      return encodedCodes(context, task, counterpart);
    case 'tensor':
      return undefined;
  }
}

/** By the formula of the kernel that quantizes: codes from the stored scale's reciprocal, clamped. */
function linearCodes(
  { kernels, reader }: WorkerContext,
  { source, region }: CodesTask,
  { scheme, firstRow, parameters }: Extract<Counterpart, { kind: 'scheme' }>,
): CodesResult {
  const { low, high } = linearCodeNamed(scheme)!;
  const rows = region.row1 - region.row0;
  const columns = region.column1 - region.column0;
  const count = rows * columns;
  const x = kernels.alloc(4 * count);
  reader.readRegion(source, { row: region.row0, rows, column: region.column0, columns }, x);
  const values = kernels.f32(x, count);
  const result = emptyCodes(count);
  for (let i = 0; i < count; i++) {
    const row = region.row0 + Math.floor(i / columns) - firstRow;
    const [scale, zero] = [parameters.scale[row]!, parameters.zero[row]!];
    const code = roundHalfEven(Math.fround(values[i]! * parameters.inverse[row]!)) + zero;
    result.codes[i] = Math.min(high, Math.max(low, code));
    result.dequantized[i] = (result.codes[i]! - zero) * scale;
    result.scales[i] = scale;
    result.zeros[i] = zero;
  }
  return result;
}

const emptyCodes = (count: number) => ({
  codes: new Uint8Array(count),
  dequantized: new Float32Array(count),
  scales: new Float32Array(count),
  zeros: new Float32Array(count),
});

/** By the plain code of the scheme, for no more bands than the region touches. */
function encodedCodes(
  context: WorkerContext,
  { source, region }: CodesTask,
  { setting, known }: Extract<Counterpart, { kind: 'encoding' }>,
): CodesResult {
  const encoding = namingTensor(source, () => encodingFor(setting));
  const unit = encoding.valueUnit ?? encoding.unit;
  const elements = source.rows * source.columns;
  const columns = region.column1 - region.column0;
  const result = emptyCodes((region.row1 - region.row0) * columns);
  for (let row = region.row0; row < region.row1; row++) {
    context.checkCancelled();
    const start = row * source.columns + region.column0;
    const first = Math.floor(start / unit) * unit;
    const end = Math.min(elements, Math.ceil((start + columns) / unit) * unit);
    const values = readFlat(context, source, first, end - first);
    const encoded = namingTensor(source, () => encoding.encode({ first, values }, known));
    if (!encoded.codes) return undefined;
    const target = (row - region.row0) * columns;
    const own = (from: Float32Array | Uint8Array) => from.subarray(start - first, start - first + columns);
    result.codes.set(own(encoded.codes), target);
    result.dequantized.set(own(encoded.dequantized), target);
    for (let i = 0; i < columns; i++) {
      const scale = encoded.scaleAt?.(start - first + i);
      result.scales[target + i] = scale?.scale ?? Number.NaN;
      result.zeros[target + i] = scale?.zero ?? Number.NaN;
    }
  }
  return result;
}
