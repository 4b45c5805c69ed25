import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { duplicateModels } from '../../../../src/engine/models/duplicateModels';
import type { DuplicateProgress } from '../../../../src/protocol/modelsApi';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loupe-duplicates-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}
const model = (...files: string[]) => ({ path: files[0]!, files });
const values = (length: number, change = -1) =>
  Uint8Array.from({ length }, (_, i) => (i === change ? 255 : i % 251));
const ignored = { progress: () => {} };
const named = (sets: Awaited<ReturnType<typeof duplicateModels>>) =>
  sets.map(({ models, freeableBytes }) => [models.map((path) => basename(path)).sort(), freeableBytes]);

it('finds copies and tells what one of them is worth', async () => {
  const size = 300_000;
  const models = [
    model(await put('a', values(size))),
    model(await put('b', values(size))),
    model(await put('c', values(size))),
    // Differs where no sample is taken.
    model(await put('near', values(size, 100_000))),
    model(await put('short', values(100))),
  ];
  const told: DuplicateProgress[] = [];
  const sets = await duplicateModels(models, { progress: (each) => told.push(each) });
  expect(named(sets)).toEqual([[['a', 'b', 'c'], 2 * size]]);
  expect(told.at(-1)).toMatchObject({ bytesDone: 4 * size, bytesTotal: 4 * size });
});

it('hashes nothing that samples tell apart', async () => {
  const models = [model(await put('a', values(300_000))), model(await put('b', values(300_000, 0)))];
  const told: DuplicateProgress[] = [];
  expect(await duplicateModels(models, { progress: (each) => told.push(each) })).toEqual([]);
  expect(told).toEqual([]);
});

it('takes no link for a copy', async () => {
  const a = await put('a', values(1000));
  await link(a, join(folder, 'hard'));
  await symlink(a, join(folder, 'soft'));
  const models = ['a', 'hard', 'soft'].map((name) => model(join(folder, name)));
  expect(await duplicateModels(models, ignored)).toEqual([]);
  const b = await put('b', values(1000));
  const sets = await duplicateModels([...models, model(b)], ignored);
  expect(sets).toEqual([{ models: [a, b], freeableBytes: 1000 }]);
});

it('compares models of several files as wholes', async () => {
  const [one, two, other] = [values(1000), values(1000, 5), values(1000, 7)];
  const models = [
    model(await put('x/1', one), await put('x/2', two)),
    model(await put('y/1', one), await put('y/2', two)),
    model(await put('z/1', one), await put('z/2', other)),
    model(await put('w/1', one), join(folder, 'w/missing')),
  ];
  const sets = await duplicateModels(models, ignored);
  expect(sets).toEqual([{ models: [join(folder, 'x/1'), join(folder, 'y/1')], freeableBytes: 2000 }]);
});

it("trusts a cache's names, which are hashes", async () => {
  // SHA-256 of "abc" (FIPS 180-4's first example).
  const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  const blob = await put(`blobs/${sha256}`, 'abc');
  const ollama = await put(`ollama/blobs/sha256-${sha256}`, 'abc');
  const plain = await put('plain.gguf', 'abc');
  const told: DuplicateProgress[] = [];
  const sets = await duplicateModels([model(blob), model(plain), model(ollama)], {
    progress: (each) => told.push(each),
  });
  expect(sets).toEqual([{ models: [blob, plain, ollama], freeableBytes: 6 }]);
  // The plain file alone was read.
  expect(told.map(({ bytesTotal }) => bytesTotal)).toEqual([3]);
});

it('stops when it is cancelled', async () => {
  const models = [model(await put('a', values(3_000_000))), model(await put('b', values(3_000_000)))];
  const controller = new AbortController();
  const job = duplicateModels(models, { signal: controller.signal, progress: () => controller.abort() });
  await expect(job).rejects.toMatchObject({ code: 'cancelled' });
});
