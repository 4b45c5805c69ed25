import type { ErrorSums, Kernels } from '../../../src/kernels/kernels';
import type { LinearCode } from '../../../src/quant/linearCode';
import type { Granularity, ScaleDtype } from '../../../src/quant/types';
import { place } from '../kernels/loadKernels';

export interface Quantized {
  readonly codes: Uint8Array;
  readonly dequantized: Float32Array;
  readonly sums: ErrorSums;
}

/** Quantizes a matrix and dequantizes it again, through the kernels. */
export function quantize(
  kernels: Kernels,
  values: Float32Array,
  rows: number,
  scheme: LinearCode,
  granularity: Granularity,
  scaleDtype: ScaleDtype,
): Quantized {
  const columns = values.length / rows;
  const stride = Math.ceil(columns / 4) * 4;
  kernels.reset();
  const src = place(kernels, values);
  const [min, max, inverses, scales, zeros] = [0, 1, 2, 3, 4].map(() => kernels.alloc(rows * 4));
  const codes = kernels.alloc(rows * stride);
  const dst = kernels.alloc(values.byteLength);
  kernels.rowRange(src, rows, columns, min!, max!);
  const mins = kernels.f32(min!, rows);
  const maxs = kernels.f32(max!, rows);
  for (let row = 0; row < rows; row++) {
    const [low, high] =
      granularity === 'row' ? [mins[row]!, maxs[row]!] : [Math.min(...mins), Math.max(...maxs)];
    const { scale, inverse, zero } = scheme.parameters(low, high, scaleDtype);
    kernels.f32(inverses!, rows)[row] = inverse;
    kernels.f32(scales!, rows)[row] = scale;
    kernels.f32(zeros!, rows)[row] = zero;
  }
  kernels.encode8(src, codes, rows, columns, stride, inverses!, zeros!, scheme.low, scheme.high);
  kernels.decodeCodes8(codes, dst, rows, columns, stride, scales!, zeros!);
  return {
    codes: kernels.u8(codes, rows * stride).slice(),
    dequantized: kernels.f32(dst, values.length).slice(),
    sums: kernels.errorSums(src, dst, values.length),
  };
}
