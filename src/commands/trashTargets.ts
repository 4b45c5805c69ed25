/** Moves files to the trash one after the other, and stops at the first that will not go. Pure but for what it is given. */
import { LoupeError } from '../errors';

export interface TrashOutcome {
  readonly moved: readonly string[];
  /** What stayed, and why; undefined when all went. */
  readonly failure?: { readonly target: string; readonly reason: string } | undefined;
}

/** `remove` moves one file or folder to the trash, or throws. What is not there any more counts as gone. */
export async function trashTargets(
  targets: readonly string[],
  remove: (target: string) => Promise<void>,
): Promise<TrashOutcome> {
  const moved: string[] = [];
  for (const target of targets) {
    try {
      await remove(target);
      moved.push(target);
    } catch (thrown) {
      if (isGone(thrown)) continue;
      return { moved, failure: { target, reason: LoupeError.from(thrown).message } };
    }
  }
  return { moved };
}

const isGone = (thrown: unknown): boolean =>
  ['ENOENT', 'FileNotFound', 'EntryNotFound'].includes(String((thrown as { code?: unknown })?.code));

/** What to tell after a failure. */
export function trashFailureText(
  name: string,
  { moved, failure }: TrashOutcome,
  total: number,
): string | undefined {
  if (!failure) return undefined;
  if (moved.length === 0) {
    const isUnsupported = /trash/i.test(failure.reason);
    return isUnsupported
      ? `${name} was not deleted: there is no trash where its files are. Nothing is deleted without one. Remove the files yourself if they are not needed.`
      : `${name} was not deleted: ${failure.reason}`;
  }
  return `${moved.length} of ${total} files of ${name} were moved to the trash. ${failure.target} stays: ${failure.reason}`;
}
