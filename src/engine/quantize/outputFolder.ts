/**
 * Writes a folder so that it appears whole or not at all: everything goes into a hidden sibling, is
 * synced, and is renamed into place. The names carry the owner's process id, so that what a killed process left
 * behind can be told from what a living one is writing.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import { hostname } from 'node:os';
import * as path from 'node:path';
import { LoupeError } from '../../errors';

/** Process ids mean something on one machine only; a shared file system shows those of all. */
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 4);
const temporaryName = /^\.(.+)\.tensor-loupe-(old-)?(\d+)-([0-9a-f]{4})[0-9a-f]{8}$/;

/** Final folders and files that jobs of this process are writing. */
export const writing = new Set<string>();

export class OutputFolder {
  private constructor(
    /** Where the result will appear. */
    readonly target: string,
    /** Where to write until then. */
    readonly folder: string,
    private readonly overwrite: boolean,
  ) {}

  /**
   * Makes the temporary folder beside `target`. Fails with `exists` when there is something at the target
   * and `overwrite` is not set, and with `refused` when another job writes there or what is there is no
   * model folder.
   */
  static async create(target: string, overwrite: boolean): Promise<OutputFolder> {
    const parent = path.dirname(target);
    if (writing.has(target)) {
      throw new LoupeError('refused', 'Another job is writing this folder.', { file: target });
    }
    writing.add(target);
    try {
      await fs.mkdir(parent, { recursive: true });
      await removeLeftovers(parent);
      await assertReplaceable(target, overwrite);
      const folder = path.join(parent, siblingName(target, ''));
      await fs.mkdir(folder);
      return new OutputFolder(target, folder, overwrite);
    } catch (thrown) {
      writing.delete(target);
      throw LoupeError.from(thrown, { file: target });
    }
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
      if (backup) await remove(backup).catch(() => {});
    } catch (thrown) {
      await remove(this.folder).catch(() => {});
      throw LoupeError.from(thrown, { file: this.target });
    } finally {
      writing.delete(this.target);
    }
  }

  /** Removes everything that was written. */
  async discard(): Promise<void> {
    try {
      await remove(this.folder);
    } finally {
      writing.delete(this.target);
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

/**
 * Removes what dead processes of this machine left in a folder, and puts back an older output whose
 * replacement was interrupted between its two renames.
 */
export async function removeLeftovers(parent: string): Promise<void> {
  const names = await fs.readdir(parent);
  const isLeft = (match: RegExpExecArray | null): match is RegExpExecArray =>
    match !== null && match[4] === machine && !isAlive(Number(match[3]));
  for (const name of names) {
    const match = temporaryName.exec(name);
    if (!isLeft(match)) continue;
    const leftover = path.join(parent, name);
    const target = path.join(parent, match[1]!);
    if (match[2] && !(await lstat(target))) await fs.rename(leftover, target);
    else await remove(leftover);
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

/** A hidden name beside a target, from which `removeLeftovers` can tell whose it is. */
export function siblingName(target: string, kind: '' | 'old-'): string {
  const random = machine + randomBytes(4).toString('hex');
  return `.${path.basename(target)}.tensor-loupe-${kind}${process.pid}-${random}`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function lstat(file: string): Promise<Stats | undefined> {
  try {
    return await fs.lstat(file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Syncs a file, or a folder with the flags "r". */
export async function syncPath(file: string, flags: string): Promise<void> {
  // Windows cannot open a folder to sync it, and does not need to.
  if (process.platform === 'win32' && flags === 'r') return;
  const handle = await fs.open(file, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function remove(folder: string): Promise<void> {
  await fs.rm(folder, { recursive: true, force: true });
}
