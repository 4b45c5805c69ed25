import { describe, expect, it } from 'vitest';
import { NameTable } from '../../../src/formats/nameTable';

describe('NameTable', () => {
  it('finds every name among a hundred thousand, and none that is not there', () => {
    const table = new NameTable();
    const names = Array.from({ length: 100_000 }, (_, i) => `model.layers.${i}.weight`);
    for (const name of names) expect(table.add(name)).toBeUndefined();
    for (const [i, name] of names.entries()) if (table.add(name) !== i) expect.fail(`${name} was lost`);
    expect(table.add('model.layers.100000.weight')).toBeUndefined();
  });

  it('grows beyond the names that were expected', () => {
    const table = new NameTable(600);
    const names = Array.from({ length: 5000 }, (_, i) => `blk.${i}.weight`);
    expect(names.map((name) => table.add(name))).toEqual(names.map(() => undefined));
    expect(names.map((name) => table.add(name))).toEqual(names.map((_, i) => i));
  });

  it("trusts no hash of a caller's own to tell names apart", () => {
    const table = new NameTable(300);
    const names = Array.from({ length: 200 }, (_, i) => `blk.${i}.weight`);
    expect(names.map((name) => table.add(name, 7))).toEqual(names.map(() => undefined));
    expect(names.map((name) => table.add(name, 7))).toEqual(names.map((_, i) => i));
  });

  it('tells apart names that differ in one character, case, length or script', () => {
    const table = new NameTable();
    const names = [
      '',
      'a',
      'A',
      'aa',
      'aaa',
      'ab',
      'ba',
      '\0',
      '\0\0',
      'ä',
      'ａ',
      '😀',
      '\ud83d',
      '__proto__',
    ];
    expect(names.map((name) => table.add(name))).toEqual(names.map(() => undefined));
    expect(names.map((name) => table.add(name))).toEqual(names.map((_, i) => i));
  });

  it('keeps its speed and its answers when all names have the same hash', () => {
    // Two characters cancel each other out where the second is the first one's mixed state: without the seed, which is
    // fixed here, such names are easy to make.
    const random = Math.random;
    Math.random = () => 0;
    try {
      const table = new NameTable();
      const names: string[] = [];
      const multiply = (value: number) => {
        const product = Math.imul(value, 0x85ebca6b);
        return product ^ (product >>> 15);
      };
      for (let first = 0; names.length < 3000; first++) {
        // Length 4, seed 0: whatever the first pair leaves is undone by the second pair.
        const state = multiply(4 ^ first);
        names.push(String.fromCharCode(first, 0, state & 0xffff, state >>> 16));
      }
      for (const [i, name] of names.entries()) expect(table.add(name), `name ${i}`).toBeUndefined();
      expect(names.every((name, i) => table.add(name) === i)).toBe(true);
      expect((table as unknown as { crowded: unknown }).crowded).toBeInstanceOf(Map);
    } finally {
      Math.random = random;
    }
  });
});
