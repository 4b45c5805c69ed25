/**
 * Writes a folder so that it appears whole or not at all: everything goes into a hidden sibling, is
 * synced, and is renamed into place.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import {
  keepFolder,
  lstat,
  removeTree,
  siblingName,
  syncPath,
  type TemporaryOutput,
  takeTarget,
} from './temporaryOutput';

export class OutputFolder {
  private constructor(
    private readonly temporary: TemporaryOutput,
    private readonly overwrite: boolean,
  ) {}

  /** Where the result will appear. */
  get target(): string {
    return this.temporary.target;
  }

  /** Where to write until then. */
  get folder(): string {
    return this.temporary.path;
  }

  /**
   * Makes the temporary folder beside `target`, or with `from` takes that folder and what is in it. Fails with `exists` when there
   * is something at the target and `overwrite` is not set, and with `refused` when another job writes there or what is there is no
   * model folder.
   */
  static async create(target: string, overwrite: boolean, from?: string): Promise<OutputFolder> {
    const temporary = await takeTarget(target, async (place) => {
      await assertReplaceable(target, overwrite);
      if (from === undefined) await fs.mkdir(place.path);
      else await takeFolder(from, place.path);
    });
    return new OutputFolder(temporary, overwrite);
  }

  /** Syncs everything and renames it into place; what was there before is removed last. */
  async commit(): Promise<void> {
    try {
      for (const name of await fs.readdir(this.folder)) await syncPath(path.join(this.folder, name), 'r+');
      await syncPath(this.folder, 'r');
      const backup = await this.moveAside();
      try {
        await fs.rename(this.folder, this.target);
      } catch (thrown) {
        if (backup) await fs.rename(backup, this.target);
        throw thrown;
      }
      await syncPath(path.dirname(this.target), 'r');
      // The new folder is in place: failing to remove the old one is no failure of the job.
      if (backup) await removeTree(backup).catch(() => {});
    } catch (thrown) {
      await removeTree(this.folder).catch(() => {});
      throw LoupeError.from(thrown, { file: this.target });
    } finally {
      await this.temporary.release();
    }
  }

  /** Removes everything that was written. */
  async discard(): Promise<void> {
    try {
      await removeTree(this.folder);
    } finally {
      await this.temporary.release();
    }
  }

  /** Ends the job but leaves the folder under a name by which it is found again. */
  async keep(): Promise<void> {
    try {
      await keepFolder(this.folder, this.target);
    } finally {
      await this.temporary.release();
    }
  }

  /** Moves an existing target out of the way; returns where it lies. */
  private async moveAside(): Promise<string | undefined> {
    const existing = await lstat(this.target);
    if (!existing) return undefined;
    // It may have appeared since the job began.
    await assertReplaceable(this.target, this.overwrite);
    if ((await fs.readdir(this.target)).length === 0) {
      await fs.rmdir(this.target);
      return undefined;
    }
    const backup = path.join(path.dirname(this.target), siblingName(this.target, 'old-'));
    await fs.rename(this.target, backup);
    return backup;
  }
}

/** Takes over a folder of an earlier job. Of two processes that want the same one gets it. */
export async function takeFolder(from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    throw new LoupeError('refused', 'Another process goes on with this output already, or removed it.');
  }
}

/** Fails with `exists` or `refused` unless `target` is absent, an empty folder, or a model folder to be overwritten. */
export async function assertReplaceable(target: string, overwrite: boolean): Promise<void> {
  const existing = await lstat(target);
  if (!existing) return;
  const entries = existing.isDirectory() ? await fs.readdir(target, { withFileTypes: true }) : undefined;
  if (entries?.length === 0) return;
  if (!overwrite) {
    throw new LoupeError('exists', 'The target exists already; overwriting was not asked for.', {
      file: target,
    });
  }
  // Overwriting removes the whole folder, so it must look like an output of ours: flat, with weights in it.
  if (!entries?.some((entry) => entry.name.endsWith('.safetensors'))) {
    throw new LoupeError('refused', 'The target is no model folder, and is left alone.', { file: target });
  }
  const inner = entries.find((entry) => entry.isDirectory());
  if (inner) {
    throw new LoupeError(
      'refused',
      `The target holds the folder "${inner.name}", which overwriting would remove; it is left alone.`,
      { file: target },
    );
  }
}
