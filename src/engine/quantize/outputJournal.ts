/**
 * Remembers in which folders outputs are being written, so that what a killed process left there is found at the next start,
 * and not only when somebody writes into the same folder again. One small file a job lies in a folder that the parent process names in
 * TENSOR_LOUPE_JOURNAL; several windows share it. It only says where to look: whose a leftover is, its name tells.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

/** A folder that cannot be found for so long is not waited for any longer: a drive that was taken away. */
const patienceMs = 60 * 24 * 3600 * 1000;

const journalFolder = (): string | undefined => process.env.TENSOR_LOUPE_JOURNAL || undefined;

const entryName = (place: string): string =>
  `${createHash('sha256').update(place).digest('hex').slice(0, 32)}.json`;

/** Notes that an output is written at `place`. A journal that cannot be written is no reason to refuse the work. */
export async function journalBegin(place: string): Promise<void> {
  const folder = journalFolder();
  if (folder === undefined) return;
  try {
    await fs.mkdir(folder, { recursive: true });
    await fs.writeFile(path.join(folder, entryName(place)), JSON.stringify({ place }));
  } catch (thrown) {
    console.error(`The journal of outputs was not written: ${String(thrown)}`);
  }
}

/** Nothing is left at `place`. */
export async function journalEnd(place: string): Promise<void> {
  const folder = journalFolder();
  if (folder !== undefined) await fs.rm(path.join(folder, entryName(place)), { force: true }).catch(() => {});
}

/**
 * Has the parent folder of each noted output cleaned, and forgets those that are gone then. Returns what `clean`
 * returned for them.
 */
export async function cleanJournal(clean: (parent: string) => Promise<string[]>): Promise<string[]> {
  const folder = journalFolder();
  if (folder === undefined) return [];
  const removed: string[] = [];
  for (const name of await fs.readdir(folder).catch(() => [])) {
    const entry = path.join(folder, name);
    const place = await placeOf(entry);
    if (place === undefined) {
      // Half-written by a process that was killed, or no entry of ours.
      if (name.endsWith('.json') && (await ageMs(entry)) > 60_000) await fs.rm(entry, { force: true });
      continue;
    }
    try {
      removed.push(...(await clean(path.dirname(place))));
    } catch {
      // A folder that cannot be read now may be back at the next start.
      if ((await ageMs(entry)) < patienceMs) continue;
    }
    if (!(await isThere(place))) await fs.rm(entry, { force: true });
  }
  return removed;
}

async function placeOf(entry: string): Promise<string | undefined> {
  try {
    const value: unknown = JSON.parse(await fs.readFile(entry, 'utf8'));
    const { place } = value as { place?: unknown };
    return typeof place === 'string' && path.isAbsolute(place) ? place : undefined;
  } catch {
    return undefined;
  }
}

const isThere = (file: string): Promise<boolean> =>
  fs.lstat(file).then(
    () => true,
    () => false,
  );

const ageMs = (file: string): Promise<number> =>
  fs.stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
