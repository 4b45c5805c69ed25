/** Quantized layouts as their writers store them, made by hand from the layouts' descriptions. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LoupeError } from '../../../src/errors';
import type { Checkpoint } from '../../../src/formats/checkpoint';
import { openCheckpoint } from '../../../src/formats/open';
import { dtypes } from '../../../src/numeric/dtypes';
import { makeSafetensors, type TensorFixture } from '../../fixtures/makeCheckpoint';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loupe-layouts-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Zeros of a type and shape. */
function blank(name: string, dtype: string, shape: number[]): TensorFixture {
  const { blockBytes, blockElements } = dtypes.get(dtype)!;
  const elements = shape.reduce((a, b) => a * b, 1);
  return { name, dtype, shape, data: new Uint8Array((elements / blockElements) * blockBytes) };
}

function json(name: string, value: unknown): TensorFixture {
  const data = new TextEncoder().encode(JSON.stringify(value));
  return { name, dtype: 'U8', shape: [data.length], data };
}

async function open(tensors: TensorFixture[], config?: unknown): Promise<Checkpoint> {
  // Writers put the widest types first, so that all are aligned.
  const width = ({ dtype }: TensorFixture) => dtypes.get(dtype)!.blockBytes;
  const sorted = tensors.toSorted((a, b) => width(b) - width(a));
  await writeFile(join(folder, 'model.safetensors'), makeSafetensors(sorted));
  if (config) await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return openCheckpoint(folder);
}

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

  it.each<[string, TensorFixture[], RegExp]>([
    ['GPTQ without scales', [blank('x.qweight', 'I32', [16, 64])], /scales are missing/],
    [
      'GPTQ of no width',
      [
        blank('x.qweight', 'I32', [16, 64]),
        blank('x.scales', 'F16', [1, 64]),
        blank('x.g_idx', 'I32', [100]),
      ],
      /fit neither GPTQ nor AWQ/,
    ],
    [
      'a quant_state that lies',
      [
        blank('x.weight', 'U8', [320, 1]),
        json('x.weight.quant_state.bitsandbytes__nf4', { shape: [1e9, 1e9] }),
      ],
      /not 4 bits/,
    ],
    [
      'a quant_state that is no JSON',
      [
        blank('x.weight', 'U8', [320, 1]),
        {
          name: 'x.weight.quant_state.bitsandbytes__nf4',
          dtype: 'U8',
          shape: [2],
          data: Uint8Array.of(1, 2),
        },
      ],
      /no JSON object/,
    ],
    [
      'a quant_state of megabytes',
      [blank('x.weight', 'U8', [320, 1]), blank('x.weight.quant_state.bitsandbytes__nf4', 'U8', [2_000_000])],
      /cannot be read/,
    ],
    [
      'scales larger than the weight',
      [blank('x.weight', 'F8_E4M3', [4, 4]), blank('x.weight_scale', 'F32', [5, 1])],
      /do not fit a weight/,
    ],
    [
      'MLX scales of other rows',
      [blank('x.weight', 'U32', [8, 16]), blank('x.scales', 'BF16', [7, 2])],
      /do not fit together/,
    ],
  ])('stay as stored with a warning: %s', async (_, stored, reason) => {
    const { tensors, findings } = await open(stored);
    expect(tensors.map(({ name }) => name).sort()).toEqual(stored.map(({ name }) => name).sort());
    expect(findings.map(({ severity, code }) => [severity, code])).toEqual([
      ['warning', 'packed-inconsistent'],
    ]);
    expect(findings[0]!.message).toMatch(reason);
  });

  const nf4 = (state: object, more: TensorFixture[] = []): TensorFixture[] => [
    blank('x.weight', 'U8', [32, 1]),
    json('x.weight.quant_state.bitsandbytes__nf4', { blocksize: 32, shape: [8, 8], ...state }),
    ...more,
  ];
  const absmax = blank('x.weight.absmax', 'F32', [2]);
  const map = blank('x.weight.quant_map', 'F32', [16]);
  const gptq = (zeros: TensorFixture | undefined, scales = blank('x.scales', 'F16', [1, 64])) => [
    blank('x.qweight', 'I32', [16, 64]),
    ...(zeros ? [zeros] : []),
    scales,
    blank('x.g_idx', 'I32', [128]),
  ];
  it.each<[string, TensorFixture[], unknown, RegExp]>([
    ['NF4 without scales', nf4({}, [map]), undefined, /its absmax is missing/],
    ['NF4 without a map', nf4({}, [absmax]), undefined, /its quant_map is missing/],
    ['NF4 without a block size', nf4({ blocksize: 'x' }, [absmax, map]), undefined, /has no blocksize/],
    ['NF4 of blocks of 0', nf4({ blocksize: 0 }, [absmax, map]), undefined, /has no blocksize/],
    [
      'NF4 with fewer scales than blocks',
      nf4({ blocksize: 16 }, [absmax, map]),
      undefined,
      /"x.weight.absmax" has 8 bytes, but 16 are needed/,
    ],
    [
      'NF4 with a short map',
      nf4({}, [absmax, blank('x.weight.quant_map', 'F32', [8])]),
      undefined,
      /"x.weight.quant_map" has 32 bytes, but 64 are needed/,
    ],
    [
      'NF4 whose quantized scales are not described',
      nf4({ nested_offset: 'x' }, [
        blank('x.weight.absmax', 'U8', [2]),
        map,
        blank('x.weight.nested_absmax', 'F32', [1]),
        blank('x.weight.nested_quant_map', 'F32', [256]),
      ]),
      undefined,
      /does not say how its scales are stored/,
    ],
    [
      'NF4 whose quantized scales have no scales',
      nf4({ nested_offset: 0, nested_blocksize: 1 }, [
        blank('x.weight.absmax', 'U8', [2]),
        map,
        blank('x.weight.nested_absmax', 'F32', [1]),
        blank('x.weight.nested_quant_map', 'F32', [256]),
      ]),
      undefined,
      /"x.weight.nested_absmax" has 4 bytes, but 8 are needed/,
    ],
    [
      'GPTQ with integers for scales',
      gptq(undefined, blank('x.scales', 'I16', [1, 64])),
      undefined,
      /scales are I16/,
    ],
    [
      'GPTQ with zero points of other groups',
      gptq(blank('x.qzeros', 'I32', [2, 8])),
      undefined,
      /do not fit its scales/,
    ],
    [
      'GPTQ in planes of bits',
      gptq(blank('x.qzeros', 'I32', [1, 8])),
      { quantization_config: { bits: 4, checkpoint_format: 'gptq_p' } },
      /planes of bits/,
    ],
    [
      'AWQ of another version',
      [
        blank('x.qweight', 'I32', [128, 8]),
        blank('x.qzeros', 'I32', [2, 8]),
        blank('x.scales', 'F16', [2, 64]),
      ],
      { quantization_config: { bits: 4, version: 'gemv' } },
      /order of its version gemv is not known/,
    ],
    [
      'AWQ without zero points',
      [blank('x.qweight', 'I32', [128, 8]), blank('x.scales', 'F16', [2, 64])],
      undefined,
      /qzeros are missing/,
    ],
    [
      'blocks that cannot be told',
      [blank('x.weight', 'F8_E4M3', [10, 7]), blank('x.weight_scale', 'F32', [3, 2])],
      undefined,
      /cannot be told which values the scales of shape \[3, 2\] serve/,
    ],
    [
      'INT8 with zero points of another shape',
      [
        blank('x.weight', 'I8', [8, 16]),
        blank('x.weight_scale', 'F32', [8, 1]),
        blank('x.weight_zero_point', 'I8', [4, 1]),
      ],
      undefined,
      /zero points do not fit its scales/,
    ],
    [
      'NVFP4 without its global scale',
      [blank('x.weight_packed', 'U8', [4, 32]), blank('x.weight_scale', 'F8_E4M3', [4, 4])],
      undefined,
      /its weight_global_scale is missing/,
    ],
    [
      'MLX without biases',
      [blank('x.weight', 'U32', [8, 16]), blank('x.scales', 'BF16', [8, 2])],
      undefined,
      /its biases are missing/,
    ],
    [
      'MLX with short biases',
      [
        blank('x.weight', 'U32', [8, 16]),
        blank('x.scales', 'BF16', [8, 2]),
        blank('x.biases', 'BF16', [8, 1]),
      ],
      undefined,
      /"x.biases" has 16 bytes, but 32 are needed/,
    ],
    [
      'an order of fewer columns',
      [
        blank('x.weight', 'I8', [8, 16]),
        blank('x.weight_scale', 'F32', [8, 2]),
        blank('x.weight_g_idx', 'I32', [15]),
      ],
      undefined,
      /"x.weight_g_idx" has 60 bytes, but 64 are needed/,
    ],
  ])('are shown, but not read: %s', async (_, stored, config, reason) => {
    const { tensors, findings } = await open(stored, config);
    expect(findings).toEqual([]);
    expect(tensors).toHaveLength(1);
    expect(tensors[0]!.unreadable).toMatch(reason);
    expect(tensors[0]!.unreadable).toMatch(/^Its .* codes cannot be read: .*\.$/);
    expect(tensors[0]!.packed).toBeUndefined();
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
