import { describe, expect, it } from 'vitest';
import { rangeSource } from '../../../src/bytes/rangeSource';

const content = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 31) & 255);

function counted(size = content.length) {
  const asked: [number, number][] = [];
  const source = rangeSource({
    path: '/m',
    size,
    fetch: async (byteOffset, length) => {
      asked.push([byteOffset, length]);
      return content.slice(byteOffset, byteOffset + length);
    },
  });
  return { source, asked };
}

describe('rangeSource', () => {
  it('gives the bytes that are there, wherever reads begin and end', async () => {
    const { source } = counted();
    for (const [at, length] of [
      [0, 64],
      [60, 100_000],
      [65_536, 1],
      [4_999_990, 10],
      [3, 4_000_000],
      [100, 0],
    ] as const)
      expect(Buffer.compare(await source.read(at, length), content.slice(at, at + length))).toBe(0);
  });

  it('asks once for a short header, and ever more while a long one is walked', async () => {
    const { source, asked } = counted();
    for (let at = 0; at < 60_000; at += 1000) await source.read(at, 1000);
    expect(asked).toEqual([[0, 65_536]]);
    for (let at = 60_000; at < 2_000_000; at += 1000) await source.read(at, 1000);
    expect(asked.length).toBeLessThan(8);
    const total = asked.reduce((sum, [, length]) => sum + length, 0);
    expect(total).toBeLessThan(2 * 2_000_000);
  });

  it('refuses ranges that lie outside without asking for them', async () => {
    const { source, asked } = counted(100);
    await expect(source.read(90, 11)).rejects.toMatchObject({ code: 'io', file: '/m', byteOffset: 90 });
    await expect(source.read(-1, 1)).rejects.toMatchObject({ code: 'io' });
    expect(asked).toEqual([]);
  });

  it('notices an answer of another length', async () => {
    const source = rangeSource({ path: '/m', size: 10, fetch: async () => new Uint8Array(3) });
    await expect(source.read(0, 10)).rejects.toMatchObject({ code: 'io', byteOffset: 0 });
  });
});
