/** Statistics on disk: what comes back is what went in, for every process, within the limit. */
import { existsSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StatsProgress } from '../../../../src/protocol/engineApi';
import { decodeRecord } from '../../../../src/protocol/statsRecords';
import { startEngine } from '../support';
import { CacheReader, filesOf, model, newStorage, plain, summariesOf, summary } from './statsCacheSupport';

describe('the cache', () => {
  it('gives an analyzed model its figures without a single task, to the last bit', async () => {
    const storage = newStorage();
    const first = new CacheReader(storage);
    expect(await first.read(model, 'summary')).toEqual(plain.map(summary));
    expect(first.runner.tasks).toBeGreaterThan(0);
    const second = new CacheReader(storage);
    expect(await second.read(model, 'summary')).toEqual(plain.map(summary));
    expect([second.runner.tasks, second.said]).toEqual([0, []]);
    expect(filesOf(storage)).toHaveLength(1);
  });

  it('keeps histograms and channels of the tensors that were looked at', async () => {
    const storage = newStorage();
    const first = new CacheReader(storage);
    expect(await first.read(model, 'full', [3])).toEqual([plain[3]]);
    const tasks = first.runner.tasks;
    expect(tasks).toBeGreaterThan(0);
    const second = new CacheReader(storage);
    expect(await second.read(model, 'full', [3])).toEqual([plain[3]]);
    expect(await second.read(model, 'summary', [3])).toEqual([summary(plain[3]!)]);
    expect(second.runner.tasks).toBe(0);
    await second.read(model, 'full', [4]);
    expect(second.runner.tasks).toBe(1);
  });

  it('shows what is known, and reads nothing, when only that is asked for', async () => {
    const storage = newStorage();
    await new CacheReader(storage).read(model, 'summary', [0, 5]);
    const second = new CacheReader(storage);
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
    const [one, two] = [new CacheReader(storage), new CacheReader(storage)];
    await Promise.all([one.read(model, 'summary', [0, 1]), two.read(model, 'summary', [1, 2, 3])]);
    await one.read(model, 'summary', [4]);
    await two.read(model, 'summary', [5]);
    const third = new CacheReader(storage);
    const known = await third.read(model, 'summary', undefined, { cachedOnly: true });
    for (const index of [1, 2, 3, 4, 5]) expect(known[index]).toEqual(summary(plain[index]!));
  });
});

describe('the limit', () => {
  it('lets what was used longest ago go first, and never takes other files', async () => {
    const storage = newStorage();
    const filling = new CacheReader(storage);
    for (const tensor of [3, 4, 5, 6]) await filling.read(model, 'full', [tensor]);
    const details = filesOf(storage).filter((name) => !name.includes('summaries'));
    expect(details).toHaveLength(4);
    writeFileSync(join(storage, 'notes.txt'), 'mine');
    const nameOf = (tensor: number) => details.find((name) => name.endsWith(`.${tensor}.tlstats`))!;
    for (const [i, tensor] of [3, 5, 6, 4].entries()) {
      utimesSync(join(storage, nameOf(tensor)), 1000 + i, 1000 + i);
    }
    // Looking at the oldest makes it the newest.
    await new CacheReader(storage).read(model, 'full', [3]);
    const used = [3, 4, 6].reduce((sum, tensor) => sum + statSync(join(storage, nameOf(tensor))).size, 0);
    const room = used + statSync(summariesOf(storage)).size * 2 + statSync(join(storage, nameOf(6))).size / 2;
    await new CacheReader(storage, room).read(model, 'summary', [0]);
    const left = filesOf(storage);
    expect(left).not.toContain(nameOf(5));
    expect(left).toEqual(expect.arrayContaining([nameOf(3), nameOf(4), 'notes.txt']));
    const reader = new CacheReader(storage);
    expect((await reader.cache.clear()).files).toBe(left.length - 1);
    expect(filesOf(storage)).toEqual(['notes.txt']);
  });

  it('keeps nothing that is larger than all of it', async () => {
    const storage = newStorage();
    await new CacheReader(storage, 100).read(model, 'full', [3]);
    expect(existsSync(storage) ? filesOf(storage) : []).toEqual([]);
  });

  it('removes what a process that died did not finish', async () => {
    const storage = newStorage();
    await new CacheReader(storage).read(model, 'summary', [0]);
    const rest = `${summariesOf(storage)}.0123456789abcdef`;
    const fresh = `${summariesOf(storage)}.fedcba9876543210`;
    for (const file of [rest, fresh]) writeFileSync(file, 'half');
    utimesSync(rest, 1000, 1000);
    const reader = new CacheReader(storage);
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
