/** Whole reads into private copies, against a made-up `vscode.workspace.fs`. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FileCopies } from '../../../src/editor/fileCopies';

const host = vi.hoisted(() => ({ files: new Map<string, { content: string; size?: number }>(), limit: 1 }));
vi.mock('vscode', () => {
  class FileSystemError extends Error {
    code = 'FileNotFound';
  }
  const find = (uri: { path: string }) => {
    const file = host.files.get(uri.path);
    if (!file) throw new FileSystemError('gone');
    return file;
  };
  return {
    FileSystemError,
    FileType: { File: 1 },
    workspace: {
      getConfiguration: () => ({ get: () => host.limit }),
      fs: {
        stat: async (uri: { path: string }) => {
          const { content, size } = find(uri);
          return { type: 1, size: size ?? content.length };
        },
        readDirectory: async (uri: { path: string }) =>
          [...host.files.keys()]
            .filter((name) => path.posix.dirname(name) === uri.path)
            .map((name) => [path.posix.basename(name), 1]),
        readFile: async (uri: { path: string }) => new TextEncoder().encode(find(uri).content),
      },
    },
  };
});

type UriLike = Parameters<FileCopies['origin']>[0];
function uriOf(uriPath: string, query = ''): UriLike {
  const uri = {
    scheme: 'zip',
    path: uriPath,
    query,
    with: (change: { path: string }) => uriOf(change.path, query),
    toString: () => `zip:${uriPath}`,
  };
  return uri as unknown as UriLike;
}
const noEngine = {} as Parameters<FileCopies['origin']>[1];

let storage: string;
beforeEach(() => {
  storage = path.join(mkdtempSync(path.join(tmpdir(), 'loupe-copies-')), 'storage');
  host.files.clear();
  host.limit = 1;
});
afterEach(() => rmSync(path.dirname(storage), { recursive: true }));
const put = (...names: string[]) => {
  for (const name of names) host.files.set(name, { content: name });
};

it('copies a shard with its set, its index and the config, and nothing else', async () => {
  const [one, two] = [1, 2].map((i) => `/m/tiny/model-0000${i}-of-00002.safetensors`) as [string, string];
  put(one, two, '/m/tiny/model.safetensors.index.json', '/m/tiny/config.json');
  put('/m/tiny/other-00001-of-00002.safetensors', '/m/tiny/tokenizer.json', '/m/tiny/sub/config.json');
  const origin = new FileCopies(storage).origin(uriOf(one), noEngine);
  const copy = await origin.diskPath();
  expect(path.basename(path.dirname(copy))).toBe('tiny');
  expect(readFileSync(copy, 'utf8')).toBe(one);
  expect(readdirSync(path.dirname(copy)).sort()).toEqual([
    'config.json',
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ]);
  if (process.platform !== 'win32') expect(statSync(copy).mode & 0o077).toBe(0);
  origin.dispose();
  await vi.waitFor(() => expect(readdirSync(storage)).toEqual([]));
});

it('reads one file alone where siblings cannot be addressed', async () => {
  put('/m/model.safetensors', '/m/config.json');
  const copy = await new FileCopies(storage)
    .origin(uriOf('/m/model.safetensors', 'ref=1'), noEngine)
    .diskPath();
  expect(readdirSync(path.dirname(copy))).toEqual(['model.safetensors']);
});

it('holds to the limit, also where a size was understated, and leaves nothing behind', async () => {
  const origin = new FileCopies(storage).origin(uriOf('/m/big.gguf'), noEngine);
  host.files.set('/m/big.gguf', { content: '', size: 3 * 1_048_576 });
  await expect(origin.diskPath()).rejects.toMatchObject({
    code: 'unsupported',
    message:
      'big.gguf has 3.00 MiB. Files of "zip:" are read whole, up to 1.00 MiB (setting tensorLoupe.wholeReadLimitMB). Save it to disk and open it there.',
  });
  host.files.set('/m/big.gguf', { content: 'x'.repeat(1_048_577), size: 0 });
  const other = new FileCopies(storage).origin(uriOf('/m/big.gguf'), noEngine);
  await expect(other.diskPath()).rejects.toMatchObject({ code: 'unsupported' });
  await vi.waitFor(() => expect(readdirSync(storage)).toEqual([]));
});

it('never writes outside its folder', async () => {
  put('/..\\..\\evil/a:b\\..\\c.gguf');
  const copy = await new FileCopies(storage)
    .origin(uriOf('/..\\..\\evil/a:b\\..\\c.gguf'), noEngine)
    .diskPath();
  expect(path.relative(storage, copy).split(path.sep).slice(1)).toEqual(['..-..-evil', 'a-b-..-c.gguf']);
});

it('removes what hosts that are gone left behind, and all of its own at the end', async () => {
  // Process ids go up to 2^22 on Linux.
  const [left, own] = [`copy-${2 ** 30}-left`, `copy-${process.ppid}-alive`];
  mkdirSync(path.join(storage, left), { recursive: true });
  mkdirSync(path.join(storage, own));
  put('/m/a.gguf');
  const copies = new FileCopies(storage);
  const copy = await copies.origin(uriOf('/m/a.gguf'), noEngine).diskPath();
  expect(existsSync(path.join(storage, left))).toBe(false);
  copies.dispose();
  expect(existsSync(copy)).toBe(false);
  expect(readdirSync(storage)).toEqual([own]);
});

it('says that a file is missing', async () => {
  const origin = new FileCopies(storage).origin(uriOf('/m/none.gguf'), noEngine);
  await expect(origin.diskPath()).rejects.toMatchObject({ code: 'not-found', file: 'zip:/m/none.gguf' });
});
