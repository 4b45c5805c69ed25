/**
 * Writes a file, and other files beside it, so that they appear whole or not at all: all are written in a hidden folder
 * beside the target, synced, and renamed, the target last; an ONNX data file takes a name that was free.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { Checkpoint } from '../../formats/checkpoint';
import { HiddenOutput, takeHiddenFolder } from './hiddenOutput';
import { putBack, removeTree, siblingName, syncPath } from './temporaryOutput';

export class OutputFiles extends HiddenOutput {
  /**
   * Makes the hidden folder, or takes the folder `from` and what is in it. Fails with `exists` when there is something at the target and
   * `overwrite` is not set, and with `refused` for a folder.
   */
  static async create(target: string, overwrite: boolean, from?: string): Promise<OutputFiles> {
    return new OutputFiles(await takeHiddenFolder(target, overwrite, assertFree, from), overwrite);
  }

  /** Syncs all that was written and renames it into place, the target last; what it replaces is put back on failure. */
  override async commit(): Promise<void> {
    const parent = path.dirname(this.target);
    const own = path.basename(this.target);
    const moved: string[] = [];
    let older: string | undefined;
    try {
      const names = await fs.readdir(this.folder);
      for (const name of names) await syncPath(path.join(this.folder, name), 'r+');
      await assertFree(this.target, this.overwrite);
      older = await this.moveAside(names);
      for (const name of names.filter((other) => other !== own)) {
        const place = path.join(parent, name);
        // The record of a recipe is replaced with the model that it belongs to.
        if (!(this.overwrite && name.startsWith(own) && name.endsWith('.json')))
          await assertFree(place, false);
        await fs.rename(path.join(this.folder, name), place);
        moved.push(place);
      }
      await fs.rename(path.join(this.folder, own), this.target);
      // All new files are in place: what fails from here on neither takes one away nor puts an old one among them.
      const replaced = older;
      moved.length = 0;
      older = undefined;
      await syncPath(parent, 'r');
      // Failing to remove the old ones is no failure of the job: `removeLeftovers` finds them again.
      if (replaced) await removeTree(replaced).catch(() => {});
      await removeOldData(this.target, names);
    } catch (thrown) {
      for (const place of moved) await fs.rm(place, { force: true }).catch(() => {});
      if (older) await putBack(older, this.target).catch(() => {});
      throw LoupeError.from(thrown, { file: this.target });
    } finally {
      await this.discard().catch(() => {});
    }
  }

  /**
   * Moves the parts of an older GGUF model out of the way of new ones of the same names, into a folder from which `removeLeftovers` puts
   * them back should this process end in between. Returns that folder; undefined where there are none.
   */
  private async moveAside(names: readonly string[]): Promise<string | undefined> {
    const parent = path.dirname(this.target);
    const own = path.basename(this.target);
    const parts = names.filter((name) => /\.gguf$/i.test(name));
    const there: string[] = [];
    // The target first: as long as none is there, the older model is the one that counts.
    for (const name of [own, ...parts.filter((other) => other !== own)])
      if (await statusOf(path.join(parent, name))) there.push(name);
    if (!there.some((name) => name !== own)) return undefined;
    for (const name of there) await assertFree(path.join(parent, name), this.overwrite);
    const older = path.join(parent, siblingName(this.target, 'old-'));
    await fs.mkdir(older);
    try {
      for (const name of there) await fs.rename(path.join(parent, name), path.join(older, name));
    } catch (thrown) {
      await putBack(older, this.target).catch(() => {});
      throw thrown;
    }
    return older;
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

/** Fails as `OutputFiles.create` does, and with `refused` where the target is a file of the source. */
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
