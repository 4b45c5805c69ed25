/** Statistics on disk: what comes back is what went in, and nothing that was tampered with is believed. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckpointCache } from '../../../src/engine/checkpointCache';
import { StatsCache } from '../../../src/engine/statsCache';
import { statsJob } from '../../../src/engine/statsJob';
import { type TaskRunner, WorkerPool } from '../../../src/engine/worker/pool';
import type { StatsProgress, TensorStats } from '../../../src/protocol/engineApi';
import { decodeRecord } from '../../../src/protocol/statsRecords';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { outlierModel, randomValues, startEngine, temporaryFolder, writeModel } from './support';

const folder = temporaryFolder();
const pool = new WorkerPool(new URL('../../../dist/worker.js', import.meta.url), 2);
afterAll(() => pool.close());

/** Counts the tasks that workers get: without one no value is read. */
class CountingRunner implements TaskRunner {
  tasks = 0;
  readonly size = 2;
  run: TaskRunner['run'] = (task, options) => {
    this.tasks++;
    return pool.run(task, options);
  };
}

/** What a new process finds: nothing but the files. */
class Reader {
  readonly runner = new CountingRunner();
  readonly said: string[] = [];
  readonly cache: StatsCache;
  private readonly checkpoints = new CheckpointCache();

  constructor(
    readonly storage: string,
    limitBytes = 2 ** 28,
  ) {
    this.cache = new StatsCache(storage, limitBytes, (message) => this.said.push(message));
  }

  async read(
    path: string,
    channels: 'summary' | 'full',
    tensors?: number[],
    more: { outlierFactor?: number; cachedOnly?: boolean } = {},
  ): Promise<readonly (TensorStats | null)[]> {
    const opened = await this.checkpoints.get(path);
    const known = await this.cache.model(opened, more);
    const params = { tensors: tensors ?? opened.checkpoint.tensors.map((_, i) => i), channels, ...more };
    const context = { signal: new AbortController().signal, progress: () => {} };
    const result = await statsJob({ pool: this.runner, reader: this.runner }, opened, params, context, known);
    await this.cache.flush();
    return result;
  }
}

let model = '';
/** Figures that were computed without any cache. */
let plain: readonly (TensorStats | null)[] = [];
beforeAll(async () => {
  model = join(folder, 'model');
  mkdirSync(model);
  copyFileSync(join(outlierModel, 'model.safetensors'), join(model, 'model.safetensors'));
  const engine = startEngine();
  const { tensors } = await engine.call('open', { path: model });
  plain = await engine.call('stats', {
    path: model,
    tensors: tensors.names.map((_, i) => i),
    channels: 'full',
  });
});

let storages = 0;
const newStorage = () => join(folder, `storage-${++storages}`);
const filesOf = (storage: string) => readdirSync(storage).sort();
const summariesOf = (storage: string) =>
  join(storage, filesOf(storage).find((name) => name.includes('.summaries.'))!);

function summary(stats: TensorStats | null): TensorStats | null {
  if (!stats) return null;
  const { channels: _, ...rest } = stats;
  return { ...rest, histogram: null };
}

describe('the cache', () => {
  it('gives an analyzed model its figures without a single task, to the last bit', async () => {
    const storage = newStorage();
    const first = new Reader(storage);
    expect(await first.read(model, 'summary')).toEqual(plain.map(summary));
    expect(first.runner.tasks).toBeGreaterThan(0);
    const second = new Reader(storage);
    expect(await second.read(model, 'summary')).toEqual(plain.map(summary));
    expect([second.runner.tasks, second.said]).toEqual([0, []]);
    expect(filesOf(storage)).toHaveLength(1);
  });

  it('keeps histograms and channels of the tensors that were looked at', async () => {
    const storage = newStorage();
    const first = new Reader(storage);
    expect(await first.read(model, 'full', [3])).toEqual([plain[3]]);
    const tasks = first.runner.tasks;
    expect(tasks).toBeGreaterThan(0);
    const second = new Reader(storage);
    expect(await second.read(model, 'full', [3])).toEqual([plain[3]]);
    expect(await second.read(model, 'summary', [3])).toEqual([summary(plain[3]!)]);
    expect(second.runner.tasks).toBe(0);
    await second.read(model, 'full', [4]);
    expect(second.runner.tasks).toBe(1);
  });

  it('shows what is known, and reads nothing, when only that is asked for', async () => {
    const storage = newStorage();
    await new Reader(storage).read(model, 'summary', [0, 5]);
    const second = new Reader(storage);
    const known = await second.read(model, 'summary', [0, 1, 5], { cachedOnly: true });
    expect(known).toEqual([summary(plain[0]!), null, summary(plain[5]!)]);
    expect(second.runner.tasks).toBe(0);
  });

  it('serves the real compute process, over its death, and is cleared by it', async () => {
    const storage = newStorage();
    const cache = { folder: storage, limitMB: 64 };
    const tensors = plain.map((_, i) => i);
    const params = { path: model, tensors, channels: 'summary', cache, stream: true } as const;
    const one = startEngine();
    await one.call('stats', params);
    one.dispose();
    await waitFor(() => existsSync(storage) && filesOf(storage).length === 1);
    const two = startEngine();
    const told: StatsProgress[] = [];
    await two.call('stats', { ...params, cachedOnly: true }, { progress: (state) => told.push(state) });
    const names = plain.map((stats) => stats!.name);
    const got = told.flatMap(({ records }) =>
      records ? [...records.index].map((index, i) => decodeRecord(records, i, names[index]!)) : [],
    );
    expect(got).toEqual(plain.map(summary));
    const freed = await two.call('clearStatsCache', { folder: storage });
    expect(freed.files).toBe(1);
    expect(freed.bytes).toBeGreaterThan(1000);
    expect(filesOf(storage)).toEqual([]);
  });

  it('is shared by processes: each adds what the other does not have', async () => {
    const storage = newStorage();
    const [one, two] = [new Reader(storage), new Reader(storage)];
    await Promise.all([one.read(model, 'summary', [0, 1]), two.read(model, 'summary', [1, 2, 3])]);
    await one.read(model, 'summary', [4]);
    await two.read(model, 'summary', [5]);
    const third = new Reader(storage);
    const known = await third.read(model, 'summary', undefined, { cachedOnly: true });
    for (const index of [1, 2, 3, 4, 5]) expect(known[index]).toEqual(summary(plain[index]!));
  });
});

describe('a result is another', () => {
  /** Analyzes, changes something, and gives the tasks that a new process needs. */
  async function tasksAfter(path: string, change: () => void, more = {}): Promise<number> {
    const storage = newStorage();
    await new Reader(storage).read(path, 'summary', [0]);
    change();
    const second = new Reader(storage);
    await second.read(path, 'summary', [0], more);
    return second.runner.tasks;
  }
  const copy = (name: string) => {
    const path = join(folder, name);
    mkdirSync(path);
    copyFileSync(join(model, 'model.safetensors'), join(path, 'model.safetensors'));
    return path;
  };

  it('with nothing changed it is the same', async () => {
    expect(await tasksAfter(copy('same'), () => {})).toBe(0);
  });

  it('when the file has another time, by a microsecond too', async () => {
    const path = copy('time');
    const file = join(path, 'model.safetensors');
    const { atimeMs, mtimeMs } = statSync(file);
    expect(await tasksAfter(path, () => utimesSync(file, atimeMs / 1000, mtimeMs / 1000 + 1e-3))).toBe(1);
  });

  it.skipIf(process.platform === 'win32')(
    'when another file of the same size and time is in its place',
    async () => {
      const path = copy('place');
      const file = join(path, 'model.safetensors');
      utimesSync(file, 1000, 1000);
      const replace = () => {
        // The old one stays somewhere, so that its number is not given away again.
        linkSync(file, join(path, 'old'));
        const bytes = readFileSync(file);
        bytes.fill(0, bytes.length - 4096);
        writeFileSync(join(path, 'new'), bytes);
        utimesSync(join(path, 'new'), 1000, 1000);
        renameSync(join(path, 'new'), file);
      };
      expect(await tasksAfter(path, replace)).toBe(1);
    },
  );

  it('when the header says something else, or the parameters do', async () => {
    const path = copy('header');
    const file = join(path, 'model.safetensors');
    const { ino } = statSync(file);
    utimesSync(file, 2000, 2000);
    const swap = () => {
      const bytes = readFileSync(file);
      const at = bytes.indexOf('model.layers.0.mlp.up_proj.weight');
      bytes[at] = 'n'.charCodeAt(0);
      writeFileSync(file, bytes);
      utimesSync(file, 2000, 2000);
      expect(statSync(file).ino).toBe(ino);
    };
    expect(await tasksAfter(path, swap)).toBe(1);
    expect(await tasksAfter(path, () => {}, { outlierFactor: 3 })).toBe(1);
  });
});

describe('a damaged cache', () => {
  /** A storage with summaries and one tensor's details, in two files. */
  async function filled(): Promise<string> {
    const storage = newStorage();
    const reader = new Reader(storage);
    await reader.read(model, 'full', [3]);
    expect(filesOf(storage)).toHaveLength(2);
    return storage;
  }
  /** Damages every file in its own way, and has a new process read both. */
  async function afterDamage(damage: (file: string) => void): Promise<Reader> {
    const storage = await filled();
    for (const name of filesOf(storage)) damage(join(storage, name));
    const reader = new Reader(storage);
    expect(await reader.read(model, 'full', [3])).toEqual([plain[3]]);
    const other = new Reader(storage);
    expect(await other.read(model, 'full', [3])).toEqual([plain[3]]);
    // What was dropped has been written anew.
    expect(other.runner.tasks).toBe(0);
    return reader;
  }
  const resealed = (bytes: Buffer): Buffer => {
    const body = bytes.subarray(0, bytes.length - 32);
    return Buffer.concat([body, createHash('sha256').update(body).digest()]);
  };

  it('is dropped wherever a byte was flipped', async () => {
    const storage = await filled();
    const files = filesOf(storage).map((name) => ({
      file: join(storage, name),
      bytes: readFileSync(join(storage, name)),
    }));
    let state = 7;
    for (let round = 0; round < 60; round++) {
      for (const { file, bytes } of files) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const flipped = Buffer.from(bytes);
        flipped[state % bytes.length]! ^= 1 << (state >>> 29);
        writeFileSync(file, flipped);
      }
      const reader = new Reader(storage);
      expect(await reader.read(model, 'full', [3])).toEqual([plain[3]]);
      expect(reader.runner.tasks).toBe(1);
      expect(reader.said.filter((line) => line.startsWith('Dropped'))).toHaveLength(2);
    }
  });

  it.each([0, 1, 40, 47, 48, 100, -1, -32, -33])('is dropped when it ends at %i', async (end) => {
    const reader = await afterDamage((file) => truncateSync(file, end < 0 ? statSync(file).size + end : end));
    expect(reader.runner.tasks).toBe(1);
  });

  it('is dropped with lengths that a checksum covers but the file does not have', async () => {
    for (const length of [0, 2, 0xffffffff, 0x7fffffff]) {
      for (const section of [0, 2, 5]) {
        const reader = await afterDamage((file) => {
          const bytes = readFileSync(file);
          bytes.writeUInt32LE(length, 48 + 8 * section + 4);
          writeFileSync(file, resealed(bytes));
        });
        expect(reader.runner.tasks).toBe(1);
      }
    }
  });

  it('is dropped with section counts, types, kinds and versions of nobody', async () => {
    for (const [at, value] of [
      [44, 0xffffffff],
      [44, 0],
      [44, 65],
      [40, 9],
      [48, 3],
    ] as const) {
      const reader = await afterDamage((file) => {
        const bytes = readFileSync(file);
        bytes.writeUInt32LE(value, at);
        writeFileSync(file, resealed(bytes));
      });
      expect(reader.runner.tasks).toBe(1);
    }
    const reader = await afterDamage((file) => {
      const bytes = readFileSync(file);
      bytes[7] = 2;
      writeFileSync(file, resealed(bytes));
    });
    expect(reader.said.join()).toContain('another version');
  });

  it('is dropped when figures are sealed that cannot be these tensors', async () => {
    const dataAt = (bytes: Buffer, section: number): number => {
      let at = 48 + 8 * bytes.readUInt32LE(44);
      for (let i = 0; i < section; i++) {
        const size = bytes.readUInt32LE(48 + 8 * i) === 2 ? 8 : 4;
        at += Math.ceil((bytes.readUInt32LE(48 + 8 * i + 4) * size) / 8) * 8;
      }
      return at;
    };
    const damages: ((bytes: Buffer) => unknown)[] = [
      // Another tensor, one that does not exist, unknown flags, another count, too many largest values.
      (bytes) => bytes.writeUInt32LE(4_000_000_000, dataAt(bytes, 0)),
      (bytes) => bytes.writeUInt32LE(0x80000000, dataAt(bytes, 1)),
      (bytes) => bytes.writeDoubleLE(12345, dataAt(bytes, 2)),
      (bytes) => bytes.writeUInt32LE(17, dataAt(bytes, 3)),
    ];
    for (const damage of damages) {
      const reader = await afterDamage((file) => {
        const bytes = readFileSync(file);
        damage(bytes);
        writeFileSync(file, resealed(bytes));
      });
      expect(reader.runner.tasks).toBe(1);
    }
  });

  it('is dropped when it is text, a huge file or of other files', async () => {
    const bomb = `{"tensors":${'['.repeat(200_000)}`;
    expect((await afterDamage((file) => writeFileSync(file, bomb))).runner.tasks).toBe(1);
    const huge = await afterDamage((file) => truncateSync(file, 80 * 2 ** 20));
    expect(huge.said.join()).toContain('more than it can have');

    const storage = await filled();
    const path = writeModel(join(folder, 'foreign/model.safetensors'), [
      { name: 'w', dtype: 'F32', shape: [4, 8], data: f32Data(randomValues(32)) },
    ]);
    const other = newStorage();
    await new Reader(other).read(path, 'summary');
    copyFileSync(summariesOf(other), summariesOf(storage));
    const reader = new Reader(storage);
    expect(await reader.read(model, 'summary', [3])).toEqual([summary(plain[3]!)]);
    expect(reader.said.join()).toContain('other files');
  });

  it('is no cache where nothing can be written', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, 'mine');
    const reader = new Reader(join(file, 'storage'));
    expect(await reader.read(model, 'full', [3])).toEqual([plain[3]]);
    expect(reader.said.join()).toContain('cannot be written');
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });
});

describe('the limit', () => {
  it('lets what was used longest ago go first, and never takes other files', async () => {
    const storage = newStorage();
    const filling = new Reader(storage);
    for (const tensor of [3, 4, 5, 6]) await filling.read(model, 'full', [tensor]);
    const details = filesOf(storage).filter((name) => !name.includes('summaries'));
    expect(details).toHaveLength(4);
    writeFileSync(join(storage, 'notes.txt'), 'mine');
    const nameOf = (tensor: number) => details.find((name) => name.endsWith(`.${tensor}.tlstats`))!;
    for (const [i, tensor] of [3, 5, 6, 4].entries()) {
      utimesSync(join(storage, nameOf(tensor)), 1000 + i, 1000 + i);
    }
    // Looking at the oldest makes it the newest.
    await new Reader(storage).read(model, 'full', [3]);
    const used = [3, 4, 6].reduce((sum, tensor) => sum + statSync(join(storage, nameOf(tensor))).size, 0);
    const room = used + statSync(summariesOf(storage)).size * 2 + statSync(join(storage, nameOf(6))).size / 2;
    await new Reader(storage, room).read(model, 'summary', [0]);
    const left = filesOf(storage);
    expect(left).not.toContain(nameOf(5));
    expect(left).toEqual(expect.arrayContaining([nameOf(3), nameOf(4), 'notes.txt']));
    const reader = new Reader(storage);
    expect((await reader.cache.clear()).files).toBe(left.length - 1);
    expect(filesOf(storage)).toEqual(['notes.txt']);
  });

  it('keeps nothing that is larger than all of it', async () => {
    const storage = newStorage();
    await new Reader(storage, 100).read(model, 'full', [3]);
    expect(existsSync(storage) ? filesOf(storage) : []).toEqual([]);
  });

  it('removes what a process that died did not finish', async () => {
    const storage = newStorage();
    await new Reader(storage).read(model, 'summary', [0]);
    const rest = `${summariesOf(storage)}.0123456789abcdef`;
    const fresh = `${summariesOf(storage)}.fedcba9876543210`;
    for (const file of [rest, fresh]) writeFileSync(file, 'half');
    utimesSync(rest, 1000, 1000);
    const reader = new Reader(storage);
    await reader.read(model, 'summary', [1]);
    expect([existsSync(rest), existsSync(fresh)]).toEqual([false, true]);
    rmSync(fresh);
  });
});

async function waitFor(condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it never happened');
}
