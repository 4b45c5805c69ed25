/** What is written in a hidden folder beside its target until it is whole. */
import * as fs from 'node:fs/promises';
import { LoupeError } from '../../errors';
import { keepFolder, removeTree, type TemporaryOutput, takeTarget } from './temporaryOutput';

/** How a target is checked before work and before it is replaced: fails with `exists` or `refused`. */
type TargetCheck = (target: string, overwrite: boolean) => Promise<void>;

export abstract class HiddenOutput {
  protected constructor(
    protected readonly temporary: TemporaryOutput,
    protected readonly overwrite: boolean,
  ) {}

  /** Where the result will appear. */
  get target(): string {
    return this.temporary.target;
  }

  /** Where to write until then. */
  get folder(): string {
    return this.temporary.path;
  }

  /** Syncs all that was written and renames it into place. */
  abstract commit(): Promise<void>;

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
}

/** Makes the hidden folder of a target that passes the check, or takes the folder `from` of an earlier job with what is in it. */
export function takeHiddenFolder(
  target: string,
  overwrite: boolean,
  check: TargetCheck,
  from: string | undefined,
): Promise<TemporaryOutput> {
  return takeTarget(target, async (place) => {
    await check(target, overwrite);
    if (from === undefined) await fs.mkdir(place.path);
    else await takeFolder(from, place.path);
  });
}

/** Takes over a folder of an earlier job. Of two processes that want the same one gets it. */
async function takeFolder(from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    throw new LoupeError('refused', 'Another process goes on with this output already, or removed it.');
  }
}
