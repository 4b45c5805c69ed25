import { describe, expect, it } from 'vitest';
import { errorSumsReference } from '../../../src/kernels/reference/sums';
import { addErrorSums, noErrorSums, tensorError } from '../../../src/quant/tensorError';

const about = { name: 't', from: 'F32', to: 'INT8', bytes: 8 };

describe('tensorError', () => {
  it('computes the figures from their definitions', () => {
    const x = Float32Array.of(1, -2, 3, 0.5);
    const y = Float32Array.of(1.5, -2, 2.5, 0.5);
    const error = tensorError(errorSumsReference(x, y), 4, about);
    expect(error).toMatchObject({ ...about, mse: 0.125, maxAbs: 0.5, meanAbs: 0.25 });
    expect(error.sqnr).toBeCloseTo(10 * Math.log10(14.25 / 0.5), 12);
    expect(error.cosine).toBeCloseTo(13.25 / Math.sqrt(14.25 * 12.75), 12);
  });

  it('says exact for a perfect copy, and 1 for two zero tensors', () => {
    const x = Float32Array.of(1, 2);
    expect(tensorError(errorSumsReference(x, x), 2, about)).toMatchObject({ sqnr: null, mse: 0, cosine: 1 });
    expect(tensorError(noErrorSums, 4, about)).toMatchObject({ sqnr: null, cosine: 1, mse: 0 });
    const lost = errorSumsReference(Float32Array.of(1), Float32Array.of(0));
    expect(tensorError(lost, 1, about)).toMatchObject({ sqnr: 0, cosine: 0, mse: 1 });
    expect(tensorError(noErrorSums, 0, about)).toMatchObject({ mse: 0, meanAbs: 0 });
  });

  it('joins chunks', () => {
    const x = Float32Array.of(1, -2, 3, 0.5);
    const y = Float32Array.of(1.5, -2, 2.25, 0.5);
    const joined = addErrorSums(
      errorSumsReference(x.subarray(0, 2), y.subarray(0, 2)),
      errorSumsReference(x.subarray(2), y.subarray(2)),
    );
    expect(joined).toEqual(errorSumsReference(x, y));
  });
});
