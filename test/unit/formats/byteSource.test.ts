import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countingSource, memorySource, openFileSource } from '../../../src/bytes/byteSource';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loupe-bytes-'));
  path = join(folder, 'f');
  await writeFile(path, Uint8Array.of(1, 2, 3, 4));
});
afterEach(() => rm(folder, { recursive: true }));

it('reads ranges of a file and of memory alike', async () => {
  const file = await openFileSource(path);
  for (const source of [file, memorySource(Uint8Array.of(1, 2, 3, 4))]) {
    expect(source.size).toBe(4);
    expect([...(await source.read(1, 2))]).toEqual([2, 3]);
    expect([...(await source.read(4, 0))]).toEqual([]);
    for (const [offset, length] of [
      [0, 5],
      [5, 0],
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, 2 ** 60],
    ] as const)
      await expect(source.read(offset, length)).rejects.toMatchObject({ code: 'io', byteOffset: offset });
  }
  await file.close();
  await file.close();
});

it('tells a file that became shorter', async () => {
  const source = await openFileSource(path);
  await truncate(path, 2);
  await expect(source.read(0, 4)).rejects.toMatchObject({ code: 'changed', file: path, byteOffset: 2 });
  await source.close();
});

it('refuses what is missing or no file', async () => {
  await expect(openFileSource(join(folder, 'no'))).rejects.toMatchObject({ code: 'not-found' });
  await expect(openFileSource(folder)).rejects.toMatchObject({ code: 'not-a-checkpoint' });
});

it.skipIf(process.platform === 'win32')(
  'does not wait for a pipe (Windows has none in folders)',
  async () => {
    const pipe = join(folder, 'pipe.safetensors');
    execFileSync('mkfifo', [pipe]);
    await expect(openFileSource(pipe)).rejects.toMatchObject({ code: 'not-a-checkpoint' });
  },
);

it('counts reads', async () => {
  const source = countingSource(memorySource(new Uint8Array(10)));
  await source.read(0, 4);
  await source.read(2, 4);
  expect([source.reads, source.bytesRead]).toEqual([2, 8]);
});
