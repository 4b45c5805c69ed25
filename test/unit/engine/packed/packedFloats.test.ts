import { describe, it } from 'vitest';
import { bf16Data, f32Data } from '../../../fixtures/makeCheckpoint';
import {
  e2m1,
  e4m3,
  join,
  type PackedFixture,
  packDense,
  randomCodes,
  randomScales,
  tensor,
  toBf16s,
} from '../../../fixtures/packedWeights';
import { startPackedReading } from './packedSupport';

const { expectValues } = startPackedReading();

/** Bytes with scales for blocks of rows x columns. */
function scaledBytes(
  shape: readonly [number, number],
  block: readonly [number, number],
  more: {
    suffix?: string;
    config?: unknown;
    dtype?: 'F8_E4M3' | 'I8';
    zeros?: boolean;
    scaleShape?: number[];
  } = {},
): PackedFixture {
  const { suffix = 'weight_scale', config, dtype = 'F8_E4M3', zeros = false } = more;
  const [rows, columns] = shape;
  const grid = [Math.ceil(rows / block[0]), Math.ceil(columns / block[1])] as const;
  const codes = randomCodes(rows * columns, 256, 41).map((code) =>
    dtype === 'F8_E4M3' && code % 128 === 127 ? code - 1 : code,
  );
  const scales = toBf16s(randomScales(grid[0] * grid[1], 42));
  const zeroPoints = randomCodes(scales.length, 256, 43).map((code) => (zeros ? code - 128 : 0));
  const values = codes.map((code, i) => {
    const at =
      Math.floor(Math.floor(i / columns) / block[0]) * grid[1] + Math.floor((i % columns) / block[1]);
    const value = dtype === 'I8' ? (code << 24) >> 24 : e4m3(code);
    return (value - zeroPoints[at]!) * scales[at]!;
  });
  return {
    tensors: [
      tensor('x.weight', dtype, shape, Uint8Array.from(codes)),
      tensor(`x.${suffix}`, 'BF16', more.scaleShape ?? grid, bf16Data(scales)),
      ...(zeros ? [tensor('x.weight_zero_point', 'I8', grid, Uint8Array.from(zeroPoints))] : []),
    ],
    ...(config ? { config } : {}),
    shape,
    values: Float32Array.from(values),
  };
}

describe('8-bit codes beside their scales', () => {
  const blocks = { quantization_config: { quant_method: 'fp8', weight_block_size: [64, 32] } };
  it.each<[string, PackedFixture]>([
    ['FP8, one scale', scaledBytes([20, 30], [20, 30], { scaleShape: [] })],
    ['FP8, a scale a row', scaledBytes([20, 30], [1, 30])],
    ['FP8, blocks of 128', scaledBytes([300, 260], [128, 128], { suffix: 'weight_scale_inv' })],
    [
      'FP8, blocks as configured',
      scaledBytes([100, 70], [64, 32], { suffix: 'weight_scale_inv', config: blocks }),
    ],
    ['FP8, groups of a row', scaledBytes([20, 96], [1, 24])],
    ['INT8 with zero points', scaledBytes([20, 30], [1, 30], { dtype: 'I8', zeros: true })],
    ['INT8, groups with zero points', scaledBytes([21, 64], [1, 16], { dtype: 'I8', zeros: true })],
  ])('%s', async (_, fixture) => {
    await expectValues(fixture);
  });

  it('FP8 blocks of each matrix of three dimensions', async () => {
    const one = scaledBytes([100, 70], [64, 32]);
    const twice = (data: Uint8Array) => join([data, data]);
    await expectValues({
      tensors: one.tensors.map(({ name, dtype, shape, data }) =>
        tensor(name, dtype, [2, ...shape], twice(data)),
      ),
      config: blocks,
      shape: [2, 100, 70],
      values: Float32Array.from([...one.values, ...one.values]),
    });
  });
});

/** Codes of 4 or 8 bits that stand for floats, with the bytes of a scale for each group. */
function microscaled(
  shape: readonly number[],
  each: number,
  more: { bits: 4 | 8; scale: 'e4m3' | 'e8m0'; global?: { value: number; divides: boolean } },
) {
  const { bits, scale, global } = more;
  const count = shape.reduce((a, b) => a * b, 1);
  const codes = randomCodes(count, 2 ** bits, 51).map((code) => (code % 128 === 127 ? 0 : code));
  const scales = randomCodes(count / each, scale === 'e4m3' ? 126 : 40, 52).map((code) =>
    scale === 'e4m3' ? code + 1 : code + 107,
  );
  const values = codes.map((code, i) => {
    const stored = scales[Math.floor(i / each)]!;
    const own = scale === 'e4m3' ? e4m3(stored) : 2 ** (stored - 127);
    const factor = !global
      ? own
      : global.divides
        ? Math.fround(own / global.value)
        : Math.fround(own * global.value);
    return (bits === 4 ? e2m1(code) : e4m3(code)) * factor;
  });
  return {
    codes: bits === 8 ? Uint8Array.from(codes) : packDense(codes, 4),
    scales: Uint8Array.from(scales),
    shape,
    values: Float32Array.from(values),
  };
}

describe('floats of 4 and 8 bits with scales for short groups', () => {
  const global = Math.fround(1234.567);

  it('NVFP4, which compressed-tensors divides and ModelOpt multiplies', async () => {
    for (const divides of [true, false]) {
      const { codes, scales, shape, values } = microscaled([9, 64], 16, {
        bits: 4,
        scale: 'e4m3',
        global: { value: global, divides },
      });
      await expectValues({
        tensors: [
          tensor(divides ? 'x.weight_packed' : 'x.weight', 'U8', [9, 32], codes),
          tensor('x.weight_scale', 'F8_E4M3', [9, 4], scales),
          tensor(
            divides ? 'x.weight_global_scale' : 'x.weight_scale_2',
            'F32',
            divides ? [1] : [],
            f32Data([global]),
          ),
        ],
        shape,
        values,
      });
    }
  });

  it('MXFP4 of compressed-tensors', async () => {
    const { codes, scales, shape, values } = microscaled([5, 96], 32, { bits: 4, scale: 'e8m0' });
    const tensors = [
      tensor('x.weight_packed', 'U8', [5, 48], codes),
      tensor('x.weight_scale', 'U8', [5, 3], scales),
    ];
    await expectValues({ tensors, shape, values });
  });

  it('MXFP4 blocks of experts', async () => {
    const { codes, scales, shape, values } = microscaled([3, 10, 96], 32, { bits: 4, scale: 'e8m0' });
    const tensors = [
      tensor('m.experts.down_proj_blocks', 'U8', [3, 10, 3, 16], codes),
      tensor('m.experts.down_proj_scales', 'U8', [3, 10, 3], scales),
    ];
    await expectValues({ tensors, shape, values });
  });

  it('MXFP8', async () => {
    const { codes, scales, shape, values } = microscaled([5, 96], 32, { bits: 8, scale: 'e8m0' });
    const tensors = [
      tensor('x.weight', 'F8_E4M3', [5, 96], codes),
      tensor('x.weight_scale', 'U8', [5, 3], scales),
    ];
    await expectValues({ tensors, shape, values });
  });

  it.each([
    ['mxfp4', 32, 4, 'e8m0'],
    ['nvfp4', 16, 4, 'e4m3'],
    ['mxfp8', 32, 8, 'e8m0'],
  ] as const)('MLX %s', async (mode, each, bits, scale) => {
    const { codes, scales, shape, values } = microscaled([6, 128], each, { bits, scale });
    const tensors = [
      tensor('x.weight', 'U32', [6, (128 * bits) / 32], codes),
      tensor('x.scales', 'U8', [6, 128 / each], scales),
    ];
    await expectValues({
      tensors,
      config: { quantization: { bits, group_size: each, mode } },
      shape,
      values,
    });
  });
});
