import { describe, expect, it } from 'vitest';
import { f32Data, type TensorFixture } from '../../../fixtures/makeCheckpoint';
import {
  awq,
  gptq,
  join,
  mlxAffine,
  packDense,
  packQuantized,
  tensor,
} from '../../../fixtures/packedWeights';
import { startPackedReading } from './packedSupport';

const { engine, write, expectValues } = startPackedReading();

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

describe('MLX affine', () => {
  it.each([2, 3, 4, 5, 6, 8])('%i bits', async (bits) => {
    await expectValues(mlxAffine(bits, 32, [7, 96]));
  });

  it('experts', async () => {
    await expectValues(mlxAffine(4, 64, [3, 5, 128]));
  });
});
