/** Statistics on disk that were cut, flipped or forged: dropped, and computed anew. */
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { randomValues, writeModel } from '../support';
import {
  CacheReader,
  filesOf,
  folder,
  model,
  newStorage,
  plain,
  summariesOf,
  summary,
} from './statsCacheSupport';

describe('a damaged cache', () => {
  /** A storage with summaries and one tensor's details, in two files. */
  async function filled(): Promise<string> {
    const storage = newStorage();
    const reader = new CacheReader(storage);
    await reader.read(model, 'full', [3]);
    expect(filesOf(storage)).toHaveLength(2);
    return storage;
  }
  /** Damages every file in its own way, and has a new process read both. */
  async function afterDamage(damage: (file: string) => void): Promise<CacheReader> {
    const storage = await filled();
    for (const name of filesOf(storage)) damage(join(storage, name));
    const reader = new CacheReader(storage);
    expect(await reader.read(model, 'full', [3])).toEqual([plain[3]]);
    const other = new CacheReader(storage);
    expect(await other.read(model, 'full', [3])).toEqual([plain[3]]);
    // What was dropped has been written anew.
    expect(other.runner.tasks).toBe(0);
    return reader;
  }
  const resealed = (bytes: Buffer): Buffer => {
    const body = bytes.subarray(0, bytes.length - 32);
    return Buffer.concat([body, createHash('sha256').update(body).digest()]);
  };

  it('is dropped wherever a byte was flipped', async () => {
    const storage = await filled();
    const files = filesOf(storage).map((name) => ({
      file: join(storage, name),
      bytes: readFileSync(join(storage, name)),
    }));
    let state = 7;
    for (let round = 0; round < 60; round++) {
      for (const { file, bytes } of files) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const flipped = Buffer.from(bytes);
        flipped[state % bytes.length]! ^= 1 << (state >>> 29);
        writeFileSync(file, flipped);
      }
      const reader = new CacheReader(storage);
      expect(await reader.read(model, 'full', [3])).toEqual([plain[3]]);
      expect(reader.runner.tasks).toBe(1);
      expect(reader.said.filter((line) => line.startsWith('Dropped'))).toHaveLength(2);
    }
  });

  it.each([0, 1, 40, 47, 48, 100, -1, -32, -33])('is dropped when it ends at %i', async (end) => {
    const reader = await afterDamage((file) => truncateSync(file, end < 0 ? statSync(file).size + end : end));
    expect(reader.runner.tasks).toBe(1);
  });

  it('is dropped with lengths that a checksum covers but the file does not have', async () => {
    for (const length of [0, 2, 0xffffffff, 0x7fffffff]) {
      for (const section of [0, 2, 5]) {
        const reader = await afterDamage((file) => {
          const bytes = readFileSync(file);
          bytes.writeUInt32LE(length, 48 + 8 * section + 4);
          writeFileSync(file, resealed(bytes));
        });
        expect(reader.runner.tasks).toBe(1);
      }
    }
  });

  it('is dropped with section counts, types, kinds and versions of nobody', async () => {
    for (const [at, value] of [
      [44, 0xffffffff],
      [44, 0],
      [44, 65],
      [40, 9],
      [48, 3],
    ] as const) {
      const reader = await afterDamage((file) => {
        const bytes = readFileSync(file);
        bytes.writeUInt32LE(value, at);
        writeFileSync(file, resealed(bytes));
      });
      expect(reader.runner.tasks).toBe(1);
    }
    const reader = await afterDamage((file) => {
      const bytes = readFileSync(file);
      bytes[7] = 2;
      writeFileSync(file, resealed(bytes));
    });
    expect(reader.said.join()).toContain('another version');
  });

  it('is dropped when figures are sealed that cannot be these tensors', async () => {
    const dataAt = (bytes: Buffer, section: number): number => {
      let at = 48 + 8 * bytes.readUInt32LE(44);
      for (let i = 0; i < section; i++) {
        const size = bytes.readUInt32LE(48 + 8 * i) === 2 ? 8 : 4;
        at += Math.ceil((bytes.readUInt32LE(48 + 8 * i + 4) * size) / 8) * 8;
      }
      return at;
    };
    const damages: ((bytes: Buffer) => unknown)[] = [
      // Another tensor, one that does not exist, unknown flags, another count, too many largest values.
      (bytes) => bytes.writeUInt32LE(4_000_000_000, dataAt(bytes, 0)),
      (bytes) => bytes.writeUInt32LE(0x80000000, dataAt(bytes, 1)),
      (bytes) => bytes.writeDoubleLE(12345, dataAt(bytes, 2)),
      (bytes) => bytes.writeUInt32LE(17, dataAt(bytes, 3)),
    ];
    for (const damage of damages) {
      const reader = await afterDamage((file) => {
        const bytes = readFileSync(file);
        damage(bytes);
        writeFileSync(file, resealed(bytes));
      });
      expect(reader.runner.tasks).toBe(1);
    }
  });

  it('is dropped when it is text, a huge file or of other files', async () => {
    const bomb = `{"tensors":${'['.repeat(200_000)}`;
    expect((await afterDamage((file) => writeFileSync(file, bomb))).runner.tasks).toBe(1);
    const huge = await afterDamage((file) => truncateSync(file, 80 * 2 ** 20));
    expect(huge.said.join()).toContain('more than it can have');

    const storage = await filled();
    const path = writeModel(join(folder, 'foreign/model.safetensors'), [
      { name: 'w', dtype: 'F32', shape: [4, 8], data: f32Data(randomValues(32)) },
    ]);
    const other = newStorage();
    await new CacheReader(other).read(path, 'summary');
    copyFileSync(summariesOf(other), summariesOf(storage));
    const reader = new CacheReader(storage);
    expect(await reader.read(model, 'summary', [3])).toEqual([summary(plain[3]!)]);
    expect(reader.said.join()).toContain('other files');
  });

  it('is no cache where nothing can be written', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, 'mine');
    const reader = new CacheReader(join(file, 'storage'));
    expect(await reader.read(model, 'full', [3])).toEqual([plain[3]]);
    expect(reader.said.join()).toContain('cannot be written');
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });
});
