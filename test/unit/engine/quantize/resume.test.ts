/** Jobs that are really killed or cancelled midway, and gone on with by another engine. */
import { readdirSync, statSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EngineClient } from '../../../../src/engine/client';
import type { LoupeError } from '../../../../src/errors';
import type { QuantizeReport, QuantizeRequest } from '../../../../src/protocol/engineApi';
import { measuredReport, unmeasuredCount } from '../../../../src/protocol/measuredReport';
import { finishedIn, hashesOf, hiddenIn, largeTensors, slowRequest, until, writeLarge } from '../largeModel';
import { failureOf, startEngine, temporaryFolder } from '../support';

const folder = temporaryFolder();
const engine = startEngine();
let model = '';
let whole: QuantizeReport;
const shards = { maxShardBytes: 1_000_000 };
const total = 8;

beforeAll(async () => {
  model = writeLarge(join(folder, 'large'));
  whole = await engine.call('quantize', slowRequest(model, join(folder, 'whole'), shards));
  expect(readdirSync(join(folder, 'whole')).filter((name) => name.endsWith('.safetensors')).length).toBe(
    total,
  );
}, 180_000);

const job = (name: string, more = {}) =>
  slowRequest(model, join(folder, name, 'out'), { ...shards, ...more });

/**
 * Runs a job that keeps its finished shards, ends it by `act` once some are finished and not all, and gives its failure. On a busy machine
 * the job may be done before this process notices: then it is tried again.
 */
async function interrupted(
  own: EngineClient,
  name: string,
  act: (controller: AbortController) => void,
  more: Partial<QuantizeRequest> = {},
): Promise<LoupeError> {
  for (let attempt = 0; attempt < 8; attempt++) {
    const controller = new AbortController();
    const call = own.call('quantize', job(name, { keepFinished: true, overwrite: true, ...more }), {
      signal: controller.signal,
    });
    const failure = call.then(
      () => undefined,
      (thrown: LoupeError) => thrown,
    );
    const isOver = failure.then(() => true);
    let over = false;
    void isOver.then(() => {
      over = true;
    });
    const parent = join(folder, name);
    await until(() => over || safely(() => finishedIn(parent).length >= 2), 'two finished shards', 2);
    act(controller);
    const ended = await failure;
    if (ended) return ended;
  }
  throw new Error('it was never interrupted in time');
}

function safely(condition: () => boolean): boolean {
  try {
    return condition();
  } catch {
    return false;
  }
}

/** What a report says but for places and times. */
const figures = ({ tensors, bytesBefore, bytesAfter }: QuantizeReport) => ({
  tensors,
  bytesBefore,
  bytesAfter,
});

it('goes on measuring where an earlier run did not, and the rest can be measured afterwards', async () => {
  await interrupted(engine, 'later', (controller) => controller.abort(), { errors: 'later' });
  const finished = finishedIn(join(folder, 'later')).length;
  const report = await engine.call('quantize', job('later', { resume: true }));
  expect(hashesOf(join(folder, 'later', 'out'))).toEqual(hashesOf(join(folder, 'whole')));
  const left = unmeasuredCount(report);
  // Three tensors a shard; tensors of the next one may be noted too.
  expect(left).toBeGreaterThanOrEqual(3 * finished);
  expect(left).toBeLessThan(largeTensors);
  for (const row of report.tensors) {
    if (row.isUnmeasured) expect([row.mse, row.sqnr, row.cosine]).toEqual([NaN, NaN, NaN]);
    else expect(whole.tensors).toContainEqual(row);
  }
  const { tensors } = await engine.call('compare', { path: report.source, other: report.open });
  expect(measuredReport(report, tensors).tensors).toEqual(whole.tensors);
}, 180_000);

describe('a job that is killed by kill -9', () => {
  it('goes on from its finished shards to the bytes and figures of an uninterrupted run', async () => {
    const parent = join(folder, 'killed');
    const victim = startEngine();
    const failure = await interrupted(victim, 'killed', () => process.kill(victim.pid!, 'SIGKILL'));
    expect(failure.code).toBe('engine-died');
    const finished = finishedIn(parent);
    expect(finished.length).toBeGreaterThanOrEqual(2);
    expect(finished.length).toBeLessThan(total);
    expect(readdirSync(parent)).toEqual(hiddenIn(parent));

    const dry = await engine.call('quantize', job('killed', { dryRun: true }));
    const bytesDone = dry.unfinished!.bytesDone;
    // Three tensors a shard.
    expect(dry.unfinished).toEqual({
      ...{ shardsDone: finished.length, shardsTotal: total },
      ...{ tensorsDone: 3 * finished.length, tensorsTotal: largeTensors, bytesDone },
    });
    expect(bytesDone).toBeGreaterThan(800_000 * finished.length);

    const [hidden] = hiddenIn(parent);
    const before = statSync(join(parent, hidden!, finished[0]!));
    const seen: number[] = [];
    const report = await engine.call('quantize', job('killed', { resume: true }), {
      progress: (told) => seen.push(told.tensorsDone),
    });
    // The finished ones were taken over, not made again.
    const after = statSync(join(parent, 'out', finished[0]!));
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs]);
    expect(seen[0]).toBeGreaterThan(0);
    expect(hashesOf(join(parent, 'out'))).toEqual(hashesOf(join(folder, 'whole')));
    expect(figures(report)).toEqual(figures(whole));
    expect(readdirSync(parent)).toEqual(['out']);
  }, 180_000);
});

describe('a job that is cancelled', () => {
  it('says what it kept; a damaged shard is made again, and starting over leaves nothing of it', async () => {
    const parent = join(folder, 'cancelled');
    const failure = await interrupted(engine, 'cancelled', (controller) => controller.abort());
    const finished = finishedIn(parent);
    expect(failure.toJSON()).toMatchObject({
      code: 'cancelled',
      message: `Cancelled. ${finished.length} of ${total} shards are finished and kept: it can be resumed.`,
    });
    // What was not finished is gone, and the folder belongs to no process.
    const [kept] = hiddenIn(parent);
    expect(kept).toMatch(/^\.out\.tensor-loupe-kept-0-[0-9a-f]{12}$/);
    expect(readdirSync(join(parent, kept!)).sort()).toEqual([...finished, 'loupe-unfinished.json'].sort());

    truncateSync(join(parent, kept!, finished[0]!), 1000);
    await engine.call('quantize', job('cancelled', { resume: true }));
    expect(hashesOf(join(parent, 'out'))).toEqual(hashesOf(join(folder, 'whole')));
    expect(readdirSync(parent)).toEqual(['out']);

    await interrupted(engine, 'cancelled', (controller) => controller.abort());
    expect(hiddenIn(parent).length).toBe(1);
    await engine.call('quantize', job('cancelled', { overwrite: true }));
    expect(hashesOf(join(parent, 'out'))).toEqual(hashesOf(join(folder, 'whole')));
    expect(readdirSync(parent)).toEqual(['out']);
  }, 180_000);

  it('is not gone on with after its recipe or its source changed', async () => {
    const parent = join(folder, 'changed');
    await interrupted(engine, 'changed', (controller) => controller.abort());
    const kept = hiddenIn(parent);
    const other = job('changed', { resume: true, clip: 'none', overwrite: true });
    const recipeChanged = await failureOf(engine.call('quantize', other));
    expect(recipeChanged.code).toBe('refused');
    expect(recipeChanged.message).toContain('other settings');
    const { atimeMs, mtimeMs } = statSync(model);
    utimesSync(model, atimeMs / 1000, mtimeMs / 1000 + 5);
    try {
      const again = job('changed', { resume: true, overwrite: true });
      const sourceChanged = await failureOf(engine.call('quantize', again));
      expect(sourceChanged.code).toBe('refused');
      expect(sourceChanged.message).toContain('model.safetensors has changed since');
      const dry = await engine.call('quantize', { ...again, dryRun: true });
      expect(dry.unfinished!.mismatch).toContain('has changed since');
      // Refusing touches nothing.
      expect(hiddenIn(parent)).toEqual(kept);
    } finally {
      utimesSync(model, atimeMs / 1000, mtimeMs / 1000);
    }
    await engine.call('discardUnfinished', job('changed'));
    expect(hiddenIn(parent)).toEqual([]);
  }, 180_000);

  it('keeps nothing unless told to', async () => {
    const parent = join(folder, 'unkept');
    for (let attempt = 0; attempt < 8; attempt++) {
      const controller = new AbortController();
      const call = engine.call('quantize', job('unkept', { overwrite: true }), {
        signal: controller.signal,
        progress: ({ tensorsDone }) => tensorsDone > 8 && controller.abort(),
      });
      const code = await call.then(
        () => undefined,
        (thrown: LoupeError) => thrown.code,
      );
      expect(hiddenIn(parent)).toEqual([]);
      if (code === 'cancelled') return;
    }
    throw new Error('it was never interrupted in time');
  }, 180_000);
});
