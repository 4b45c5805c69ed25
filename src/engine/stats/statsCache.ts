/**
 * Statistics on disk, so that a model that was analyzed shows its figures when it is opened again. A model has one file
 * of summaries, and one of each tensor whose details were looked at. Several processes may share the folder: files come by
 * a rename, and whatever is damaged, foreign or of another version is dropped and computed anew.
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pickRecords, type StatsRecords, StatsStore } from '../../protocol/statsRecords';
import type { TensorStats } from '../../stats/types';
import type { OpenedCheckpoint } from '../checkpointCache';
import {
  detailSections,
  detailsOf,
  type ExpectedTensors,
  mostSummaryBytes,
  recordsOf,
  summarySections,
} from './cachedFigures';
import { type CacheKind, decodeCacheFile, encodeCacheFile, type Section } from './cacheFile';
import { type StatsParameters, statsCacheKey } from './statsCacheKey';

const suffix = '.tlstats';
const ownFile = /^[0-9a-f]{32}\.(summaries|\d{1,10})\.tlstats$/;
const unfinishedFile = /^[0-9a-f]{32}\.(summaries|\d{1,10})\.tlstats\.[0-9a-f]{16}$/;
/** What a process that died left behind is older than this; a living one renames within seconds. */
const abandonedAfterMs = 3_600_000;
/** Rows and columns of 2^20 channels each, with their outliers, take half of it. */
const mostDetailBytes = 64 * 2 ** 20;
/** A file's time of last use is told to the system no more often. */
const touchedAfterMs = 60_000;
/** Figures that are lost when a process is killed were gathered within this time. */
const writtenAfterMs = 3000;
/** Models whose summaries stay in memory. */
const modelsInMemory = 4;

export class StatsCache {
  private readonly models = new Map<string, Promise<ModelFigures>>();
  private readonly writes = new Set<Promise<unknown>>();
  /** Of all files, when they were last looked through; undefined: not yet. */
  private knownBytes: number | undefined;

  constructor(
    readonly folder: string,
    /** Bytes that the files may take together. */
    public limitBytes: number,
    private readonly log: (message: string) => void = () => {},
  ) {}

  /** What is known of a model; undefined when its files are not the ones that were opened any more. */
  async model(opened: OpenedCheckpoint, parameters: StatsParameters): Promise<ModelFigures | undefined> {
    const key = await statsCacheKey(opened, parameters);
    if (!key) return undefined;
    const name = key.toString('hex').slice(0, 32);
    const known = this.models.get(name);
    this.models.delete(name);
    const { tensors } = opened.checkpoint;
    const expected = { count: tensors.length, elements: (i: number) => tensors[i]!.elements };
    const model = known ?? Promise.resolve(new ModelFigures(this, key, name, expected));
    this.models.set(name, model);
    const oldest = this.models.size > modelsInMemory ? this.models.entries().next().value : undefined;
    if (oldest) {
      this.models.delete(oldest[0]);
      await (await oldest[1]).flush();
    }
    const figures = await model;
    await figures.refresh();
    return figures;
  }

  /** Removes every file of the cache, and nothing else. */
  async clear(): Promise<{ files: number; bytes: number }> {
    await this.settled();
    this.models.clear();
    this.knownBytes = undefined;
    const all = await this.files();
    let bytes = 0;
    for (const file of all) {
      await rm(file.path, { force: true });
      bytes += file.bytes;
    }
    return { files: all.length, bytes };
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    while (this.writes.size > 0) await Promise.allSettled(this.writes);
  }

  /** Writes what is new of all models, and resolves when nothing is being written. */
  async flush(): Promise<void> {
    for (const model of this.models.values()) await (await model).flush();
    await this.settled();
  }

  /** @internal The sections of a file; undefined when there is none that can be used. */
  async read(
    name: string,
    kind: CacheKind,
    key: Buffer,
    mostBytes: number,
  ): Promise<readonly Section[] | undefined> {
    const path = join(this.folder, name);
    try {
      const found = await lstat(path);
      if (!found.isFile()) return this.drop(name, 'it is no file');
      if (found.size > mostBytes) return this.drop(name, `${found.size} bytes are more than it can have`);
      const sections = decodeCacheFile(await readFile(path), kind, key);
      if (typeof sections === 'string') return this.drop(name, sections);
      const now = Date.now();
      if (now - found.mtimeMs > touchedAfterMs) await utimes(path, now / 1000, now / 1000);
      return sections;
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code !== 'ENOENT') this.log(`${path} cannot be read: ${thrown}`);
      return undefined;
    }
  }

  /** @internal Removes a file that is not to be trusted. */
  async drop(name: string, reason: string): Promise<undefined> {
    const path = join(this.folder, name);
    this.log(`Dropped ${path} from the statistics cache: ${reason}.`);
    await rm(path, { force: true }).catch(() => {});
    return undefined;
  }

  /** @internal Time of a file's last change; undefined without one. */
  async stamp(name: string): Promise<number | undefined> {
    return (await lstat(join(this.folder, name)).catch(() => undefined))?.mtimeMs;
  }

  /** @internal Writes a file in one step. A failure is logged: a cache that cannot be written is none. */
  write(name: string, kind: CacheKind, key: Buffer, sections: readonly Section[]): Promise<void> {
    const write = this.writeNow(name, encodeCacheFile(kind, key, sections)).catch((thrown) =>
      this.log(`${join(this.folder, name)} cannot be written: ${thrown}`),
    );
    this.writes.add(write);
    return write.finally(() => this.writes.delete(write));
  }

  private async writeNow(name: string, bytes: Buffer): Promise<void> {
    if (bytes.length > this.limitBytes) return;
    const path = join(this.folder, name);
    const beside = `${path}.${randomBytes(8).toString('hex')}`;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    try {
      await writeFile(beside, bytes, { mode: 0o600, flag: 'wx' });
      await rename(beside, path);
    } catch (thrown) {
      await rm(beside, { force: true }).catch(() => {});
      throw thrown;
    }
    // Files that were replaced are counted twice until the folder is looked through.
    if (this.knownBytes !== undefined) this.knownBytes += bytes.length;
    if (this.knownBytes === undefined || this.knownBytes > this.limitBytes) await this.enforceLimit();
  }

  /** The files used longest ago go first. */
  private async enforceLimit(): Promise<void> {
    const all = (await this.files()).sort((a, b) => a.mtimeMs - b.mtimeMs);
    let total = all.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of all) {
      if (total <= this.limitBytes) break;
      await rm(path, { force: true });
      total -= bytes;
    }
    this.knownBytes = total;
  }

  /** The cache's own files; those that a dead process did not finish are removed on the way. */
  private async files(): Promise<{ path: string; bytes: number; mtimeMs: number }[]> {
    const names = await readdir(this.folder).catch(() => []);
    const found: { path: string; bytes: number; mtimeMs: number }[] = [];
    for (const name of names) {
      const isOwn = ownFile.test(name);
      if (!isOwn && !unfinishedFile.test(name)) continue;
      const path = join(this.folder, name);
      const stat = await lstat(path).catch(() => undefined);
      if (!stat?.isFile()) continue;
      if (isOwn) found.push({ path, bytes: stat.size, mtimeMs: stat.mtimeMs });
      else if (Date.now() - stat.mtimeMs > abandonedAfterMs) await rm(path, { force: true }).catch(() => {});
    }
    return found;
  }
}

/** The caches of one process, by folder. */
export class StatsCaches {
  private readonly caches = new Map<string, StatsCache>();

  constructor(private readonly log: (message: string) => void) {}

  /** The cache in a folder. A limit that changed holds from the next write. */
  at({ folder, limitMB }: { readonly folder: string; readonly limitMB?: number | undefined }): StatsCache {
    let cache = this.caches.get(folder);
    if (!cache) {
      cache = new StatsCache(folder, 0, this.log);
      this.caches.set(folder, cache);
    }
    if (limitMB !== undefined) cache.limitBytes = limitMB * 2 ** 20;
    return cache;
  }

  async flush(): Promise<void> {
    for (const cache of this.caches.values()) await cache.flush();
  }
}

/** What is known of one model: all summaries in memory, details on disk. */
export class ModelFigures {
  /** Figures without histograms and arrays of channels; gathered with the channels' outliers counted. */
  readonly summaries: StatsStore;
  private isDirty = false;
  private timer: NodeJS.Timeout | undefined;
  /** Time of the summaries' file when it was last read or written. */
  private stamp: number | undefined;

  constructor(
    private readonly cache: StatsCache,
    private readonly key: Buffer,
    private readonly name: string,
    private readonly expected: ExpectedTensors,
  ) {
    this.summaries = new StatsStore(expected.count);
  }

  private get summaryFile(): string {
    return `${this.name}.summaries${suffix}`;
  }

  private detailFile(tensor: number): string {
    return `${this.name}.${tensor}${suffix}`;
  }

  /** Takes over what another process has written meanwhile. */
  async refresh(): Promise<void> {
    const stamp = await this.cache.stamp(this.summaryFile);
    if (stamp === undefined || stamp === this.stamp) return;
    this.stamp = stamp;
    const most = mostSummaryBytes(this.expected.count);
    const sections = await this.cache.read(this.summaryFile, 'summaries', this.key, most);
    if (!sections) return;
    // Reading tells the system the time of use.
    this.stamp = await this.cache.stamp(this.summaryFile);
    const records = sections.length === 6 ? recordsOf(sections, this.expected) : undefined;
    if (!records) {
      await this.cache.drop(this.summaryFile, 'it does not fit the tensors');
      return;
    }
    const others: number[] = [];
    for (let i = 0; i < records.index.length; i++) if (!this.summaries.has(records.index[i]!)) others.push(i);
    this.summaries.add(others.length === records.index.length ? records : pickRecords(records, others));
  }

  /** Keeps summaries. They are written soon, and not with each of many tensors. */
  keep(records: StatsRecords): void {
    if (records.index.length === 0) return;
    this.summaries.add(records);
    this.isDirty = true;
    this.timer ??= setTimeout(() => void this.flush(), writtenAfterMs).unref();
  }

  /** Everything about a tensor, if it is on disk. */
  async details(tensor: number, name: string): Promise<TensorStats | undefined> {
    const file = this.detailFile(tensor);
    const sections = await this.cache.read(file, 'details', this.key, mostDetailBytes);
    if (!sections) return undefined;
    const stats = detailsOf(sections, tensor, name, this.expected.elements(tensor));
    return stats ?? this.cache.drop(file, 'it does not fit the tensor');
  }

  keepDetails(tensor: number, stats: TensorStats): Promise<void> {
    return this.cache.write(this.detailFile(tensor), 'details', this.key, detailSections(tensor, stats));
  }

  /** Writes the summaries when there are new ones, together with those that other processes wrote. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.isDirty) return;
    this.isDirty = false;
    await this.refresh();
    await this.cache.write(
      this.summaryFile,
      'summaries',
      this.key,
      summarySections(this.summaries.records()),
    );
    this.stamp = await this.cache.stamp(this.summaryFile);
  }
}
