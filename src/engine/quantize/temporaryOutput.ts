/**
 * Where outputs lie until they are whole: beside their target, under a hidden name that carries the owner's process id, so that
 * what a killed process left behind can be told from what a living one is writing. Names of kind "kept-" have no owner: they
 * hold finished shards of a job that ended early (`unfinishedOutput.ts`).
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import { hostname } from 'node:os';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import { journalBegin, journalEnd } from './outputJournal';

/** Process ids mean something on one machine only; a shared file system shows those of all. */
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 4);
const temporaryName = /^\.(.+)\.tensor-loupe-(old-|kept-)?(\d+)-([0-9a-f]{4})[0-9a-f]{8}$/;

/** A file that a job puts into its folder once there are finished shards in it. */
export const unfinishedRecordName = 'loupe-unfinished.json';

/** What the names of shards end in that are not finished, in a folder that may be kept. Only the one that the record names is of use. */
export const partialEnding = '.partial';

export type TemporaryKind = '' | 'old-' | 'kept-';

/** Final folders and files that jobs of this process are writing. */
const writing = new Set<string>();

/** A target that one job of this process writes, and the hidden place where it does. */
export interface TemporaryOutput {
  readonly target: string;
  /** Absolute path beside the target; nothing is there yet. */
  readonly path: string;
  /** To be called when nothing of the job is left at `path`. */
  release(): Promise<void>;
}

/**
 * Takes a target for a job, removes what dead processes left beside it, and writes the journal. `prepare` checks the target and
 * makes what the job needs; when it throws, the target is free again. Throws `refused` while another job has the target, and
 * what the file system throws, in plain words.
 */
export async function takeTarget(
  target: string,
  prepare: (temporary: TemporaryOutput) => Promise<void>,
): Promise<TemporaryOutput> {
  if (writing.has(target))
    throw new LoupeError('refused', 'Another job is writing this target.', { file: target });
  writing.add(target);
  const parent = path.dirname(target);
  const place = path.join(parent, siblingName(target, ''));
  const temporary: TemporaryOutput = {
    target,
    path: place,
    release: async () => {
      writing.delete(target);
      await journalEnd(place);
    },
  };
  try {
    await fs.mkdir(parent, { recursive: true });
    await removeLeftovers(parent);
    await journalBegin(place);
    await prepare(temporary);
    return temporary;
  } catch (thrown) {
    await temporary.release();
    throw LoupeError.from(thrown, { file: target });
  }
}

/**
 * Removes what dead processes of this machine left in a folder, but for finished shards that their job was told to keep, and puts
 * back an older output whose replacement was interrupted between its two renames. Returns what was removed. Several processes may
 * do so at once.
 */
export async function removeLeftovers(parent: string): Promise<string[]> {
  const removed: string[] = [];
  for (const { name, base, kind, isOwned } of await temporaries(parent)) {
    if (isOwned || kind === 'kept-') continue;
    const leftover = path.join(parent, name);
    const target = path.join(parent, base);
    if (kind === 'old-' && !(await lstat(target))) await putBack(leftover, target).catch(ignoreMissing);
    else if (await lstat(path.join(leftover, unfinishedRecordName))) await keepFolder(leftover, target);
    else {
      await removeTree(leftover);
      removed.push(leftover);
    }
  }
  return removed;
}

/** Puts an older output back in its place: a folder, or the parts of a GGUF model, of which the target is the first and comes last. */
export async function putBack(older: string, target: string): Promise<void> {
  const names = await fs.readdir(older);
  if (!(/\.gguf$/i.test(target) && names.every((name) => /\.gguf$/i.test(name)))) {
    await fs.rename(older, target);
    return;
  }
  const own = path.basename(target);
  const others = names.filter((name) => name !== own);
  for (const name of [...others, ...(names.length > others.length ? [own] : [])])
    await fs.rename(path.join(older, name), path.join(path.dirname(target), name));
  await fs.rmdir(older);
}

/** Gives a job's folder the name of one that was kept, and removes what is not finished in it. Returns the new path. */
export async function keepFolder(folder: string, target: string): Promise<string> {
  await removePartials(folder, await begunIn(folder));
  const kept = path.join(path.dirname(target), siblingName(target, 'kept-'));
  await fs.rename(folder, kept).catch(ignoreMissing);
  return kept;
}

/** Removes shards that are not finished, but for that of a name. */
export async function removePartials(folder: string, except?: string): Promise<void> {
  for (const name of await fs.readdir(folder).catch(() => []))
    if (name.endsWith(partialEnding) && name !== `${except}${partialEnding}`)
      await fs.rm(path.join(folder, name), { force: true });
}

/** The name of the shard of which a folder's record says that its first tensors are done. */
async function begunIn(folder: string): Promise<string | undefined> {
  try {
    const record: unknown = JSON.parse(await fs.readFile(path.join(folder, unfinishedRecordName), 'utf8'));
    const name = (record as { begun?: { name?: unknown } }).begun?.name;
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Folders that hold finished shards for a target: kept ones, and those of dead processes. */
export async function keptFolders(target: string): Promise<string[]> {
  const parent = path.dirname(target);
  const found = await temporaries(parent).catch(() => []);
  return found
    .filter(({ base, kind, isOwned }) => base === path.basename(target) && !isOwned && kind !== 'old-')
    .map(({ name }) => path.join(parent, name));
}

interface Temporary {
  readonly name: string;
  /** Name of the target. */
  readonly base: string;
  readonly kind: TemporaryKind;
  /** A living process of this machine, or one of another machine, may be using it. */
  readonly isOwned: boolean;
}

async function temporaries(parent: string): Promise<Temporary[]> {
  return (await fs.readdir(parent)).flatMap((name) => {
    const match = temporaryName.exec(name);
    if (!match) return [];
    const kind = (match[2] ?? '') as TemporaryKind;
    const isOwned = match[4] !== machine || (kind !== 'kept-' && isAlive(Number(match[3])));
    return [{ name, base: match[1]!, kind, isOwned }];
  });
}

/** A hidden name beside a target, from which `removeLeftovers` can tell whose it is. */
export function siblingName(target: string, kind: TemporaryKind): string {
  const random = machine + randomBytes(4).toString('hex');
  const owner = kind === 'kept-' ? 0 : process.pid;
  return `.${path.basename(target)}.tensor-loupe-${kind}${owner}-${random}`;
}

/** Status of a file, or of a link itself; undefined where there is none. Throws what else the system throws. */
export async function lstat(file: string): Promise<Stats | undefined> {
  try {
    return await fs.lstat(file);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
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

/** Removes a file or a folder with all that is in it; one that is not there is no failure. */
export async function removeTree(file: string): Promise<void> {
  await fs.rm(file, { recursive: true, force: true });
}

/** Another process cleaned up at the same time. */
function ignoreMissing(thrown: NodeJS.ErrnoException): void {
  if (thrown.code !== 'ENOENT') throw thrown;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
