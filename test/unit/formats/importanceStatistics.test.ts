/** Statistics of importance matrices against those of llama.cpp's own code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LoupeError } from '../../../src/errors';
import { readImportanceMatrix } from '../../../src/formats/gguf/importanceMatrix';
import { importanceStatistics } from '../../../src/formats/gguf/importanceStatistics';
import { openCheckpoint } from '../../../src/formats/open';
import { denseCover, expertCover, newMatrix, oldMatrix } from '../engine/gguf/ggufModels';

const folder = mkdtempSync(path.join(tmpdir(), 'loupe-imatrix-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const written = (name: string, bytes: Uint8Array): string => {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  return file;
};
const statisticsOf = async (file: string) => importanceStatistics(await readImportanceMatrix(file));

/**
 * What `compute_statistics` and `compute_cossim` of llama.cpp's tools/imatrix/imatrix.cpp (commit de3ff81), compiled by
 * themselves, give of the same sums and counts: sum, mean, least, largest, deviation, active, elements, entropy, ZD, CosSim.
 */
type Recorded = readonly [name: string, ...figures: number[]];
const dense: readonly Recorded[] = [
  [
    'blk.0.attn_q.weight',
    24.6149,
    0.0961519,
    2.84143e-11,
    0.46978,
    0.126647,
    0.910156,
    256,
    6.83967,
    0.175781,
    0,
  ],
  [
    'blk.0.attn_v.weight',
    24.1052,
    0.0941609,
    3.62517e-9,
    0.499441,
    0.132512,
    0.933594,
    256,
    6.74578,
    0.175781,
    0,
  ],
  [
    'blk.0.ffn_gate.weight',
    22.7915,
    0.0890292,
    3.36418e-13,
    0.49721,
    0.124969,
    0.933594,
    256,
    6.77693,
    0.148438,
    0,
  ],
  [
    'blk.0.ffn_down.weight',
    26.7337,
    0.104428,
    1.00867e-10,
    0.475244,
    0.138124,
    0.929688,
    256,
    6.821,
    0.1875,
    0,
  ],
  [
    'blk.1.attn_q.weight',
    28.1696,
    0.110037,
    2.40163e-9,
    0.498279,
    0.141011,
    0.964844,
    256,
    6.89834,
    0.191406,
    0.408294,
  ],
  [
    'blk.1.attn_v.weight',
    26.0589,
    0.101793,
    8.21133e-15,
    0.4981,
    0.130566,
    0.9375,
    256,
    6.91783,
    0.183594,
    0.357278,
  ],
  [
    'blk.1.ffn_gate.weight',
    23.9109,
    0.0934018,
    4.52996e-14,
    0.49608,
    0.125295,
    0.9375,
    256,
    6.83524,
    0.144531,
    0.310228,
  ],
  [
    'blk.1.ffn_down.weight',
    24.5688,
    0.0959718,
    1.71411e-11,
    0.491508,
    0.126817,
    0.929688,
    256,
    6.86638,
    0.167969,
    0.322521,
  ],
];
const experts: readonly Recorded[] = [
  [
    'blk.0.ffn_gate_exps.weight',
    172.879,
    0.0964727,
    1.98257e-13,
    0.479808,
    0.12481,
    0.926339,
    1792,
    9.67956,
    0.175781,
    0,
  ],
  [
    'blk.0.ffn_up_exps.weight',
    180.308,
    0.100618,
    7.35199e-12,
    0.499441,
    0.131673,
    0.936384,
    1792,
    9.66242,
    0.174665,
    0,
  ],
  [
    'blk.0.ffn_down_exps.weight',
    18.8825,
    0.0842969,
    3.23479e-13,
    0.47648,
    0.11925,
    0.933036,
    224,
    6.57256,
    0.151786,
    0,
  ],
  [
    'blk.0.attn_v.weight',
    26.7337,
    0.104428,
    1.00867e-10,
    0.475244,
    0.138124,
    0.929688,
    256,
    6.821,
    0.1875,
    0,
  ],
];

const near = (value: number) =>
  expect.closeTo(value, value === 0 ? 12 : 4 - Math.floor(Math.log10(Math.abs(value))));

describe('the figures of an importance matrix', () => {
  it.each([
    ['one', 'dense.gguf', dense, newMatrix(denseCover)],
    ['one with experts, one of which was never asked', 'experts.gguf', experts, newMatrix(expertCover)],
  ] as const)('are those of llama-imatrix for %s', async (_, name, recorded, bytes) => {
    const { weights, datasets, chunks, unseen } = await statisticsOf(written(name, bytes));
    expect([datasets, chunks, unseen]).toEqual([['a text.raw', 'another.raw'], 37, []]);
    expect(weights.map((own) => own.name)).toEqual(recorded.map(([own]) => own));
    for (const [
      i,
      [, total, mean, min, max, deviation, active, elements, entropy, zd, cosine],
    ] of recorded.entries())
      expect(weights[i]).toMatchObject({
        ...{ total: near(total!), mean: near(mean!), min: near(min!), max: near(max!), elements },
        ...{ deviation: near(deviation!), active: near(active!), entropy: near(entropy!), zd: near(zd!) },
        evenness: near(entropy! / Math.log2(elements!)),
        similarity: cosine === 0 ? undefined : near(cosine!),
      });
  });

  it('are means over layers, by the number of elements, where a missing similarity counts as 0', async () => {
    const { layers } = await statisticsOf(written('layers.gguf', newMatrix(denseCover)));
    const mean = (rows: readonly Recorded[], at: number) =>
      rows.reduce((sum, row) => sum + (row[at] as number), 0) / rows.length;
    expect(layers).toEqual(
      [dense.slice(0, 4), dense.slice(4)].map((rows, layer) => ({
        ...{ layer, weights: 4, total: near(mean(rows, 1)), zd: near(mean(rows, 9)) },
        similarity: near(mean(rows, 10)),
      })),
    );
  });

  it('tell of experts that were never asked, and how often the others were', async () => {
    const { weights } = await statisticsOf(written('asked.gguf', newMatrix(expertCover)));
    expect(weights[0]).toMatchObject({
      experts: 8,
      unasked: 1,
      leastCount: 0,
      mostCount: 107,
      part: 'ffn_gate_exps',
    });
    expect(weights[3]).toMatchObject({ experts: 1, unasked: 0, leastCount: 100, mostCount: 100, layer: 0 });
  });

  it('are the same in the older form, which also opens as a checkpoint of vectors', async () => {
    const file = written('dense.dat', oldMatrix(denseCover));
    const old = await statisticsOf(file);
    const fresh = await statisticsOf(written('dense.gguf', newMatrix(denseCover)));
    expect([old.isLegacy, fresh.isLegacy]).toEqual([true, false]);
    expect(old.weights.map(({ name, elements, layer }) => [name, elements, layer])).toEqual(
      fresh.weights.map(({ name, elements, layer }) => [name, elements, layer]),
    );
    for (const [i, { entropy, evenness, zd }] of old.weights.entries())
      expect(fresh.weights[i]).toMatchObject({
        entropy: near(entropy),
        evenness: near(evenness),
        zd: near(zd),
      });
    const { format, tensors, metadata, findings } = await openCheckpoint(file);
    expect([format, findings]).toEqual(['imatrix', []]);
    expect(tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual(
      denseCover.map(([name, columns]) => [name, 'F32', [columns]]),
    );
    expect(metadata.map(({ key }) => key)).toContain('imatrix.chunk_count');
  });

  it('are refused for files that are cut or lie, with the place', async () => {
    const bytes = Buffer.from(oldMatrix(denseCover));
    const failure = async (given: Uint8Array): Promise<LoupeError> =>
      openCheckpoint(written('bad.dat', given)).then(
        () => expect.fail('it opened'),
        (thrown) => LoupeError.from(thrown),
      );
    expect(await failure(bytes.subarray(0, 600))).toMatchObject({
      code: 'malformed',
      message: expect.stringContaining('ends inside'),
      byteOffset: expect.any(Number),
    });
    const many = Buffer.from(bytes);
    many.writeInt32LE(0x7fffffff, 0);
    expect((await failure(many)).message).toContain('more entries than any model');
    const none = Buffer.from(bytes);
    none.writeInt32LE(-5, 4);
    expect((await failure(none)).message).toContain('a name of -5 bytes');
  });
});
