/** Notices that the source of a job has changed or gone: its output would mix two models. */
import * as fs from 'node:fs/promises';
import { LoupeError } from '../../errors';
import type { Checkpoint } from '../../formats/checkpoint';

const intervalMs = 1000;

export class SourceGuard {
  private lastMs = performance.now();

  constructor(private readonly checkpoint: Checkpoint) {}

  /** As `assertUnchanged`, but at most once a second. */
  async look(): Promise<void> {
    const now = performance.now();
    if (now - this.lastMs < intervalMs) return;
    this.lastMs = now;
    await assertUnchanged(this.checkpoint);
  }
}

/** Throws `changed` that names the file and what happened to it. */
export async function assertUnchanged({ files }: Checkpoint): Promise<void> {
  for (const file of files) {
    const fault = await faultOf(file.path, file.bytes, file.mtimeMs);
    if (fault !== undefined) {
      throw new LoupeError(
        'changed',
        `The model ${fault} while it was being quantized, so what was made of it is dropped.`,
        { file: file.path },
      );
    }
  }
}

async function faultOf(path: string, bytes: number, mtimeMs: number): Promise<string | undefined> {
  try {
    const now = await fs.stat(path);
    if (now.size !== bytes) return `changed from ${bytes} to ${now.size} bytes`;
    return now.mtimeMs === mtimeMs ? undefined : 'was written to';
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'was removed' : `could not be read (${code})`;
  }
}
