/** The models in the cache of the Hugging Face Hub's client. */
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { localFiles } from '../../bytes/fileStore';
import { resolveHubCache } from '../hubCache';
import { measureModel } from './localModel';
import { groupModelFiles, mayBeModelFile } from './modelGroups';
import { physicalFile } from './physicalFile';
import type { LocalModel } from './types';

const mostRepositories = 2000;
const mostSnapshots = 16;
const mostEntries = 2000;
/** Repositories keep variants in folders such as onnx/ or Q4_K_M/. */
const deepestFolder = 3;

/** The models of every snapshot whose files are there; of a file that several snapshots share, the newest one's. Folders that cannot be read are left out. */
export async function hubCacheModels(folder: string): Promise<LocalModel[]> {
  const names = await readdir(folder).catch(() => []);
  const repositories = names.filter((name) => name.startsWith('models--')).slice(0, mostRepositories);
  const models: LocalModel[] = [];
  for (const name of repositories) models.push(...(await repositoryModels(join(folder, name))));
  return models;
}

async function repositoryModels(repository: string): Promise<LocalModel[]> {
  const models: LocalModel[] = [];
  const seen = new Set<string>();
  for (const snapshot of await snapshotsOf(repository)) {
    const groups = await groupModelFiles(await weightFiles(snapshot));
    for (const group of groups) {
      const model = await measureModel(group, 'huggingFace');
      if (!model) continue;
      const identities = await Promise.all(
        model.files.map((file) =>
          physicalFile(file).then(
            ({ identity }) => identity,
            () => '',
          ),
        ),
      );
      const own = identities.filter((identity) => identity !== '');
      if (own.every((identity) => seen.has(identity))) continue;
      for (const identity of own) seen.add(identity);
      models.push({ ...model, name: nameIn(repository, snapshot, model) });
    }
  }
  return models;
}

/** The one that refs/main names first, the others from the newest. */
async function snapshotsOf(repository: string): Promise<string[]> {
  const folder = join(repository, 'snapshots');
  const commits = await readdir(folder).catch(() => []);
  const main = await resolveHubCache(repository, ['snapshots'], localFiles).catch(() => undefined);
  const dated = await Promise.all(
    commits.slice(0, mostSnapshots).map(async (commit) => {
      const path = join(folder, commit);
      const found = await stat(path).catch(() => undefined);
      return { path, time: path === main ? Number.POSITIVE_INFINITY : (found?.mtimeMs ?? 0), found };
    }),
  );
  return dated
    .filter(({ found }) => found?.isDirectory())
    .sort((a, b) => b.time - a.time)
    .map(({ path }) => path);
}

async function weightFiles(snapshot: string): Promise<string[]> {
  const files: string[] = [];
  let left = mostEntries;
  const walk = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (left-- <= 0) return;
      const path = join(folder, entry.name);
      // Files are links here; folders never are.
      if (entry.isDirectory()) {
        if (depth < deepestFolder) await walk(path, depth + 1);
      } else if (mayBeModelFile(entry.name)) files.push(path);
    }
  };
  await walk(snapshot, 1);
  return files;
}

/** "org/name" for a repository's model, "org/name: Q4_K_M/x" for one of several files. */
function nameIn(repository: string, snapshot: string, { path, name }: LocalModel): string {
  const id = hubIdOf(repository);
  if (name === id) return id;
  const inside = relative(snapshot, path).split(sep);
  return `${id}: ${[...inside.slice(0, -1), name].filter((part, i, all) => part !== all[i - 1]).join('/')}`;
}

/** "org/name" of a folder models--org--name. */
const hubIdOf = (repository: string): string =>
  (repository.split(/[\\/]/).at(-1) ?? '').replace(/^models--/, '').replaceAll('--', '/');
