/**
 * Writes a folder so that it appears whole or not at all: everything goes into a hidden sibling, is
 * synced, and is renamed into place.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import { HiddenOutput, takeHiddenFolder } from './hiddenOutput';
import { lstat, removeTree, siblingName, syncPath } from './temporaryOutput';

export class OutputFolder extends HiddenOutput {
  /**
   * Makes the temporary folder beside `target`, or with `from` takes that folder and what is in it. Fails with `exists` when there
   * is something at the target and `overwrite` is not set, and with `refused` when another job writes there or what is there is no
   * model folder.
   */
  static async create(target: string, overwrite: boolean, from?: string): Promise<OutputFolder> {
    return new OutputFolder(await takeHiddenFolder(target, overwrite, assertReplaceable, from), overwrite);
  }

  /** Syncs everything and renames it into place; what was there before is removed last. */
  override async commit(): Promise<void> {
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
