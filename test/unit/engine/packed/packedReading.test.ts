/** The reader of packed weights by itself: weights larger than what it keeps at once, and pieces that lie. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Block, divide, parts, segmentElements, wholeBlock } from '../../../../src/engine/matrix';
import { type TensorSource, tensorSource } from '../../../../src/engine/tensorSource';
import { FileCache } from '../../../../src/engine/worker/fileCache';
import { SegmentReader } from '../../../../src/engine/worker/segmentReader';
import { LoupeError } from '../../../../src/errors';
import { openCheckpoint } from '../../../../src/formats/open';
import { findDtype } from '../../../../src/numeric/dtypes';
import { f32Data, i32Data, makeSafetensors, type TensorFixture } from '../../../fixtures/makeCheckpoint';
import {
  aligned,
  awq,
  gptq,
  mlxAffine,
  type PackedFixture,
  packQuantized,
  tensor,
} from '../../../fixtures/packedWeights';
import { loadKernels } from '../../kernels/loadKernels';
import { randomBytes } from '../../kernels/randomValues';
import { temporaryFolder } from '../support';

const kernels = loadKernels();
const folder = temporaryFolder();
const files = new FileCache();
const reader = new SegmentReader(kernels, files);
let models = 0;

/** The sources of a model's tensors, or why there are none. */
async function sourcesOf(
  tensors: readonly TensorFixture[],
  config?: unknown,
): Promise<(TensorSource | string)[]> {
  const own = join(folder, `${models++}`);
  mkdirSync(own);
  writeFileSync(join(own, 'model.safetensors'), makeSafetensors(aligned(tensors)));
  if (config) writeFileSync(join(own, 'config.json'), JSON.stringify(config));
  const checkpoint = await openCheckpoint(own);
  return checkpoint.tensors.map((each) => tensorSource(checkpoint, each));
}

const guardBytes = 64;

/** A block's values; fails when the reader writes beyond them. */
function read(source: TensorSource, block: Block, region = false): Float32Array {
  kernels.reset();
  const count = block.rows * block.columns;
  const pointer = kernels.alloc(4 * count + guardBytes);
  kernels.u8(pointer + 4 * count, guardBytes).fill(0xab);
  if (region) reader.readRegion(source, block, pointer);
  else reader.read(source, block, pointer);
  expect(kernels.u8(pointer + 4 * count, guardBytes).every((byte) => byte === 0xab)).toBe(true);
  return kernels.f32(pointer, count).slice();
}

describe('weights whose rows are stored as columns', () => {
  /** More inputs than are kept at once, and more outputs. */
  const [inputs, outputs, group] = [2 ** 19 + 64, 24, 64];
  const groups = inputs / group;
  const codes = randomBytes((inputs * outputs) / 2, 1);
  const scales = Array.from({ length: groups * outputs }, (_, i) => Math.fround(((i % 977) + 1) / 3));
  const zeros = new Uint8Array((groups * outputs) / 2).fill(0x99);
  const nibble = (index: number) => (codes[index >> 1]! >> (4 * (index & 1))) & 15;
  const scaleOf = (n: number, k: number) => scales[Math.floor(k / group) * outputs + n]!;
  const config = { quantization_config: { bits: 4, group_size: group, checkpoint_format: 'gptq_v2' } };

  /** Rows and ranges of a row on both sides of where what is kept ends. */
  const ranges: Block[] = [
    { row: 6, rows: 1, column: 0, columns: 1000 },
    { row: 7, rows: 1, column: 2 ** 19 - 77, columns: 141 },
    { row: 8, rows: 1, column: 2 ** 19 + 3, columns: 61 },
    { row: 23, rows: 1, column: 2 ** 19 - 2 ** 18 - 5, columns: 2 ** 18 + 69 },
  ];
  const regions: Block[] = [
    { row: 5, rows: 4, column: 2 ** 19 - 9, columns: 30 },
    { row: 0, rows: 24, column: 131, columns: 77 },
  ];

  it.each([
    [
      'GPTQ',
      tensor('x.qweight', 'I32', [inputs / 8, outputs], codes),
      (n: number, k: number) => nibble(8 * (Math.floor(k / 8) * outputs + n) + (k % 8)),
    ],
    [
      'AWQ',
      tensor('x.qweight', 'I32', [inputs, outputs / 8], codes),
      (n: number, k: number) =>
        nibble(k * outputs + 8 * Math.floor(n / 8) + [0, 4, 1, 5, 2, 6, 3, 7][n % 8]!),
    ],
  ] as const)('%s is read in any blocks', async (_, qweight, codeOf) => {
    const [source] = await sourcesOf(
      [
        qweight,
        tensor('x.qzeros', 'I32', [groups, outputs / 8], zeros),
        tensor('x.scales', 'F32', [groups, outputs], f32Data(scales)),
      ],
      config,
    );
    if (typeof source !== 'object') throw new Error(source);
    expect([source.rows, source.columns]).toEqual([outputs, inputs]);
    for (const [blocks, region] of [
      [ranges, false],
      [regions, true],
    ] as const)
      for (const block of blocks) {
        const got = read(source, block, region);
        for (const [i, value] of got.entries()) {
          const n = block.row + Math.floor(i / block.columns);
          const k = block.column + (i % block.columns);
          const want = Math.fround((codeOf(n, k) - 9) * scaleOf(n, k));
          if (value + 0 !== want + 0) expect.fail(`[${n}, ${k}] is ${value}, not ${want}`);
        }
      }
  });
});

describe('pieces that lie', () => {
  const orders: [string, number][] = [
    ['beyond the last group', 3],
    ['below the first', -2],
  ];
  it.each(orders)('a group %s is named with its place', async (_, group) => {
    const fixture = gptq({ bits: 4, inputs: 96, outputs: 32, group: 32, version: 1, order: 'plain' });
    const order = Int32Array.from({ length: 96 }, (_, k) => (k === 50 ? group : Math.floor(k / 32)));
    const [source] = await sourcesOf(
      fixture.tensors.map((each) => (each.name === 'x.g_idx' ? { ...each, data: i32Data(order) } : each)),
      fixture.config,
    );
    if (typeof source !== 'object') throw new Error(source);
    const at = source.packed!.columnGroups!.byteOffset + 200;
    try {
      read(source, wholeBlock(source));
      expect.fail('it did not fail');
    } catch (thrown) {
      if (!(thrown instanceof LoupeError)) throw thrown;
      expect(thrown).toMatchObject({ code: 'malformed', tensor: 'x.g_idx', byteOffset: at });
      expect(thrown.message).toMatch(/column 50 has the scales of group -?\d, but there are 3 groups/);
    }
  });

  const bases: Pick<PackedFixture, 'tensors' | 'config'>[] = [
    gptq({ bits: 4, inputs: 64, outputs: 32, group: 32, version: 1, order: 'shuffled' }),
    gptq({ bits: 3, inputs: 64, outputs: 32, group: 32, version: 2 }),
    awq(64, 24, 32),
    packQuantized({ bits: 4, rows: 9, columns: 64, group: 16, asymmetric: true, order: 'shuffled' }),
    packQuantized({ bits: 6, rows: 9, columns: 64, group: 'row', asymmetric: true, old: true }),
    mlxAffine(4, 32, [3, 4, 64]),
    {
      tensors: [
        tensor('x.weight', 'I8', [8, 16], randomBytes(128, 1)),
        tensor('x.weight_scale', 'F32', [8, 2], f32Data(new Float32Array(16).fill(1))),
        tensor('x.weight_zero_point', 'I8', [8, 2], randomBytes(16, 1)),
      ],
    },
    {
      tensors: [
        tensor('x.weight_packed', 'U8', [4, 32], randomBytes(128, 1)),
        tensor('x.weight_scale', 'F8_E4M3', [4, 4], randomBytes(16, 1)),
        tensor('x.weight_global_scale', 'F32', [1], f32Data([2])),
      ],
    },
  ];

  it('never end in anything but values, a reason, or an error that names the place', async () => {
    const size = fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 9, 16, 24, 31, 32, 64, 96);
    const config = fc.record(
      {
        bits: fc.constantFrom(1, 2, 3, 4, 5, 8, 'x'),
        group_size: fc.constantFrom(-1, 0, 1, 3, 32, 1e9),
        sym: fc.boolean(),
        checkpoint_format: fc.constantFrom('gptq', 'gptq_v2', 'gptq_p'),
        weight_block_size: fc.constantFrom([0, 0], [2, 3], [1e9, 1e9], 'x'),
      },
      { requiredKeys: [] },
    );
    const mutation = fc.record({
      base: fc.constantFrom(...bases),
      at: fc.nat(4),
      dtype: fc.option(fc.constantFrom('I32', 'U32', 'U8', 'I8', 'F32', 'F16', 'F8_E4M3', 'I64')),
      shape: fc.option(fc.array(size, { minLength: 1, maxLength: 3 })),
      bytes: fc.boolean(),
      config: fc.option(config),
    });
    let valuesRead = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutation, async ({ base, at, dtype, shape, bytes, config: changed }) => {
        const tensors = base.tensors.map((each, i) => {
          if (i !== at) return each;
          const own = { dtype: dtype ?? each.dtype, shape: shape ?? each.shape };
          const count = own.shape.reduce((a, b) => a * b, 1) * findDtype(own.dtype)!.blockBytes;
          const data = randomBytes(count, at);
          if (!bytes) data.set(each.data.subarray(0, count));
          return { ...own, name: each.name, data };
        });
        const sources = await sourcesOf(
          tensors,
          changed ? { quantization_config: changed } : base.config,
        ).catch((error) => {
          if (error instanceof LoupeError) return [];
          throw error;
        });
        for (const source of sources) {
          if (typeof source === 'string') {
            expect(source).not.toMatch(/undefined|NaN/);
            refused++;
            continue;
          }
          try {
            for (const part of parts(source))
              for (const block of divide(part, segmentElements)) read(source, block);
            if (source.packed) valuesRead++;
          } catch (error) {
            if (!(error instanceof LoupeError)) throw error;
            expect(error.code).toBe('malformed');
          }
        }
      }),
      { numRuns: 400 },
    );
    expect(valuesRead).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(10);
  });
});
