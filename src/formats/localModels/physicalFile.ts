/** Which bytes on the disk a path leads to. */
import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

export interface PhysicalFile {
  /** The same for all names of one file: links of either kind are no copies. */
  readonly identity: string;
  /** Behind all symbolic links. */
  readonly realPath: string;
  readonly bytes: number;
  /** Whether the path itself is a symbolic link. */
  readonly isLink: boolean;
  /** Names that share the bytes by hard links, this one included. */
  readonly hardLinks: number;
  /** Where a cache names the file by its content: lower-case SHA-256. */
  readonly sha256: string | undefined;
}

/** Throws Node's own error when nothing is there. */
export async function physicalFile(path: string): Promise<PhysicalFile> {
  const [own, behind, realPath] = await Promise.all([
    lstat(path),
    stat(path, { bigint: true }),
    realpath(path),
  ]);
  return {
    // Windows gives 0 for some file systems' numbers.
    identity: behind.ino === 0n ? realPath : `${behind.dev}:${behind.ino}`,
    realPath,
    bytes: Number(behind.size),
    isLink: own.isSymbolicLink(),
    hardLinks: Number(behind.nlink),
    sha256: namedHash(realPath),
  };
}

/** Blobs of large files in the Hub's cache are named by their SHA-256, small ones by git's 40 digits; ollama's begin with "sha256-". */
function namedHash(realPath: string): string | undefined {
  if (basename(dirname(realPath)) !== 'blobs') return undefined;
  return /^(?:sha256-)?([0-9a-f]{64})$/.exec(basename(realPath))?.[1];
}
