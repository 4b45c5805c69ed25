import { describe, expect, it } from 'vitest';
import type { TensorFixture } from '../../fixtures/makeCheckpoint';

import { blank, json, useLayoutFolder } from './layoutSupport';

const open = useLayoutFolder();

describe('pieces of a quantized layout that do not fit together', () => {
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
});
