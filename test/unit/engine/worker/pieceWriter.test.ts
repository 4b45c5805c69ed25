import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PieceWriter } from '../../../../src/engine/worker/pieceWriter';
import { temporaryFolder } from '../support';

/** Bytes that tell where they belong. */
const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);

/** What one piece of `bytes` looks like when it is handed over in chunks of these lengths, in turn. */
function* chunksOf(bytes: Uint8Array, lengths: readonly number[]): Generator<[number, Uint8Array]> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const part = bytes.subarray(at, at + lengths[i % lengths.length]!);
    yield [at, part];
    at += part.length;
  }
}

describe('PieceWriter', () => {
  it.each([
    ['single bytes and short runs', 700_000, [1, 3, 4095, 65536]],
    ['runs of a window', 1_100_000, [65536]],
    ['runs beyond what is held', 1_500_000, [600_000]],
    ['long and short runs in turn', 1_500_000, [300_000, 5, 262_144]],
  ])('puts two pieces of %s where they belong', (_, length, lengths) => {
    const path = join(temporaryFolder(), 'file');
    const [first, second] = [pattern(length, 1), pattern(Math.ceil(length / 3), 2)];
    const starts = { codes: 1234, scales: 1234 + length + 77 };
    const total = starts.scales + second.length + 5;
    writeFileSync(path, new Uint8Array(total).fill(0xee));
    const writer = new PieceWriter({
      path,
      pieces: new Map([
        ['_packed', starts.codes],
        ['_scale', starts.scales],
      ]),
    });
    const scales = chunksOf(second, [997]);
    const scratch = new Uint8Array(length);
    for (const [byteOffset, part] of chunksOf(first, lengths)) {
      // The caller's memory changes as soon as the chunk is taken.
      const bytes = scratch.subarray(0, part.length);
      bytes.set(part);
      writer.write({ suffix: '_packed', byteOffset, bytes });
      bytes.fill(0xaa);
      const { value } = scales.next();
      if (value) writer.write({ suffix: '_scale', byteOffset: value[0], bytes: value[1] });
    }
    for (const [byteOffset, bytes] of scales) writer.write({ suffix: '_scale', byteOffset, bytes });
    writer.finish();
    writer.close();
    const want = new Uint8Array(total).fill(0xee);
    want.set(first, starts.codes);
    want.set(second, starts.scales);
    expect(Buffer.compare(readFileSync(path), want)).toBe(0);
  });

  it('takes chunks that leave something out, or come in another order', () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, new Uint8Array(100));
    const writer = new PieceWriter({ path, pieces: new Map([['', 10]]) });
    for (const byteOffset of [50, 52, 0, 20, 54])
      writer.write({ suffix: '', byteOffset, bytes: Uint8Array.of(byteOffset, 1) });
    writer.finish();
    writer.finish();
    writer.close();
    const want = new Uint8Array(100);
    for (const byteOffset of [50, 52, 0, 20, 54]) want.set([byteOffset, 1], 10 + byteOffset);
    expect(new Uint8Array(readFileSync(path))).toEqual(want);
  });

  it('drops what is held when it is closed early, and begins anew with the next one', () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, new Uint8Array(8));
    const output = { path, pieces: new Map([['', 0]]) };
    const early = new PieceWriter(output);
    early.write({ suffix: '', byteOffset: 0, bytes: Uint8Array.of(9, 9, 9) });
    early.close();
    const next = new PieceWriter(output);
    next.write({ suffix: '', byteOffset: 4, bytes: Uint8Array.of(7) });
    next.finish();
    next.close();
    expect([...readFileSync(path)]).toEqual([0, 0, 0, 0, 7, 0, 0, 0]);
  });
});
