/** Says in plain words why an output could not be written: which file, and how many bytes were needed and free. */
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import { bytesText, freeBytes, neededBytes, notWritable } from './diskSpace';
import type { QuantizePlan } from './plan';
import { assertUnchanged } from './sourceGuard';

/** Codes of failures that a change of the source may be behind. */
const symptoms = new Set(['io', 'not-found', 'changed', 'compute', 'malformed']);

/**
 * The failure of a job for people. Called when what the job wrote is gone, so that the free bytes are those that a next try would
 * find. The cause goes before its symptoms: a source that has changed is told rather than what reading it ran into.
 */
export async function writeFailure(thrown: unknown, plan: QuantizePlan): Promise<LoupeError> {
  const error = LoupeError.from(thrown);
  if (symptoms.has(error.code)) {
    try {
      await assertUnchanged(plan.checkpoint);
    } catch (fault) {
      return LoupeError.from(fault);
    }
  }
  // Node's messages begin with the system's code, also of errors that come from a worker.
  const code = /^([A-Z][A-Z0-9]+)(?::|$)/.exec(error.message)?.[1];
  const message = code === undefined ? undefined : await sentence(code, error, plan);
  return message === undefined ? error : new LoupeError('io', message, { file: plan.out });
}

async function sentence(code: string, error: LoupeError, plan: QuantizePlan): Promise<string | undefined> {
  const { out } = plan;
  const folder = path.dirname(out);
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT': {
      const free = await freeBytes(out).catch(() => undefined);
      const now = free === undefined ? '' : `; without it, ${bytesText(free)} are free there`;
      const what = code === 'ENOSPC' ? 'The disk ran full' : 'Your share of the disk is used up';
      return `${what}: the output needs ${bytesText(neededBytes(plan))}${now}. Nothing was written under its name. Free some space, or choose another folder.`;
    }
    case 'EFBIG': {
      const largest = plan.shards.reduce((most, shard) =>
        shard.totalBytes > most.totalBytes ? shard : most,
      );
      const advice = plan.asFiles ? '' : ' Shards of a smaller size (--max-shard-size) may fit.';
      return `The disk, or a limit of this process, takes no file as large as ${largest.name} becomes: ${bytesText(largest.totalBytes)}.${advice}`;
    }
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return notWritable(folder, code);
    case 'EIO':
      return `The disk failed while the output was written (${error.message}). Nothing was written under its name.`;
    case 'ENOENT':
      return 'The folder that the output was being written into was removed meanwhile.';
    default:
      return undefined;
  }
}
