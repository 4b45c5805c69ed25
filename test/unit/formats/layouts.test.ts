import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoupeError } from '../../../src/errors';
import type { TensorFixture } from '../../fixtures/makeCheckpoint';

import { blank, json, useLayoutFolder } from './layoutSupport';

const open = useLayoutFolder();

interface Expected {
  readonly layout: string;
  readonly dtype: string;
  readonly shape: number[];
  readonly bits: number;
  readonly bitsPerWeight: number;
}

const cases: [string, TensorFixture[], unknown, Expected][] = [
  [
    'GPTQ, 4 bits from g_idx',
    [
      blank('x.qweight', 'I32', [16, 64]),
      blank('x.qzeros', 'I32', [1, 8]),
      blank('x.scales', 'F16', [1, 64]),
      blank('x.g_idx', 'I32', [128]),
    ],
    undefined,
    {
      layout: 'GPTQ',
      dtype: 'INT4',
      shape: [64, 128],
      bits: 4,
      // 4096 + 32 + 128 + 512 bytes for 8192 weights.
      bitsPerWeight: (4768 * 8) / 8192,
    },
  ],
  [
    'GPTQ of 3 bits, as config.json says',
    [
      blank('x.qweight', 'I32', [12, 64]),
      blank('x.qzeros', 'I32', [1, 6]),
      blank('x.scales', 'F16', [1, 64]),
    ],
    { quantization_config: { quant_method: 'gptq', bits: 3, group_size: 128 } },
    { layout: 'GPTQ', dtype: 'INT3', shape: [64, 128], bits: 3, bitsPerWeight: (3224 * 8) / 8192 },
  ],
  [
    'AWQ, packed along the outputs',
    [
      blank('x.qweight', 'I32', [128, 8]),
      blank('x.qzeros', 'I32', [2, 8]),
      blank('x.scales', 'F16', [2, 64]),
    ],
    { quantization_config: { quant_method: 'awq', bits: 4, group_size: 64 } },
    { layout: 'AWQ', dtype: 'INT4', shape: [64, 128], bits: 4, bitsPerWeight: (4416 * 8) / 8192 },
  ],
  [
    'bitsandbytes, 8 bits',
    [
      blank('x.weight', 'I8', [8, 16]),
      blank('x.SCB', 'F32', [8]),
      { name: 'x.weight_format', dtype: 'U8', shape: [], data: new Uint8Array(1) },
    ],
    undefined,
    {
      layout: 'bitsandbytes INT8',
      dtype: 'INT8',
      shape: [8, 16],
      bits: 8,
      bitsPerWeight: (161 * 8) / 128,
    },
  ],
  [
    'compressed-tensors int-quantized, a scale a row',
    [blank('x.weight', 'I8', [8, 16]), blank('x.weight_scale', 'BF16', [8, 1])],
    { quantization_config: { quant_method: 'compressed-tensors', format: 'int-quantized' } },
    {
      layout: 'int-quantized',
      dtype: 'INT8',
      shape: [8, 16],
      bits: 8,
      bitsPerWeight: 9,
    },
  ],
  [
    'compressed-tensors float-quantized',
    [
      blank('x.weight', 'F8_E4M3', [8, 16]),
      blank('x.weight_scale', 'BF16', [8, 1]),
      blank('x.input_scale', 'F32', [1]),
    ],
    { quantization_config: { quant_method: 'compressed-tensors', format: 'float-quantized' } },
    {
      layout: 'float-quantized',
      dtype: 'F8_E4M3',
      shape: [8, 16],
      bits: 8,
      bitsPerWeight: (148 * 8) / 128,
    },
  ],
  [
    'FP8 with block scales',
    [blank('x.weight', 'F8_E4M3', [256, 130]), blank('x.weight_scale_inv', 'F32', [2, 2])],
    { quantization_config: { quant_method: 'fp8', weight_block_size: [128, 128] } },
    {
      layout: 'FP8 with block scales',
      dtype: 'F8_E4M3',
      shape: [256, 130],
      bits: 8,
      bitsPerWeight: ((33_280 + 16) * 8) / 33_280,
    },
  ],
  [
    'MXFP8',
    [blank('x.weight', 'F8_E4M3', [4, 64]), blank('x.weight_scale', 'U8', [4, 2])],
    undefined,
    { layout: 'MXFP8', dtype: 'F8_E4M3', shape: [4, 64], bits: 8, bitsPerWeight: 8.25 },
  ],
  [
    'compressed-tensors NVFP4',
    [
      blank('x.weight_packed', 'U8', [4, 32]),
      blank('x.weight_scale', 'F8_E4M3', [4, 4]),
      blank('x.weight_global_scale', 'F32', [1]),
    ],
    undefined,
    {
      layout: 'compressed-tensors NVFP4',
      dtype: 'NVFP4',
      shape: [4, 64],
      bits: 4,
      bitsPerWeight: (148 * 8) / 256,
    },
  ],
  [
    'compressed-tensors MXFP4',
    [blank('x.weight_packed', 'U8', [4, 32]), blank('x.weight_scale', 'U8', [4, 2])],
    undefined,
    { layout: 'compressed-tensors MXFP4', dtype: 'MXFP4', shape: [4, 64], bits: 4, bitsPerWeight: 4.25 },
  ],
  [
    'ModelOpt NVFP4',
    [
      blank('x.weight', 'U8', [4, 32]),
      blank('x.weight_scale', 'F8_E4M3', [4, 4]),
      blank('x.weight_scale_2', 'F32', []),
      blank('x.input_scale', 'F32', []),
    ],
    undefined,
    { layout: 'ModelOpt NVFP4', dtype: 'NVFP4', shape: [4, 64], bits: 4, bitsPerWeight: (152 * 8) / 256 },
  ],
  [
    'MLX, with its group size',
    [blank('x.weight', 'U32', [8, 16]), blank('x.scales', 'BF16', [8, 2]), blank('x.biases', 'BF16', [8, 2])],
    { quantization: { group_size: 64, bits: 4 } },
    { layout: 'MLX affine', dtype: 'INT4', shape: [8, 128], bits: 4, bitsPerWeight: 4.5 },
  ],
  [
    'MLX, with another width for this module',
    [blank('x.weight', 'U32', [8, 16]), blank('x.scales', 'BF16', [8, 2]), blank('x.biases', 'BF16', [8, 2])],
    { quantization: { group_size: 64, bits: 4, x: { group_size: 32, bits: 8 } } },
    { layout: 'MLX affine', dtype: 'INT8', shape: [8, 64], bits: 8, bitsPerWeight: 9 },
  ],
];

describe('quantized layouts', () => {
  it.each(cases)('%s', async (_, stored, config, expected) => {
    const norm = blank('norm.weight', 'F32', [4]);
    const { tensors, findings, quantization } = await open([...stored, norm], config);
    expect(findings).toEqual([]);
    expect(tensors.map(({ name }) => name).sort()).toEqual(['norm.weight', 'x.weight']);
    const weight = tensors.find(({ name }) => name === 'x.weight')!;
    expect(weight).toMatchObject({ dtype: expected.dtype, shape: expected.shape });
    expect(weight.elements).toBe(expected.shape.reduce((a, b) => a * b, 1));
    expect(weight.pieces).toMatchObject({ layout: expected.layout, bits: expected.bits });
    expect(weight.pieces!.bitsPerWeight).toBeCloseTo(expected.bitsPerWeight, 10);
    expect(weight.pieces!.parts.map(({ span }) => span.name).sort()).toEqual(
      stored.map(({ name }) => name).sort(),
    );
    expect(weight.unreadable).toBeUndefined();
    expect(weight.packed).toMatchObject({ lines: expected.shape[0], width: expected.shape[1] });
    expect(quantization).toEqual({
      method: expected.layout,
      bits: expected.bits,
      bitsPerWeight: weight.pieces!.bitsPerWeight,
      weights: 1,
    });
  });

  it.each([false, true])('bitsandbytes, 4 bits (scales of scales: %s)', async (nested) => {
    const state = {
      quant_type: 'nf4',
      blocksize: 64,
      dtype: 'bfloat16',
      shape: [5, 128],
      ...(nested ? { nested_blocksize: 256, nested_dtype: 'float32', nested_offset: 0.5 } : {}),
    };
    const { tensors, findings } = await open([
      blank('x.weight', 'U8', [320, 1]),
      blank('x.weight.absmax', nested ? 'U8' : 'F32', [10]),
      blank('x.weight.quant_map', 'F32', [16]),
      ...(nested
        ? [blank('x.weight.nested_absmax', 'F32', [1]), blank('x.weight.nested_quant_map', 'F32', [256])]
        : []),
      json('x.weight.quant_state.bitsandbytes__nf4', state),
    ]);
    expect(findings).toEqual([]);
    expect(tensors).toHaveLength(1);
    expect(tensors[0]).toMatchObject({ name: 'x.weight', dtype: 'NF4', shape: [5, 128], elements: 640 });
    expect(tensors[0]!.pieces!.parts).toHaveLength(nested ? 6 : 4);
    expect(tensors[0]!.unreadable).toBeUndefined();
  });

  it('gpt-oss MXFP4 blocks', async () => {
    const { tensors, findings } = await open([
      blank('m.experts.down_proj_blocks', 'U8', [2, 6, 3, 16]),
      blank('m.experts.down_proj_scales', 'U8', [2, 6, 3]),
    ]);
    expect(findings).toEqual([]);
    expect(tensors).toHaveLength(1);
    expect(tensors[0]).toMatchObject({ name: 'm.experts.down_proj', dtype: 'MXFP4', shape: [2, 6, 96] });
    expect(tensors[0]!.pieces!.bitsPerWeight).toBe(4.25);
  });

  it('says so when config.json names a method whose layout is not there', async () => {
    const { findings } = await open([blank('x.weight', 'U8', [4])], {
      quantization_config: { quant_method: 'hqq' },
    });
    expect(findings.map(({ code }) => code)).toEqual(['quantization-unknown']);
  });

  it('lose no byte and no tensor, whatever pieces come together', async () => {
    const mutation = fc.record({
      base: fc.constantFrom(...cases.map(([, stored]) => stored)),
      other: fc.constantFrom(...cases.map(([, stored]) => stored)),
      at: fc.nat(4),
      change: fc.option(
        fc.record({
          dtype: fc.constantFrom('I32', 'U32', 'U8', 'I8', 'F32', 'F16', 'F8_E4M3'),
          shape: fc.array(fc.constantFrom(0, 1, 2, 4, 8, 16, 32, 64), { maxLength: 3 }),
        }),
      ),
    });
    let folded = 0;
    await fc.assert(
      fc.asyncProperty(mutation, async ({ base, other, at, change }) => {
        // One tensor is changed or dropped; tensors of another layout fill in where names are free.
        const changed = base.flatMap((tensor, i) =>
          i !== at ? [tensor] : change ? [blank(tensor.name, change.dtype, change.shape)] : [],
        );
        const names = new Set(changed.map(({ name }) => name));
        const stored = [...changed, ...other.filter(({ name }) => !names.has(name))];
        const checkpoint = await open(stored).catch((error) => {
          if (error instanceof LoupeError) return undefined;
          throw error;
        });
        if (!checkpoint) return;
        const sum = (bytes: number[]) => bytes.reduce((a, b) => a + b, 0);
        expect(sum(checkpoint.tensors.map(({ bytes }) => bytes))).toBe(
          sum(stored.map(({ data }) => data.length)),
        );
        const shown = checkpoint.tensors.flatMap(({ name, pieces }) =>
          pieces ? pieces.parts.map(({ span }) => span.name) : [name],
        );
        expect(shown.sort()).toEqual(stored.map(({ name }) => name).sort());
        if (checkpoint.tensors.some(({ pieces }) => pieces)) folded++;
      }),
      { numRuns: 300 },
    );
    expect(folded).toBeGreaterThan(5);
  });
});
