import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { linearCodeNamed } from '../../../src/quant/linearCode';
import { tensorError } from '../../../src/quant/tensorError';
import type { Granularity } from '../../../src/quant/types';
import type { PlainTensor } from '../../fixtures/plainSafetensors';
import { loadKernels, place } from '../kernels/loadKernels';
import { demoModels, readTruth } from '../stats/demoModels';
import { quantize } from './quantize';

interface TruthRow {
  readonly mse: number;
  readonly max_abs_err: number;
  readonly sqnr_db: number;
  readonly sha256_dequantized_f32le: string;
}
const { runs } = readTruth<{ runs: Record<string, Record<string, Record<string, TruthRow>>> }>(
  'truth_quant.json',
);
const kernels = loadKernels();

const variants: readonly [string, 'int8-absmax' | 'int8-zeropoint', Granularity][] = [
  ['int8_absmax_per_tensor', 'int8-absmax', 'tensor'],
  ['int8_absmax_per_row', 'int8-absmax', 'row'],
  ['int8_zeropoint_per_tensor', 'int8-zeropoint', 'tensor'],
];

/**
 * The truth divides by the scale, the product multiplies by its reciprocal; the two differ where a value lies
 * within an ulp of a tie, and there the choice changes the error by next to nothing.
 */
const tolerance = { mse: 1e-6, sqnr: 1e-5, maxAbs: 5e-5 };

/** The truth's codes are floats, so its absmax keeps -0 for small negative values; the product's are integers. */
function withSignedZeros(dequantized: Float32Array, original: Float32Array): Float32Array {
  return dequantized.map((y, i) => (y === 0 && (original[i]! < 0 || Object.is(original[i], -0)) ? -0 : y));
}

function sha256(values: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
}

function decoded({ dtype, shape, bytes }: PlainTensor): Float32Array {
  kernels.reset();
  const elements = shape.reduce((product, n) => product * n, 1);
  const dst = kernels.alloc(elements * 4);
  kernels.decode(dtype, place(kernels, bytes), dst, elements);
  return kernels.f32(dst, elements).slice();
}

describe.each(demoModels)('$model from $dtype', ({ model, dtype, tensors: read }) => {
  const tensors = read();
  it.each(variants)('%s', (variant, scheme, granularity) => {
    const truth = Object.entries(runs[`${model}/from_${dtype}`]!);
    expect(truth.length).toBe(28);
    let identical = 0;
    const worst = { mse: 0, sqnr: 0, maxAbs: 0 };
    for (const [name, rowsOfTruth] of truth) {
      const want = rowsOfTruth[variant]!;
      const tensor = tensors.get(name)!;
      const values = decoded(tensor);
      const done = quantize(kernels, values, tensor.shape[0]!, linearCodeNamed(scheme)!, granularity, 'F32');
      const got = tensorError(done.sums, values.length, { name, from: dtype, to: 'INT8', bytes: 0 });
      worst.mse = Math.max(worst.mse, Math.abs(got.mse / want.mse - 1));
      worst.sqnr = Math.max(worst.sqnr, Math.abs(got.sqnr! - want.sqnr_db));
      worst.maxAbs = Math.max(worst.maxAbs, Math.abs(got.maxAbs / want.max_abs_err - 1));
      const hash = sha256(
        scheme === 'int8-absmax' ? withSignedZeros(done.dequantized, values) : done.dequantized,
      );
      if (hash === want.sha256_dequantized_f32le) identical++;
    }
    // Measured: all but 1 to 11 tensors for tensor-wide scales; with row scales BF16 values meet many ties.
    if (granularity === 'tensor') expect(identical).toBeGreaterThanOrEqual(17);
    expect(worst.mse).toBeLessThan(tolerance.mse);
    expect(worst.sqnr).toBeLessThan(tolerance.sqnr);
    expect(worst.maxAbs).toBeLessThan(tolerance.maxAbs);
  });
});
