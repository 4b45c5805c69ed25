/** Writes the runs of a file that are given or copied from the source as they are. */
import * as fs from 'node:fs/promises';
import { inOrder } from '../worker/inOrder';
import type { TaskRunner } from '../worker/pool';
import type { PlannedRun } from './plan';

/** Bytes that one task copies. */
const copyBytes = 32 * 2 ** 20;

export async function writeRuns(
  pool: TaskRunner,
  path: string,
  runs: readonly PlannedRun[],
  signal: AbortSignal,
): Promise<void> {
  const handle = await fs.open(path, 'r+');
  try {
    for (const run of runs)
      if ('given' in run) await handle.write(run.given, 0, run.given.length, run.byteOffset);
  } finally {
    await handle.close();
  }
  const copies = runs.flatMap((run) => {
    if ('given' in run) return [];
    const { file, from, bytes, byteOffset } = run;
    return Array.from({ length: Math.ceil(bytes / copyBytes) }, (_, i) => ({
      file,
      byteOffset: from + i * copyBytes,
      bytes: Math.min(copyBytes, bytes - i * copyBytes),
      targetOffset: byteOffset + i * copyBytes,
    }));
  });
  await inOrder(
    copies,
    pool.size + 1,
    signal,
    (copy) => pool.run({ kind: 'copy', path, ...copy }, { signal }),
    () => {},
  );
}
