/** bitsandbytes of 4 bits through the real engine: made-up maps and golden vectors. */
import { readFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { type PackedFixture, randomCodes, randomScales, tensor } from '../../../fixtures/packedWeights';
import { sharedPath } from '../../../fixtures/shared';
import { startPackedReading } from './packedSupport';

const { expectValues } = startPackedReading();

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
