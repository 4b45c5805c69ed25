/** Writes what a plan says: shards one after the other, the other files, and the rename that makes it all appear. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError, throwIfAborted } from '../../errors';
import type { QuantizeProgress, TensorError } from '../../protocol/engineApi';
import type { ChosenBackend } from '../backends/backends';
import type { Engine, JobContext } from '../jobs';
import { inOrder } from '../worker/inOrder';
import { EarlySync } from './earlySync';
import { OutputFiles } from './outputFiles';
import { OutputFolder } from './outputFolder';
import { writeRuns } from './plannedRuns';
import type { PlannedShard } from './plannedShard';
import { ProgressMeter } from './progressMeter';
import { type AskedPlan, folderOf } from './quantizeReport';
import { recipeRecord, recipeRecordName } from './recipeRecord';
import { assertUnchanged, SourceGuard } from './sourceGuard';
import { partialEnding } from './temporaryOutput';
import { FinishedShards, type KeptShards, removeKept } from './unfinishedOutput';
import { writeFailure } from './writeFailure';
import { writeTensor } from './writeTensor';

export interface Written {
  /** Absolute paths. */
  readonly outputs: readonly string[];
  readonly rows: readonly TensorError[];
}

/** What a job's parts share. */
interface Writing {
  readonly engine: Engine;
  readonly plan: AskedPlan;
  readonly backend: ChosenBackend;
  readonly signal: AbortSignal;
  readonly meter: ProgressMeter;
  readonly guard: SourceGuard;
}

/** Failures after which going on makes sense; the others would come again, or the shards are of no use. */
const passing = new Set(['cancelled', 'io', 'compute']);

/**
 * Goes on from `kept` where given; what else was kept for the target goes. Rejects with `cancelled`, `changed` when the source is not
 * what it was, and other failures in plain words. Nothing is left then, unless the request says to keep finished shards.
 */
export async function writeOutput(
  engine: Engine,
  plan: AskedPlan,
  backend: ChosenBackend,
  kept: KeptShards | undefined,
  { signal, progress }: JobContext<QuantizeProgress>,
): Promise<Written> {
  throwIfAborted(signal);
  const { request, checkpoint, out } = plan;
  const meter = new ProgressMeter(checkpoint.tensors, progress);
  const writing: Writing = { engine, plan, backend, signal, meter, guard: new SourceGuard(checkpoint) };
  let output: OutputFiles | OutputFolder | undefined;
  let finished: FinishedShards | undefined;
  try {
    output = plan.asFiles
      ? await OutputFiles.create(out, request.overwrite, kept?.folder)
      : await OutputFolder.create(out, request.overwrite, kept?.folder);
    await removeKept(out);
    if (request.keepFinished || kept) finished = await FinishedShards.begin(output.folder, plan, kept);
    const { names, rows } = await writeShards(writing, output.folder, finished);
    names.push(...(await writeOthers(writing, output.folder)));
    await assertUnchanged(checkpoint);
    throwIfAborted(signal);
    meter.finish();
    await finished?.end();
    // From here on it is a matter of milliseconds, and it is done or not done.
    await output.commit();
    return { outputs: names.map((name) => path.join(folderOf(plan), name)), rows };
  } catch (thrown) {
    // Its removal may fail as the writing did: the failure itself is what is told.
    const isKept = await endEarly(output, finished, plan, thrown).catch(() => false);
    const failure = await writeFailure(thrown, plan);
    if (!isKept) throw failure;
    throw new LoupeError(
      failure.code,
      `${failure.message} ${finished!.summary} are finished and kept: it can be resumed.`,
      failure,
    );
  }
}

/** Removes or keeps what was written; returns whether it was kept. */
async function endEarly(
  output: OutputFiles | OutputFolder | undefined,
  finished: FinishedShards | undefined,
  { request, checkpoint }: AskedPlan,
  thrown: unknown,
): Promise<boolean> {
  const mayKeep = request.keepFinished && finished?.isWorthKeeping;
  if (output && mayKeep && passing.has(LoupeError.from(thrown).code)) {
    const isCurrent = await assertUnchanged(checkpoint).then(
      () => true,
      () => false,
    );
    if (isCurrent) {
      await output.keep();
      return true;
    }
  }
  await output?.discard();
  return false;
}

async function writeShards(
  writing: Writing,
  folder: string,
  finished: FinishedShards | undefined,
): Promise<{ names: string[]; rows: TensorError[] }> {
  const { plan, meter } = writing;
  const names: string[] = [];
  const rows: TensorError[] = [];
  for (const shard of plan.shards) {
    names.push(shard.name);
    const known = finished?.rowsOf(shard);
    if (known) {
      meter.skip(shard.tensors.map(({ tensor }) => tensor));
      rows.push(...known);
      continue;
    }
    // The name says whether a shard in a folder that is kept is finished.
    const file = path.join(folder, finished ? shard.name + partialEnding : shard.name);
    const own = await writeShard(writing, shard, file, finished);
    rows.push(...own);
    if (!finished) continue;
    await assertUnchanged(plan.checkpoint);
    await finished.add(file, shard, own);
  }
  return { names, rows };
}

async function writeShard(
  { engine, plan, backend, signal, meter, guard }: Writing,
  shard: PlannedShard,
  file: string,
  finished: FinishedShards | undefined,
): Promise<TensorError[]> {
  const { runs, tensors } = shard;
  const rows = [...(finished?.begunRowsOf(shard) ?? [])];
  const known = rows.length;
  await createFile(file, shard, known > 0);
  await writeRuns(engine.pool, file, runs ?? [], signal);
  meter.skip(tensors.slice(0, known).map(({ tensor }) => tensor));
  let isEnding = false;
  const sync = await EarlySync.open(file, (written) =>
    // Rows come in the tensors' order, so that those that are done are the first.
    finished?.note(shard, rows.slice(0, known + written), isEnding),
  );
  try {
    await inOrder(
      tensors.slice(known),
      engine.pool.size + 1,
      signal,
      (planned) =>
        writeTensor(engine, backend, plan, planned, file, signal, meter, (bytes) => sync.grew(bytes)),
      async (row) => {
        rows.push(row);
        sync.wrote(row.bytes);
        await guard.look();
      },
    );
  } catch (thrown) {
    isEnding = true;
    if (finished) await sync.end();
    throw thrown;
  } finally {
    await sync.close();
  }
  return rows;
}

/** Texts, the recipe's record, and the files of the model that are carried along. Returns their names. */
async function writeOthers({ plan, signal }: Writing, folder: string): Promise<string[]> {
  const { checkpoint } = plan;
  const names: string[] = [];
  for (const [name, text] of plan.texts) {
    await fs.writeFile(path.join(folder, name), text);
    names.push(name);
  }
  if (plan.asked) {
    const record = await recipeRecord(checkpoint, plan.asked, signal);
    const name = plan.asFiles ? `${plan.open}.${recipeRecordName}` : recipeRecordName;
    await fs.writeFile(path.join(folder, name), record);
    names.push(name);
  }
  for (const name of plan.sidecars.names) {
    throwIfAborted(signal);
    const target = path.join(folder, name);
    await fs.copyFile(path.join(checkpoint.folder, name), target);
    // The copy of a read-only file must be open to being synced, replaced and removed.
    await fs.chmod(target, 0o644);
    names.push(name);
  }
  return names;
}

async function createFile(
  file: string,
  { headerBytes, totalBytes }: PlannedShard,
  isThere: boolean,
): Promise<void> {
  const handle = await fs.open(file, isThere ? 'r+' : 'wx');
  try {
    if (!isThere) await handle.truncate(totalBytes);
    await handle.write(headerBytes, 0, headerBytes.length, 0);
  } finally {
    await handle.close();
  }
}
