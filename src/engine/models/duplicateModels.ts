/** Finds models whose weights are the same, byte for byte, in files of their own. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { LoupeError, throwIfAborted } from '../../errors';
import { type PhysicalFile, physicalFile } from '../../formats/localModels/physicalFile';
import type { DuplicateProgress, DuplicateSet, LocalModel } from '../../protocol/modelsApi';

const sampleBytes = 65_536;
const chunkBytes = 2 ** 20;

interface Context {
  readonly signal?: AbortSignal | undefined;
  readonly progress: (progress: DuplicateProgress) => void;
}

/**
 * Sets of models all of whose files have the same contents. Links to one file are no copies. Files of one size are told apart by
 * samples of their head, middle and end first; only where those agree a file is hashed (SHA-256), unless its cache names it by its
 * hash. A file that cannot be read, or ends early, makes its model like no other. Throws `cancelled`.
 */
export async function duplicateModels(
  models: readonly Pick<LocalModel, 'path' | 'files'>[],
  { signal, progress }: Context,
): Promise<DuplicateSet[]> {
  const files = new Map<string, PhysicalFile>();
  const modelFiles = await Promise.all(
    models.map(({ files: paths }) =>
      Promise.all(paths.map((path) => physicalFile(path).catch(() => undefined))),
    ),
  );
  for (const file of modelFiles.flat()) if (file) files.set(file.identity, file);
  const hashes = await hashesOf([...files.values()], { signal, progress });

  const sets = new Map<string, { path: string; identities: string[]; bytes: number }[]>();
  for (const [i, own] of modelFiles.entries()) {
    const contents = own.map((file) => (file ? hashes.get(file.identity) : undefined));
    if (contents.length === 0 || contents.some((hash) => hash === undefined)) continue;
    const key = contents.sort().join();
    const identities = own.map((file) => file!.identity).sort();
    const members = sets.get(key) ?? [];
    sets.set(key, members);
    // Another name of the same files.
    if (members.some((other) => other.identities.join() === identities.join())) continue;
    const bytes = own.reduce((sum, file) => sum + file!.bytes, 0);
    members.push({ path: models[i]!.path, identities, bytes });
  }
  return [...sets.values()]
    .filter((members) => members.length > 1)
    .map((members) => {
      const distinct = new Set(members.flatMap(({ identities }) => identities));
      const [first] = members;
      const all = [...distinct].reduce((sum, identity) => sum + files.get(identity)!.bytes, 0);
      return { models: members.map(({ path }) => path), freeableBytes: all - first!.bytes };
    })
    .sort((a, b) => b.freeableBytes - a.freeableBytes);
}

/** SHA-256 by identity, of those files alone that may have an equal. */
async function hashesOf(files: readonly PhysicalFile[], context: Context): Promise<Map<string, string>> {
  const alike: PhysicalFile[] = [];
  for (const same of groupsOf(files, ({ bytes }) => String(bytes))) {
    const samples = new Map<PhysicalFile, string>();
    for (const file of same) {
      throwIfAborted(context.signal);
      const sample = await withFile(file, sampleHash);
      if (sample !== undefined) samples.set(file, sample);
    }
    for (const group of groupsOf([...samples.keys()], (file) => samples.get(file)!)) alike.push(...group);
  }
  const hashes = new Map<string, string>();
  const bytesTotal = alike.reduce((sum, { sha256, bytes }) => sum + (sha256 ? 0 : bytes), 0);
  let bytesDone = 0;
  for (const file of alike) {
    if (file.sha256 !== undefined) {
      hashes.set(file.identity, file.sha256);
      continue;
    }
    const hash = await withFile(file, (handle) =>
      wholeHash(handle, file.bytes, (read) => {
        throwIfAborted(context.signal);
        bytesDone += read;
        context.progress({ bytesDone, bytesTotal, file: file.realPath });
      }),
    );
    throwIfAborted(context.signal);
    if (hash !== undefined) hashes.set(file.identity, hash);
  }
  return hashes;
}

/** Groups of two or more that agree in a key. */
function groupsOf<T>(values: readonly T[], keyOf: (value: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return [...groups.values()].filter((group) => group.length > 1);
}

/** Undefined where the file cannot be read or a hash is refused. */
async function withFile(
  { realPath, bytes }: PhysicalFile,
  read: (handle: FileHandle, bytes: number) => Promise<string | undefined>,
): Promise<string | undefined> {
  const handle = await open(realPath).catch(() => undefined);
  if (!handle) return undefined;
  try {
    return await read(handle, bytes);
  } catch (thrown) {
    if (thrown instanceof LoupeError && thrown.code === 'cancelled') throw thrown;
    return undefined;
  } finally {
    await handle.close();
  }
}

async function sampleHash(handle: FileHandle, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(sampleBytes);
  const last = Math.max(0, bytes - sampleBytes);
  for (const position of new Set([0, Math.floor(last / 2), last])) {
    const { bytesRead } = await handle.read(buffer, 0, sampleBytes, position);
    hash.update(buffer.subarray(0, bytesRead));
  }
  return hash.digest('hex');
}

/** Undefined for a file that has become shorter meanwhile. */
async function wholeHash(
  handle: FileHandle,
  bytes: number,
  onRead: (bytes: number) => void,
): Promise<string | undefined> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(chunkBytes);
  for (let position = 0; position < bytes; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(chunkBytes, bytes - position), position);
    if (bytesRead === 0) return undefined;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
    onRead(bytesRead);
  }
  return hash.digest('hex');
}
