/** The file or folder that a place stands for. */
import { basename, join } from 'node:path';
import { type FileStore, localFiles } from '../../bytes/fileStore';
import { LoupeError } from '../../errors';
import type { Runtime } from '../../estimate/types';
import { readRef, resolveHubCache } from '../../formats/hubCache';
import { readOllamaManifest } from '../../formats/localModels/ollamaModels';
import { hubChoices } from '../../hub/hubChoices';
import { isPlainPath } from '../../hub/hubLocation';
import type { FileChoice, ModelPlaceParams } from '../../protocol/costApi';

export interface ResolvedPlace {
  /** To be opened: a file, or a folder. */
  readonly path: string;
  /** Where a config.json lies if there are no weights; undefined where there is no such folder. */
  readonly folder?: string | undefined;
  /** What to call the model where its file's name says nothing. */
  readonly name?: string | undefined;
  /** Files that led here. */
  readonly via: readonly string[];
}

/** What llama.cpp takes of a repository where no type is named. */
export const usualTag = 'Q4_K_M';

/** Throws `not-found` for a revision or a file that is not there, and what reading manifests throws. */
export async function resolvePlace(
  place: ModelPlaceParams,
  runtime?: Runtime | undefined,
): Promise<ResolvedPlace> {
  if (place.kind === 'ollama') {
    const path = join(place.folder, 'manifests', ...place.manifest);
    const { name, weights } = await readOllamaManifest(place.folder, path, place.manifest);
    const [weight] = weights;
    if (weight !== undefined) return { path: weight, name, via: [path] };
    throw new LoupeError('not-found', 'The manifest names no weights.', { file: path });
  }
  if (place.kind === 'path') {
    if (place.file === undefined && place.tag === undefined) {
      const { isFolder } = await localFiles.stat(place.path);
      return { path: place.path, ...(isFolder ? { folder: place.path } : {}), via: [] };
    }
    return { path: await chosenFile(place.path, place, localFiles), folder: place.path, via: [] };
  }
  const { folder, revision } = place;
  const refs = [join(folder, 'refs', revision ?? 'main'), join(folder, 'snapshots')];
  const snapshot = await snapshotOf(folder, revision);
  const isAny = place.file === undefined && place.tag === undefined;
  const usual =
    isAny && runtime === 'llama.cpp'
      ? await chosenFile(snapshot, { tag: usualTag }, localFiles).catch(() => undefined)
      : undefined;
  const path = usual ?? (await chosenFile(snapshot, place, localFiles));
  const name = basename(folder)
    .replace(/^models--/, '')
    .replaceAll('--', '/');
  return { path, folder: snapshot, name, via: refs };
}

async function snapshotOf(folder: string, revision: string | undefined): Promise<string> {
  if (revision === undefined) return resolveHubCache(folder, await localFiles.list(folder));
  const commits = await localFiles.list(join(folder, 'snapshots'));
  const commit = isPlainPath(revision)
    ? await readRef(join(folder, 'refs', ...revision.split('/')), localFiles)
    : undefined;
  const found = [commit, revision].find((name) => name !== undefined && commits.includes(name));
  if (found !== undefined) return join(folder, 'snapshots', found);
  throw new LoupeError('not-found', `The revision ${revision} is not in the cache.`, { file: folder });
}

/** The file that is asked for, or the folder itself. Throws `not-found`. */
async function chosenFile(folder: string, { file, tag }: FileChoice, files: FileStore): Promise<string> {
  if (file !== undefined) {
    if (!isPlainPath(file)) throw new LoupeError('not-found', `"${file.slice(0, 120)}" is no path.`);
    return join(folder, ...file.split('/'));
  }
  if (tag === undefined) return folder;
  const names = await files.list(folder);
  const name = taggedFile(names, tag);
  if (name !== undefined) return join(folder, name);
  throw new LoupeError('not-found', `There is no GGUF file of type ${tag.slice(0, 40)} in the folder.`, {
    file: folder,
  });
}

/** The GGUF file of a type; undefined where there is none. */
export function taggedFile(names: readonly string[], tag: string): string | undefined {
  return hubChoices(names.map((path) => ({ path, bytes: 0 }))).find(
    ({ quantization }) => quantization === tag.toUpperCase(),
  )?.path;
}
