/**
 * The cache of the Hugging Face Hub's client: models--org--name/ holds refs/ with branch names, snapshots/COMMIT/ with
 * the files as links, and blobs/ that they lead to. Files keep their snapshot's path, so that their names say what they are.
 */
import { basename, dirname, join } from 'node:path';
import { type FileStore, localFiles } from '../bytes/fileStore';
import { LoupeError } from '../errors';

const longestRef = 256;
const repositoryPattern = /^models--([^/\\]+)$/;

/** The snapshot of a cached repository: that of refs/main, else the only one. Other folders stay as they are. */
export async function resolveHubCache(
  folder: string,
  names: readonly string[],
  files: FileStore = localFiles,
): Promise<string> {
  if (!repositoryPattern.test(basename(folder)) || !names.includes('snapshots')) return folder;
  const snapshots = join(folder, 'snapshots');
  const commits = await files.list(snapshots);
  const main = await readRef(join(folder, 'refs', 'main'), files);
  if (main !== undefined && commits.includes(main)) return join(snapshots, main);
  const [only, another] = commits;
  if (only !== undefined && another === undefined) return join(snapshots, only);
  throw new LoupeError(
    'not-a-checkpoint',
    only === undefined
      ? 'This folder of the Hugging Face cache has no snapshot: the download has not finished.'
      : `This folder of the Hugging Face cache has ${commits.length} snapshots, and refs/main names none of them: open one of them.`,
    { file: folder },
  );
}

/** The commit in a ref's file; undefined when there is none that could name a folder. */
export async function readRef(path: string, files: FileStore): Promise<string | undefined> {
  try {
    const source = await files.open(path);
    try {
      if (source.size > longestRef) return undefined;
      const text = new TextDecoder().decode(await source.read(0, source.size)).trim();
      return /^[\w.-]+$/.test(text) && !/^\.+$/.test(text) ? text : undefined;
    } finally {
      await source.close();
    }
  } catch {
    return undefined;
  }
}

/** What to call the model in a folder: "org/name" for a snapshot in the cache, else the folder's name. */
export function modelFolderName(folder: string): string {
  const snapshots = dirname(folder);
  const repository = repositoryPattern.exec(basename(dirname(snapshots)));
  return basename(snapshots) === 'snapshots' && repository
    ? repository[1]!.replaceAll('--', '/')
    : basename(folder);
}
