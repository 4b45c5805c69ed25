/** Where a model's files are: on this machine, or somewhere that answers the same three questions. */
import { readdir, stat } from 'node:fs/promises';
import { LoupeError } from '../errors';
import { type ByteSource, openFileSource } from './byteSource';

export interface StoredFile {
  readonly isFile: boolean;
  readonly isFolder: boolean;
  readonly bytes: number;
  /** Milliseconds since the epoch; 0 where the place keeps no times. */
  readonly mtimeMs: number;
}

/** Paths are absolute and in this system's own form, so that `node:path` works on them. */
export interface FileStore {
  /** Throws a LoupeError: `not-found` or `io`. */
  stat(path: string): Promise<StoredFile>;
  /** Names in a folder, of its files and folders. Throws `not-found` or `io`. */
  list(folder: string): Promise<readonly string[]>;
  /** Throws what `openFileSource` throws. */
  open(path: string): Promise<ByteSource>;
}

/** The file system of this machine; links are followed. */
export const localFiles: FileStore = {
  async stat(path) {
    try {
      const found = await stat(path);
      return {
        isFile: found.isFile(),
        isFolder: found.isDirectory(),
        bytes: found.size,
        mtimeMs: found.mtimeMs,
      };
    } catch (error) {
      throw LoupeError.from(error, { file: path });
    }
  },
  async list(folder) {
    try {
      return await readdir(folder);
    } catch (error) {
      throw LoupeError.from(error, { file: folder });
    }
  },
  open: openFileSource,
};
