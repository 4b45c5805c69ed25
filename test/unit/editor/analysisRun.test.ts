/** Portions, priorities, pauses and recovery of an analysis: with a made-up compute process, and with the real one. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AnalysisPorts,
  type AnalysisProgress,
  AnalysisRun,
  mostRestartsInARow,
} from '../../../src/editor/analysisRun';
import { RateMeter } from '../../../src/editor/rateMeter';
import type { EngineClient } from '../../../src/engine/client';
import { LoupeError } from '../../../src/errors';
import type { TensorStats } from '../../../src/protocol/engineApi';
import { figuresPerRecord, type StatsRecords, StatsStore } from '../../../src/protocol/statsRecords';
import { bf16Data } from '../../fixtures/makeCheckpoint';
import { failureOf, randomValues, startEngine, temporaryFolder, writeModel } from '../engine/support';

const recordsOf = (tensors: readonly number[]): StatsRecords => ({
  index: Uint32Array.from(tensors),
  flags: new Uint32Array(tensors.length),
  figures: new Float64Array(tensors.length * figuresPerRecord),
  topEnd: new Uint32Array(tensors.length),
  topIndex: new Float64Array(0),
  topValue: new Float64Array(0),
});
const died = () => new LoupeError('engine-died', 'The compute process ended unexpectedly (signal SIGKILL).');
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

/** A process that answers each portion when it is told to, and the run that asks it. */
class Stage {
  readonly asked: number[][] = [];
  readonly taken: number[] = [];
  readonly told: AnalysisProgress[] = [];
  readonly restarts: string[] = [];
  gate: Promise<void> | undefined;
  /** Portions are of 192 MiB. */
  bytesEach = 64 * 2 ** 20;
  readonly run: AnalysisRun;

  constructor(
    tensors: readonly number[],
    private readonly answer: (
      portion: readonly number[],
      take: (tensors: readonly number[]) => void,
    ) => Promise<void>,
    bytesEach?: number,
  ) {
    if (bytesEach !== undefined) this.bytesEach = bytesEach;
    const ports: AnalysisPorts = {
      ask: async (portion, signal, progress) => {
        this.asked.push([...portion]);
        let bytesDone = 0;
        await this.answer(portion, (done) => {
          bytesDone += done.length * this.bytesEach;
          progress({ bytesDone, records: recordsOf(done) });
        });
        if (signal.aborted) throw new LoupeError('cancelled', 'Cancelled.');
      },
      bytesOf: () => this.bytesEach,
      nameOf: (tensor) => `tensor ${tensor}`,
      take: ({ index }) => this.taken.push(...index),
      pause: () => this.gate,
      report: (progress) => this.told.push(progress),
      tellRestart: (message) => this.restarts.push(message),
    };
    this.run = new AnalysisRun(tensors, ports);
  }

  start(signal = new AbortController().signal) {
    return this.run.run(signal);
  }
}
const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
const atOnce = async (portion: readonly number[], take: (done: readonly number[]) => void) => {
  await soon();
  take(portion);
};

describe('an analysis', () => {
  it('asks for every tensor once, in portions, two at a time', async () => {
    let open = 0;
    let most = 0;
    const stage = new Stage(numbers(20), async (portion, take) => {
      most = Math.max(most, ++open);
      await atOnce(portion, take);
      open--;
    });
    expect(await stage.start()).toEqual([]);
    expect(stage.asked.flat()).toEqual(numbers(20));
    expect(stage.asked.every((portion) => portion.length <= 3)).toBe(true);
    expect(most).toBe(2);
    expect(stage.taken.sort((a, b) => a - b)).toEqual(numbers(20));
    expect(stage.told.at(-1)).toMatchObject({
      done: 20,
      total: 20,
      bytesDone: 20 * 2 ** 26,
      bytesTotal: 20 * 2 ** 26,
    });
    for (let i = 1; i < stage.told.length; i++) {
      expect(stage.told[i]!.bytesDone).toBeGreaterThanOrEqual(stage.told[i - 1]!.bytesDone);
    }
  });

  it('takes what is on screen before everything else', async () => {
    const stage = new Stage(numbers(1000), atOnce, 96 * 2 ** 20);
    const done = stage.start();
    await soon();
    const begun = stage.asked.length;
    stage.run.prioritize([900, 901, 902, 5000]);
    while (stage.asked.length < begun + 4) await soon();
    expect(stage.asked.slice(begun, begun + 3).flat()).toEqual(expect.arrayContaining([900, 901, 902]));
    await done;
    expect(stage.asked.flat().sort((a, b) => a - b)).toEqual(numbers(1000));
  });

  it('takes no new work while it is hidden, and goes on when it is shown', async () => {
    let show = () => {};
    const stage = new Stage(numbers(40), atOnce);
    const done = stage.start();
    while (stage.taken.length === 0) await soon();
    stage.gate = new Promise((resolve) => {
      show = () => {
        stage.gate = undefined;
        resolve();
      };
    });
    while (!stage.told.at(-1)!.isPaused) await soon();
    await soon();
    const [asked, taken] = [stage.asked.length, stage.taken.length];
    await new Promise((resolve) => setTimeout(resolve, 60));
    // What had been asked for may still come; nothing is asked any more.
    expect(stage.asked.length).toBe(asked);
    expect(stage.taken.length).toBeLessThanOrEqual(taken + 6);
    expect(stage.taken.length).toBeLessThan(40);
    show();
    expect(await done).toEqual([]);
    expect(stage.taken.length).toBe(40);
    expect(stage.told.at(-1)!.isPaused).toBe(false);
  });

  it('ends when it is cancelled, paused or not', async () => {
    for (const isPaused of [false, true]) {
      const controller = new AbortController();
      const stage = new Stage(numbers(400), atOnce);
      if (isPaused) stage.gate = new Promise(() => {});
      const done = failureOf(stage.start(controller.signal));
      await soon();
      await soon();
      controller.abort();
      expect((await done).code).toBe('cancelled');
      const asked = stage.asked.length;
      await soon();
      await soon();
      expect(stage.asked.length).toBe(asked);
    }
  });

  it('fails with the first failure that is not the end of the process', async () => {
    const stage = new Stage(numbers(40), async (portion, take) => {
      await atOnce(portion, take);
      if (portion.includes(4)) throw new LoupeError('changed', 'The file has changed.');
    });
    expect(await failureOf(stage.start())).toMatchObject({ code: 'changed' });
    expect(stage.asked.length).toBeLessThan(10);
  });
});

describe('when the compute process ends', () => {
  it('asks again for what was under way, one by one, and no figure comes twice', async () => {
    let deaths = 1;
    const stage = new Stage(numbers(30), async (portion, take) => {
      await soon();
      take(portion.slice(0, 1));
      await soon();
      if (portion.includes(7) && deaths-- > 0) throw died();
      take(portion.slice(1));
    });
    expect(await stage.start()).toEqual([]);
    expect([...stage.taken].sort((a, b) => a - b)).toEqual(numbers(30));
    expect(stage.restarts).toEqual([
      'The compute process ended unexpectedly (signal SIGKILL). It was started again, and the analysis goes on.',
    ]);
    expect(stage.asked).toContainEqual([7]);
  });

  it('leaves out the tensor that ends it twice, and names it', async () => {
    const stage = new Stage(numbers(30), async (portion, take) => {
      await soon();
      if (portion.includes(7)) throw died();
      take(portion);
    });
    const skipped = await stage.start();
    expect(skipped).toEqual([
      { index: 7, message: 'The compute process ended twice while it read tensor 7.' },
    ]);
    expect([...stage.taken].sort((a, b) => a - b)).toEqual(numbers(30).filter((i) => i !== 7));
    expect(stage.told.at(-1)).toMatchObject({ done: 30, total: 30 });
  });

  it('finds the one to blame among thousands without asking for each alone', async () => {
    const stage = new Stage(
      numbers(3000),
      async (portion, take) => {
        await Promise.resolve();
        if (portion.includes(700)) throw died();
        take(portion);
      },
      1000,
    );
    expect(await stage.start()).toEqual([
      { index: 700, message: 'The compute process ended 3 times while it read tensor 700.' },
    ]);
    expect([...stage.taken].sort((a, b) => a - b)).toEqual(numbers(3000).filter((i) => i !== 700));
    expect(stage.asked.length).toBeLessThan(200);
  });

  it('gives up after so many ends in a row', async () => {
    let asked = 0;
    const stage = new Stage(numbers(100), async () => {
      asked++;
      await soon();
      throw died();
    });
    const failure = await failureOf(stage.start());
    expect(failure.code).toBe('engine-died');
    expect(failure.message).toContain('in a row');
    expect(stage.taken).toEqual([]);
    expect(asked).toBeLessThan(4 * mostRestartsInARow);
  });
});

describe('with the real compute process', () => {
  const folder = temporaryFolder();
  const count = 48;
  let path = '';
  beforeAll(() => {
    const data = bf16Data(randomValues(2 ** 20));
    path = writeModel(
      join(folder, 'model.safetensors'),
      numbers(count).map((i) => ({ name: `layers.${i}.weight`, dtype: 'BF16', shape: [1024, 1024], data })),
    );
  });

  /** Analyzes all tensors in portions of a few, with `heard` at each progress. */
  async function analyze(engine: EngineClient, heard: (taken: number) => void) {
    const store = new StatsStore(count);
    const restarts: string[] = [];
    const counts = new Map<number, number>();
    const run = new AnalysisRun(numbers(count), {
      ask: (tensors, signal, progress) =>
        engine.call('stats', { path, tensors, channels: 'summary', stream: true }, { signal, progress }),
      // So that there are many portions.
      bytesOf: () => 48 * 2 ** 20,
      nameOf: (tensor) => `layers.${tensor}.weight`,
      take: (records) => {
        store.add(records);
        for (const index of records.index) counts.set(index, (counts.get(index) ?? 0) + 1);
        heard(store.size);
      },
      pause: () => undefined,
      report: () => {},
      tellRestart: (message) => restarts.push(message),
    });
    const skipped = await run.run(new AbortController().signal);
    return { store, skipped, restarts, counts };
  }

  it('goes on after kill -9, with the same figures as without it', async () => {
    const engine = startEngine({ env: { TENSOR_LOUPE_WORKERS: '1' } });
    const want = (await engine.call('stats', {
      path,
      tensors: numbers(count),
      channels: 'summary',
    })) as readonly TensorStats[];
    const pids = new Set([engine.pid]);
    const at = [4, 20];
    const { store, skipped, restarts, counts } = await analyze(engine, (taken) => {
      pids.add(engine.pid);
      if (at.length > 0 && taken >= at[0]! && engine.pid !== undefined) {
        at.shift();
        process.kill(engine.pid, 'SIGKILL');
      }
    });
    pids.add(engine.pid);
    expect(restarts.length).toBeGreaterThan(0);
    expect(pids.size).toBe(1 + restarts.length);
    expect(skipped).toEqual([]);
    expect(numbers(count).map((i) => store.get(i, `layers.${i}.weight`))).toEqual(want);
    expect([...counts.values()].every((times) => times === 1)).toBe(true);
  });

  it('asks again what a person waits for', async () => {
    const engine = startEngine();
    const { pid } = await engine.call('hello', {});
    const call = engine.call('stats', { path, tensors: numbers(count), channels: 'full' }, { again: true });
    process.kill(pid, 'SIGKILL');
    expect((await call).map((stats) => stats!.count)).toEqual(numbers(count).map(() => 2 ** 20));
    expect(engine.pid).not.toBe(pid);
  });
});

describe('the rate', () => {
  it('is that of the last seconds, and time left follows from it', () => {
    const meter = new RateMeter();
    expect(meter.estimate(1, 1)).toEqual({});
    meter.add(0, 0, 0);
    meter.add(200, 1e9, 0);
    expect(meter.estimate(1, 1)).toEqual({});
    for (let ms = 1000; ms <= 30_000; ms += 1000) meter.add(ms, 2e6 * ms, 0);
    const { bytesPerSecond, secondsLeft } = meter.estimate(10e9, 0);
    expect(bytesPerSecond).toBeCloseTo(2e9, 0);
    expect(secondsLeft).toBeCloseTo(5, 6);
    meter.restart();
    expect(meter.estimate(10e9, 0)).toEqual({});
  });

  it('counts tensors too, where bytes say nothing', () => {
    const meter = new RateMeter();
    meter.add(0, 0, 0);
    meter.add(1000, 1280, 1000);
    expect(meter.estimate(12_800, 10_000).secondsLeft).toBeCloseTo(10, 6);
  });
});
