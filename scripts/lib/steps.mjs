/**
 * Idempotent steps. A step is skipped when its stamp holds the hash of its inputs and its outputs exist. The stamp
 * is removed before the work and written after it, by renaming, so an interrupted step is simply done again.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { bold, dim, duration, say } from './announce.mjs';
import { cacheFolder, root } from './paths.mjs';

function* filesUnder(path) {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) {
    yield path;
    return;
  }
  for (const entry of readdirSync(path).sort()) yield* filesUnder(join(path, entry));
}

/** SHA-256 over the names and contents of files and folders (absolute paths), and over plain values. */
export function hashOf(paths, values = []) {
  const hash = createHash('sha256').update(JSON.stringify(values));
  for (const path of paths) {
    for (const file of filesUnder(path)) {
      const content = readFileSync(file);
      hash.update(`\0${relative(root, file)}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex');
}

/** Writes a file so that it is there whole or not at all. */
export function writeAtomically(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

const readOr = (path, fallback) => (existsSync(path) ? readFileSync(path, 'utf8') : fallback);

/**
 * @param step.title   what is being done, as the user reads it
 * @param step.stamp   file name of the stamp, under .cache/stamps
 * @param step.hash    hash of everything that decides the result
 * @param step.outputs absolute paths that must exist afterwards
 * @param step.work    does it
 */
export async function doStep({ title, stamp, hash, outputs, work }) {
  const stampFile = join(cacheFolder, 'stamps', stamp);
  if (readOr(stampFile, '') === hash && outputs.every((path) => existsSync(path))) {
    skipped(title);
    return;
  }
  rmSync(stampFile, { force: true });
  await announced(title, work);
  const missing = outputs.filter((path) => !existsSync(path));
  if (missing.length > 0)
    throw new Error(`${title}: ${missing.map((path) => relative(root, path)).join(', ')} was not made`);
  writeAtomically(stampFile, hash);
}

/** Announces work, does it, and says how long it took. */
export async function announced(title, work) {
  const started = Date.now();
  say(`${bold('>')} ${title} ...`);
  const result = await work();
  say(dim(`  ${title}: done in ${duration(Date.now() - started)}`));
  return result;
}

export function skipped(title, why = 'current') {
  say(dim(`  ${title}: ${why}`));
}
