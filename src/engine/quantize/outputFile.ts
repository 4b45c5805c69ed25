/**
 * Writes a file, and a data file beside it, so that they appear whole or not at all: both are written in a hidden folder
 * beside the target, synced, and renamed, the data file first and under a name that was free.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { Checkpoint } from '../../formats/checkpoint';
import { HiddenOutput, takeHiddenFolder } from './hiddenOutput';
import { syncPath } from './temporaryOutput';

export class OutputFile extends HiddenOutput {
  /**
   * Makes the hidden folder, or takes the folder `from` and what is in it. Fails with `exists` when there is something at the target and
   * `overwrite` is not set, and with `refused` for a folder.
   */
  static async create(target: string, overwrite: boolean, from?: string): Promise<OutputFile> {
    return new OutputFile(await takeHiddenFolder(target, overwrite, assertFree, from), overwrite);
  }

  /** Syncs all that was written and renames it into place, the target last. */
  override async commit(): Promise<void> {
    const parent = path.dirname(this.target);
    const own = path.basename(this.target);
    const moved: string[] = [];
    try {
      const names = await fs.readdir(this.folder);
      for (const name of names) await syncPath(path.join(this.folder, name), 'r+');
      await assertFree(this.target, this.overwrite);
      for (const name of names.filter((other) => other !== own)) {
        const place = path.join(parent, name);
        // The record of a recipe is replaced with the model that it belongs to.
        if (!(this.overwrite && name.startsWith(own) && name.endsWith('.json')))
          await assertFree(place, false);
        await fs.rename(path.join(this.folder, name), place);
        moved.push(place);
      }
      await fs.rename(path.join(this.folder, own), this.target);
      moved.length = 0;
      await syncPath(parent, 'r');
      await removeOldData(this.target, names);
    } catch (thrown) {
      for (const place of moved) await fs.rm(place, { force: true }).catch(() => {});
      throw LoupeError.from(thrown, { file: this.target });
    } finally {
      await this.discard().catch(() => {});
    }
  }
}

/** Data files of the model that was replaced: of its name, and not among those just written. */
async function removeOldData(target: string, written: readonly string[]): Promise<void> {
  const own = path.basename(target);
  const parent = path.dirname(target);
  const isData = (name: string): boolean =>
    name.startsWith(own) && /^(-[0-9a-f]{8})?\.data$/.test(name.slice(own.length));
  for (const name of await fs.readdir(parent))
    if (isData(name) && !written.includes(name)) await fs.rm(path.join(parent, name)).catch(() => {});
}

/**
 * A name for the data file of a target: it must be free, as the model that is replaced still needs its own. The same as long as
 * the same files are there, so that an interrupted job finds it again.
 */
export async function freeDataName(target: string): Promise<string> {
  const own = path.basename(target);
  const there = new Set(await fs.readdir(path.dirname(target)).catch(() => []));
  let name = `${own}.data`;
  for (let no = 1; there.has(name); no++) name = `${own}-${no.toString(16).padStart(8, '0')}.data`;
  return name;
}

const statusOf = (file: string) =>
  fs.lstat(file).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR') return undefined;
    throw thrown;
  });

/** Fails as `OutputFile.create` does, and with `refused` where the target is a file of the source. */
export async function assertPlainFile(
  target: string,
  { files }: Checkpoint,
  overwrite: boolean,
): Promise<void> {
  const real = await fs.realpath(target).catch(() => target);
  for (const file of files)
    if ((await fs.realpath(file.path)) === real)
      throw new LoupeError('refused', "The target is one of the model's own files.", { file: target });
  await assertFree(target, overwrite);
}

async function assertFree(target: string, overwrite: boolean): Promise<void> {
  const existing = await statusOf(target);
  if (!existing) return;
  if (!existing.isFile())
    throw new LoupeError('refused', 'The target is no file, and is left alone.', { file: target });
  if (!overwrite)
    throw new LoupeError('exists', 'The target exists already; overwriting was not asked for.', {
      file: target,
    });
  if (!/\.(onnx|gguf)$/i.test(target))
    throw new LoupeError('refused', 'The target is no ONNX or GGUF model, and is left alone.', {
      file: target,
    });
}
