/** Importance matrices of both forms, and files that are none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readImportanceMatrix } from '../../../src/formats/gguf/importanceMatrix';
import { f32Data, makeGguf } from '../../fixtures/makeCheckpoint';

const folder = mkdtempSync(path.join(tmpdir(), 'loupe-imatrix-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function read(bytes: Uint8Array) {
  const file = path.join(folder, `${++files}.imatrix`);
  writeFileSync(file, bytes);
  return readImportanceMatrix(file);
}

const integer = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

function old(calls: number, values: readonly number[], rest: readonly Uint8Array[] = []): Buffer {
  const name = Buffer.from('blk.0.attn_q.weight');
  const data = f32Data(Float32Array.from(values));
  return Buffer.concat([
    ...[integer(1), integer(name.length), name, integer(calls), integer(values.length), data],
    ...rest,
  ]);
}

const metadata = [
  { key: 'imatrix.datasets', type: '[string]', value: ['text'] },
  { key: 'imatrix.chunk_count', type: 'u32', value: 9 },
  { key: 'imatrix.chunk_size', type: 'u32', value: 512 },
] as const;
const tensor = (name: string, shape: number[], values: readonly number[], dtype = 'F32') => ({
  ...{ name, dtype, shape },
  data: f32Data(Float32Array.from(values)),
});

describe('a matrix in a .dat file', () => {
  it('is sums by calls, with chunks and the text behind them', async () => {
    const text = Buffer.from('wiki');
    const matrix = await read(old(4, [2, 10], [integer(7), integer(text.length), text]));
    expect([...matrix.entries]).toEqual([['blk.0.attn_q.weight', Float32Array.of(0.5, 2.5)]]);
    expect(matrix).toMatchObject({ chunks: 7, datasets: ['wiki'], isLegacy: true });
  });

  it('may end behind the values', async () => {
    const matrix = await read(old(0, [3]));
    expect([...matrix.entries.values()]).toEqual([Float32Array.of(3)]);
    expect(matrix).toMatchObject({ chunks: 0, datasets: [] });
  });

  it.each<[string, Uint8Array, string]>([
    ['no bytes', new Uint8Array(0), 'the number of entries'],
    ['no entries', integer(0), 'no entries'],
    [
      'a length beyond the file',
      Buffer.concat([integer(1), integer(300), Buffer.alloc(4)]),
      'the name of entry 0',
    ],
    ['a name without end', Buffer.concat([integer(1), integer(2 ** 31 - 1)]), 'a name of 2147483647 bytes'],
    ['a negative length', Buffer.concat([integer(1), integer(-1)]), 'a name of -1 bytes'],
    ['more values than bytes', old(1, [1]).subarray(0, -4), 'the values of'],
    ['a billion entries', Buffer.concat([integer(2 ** 30), Buffer.alloc(64)]), 'more entries than any model'],
    ['values that are no numbers', old(1, [Number.NaN]), 'no numbers'],
  ])('is refused with %s', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message);
  });
});

describe('a matrix in a GGUF file', () => {
  it('is sums by the counts of each expert, and 1 where one was never asked', async () => {
    const matrix = await read(
      makeGguf({
        metadata,
        tensors: [tensor('w.in_sum2', [3, 2], [2, 4, 9, 9, 1, 2]), tensor('w.counts', [3, 1], [2, 0, 4])],
      }),
    );
    expect([...matrix.entries]).toEqual([['w', Float32Array.of(1, 2, 1, 1, 0.25, 0.5)]]);
    expect(matrix).toMatchObject({ chunks: 9, datasets: ['text'], isLegacy: false });
  });

  it.each<[string, Parameters<typeof makeGguf>[0], string]>([
    ['a model', { metadata: [], tensors: [tensor('w', [1], [1])] }, 'no importance matrix'],
    ['no entries', { metadata, tensors: [] }, 'empty'],
    ['no counts', { metadata, tensors: [tensor('w.in_sum2', [1], [1])] }, 'sums and counts'],
    [
      'no counts in it',
      { metadata, tensors: [tensor('w.in_sum2', [1], [1]), tensor('w.counts', [0], [])] },
      'sums and counts',
    ],
    [
      'counts of another type',
      { metadata, tensors: [tensor('w.in_sum2', [1], [1]), tensor('w.counts', [1], [1], 'I32')] },
      'sums and counts',
    ],
  ])('is refused when it is or has %s', async (_, file, message) => {
    await expect(read(makeGguf(file))).rejects.toThrow(message);
  });
});
