/** Every quantized layout through the real engine: the values of small files that plain packers wrote. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join as joinPath } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bf16Data, f32Data, type TensorFixture } from '../../fixtures/makeCheckpoint';
import {
  aligned,
  awq,
  e2m1,
  e4m3,
  gptq,
  join,
  mlxAffine,
  type PackedFixture,
  packDense,
  packQuantized,
  randomCodes,
  randomScales,
  rowsOf,
  tensor,
  toBf16s,
} from '../../fixtures/packedWeights';
import { sharedPath } from '../../fixtures/shared';
import { startEngine, temporaryFolder, writeModel } from './support';

const engine = startEngine();
const folder = temporaryFolder();
let models = 0;

function write({ tensors, config }: Pick<PackedFixture, 'tensors' | 'config'>): string {
  const path = writeModel(joinPath(folder, `${models++}`, 'model.safetensors'), aligned(tensors));
  if (config) writeFileSync(joinPath(dirname(path), 'config.json'), JSON.stringify(config));
  return path;
}

/** As a matrix of the first dimension, as the engine sees a tensor without a slice. */
function sizeOf(shape: readonly number[]): { rows: number; columns: number } {
  const [rows = 1] = shape;
  return { rows, columns: shape.slice(1).reduce((a, b) => a * b, 1) };
}

/** Opens, and compares the whole, a part in the middle, and the statistics with the values. */
async function expectValues(fixture: PackedFixture): Promise<void> {
  const path = write(fixture);
  const { values, shape } = fixture;
  const { tensors, findings } = await engine.call('open', { path });
  expect([findings, tensors.unreadable, tensors.count]).toEqual([[], [], 1]);
  expect([...tensors.shapes]).toEqual(shape);
  const { rows, columns } = sizeOf(shape);
  const whole = await engine.call('tile', { path, tensor: 0, rows, columns });
  expectSame(whole.values, values);
  const region = {
    row0: Math.floor(rows / 3),
    row1: rows,
    column0: Math.floor(columns / 5),
    column1: columns - 1,
  };
  const part = await engine.call('tile', {
    ...{ path, tensor: 0, region },
    ...{ rows: region.row1 - region.row0, columns: region.column1 - region.column0 },
  });
  const wanted = rowsOf([...values], columns)
    .slice(region.row0, region.row1)
    .flatMap((row) => row.slice(region.column0, region.column1));
  expectSame(part.values, Float32Array.from(wanted));
  const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'none' });
  const finite = values.filter(Number.isFinite);
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(stats).toMatchObject({
    count: values.length,
    absmax: largest,
    zeros: finite.filter((value) => value === 0).length,
    nan: values.filter(Number.isNaN).length,
  });
  expect(Math.abs(stats!.mean! - mean)).toBeLessThanOrEqual(1e-12 * largest);
}

/** Same numbers; a cell of a tile has no -0. */
function expectSame(got: Float32Array, want: Float32Array): void {
  expect(got.length).toBe(want.length);
  for (const [i, value] of want.entries())
    if (!Object.is(got[i]! + 0, value + 0)) expect.fail(`value ${i} is ${got[i]}, not ${value}`);
}

describe('GPTQ', () => {
  const size = { inputs: 96, outputs: 32, group: 32, version: 1 } as const;
  it.each([
    ['4 bits', { ...size, bits: 4, order: 'plain' }],
    ['4 bits in an order of their own', { ...size, bits: 4, order: 'shuffled' }],
    ['4 bits without an order, version 2', { ...size, bits: 4, version: 2 }],
    ['3 bits across words', { ...size, bits: 3, order: 'plain' }],
    ['3 bits in an order of their own, version 2', { ...size, bits: 3, version: 2, order: 'shuffled' }],
    ['2 bits', { ...size, bits: 2 }],
    ['8 bits', { ...size, bits: 8, order: 'shuffled' }],
  ] as const)('%s', async (_, options) => {
    await expectValues(gptq(options));
  });

  it('takes the zero points of a symmetric weight as they are where version 2 is stored under the name of 1', async () => {
    const outputs = 8;
    const codes = Array.from({ length: 8 * outputs }, (_, i) => i % 8);
    const model = (zero: number) => ({
      tensors: [
        tensor('x.qweight', 'I32', [1, outputs], packDense(codes, 4)),
        tensor('x.qzeros', 'I32', [1, 1], packDense(new Array(outputs).fill(zero), 4)),
        tensor('x.scales', 'F32', [1, outputs], f32Data(new Array(outputs).fill(1))),
      ],
      config: { quantization_config: { bits: 4, group_size: 8, sym: true } },
      shape: [outputs, 8],
      values: Float32Array.from(codes, (code) => code - 8),
    });
    await expectValues(model(7));
    await expectValues(model(8));
  });
});

describe('AWQ', () => {
  it('of 64 inputs and 24 outputs', async () => {
    await expectValues(awq(64, 24, 32));
  });
});

describe('the orders of eight codes 0 to 7', () => {
  // One word or four bytes each, as the layouts' makers document them.
  const expected = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  const bytes = (hex: string) => Uint8Array.from(hex.split(' '), (byte) => Number.parseInt(byte, 16));
  const one = f32Data([1]);
  const valuesOf = async (tensors: readonly TensorFixture[], config?: unknown): Promise<Float32Array> => {
    const path = write({ tensors, config });
    const { tensors: columns } = await engine.call('open', { path });
    expect(columns.unreadable).toEqual([]);
    const [rows, width] = columns.shapes;
    return (await engine.call('tile', { path, tensor: 0, rows: rows!, columns: width! })).values;
  };

  it('GPTQ, down the inputs', async () => {
    const values = await valuesOf(
      [
        tensor('x.qweight', 'I32', [1, 8], join(new Array(8).fill(bytes('10 32 54 76')))),
        tensor('x.qzeros', 'I32', [1, 1], new Uint8Array(4)),
        tensor('x.scales', 'F32', [1, 8], f32Data(new Array(8).fill(1))),
      ],
      { quantization_config: { bits: 4, group_size: 8, checkpoint_format: 'gptq_v2' } },
    );
    expect([...values.subarray(0, 8)]).toEqual([...expected]);
  });

  it('AWQ, across the outputs', async () => {
    const values = await valuesOf([
      tensor('x.qweight', 'I32', [2, 1], join([bytes('20 64 31 75'), bytes('20 64 31 75')])),
      tensor('x.qzeros', 'I32', [1, 1], new Uint8Array(4)),
      tensor('x.scales', 'F32', [1, 8], f32Data(new Array(8).fill(1))),
    ]);
    expect([...values]).toEqual([...expected].flatMap((value) => [value, value]));
  });

  it('compressed-tensors, offset by 8', async () => {
    const values = await valuesOf([
      tensor('x.weight_packed', 'I32', [1, 1], bytes('10 32 54 76')),
      tensor('x.weight_scale', 'F32', [1, 1], one),
      tensor('x.weight_shape', 'I64', [2], new Uint8Array(BigInt64Array.of(1n, 8n).buffer)),
    ]);
    expect([...values]).toEqual([...expected].map((value) => value - 8));
  });

  it('bitsandbytes, the first in the upper half', async () => {
    const state = new TextEncoder().encode('{"quant_type": "nf4", "blocksize": 64, "shape": [1, 8]}');
    const values = await valuesOf([
      tensor('x.weight', 'U8', [4, 1], bytes('01 23 45 67')),
      tensor('x.weight.absmax', 'F32', [1], one),
      tensor('x.weight.quant_map', 'F32', [16], f32Data(Array.from({ length: 16 }, (_, i) => i))),
      tensor('x.weight.quant_state.bitsandbytes__nf4', 'U8', [state.length], state),
    ]);
    expect([...values]).toEqual([...expected]);
  });
});

interface Bnb4Options {
  readonly kind?: 'nf4' | 'fp4';
  readonly shape: readonly number[];
  readonly block: number;
  readonly nested?: boolean;
  readonly storage?: 'U8' | 'BF16';
}

/** bitsandbytes, 4 bits: made-up maps, so that none that the product might know by heart would do. */
function bnb4({ kind = 'nf4', shape, block, nested = false, storage = 'U8' }: Bnb4Options): PackedFixture {
  const count = shape.reduce((a, b) => a * b, 1);
  const codes = randomCodes(count, 16, count);
  const map = randomScales(16, 31, true);
  const blocks = Math.ceil(count / block);
  const nestedMap = randomScales(256, 32, true);
  const scaleCodes = randomCodes(blocks, 256, 33);
  const nestedAbsmax = randomScales(Math.ceil(blocks / 256), 34);
  const offset = Math.fround(0.0123);
  const absmax = nested
    ? scaleCodes.map((code, j) =>
        Math.fround(Math.fround(nestedMap[code]! * nestedAbsmax[Math.floor(j / 256)]!) + offset),
      )
    : randomScales(blocks, 35);
  const bytes = Uint8Array.from(
    { length: Math.ceil(count / 2) },
    (_, i) => (codes[2 * i]! << 4) | (codes[2 * i + 1] ?? 0),
  );
  const state = new TextEncoder().encode(
    JSON.stringify({
      quant_type: kind,
      blocksize: block,
      dtype: 'bfloat16',
      shape,
      ...(nested ? { nested_blocksize: 256, nested_dtype: 'float32', nested_offset: offset } : {}),
    }),
  );
  return {
    tensors: [
      tensor('x.weight', storage, [storage === 'U8' ? bytes.length : bytes.length / 2, 1], bytes),
      nested
        ? tensor('x.weight.absmax', 'U8', [blocks], Uint8Array.from(scaleCodes))
        : tensor('x.weight.absmax', 'F32', [blocks], f32Data(absmax)),
      tensor('x.weight.quant_map', 'F32', [16], f32Data(map)),
      tensor(`x.weight.quant_state.bitsandbytes__${kind}`, 'U8', [state.length], state),
      ...(nested
        ? [
            tensor('x.weight.nested_absmax', 'F32', [nestedAbsmax.length], f32Data(nestedAbsmax)),
            tensor('x.weight.nested_quant_map', 'F32', [256], f32Data(nestedMap)),
          ]
        : []),
    ],
    shape,
    values: Float32Array.from(codes, (code, i) => map[code]! * absmax[Math.floor(i / block)]!),
  };
}

describe('bitsandbytes of 4 bits', () => {
  it.each<[string, Bnb4Options]>([
    ['blocks that cross rows', { shape: [5, 100], block: 64 }],
    ['an odd number of values', { shape: [3, 7], block: 32 }],
    ['blocks of 4,096', { kind: 'fp4', shape: [100, 100], block: 4096 }],
    ['quantized scales', { shape: [200, 300], block: 64, nested: true }],
    [
      'FP4 with quantized scales, stored as BF16',
      { kind: 'fp4', shape: [8, 100], block: 128, nested: true, storage: 'BF16' },
    ],
    ['rows longer than a segment', { shape: [2, 300_001], block: 64, nested: true }],
  ])('%s', async (_, options) => {
    await expectValues(bnb4(options));
  });
});

const golden = sharedPath('golden/nf4');

describe.skipIf(golden === undefined)('bitsandbytes golden vectors', () => {
  it.each([
    ['nf4', 64],
    ['nf4', 128],
    ['fp4', 64],
    ['fp4', 128],
  ] as const)('%s, blocks of %i', async (kind, block) => {
    const read = (suffix: string) => new Uint8Array(readFileSync(`${golden}/${kind}_b${block}.${suffix}`));
    const manifest = JSON.parse(readFileSync(`${golden}/manifest.json`, 'utf8'));
    const map: number[] = kind === 'nf4' ? manifest.codebook_nf4 : manifest.codebook_fp4_by_code;
    const values = new Float32Array(read('deq.f32').buffer);
    const absmax = read('absmax.f32');
    const codes = read('bin');
    const shape = [32, values.length / 32];
    const state = new TextEncoder().encode(JSON.stringify({ blocksize: block, shape }));
    await expectValues({
      tensors: [
        tensor('x.weight', 'U8', [codes.length, 1], codes),
        tensor('x.weight.absmax', 'F32', [absmax.length / 4], absmax),
        tensor('x.weight.quant_map', 'F32', [16], f32Data(map)),
        tensor(`x.weight.quant_state.bitsandbytes__${kind}`, 'U8', [state.length], state),
      ],
      shape,
      values,
    });
  });
});

describe('compressed-tensors pack-quantized', () => {
  const size = { rows: 37, columns: 96 };
  for (const bits of [2, 3, 4, 5, 6, 7, 8])
    for (const old of [false, true])
      it(`${bits} bits, ${old ? 'whole codes a word' : 'dense'}, with zero points of groups`, async () => {
        await expectValues(packQuantized({ ...size, bits, old, group: 32, asymmetric: true }));
      });
  it.each([
    ['a scale a row, odd width', { bits: 4, rows: 9, columns: 13, group: 'row', asymmetric: true }],
    ['3 bits, a scale a row, odd width', { bits: 3, rows: 9, columns: 35, group: 'row', asymmetric: false }],
    ['one scale', { ...size, bits: 4, group: 'tensor', asymmetric: false }],
    ['groups that are no power of two', { ...size, bits: 4, group: 24, asymmetric: true }],
    ['an order of columns', { ...size, bits: 4, group: 32, asymmetric: true, order: 'shuffled' }],
    ['an order that says none', { ...size, bits: 4, group: 32, asymmetric: false, order: 'none' }],
    ['rows longer than a segment', { bits: 4, rows: 2, columns: 300_000, group: 120, asymmetric: true }],
    [
      'rows of 6 bits longer than a segment',
      { bits: 6, rows: 2, columns: 300_000, group: 'row', asymmetric: true },
    ],
  ] as const)('%s', async (_, options) => {
    await expectValues(packQuantized(options));
  });
});

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

describe('MLX affine', () => {
  it.each([2, 3, 4, 5, 6, 8])('%i bits', async (bits) => {
    await expectValues(mlxAffine(bits, 32, [7, 96]));
  });

  it('experts', async () => {
    await expectValues(mlxAffine(4, 64, [3, 5, 128]));
  });
});

describe('one value', () => {
  const partsOf = async (fixture: PackedFixture, row: number, column: number) => {
    const path = write(fixture);
    const { value, stored, block } = await engine.call('element', { path, tensor: 0, row, column });
    const width = sizeOf(fixture.shape).columns;
    expect(value).toBe(fixture.values[row * width + column]! + 0);
    const { elements, index, position, parts, text } = block!;
    const named = Object.fromEntries(parts.map((part) => [part.name, Number(part.text)]));
    return { bits: stored!.bits, elements, index, position, named, text };
  };

  it('is told with its code, its scale, and the group that shares it', async () => {
    const outputs = 8;
    const inputs = 16;
    const codes = Array.from({ length: inputs * outputs }, (_, i) => i % 16);
    const down = inputs / 8;
    const words = new Uint32Array(packDense(codes, 4).buffer);
    // Word g of output n goes to [g][n].
    const turned = Uint32Array.from(words, (_, i) => words[(i % outputs) * down + Math.floor(i / outputs)]!);
    const got = await partsOf(
      {
        tensors: [
          tensor('x.qweight', 'I32', [down, outputs], new Uint8Array(turned.buffer)),
          tensor('x.qzeros', 'I32', [2, 1], packDense(new Array(2 * outputs).fill(6), 4)),
          tensor('x.scales', 'F32', [2, outputs], f32Data(Array.from({ length: 16 }, (_, i) => i / 4))),
        ],
        config: { quantization_config: { bits: 4, group_size: 8 } },
        shape: [outputs, inputs],
        values: Float32Array.from(codes, (code, i) => {
          const [n, k] = [Math.floor(i / inputs), i % inputs];
          return (code - 7) * ((Math.floor(k / 8) * outputs + n) / 4);
        }),
      },
      3,
      9,
    );
    expect(got).toEqual({
      ...{ bits: '1001', elements: 8, index: 7, position: 1 },
      named: { code: 9, 'zero point': 7, scale: 2.75 },
      text: 'GPTQ, code 9: (9 - 7) × 2.75 = 5.5',
    });
  });

  it('is told of signed codes, of tables, and of biases', async () => {
    const signed = await partsOf(
      {
        tensors: [
          tensor('x.weight', 'I8', [2, 2], Uint8Array.of(1, 2, 3, 0x80)),
          tensor('x.SCB', 'F32', [2], f32Data([1, 127])),
        ],
        shape: [2, 2],
        values: Float32Array.of(0, 0, 0, Math.fround(-128 * 127) * Math.fround(1 / 127)),
      },
      1,
      1,
    );
    expect(signed).toMatchObject({
      bits: '10000000',
      named: { code: -128, scale: 127 },
      elements: 2,
      index: 1,
    });
    const table = await partsOf(
      {
        tensors: [
          tensor('x.weight_packed', 'U8', [1, 16], new Uint8Array(16).fill(0x2f)),
          tensor('x.weight_scale', 'U8', [1, 1], Uint8Array.of(128)),
        ],
        shape: [1, 32],
        values: new Float32Array(32).map((_, i) => (i % 2 === 0 ? -12 : 2)),
      },
      0,
      4,
    );
    expect(table.text).toBe('compressed-tensors MXFP4, code 15: -6 × 2 = -12');
    const linear = await partsOf(
      {
        tensors: [
          tensor('x.weight', 'U32', [1, 8], new Uint8Array(32).fill(0x55)),
          tensor('x.scales', 'F32', [1, 1], f32Data([0.5])),
          tensor('x.biases', 'F32', [1, 1], f32Data([-3])),
        ],
        config: { quantization: { bits: 4, group_size: 64 } },
        shape: [1, 64],
        values: new Float32Array(64).fill(-0.5),
      },
      0,
      63,
    );
    expect(linear.text).toBe('MLX affine, code 5: 5 × 0.5 + (-3) = -0.5');
  });
});
