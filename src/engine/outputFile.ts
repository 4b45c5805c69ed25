/** Writes a file so that it appears whole or not at all: beside its place first, synced, then renamed. */
import type { FileHandle } from 'node:fs/promises';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../errors';
import { type TemporaryOutput, takeTarget } from './quantize/temporaryOutput';

export class OutputFile {
  private constructor(
    private readonly temporary: TemporaryOutput,
    private readonly handle: FileHandle,
    private readonly overwrite: boolean,
  ) {}

  /** Where the result will appear. */
  get target(): string {
    return this.temporary.target;
  }

  /** Where to write until then. */
  get path(): string {
    return this.temporary.path;
  }

  /**
   * Makes the temporary file beside `target`, whose folder must be there. Fails with `exists` when there is something at
   * the target and `overwrite` is not set, with `refused` when that is no file.
   */
  static async create(target: string, overwrite: boolean): Promise<OutputFile> {
    let handle: FileHandle | undefined;
    try {
      await fs.access(path.dirname(target));
      const temporary = await takeTarget(target, async (place) => {
        await assertFree(target, overwrite);
        handle = await fs.open(place.path, 'wx+');
      });
      return new OutputFile(temporary, handle!, overwrite);
    } catch (thrown) {
      throw LoupeError.from(thrown, { file: target });
    }
  }

  /** Appends bytes. */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      await this.handle.writeFile(bytes);
    } catch (thrown) {
      throw LoupeError.from(thrown, { file: this.target });
    }
  }

  /** Makes the file as long as it will be, so that workers can write anywhere in it. */
  async extend(bytes: number): Promise<void> {
    try {
      await this.handle.truncate(bytes);
    } catch (thrown) {
      throw LoupeError.from(thrown, { file: this.target });
    }
  }

  /** Syncs the file and puts it in place; returns its length in bytes. */
  async commit(): Promise<number> {
    try {
      await this.handle.sync();
      const { size } = await this.handle.stat();
      await this.handle.close();
      // It may have appeared since the job began.
      await assertFree(this.target, this.overwrite);
      await fs.rename(this.path, this.target);
      await this.temporary.release();
      return size;
    } catch (thrown) {
      await this.discard();
      throw LoupeError.from(thrown, { file: this.target });
    }
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.handle.close().catch(() => {});
    try {
      await fs.rm(this.path, { force: true });
    } finally {
      await this.temporary.release();
    }
  }
}

async function assertFree(target: string, overwrite: boolean): Promise<void> {
  let isFile: boolean;
  try {
    isFile = (await fs.stat(target)).isFile();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw thrown;
  }
  if (!isFile) throw new LoupeError('refused', 'The target is no file, and is left alone.', { file: target });
  if (!overwrite)
    throw new LoupeError('exists', 'The target exists already; overwriting was not asked for.', {
      file: target,
    });
}
