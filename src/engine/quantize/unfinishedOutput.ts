/**
 * What is finished of a job that ended early. A job that was told to keep it notes in a record what the source was, what was to be made
 * of it, and the rows of the report: of each shard when it is synced, and of the shard that is being written of its first tensors, when a
 * sync that began after they were written has ended. Going on is allowed only where all of that is the same, so that the result has the
 * bytes of an uninterrupted run.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { Checkpoint } from '../../formats/checkpoint';
import type { TensorError, UnfinishedOutput } from '../../protocol/engineApi';
import type { QuantizePlan } from './plan';
import type { PlannedShard } from './plannedShard';
import { productVersion } from './recipeRecord';
import { assertUnchanged } from './sourceGuard';
import {
  keptFolders,
  partialEnding,
  removePartials,
  removeTree,
  syncPath,
  unfinishedRecordName,
} from './temporaryOutput';

interface SourceFile {
  readonly path: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** The file's number on its disk: another file may have the same size and time. */
  readonly inode: string;
}

interface FinishedShard {
  readonly name: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  readonly rows: readonly TensorError[];
}

/** A shard that lies under a temporary name. Its header is written anew, and its tensors but for these. */
interface BegunShard {
  readonly name: string;
  /** Of its first tensors. */
  readonly rows: readonly TensorError[];
}

interface UnfinishedRecord {
  readonly version: 2;
  readonly product: string;
  /** SHA-256 of what becomes of every tensor, and where. */
  readonly plan: string;
  readonly source: readonly SourceFile[];
  readonly shards: readonly FinishedShard[];
  readonly begun?: BegunShard | undefined;
}

/** A folder of finished shards, and what its record says. */
export interface KeptShards {
  readonly folder: string;
  readonly record: UnfinishedRecord;
}

/** What was kept for a plan's target; of several the one with most tensors. */
export async function findKept(plan: QuantizePlan): Promise<KeptShards | undefined> {
  let best: KeptShards | undefined;
  for (const folder of await keptFolders(plan.out)) {
    const record = await readRecord(folder);
    if (record && rowsOf(record).length > (best ? rowsOf(best.record).length : 0)) best = { folder, record };
  }
  return best;
}

const rowsOf = ({ shards, begun }: UnfinishedRecord): readonly TensorError[] => [
  ...shards.flatMap(({ rows }) => rows),
  ...(begun?.rows ?? []),
];

/** What people are told of kept shards. `isOpen`: the plan is not final, so the settings are compared when the job runs. */
export async function describeKept(
  { record }: KeptShards,
  plan: QuantizePlan,
  isOpen = false,
): Promise<UnfinishedOutput> {
  const sizes = [...record.shards, ...(record.begun?.rows ?? [])];
  return {
    shardsDone: record.shards.length,
    shardsTotal: plan.shards.length,
    tensorsDone: rowsOf(record).length,
    tensorsTotal: tensorsOf(plan),
    bytesDone: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    mismatch: await mismatchOf(record, plan, isOpen),
  };
}

const tensorsOf = ({ shards }: QuantizePlan): number =>
  shards.reduce((sum, { tensors }) => sum + tensors.length, 0);

/** Throws `refused` where kept shards do not belong to the plan. */
export async function assertResumable({ folder, record }: KeptShards, plan: QuantizePlan): Promise<void> {
  const mismatch = await mismatchOf(record, plan);
  if (mismatch !== undefined) {
    throw new LoupeError(
      'refused',
      `The interrupted output cannot be gone on with: ${mismatch} Start over.`,
      {
        file: folder,
      },
    );
  }
}

/** Removes what was kept for a target, but for `except`. */
export async function removeKept(target: string, except?: string): Promise<void> {
  for (const folder of await keptFolders(target)) if (folder !== except) await removeTree(folder);
}

/** Why kept shards are of no use to a plan, as a sentence. */
async function mismatchOf(
  record: UnfinishedRecord,
  plan: QuantizePlan,
  isOpen = false,
): Promise<string | undefined> {
  const version = await productVersion();
  if (record.product !== version) return `it was begun by version ${record.product}, and this is ${version}.`;
  const now = await sourceOf(plan.checkpoint);
  for (const [index, file] of now.entries()) {
    const then = record.source[index];
    if (then?.path !== file.path) return 'it was made of other files.';
    if (then.bytes !== file.bytes || then.mtimeMs !== file.mtimeMs || then.inode !== file.inode)
      return `${path.basename(file.path)} has changed since.`;
  }
  if (record.source.length !== now.length) return 'it was made of other files.';
  return isOpen || record.plan === planHash(plan)
    ? undefined
    : 'it was made with other settings or another recipe.';
}

/** A record with many rows takes its time: no more than this part of it is spent on noting tensors, and at most one note a second. */
const notingShare = 0.05;
const leastIntervalMs = 1000;

/** Notes what is finished of a running job. */
export class FinishedShards {
  private nextNoteMs = 0;

  private constructor(
    private readonly folder: string,
    private readonly plan: QuantizePlan,
    private record: UnfinishedRecord,
  ) {}

  /** Takes over those of an earlier job that are still as they were. */
  static async begin(folder: string, plan: QuantizePlan, kept?: KeptShards): Promise<FinishedShards> {
    const shards: FinishedShard[] = [];
    for (const shard of kept?.record.shards ?? []) {
      const planned = plan.shards.find(({ name }) => name === shard.name);
      if (planned && (await isWhole(folder, shard, planned))) shards.push(shard);
    }
    const begun = await usableBegun(folder, plan, shards, kept?.record.begun);
    await removePartials(folder, begun?.name);
    const record: UnfinishedRecord = {
      version: 2,
      product: await productVersion(),
      plan: planHash(plan),
      source: await sourceOf(plan.checkpoint),
      shards,
      begun,
    };
    return new FinishedShards(folder, plan, record);
  }

  /** Whether there is anything to go on from. */
  get isWorthKeeping(): boolean {
    return rowsOf(this.record).length > 0;
  }

  /** "3 of 8 shards", "120 of 290 tensors". */
  get summary(): string {
    const { shards } = this.plan;
    return shards.length > 1 && !this.record.begun
      ? `${this.record.shards.length} of ${shards.length} shards`
      : `${rowsOf(this.record).length} of ${tensorsOf(this.plan)} tensors`;
  }

  /** The report's rows of a shard that is finished; undefined for any other. */
  rowsOf({ name }: PlannedShard): readonly TensorError[] | undefined {
    return this.record.shards.find((shard) => shard.name === name)?.rows;
  }

  /** The report's rows of those tensors, the shard's first, that lie in its temporary file already. */
  begunRowsOf({ name }: PlannedShard): readonly TensorError[] {
    return this.record.begun?.name === name ? this.record.begun.rows : [];
  }

  /** Notes that a shard's first tensors are in its temporary file and synced, unless that would be too often. `isLast`: it never is. */
  async note({ name }: PlannedShard, rows: readonly TensorError[], isLast = false): Promise<void> {
    const started = performance.now();
    if (!isLast && started < this.nextNoteMs) return;
    await assertUnchanged(this.plan.checkpoint);
    await this.write({ ...this.record, begun: { name, rows } });
    const ended = performance.now();
    this.nextNoteMs = ended + Math.max(leastIntervalMs, (ended - started) / notingShare);
  }

  /** Syncs a shard that lies under a temporary name, gives it its own, and notes it. */
  async add(file: string, { name }: PlannedShard, rows: readonly TensorError[]): Promise<void> {
    await syncPath(file, 'r+');
    const place = path.join(this.folder, name);
    await fs.rename(file, place);
    const { size, mtimeMs } = await fs.stat(place);
    const shards = [...this.record.shards, { name, bytes: size, mtimeMs, rows }];
    await this.write({ ...this.record, shards, begun: undefined });
  }

  private async write(record: UnfinishedRecord): Promise<void> {
    this.record = record;
    const next = path.join(this.folder, `${unfinishedRecordName}.partial`);
    await fs.writeFile(next, JSON.stringify(record, spellNonFinite));
    await syncPath(next, 'r+');
    await fs.rename(next, path.join(this.folder, unfinishedRecordName));
    await syncPath(this.folder, 'r');
  }

  /** Removes the record: the output is whole. */
  async end(): Promise<void> {
    await fs.rm(path.join(this.folder, unfinishedRecordName), { force: true });
  }
}

/** A begun shard whose file is there, of the plan's size, with the plan's tensors. */
async function usableBegun(
  folder: string,
  plan: QuantizePlan,
  finished: readonly FinishedShard[],
  begun: BegunShard | undefined,
): Promise<BegunShard | undefined> {
  const planned = plan.shards.find(({ name }) => name === begun?.name);
  if (!begun || !planned || finished.some(({ name }) => name === begun.name)) return undefined;
  const isPlanned = begun.rows.every((row, i) => row.name === planned.tensors[i]?.tensor.name);
  const status = await fs.lstat(path.join(folder, begun.name + partialEnding)).catch(() => undefined);
  return isPlanned && status?.isFile() && status.size === planned.totalBytes ? begun : undefined;
}

/** Whether a noted shard is still there as it was, with the header that the plan gives it. */
async function isWhole(folder: string, shard: FinishedShard, planned: PlannedShard): Promise<boolean> {
  const handle = await fs.open(path.join(folder, shard.name), 'r').catch(() => undefined);
  if (!handle) return false;
  try {
    const { size, mtimeMs } = await handle.stat();
    if (size !== planned.totalBytes || size !== shard.bytes || mtimeMs !== shard.mtimeMs) return false;
    const header = Buffer.alloc(planned.headerBytes.length);
    await handle.read(header, 0, header.length, 0);
    return header.equals(planned.headerBytes);
  } finally {
    await handle.close();
  }
}

async function sourceOf({ files }: Checkpoint): Promise<SourceFile[]> {
  return Promise.all(
    files.map(async ({ path: file, bytes, mtimeMs }) => {
      const { ino } = await fs.stat(file, { bigint: true });
      return { path: file, bytes, mtimeMs, inode: String(ino) };
    }),
  );
}

/** Stands for every byte of the shards, given the source and the version. */
function planHash({ shards }: QuantizePlan): string {
  const hash = createHash('sha256');
  const add = (value: unknown) => hash.update(`${JSON.stringify(value)}\n`);
  for (const { name, headerBytes, totalBytes, runs = [], tensors } of shards) {
    add([name, totalBytes, headerBytes.length]).update(headerBytes);
    for (const run of runs) {
      if ('given' in run) add([run.byteOffset, run.given.length]).update(run.given);
      else add([run.byteOffset, run.file.path, run.from, run.bytes]);
    }
    for (const planned of tensors) {
      const { name: tensor, file } = planned.tensor;
      if (planned.kind === 'copy') {
        add([tensor, file, 'copy', planned.byteOffset]);
        continue;
      }
      const { importance, ...setting } = planned.setting;
      // How values are rearranged follows from the model's configuration, which is no file of the source.
      add([tensor, file, setting, [...planned.pieces], planned.source.rearranged]);
      if (importance)
        hash.update(new Uint8Array(importance.buffer, importance.byteOffset, importance.byteLength));
    }
  }
  return hash.digest('hex');
}

/** The record of a folder; undefined where there is none that can be used. Whoever can write the folder can write the record: it is checked. */
async function readRecord(folder: string): Promise<UnfinishedRecord | undefined> {
  try {
    const text = await fs.readFile(path.join(folder, unfinishedRecordName), 'utf8');
    const record: unknown = JSON.parse(text, readNonFinite);
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is UnfinishedRecord {
  const { version, product, plan, source, shards, begun } = (value ?? {}) as Partial<UnfinishedRecord>;
  return (
    version === 2 &&
    typeof product === 'string' &&
    typeof plan === 'string' &&
    Array.isArray(source) &&
    source.every((file) => typeof file?.path === 'string') &&
    Array.isArray(shards) &&
    shards.every(({ name, bytes, rows }) => typeof name === 'string' && bytes >= 0 && areRows(rows)) &&
    (begun === undefined || (typeof begun?.name === 'string' && areRows(begun.rows)))
  );
}

const areRows = (rows: unknown): boolean =>
  Array.isArray(rows) && rows.every((row) => typeof row?.name === 'string' && row.bytes >= 0);

const nonFinite: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);
/** Figures that may be no finite number, which JSON cannot hold. */
const figures = new Set(['mse', 'sqnr', 'maxAbs', 'cosine', 'meanAbs']);

const spellNonFinite = (key: string, value: unknown): unknown =>
  figures.has(key) && typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
const readNonFinite = (key: string, value: unknown): unknown =>
  figures.has(key) && typeof value === 'string' ? nonFinite.get(value) : value;
