/** What an output takes on its disk, and what is there. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import { binarySize } from '../../numeric/sizeText';
import type { QuantizePlan } from './plan';

/** Directories, the records of the output, and what others write meanwhile. */
const margin = 1.01;

/** Bytes of all files of a plan. */
export function neededBytes({ bytesAfter, sidecars, texts }: QuantizePlan): number {
  let needed = bytesAfter + sidecars.bytes;
  for (const text of texts.values()) needed += Buffer.byteLength(text);
  return needed;
}

/** Bytes that an ordinary user may still write to a target's disk; undefined where the file system does not tell. */
export async function freeBytes(target: string): Promise<number | undefined> {
  const { blocks, bavail, bsize } = await fs.statfs(await existingFolder(target));
  // Some network and user-space file systems give zeros for what they do not know.
  return blocks === 0 ? undefined : bavail * bsize;
}

/**
 * Refuses before writing what cannot fit or may not be written, with `io`. `thereBytes`: of the output's files that lie there already,
 * from an interrupted job.
 */
export async function assertRoom(plan: QuantizePlan, thereBytes: number): Promise<void> {
  const folder = await existingFolder(plan.asFiles ? path.dirname(plan.out) : plan.out);
  try {
    await fs.access(folder, fs.constants.W_OK);
  } catch (thrown) {
    throw new LoupeError('io', notWritable(folder, (thrown as NodeJS.ErrnoException).code), {
      file: plan.out,
    });
  }
  const free = await freeBytes(plan.out);
  const needed = neededBytes(plan) - thereBytes;
  if (free !== undefined && free < needed * margin) {
    throw new LoupeError(
      'io',
      `The output needs ${bytesText(needed)}, but only ${bytesText(free)} are free on its disk. Free some space, or choose another folder.`,
      { file: plan.out },
    );
  }
}

/** "12,345,678 bytes (11.8 MiB)". */
export const bytesText = (bytes: number): string =>
  `${bytes.toLocaleString('en-US')} bytes${bytes < 1024 ? '' : ` (${binarySize(bytes)})`}`;

export const notWritable = (folder: string, code: string | undefined): string =>
  `Nothing can be written into ${folder}: ${code === 'EROFS' ? 'its disk is read-only' : 'it is read-only for you'}. Choose another folder.`;

/** The nearest folder above a target that exists, the target itself among them. */
async function existingFolder(target: string): Promise<string> {
  for (let folder = target; ; ) {
    try {
      if ((await fs.stat(folder)).isDirectory()) return folder;
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw LoupeError.from(thrown, { file: target });
    }
    const parent = path.dirname(folder);
    if (parent === folder) return folder;
    folder = parent;
  }
}
