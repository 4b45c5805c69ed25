/** The session of an open checkpoint over the real compute process, with a made-up VS Code around it. */
import { copyFileSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AnalysisProgress } from '../../../src/editor/analysisRun';
import type { AnalysisSettings } from '../../../src/editor/analysisSettings';
import { CheckpointSession } from '../../../src/editor/checkpointSession';
import type { EngineClient } from '../../../src/engine/client';
import type { Finding, TensorStats } from '../../../src/protocol/engineApi';
import { f32Data } from '../../fixtures/makeCheckpoint';
import {
  failureOf,
  outlierModel,
  randomValues,
  startEngine,
  temporaryFolder,
  writeModel,
} from '../engine/support';

vi.mock('vscode', () => {
  class EventEmitter<T> {
    private readonly listeners = new Set<(value: T) => void>();
    readonly event = (listener: (value: T) => void) => {
      this.listeners.add(listener);
      return { dispose: () => this.listeners.delete(listener) };
    };
    fire(value: T) {
      for (const listener of this.listeners) listener(value);
    }
    dispose() {
      this.listeners.clear();
    }
  }
  return {
    EventEmitter,
    RelativePattern: class {},
    Uri: { file: (path: string) => ({ fsPath: path }) },
    workspace: {
      createFileSystemWatcher: () => {
        const none = () => ({ dispose: () => {} });
        return { onDidChange: none, onDidCreate: none, onDidDelete: none, dispose: () => {} };
      },
    },
  };
});

const folder = temporaryFolder();
const sessions: CheckpointSession[] = [];
afterAll(() => {
  for (const session of sessions) session.dispose();
});

function open(path: string, engine: EngineClient, settings: Partial<AnalysisSettings> = {}) {
  const current: AnalysisSettings = { figures: {}, pauseWhenHidden: false, ...settings };
  const origin = {
    open: () => engine.call('open', { path }),
    notice: undefined,
    diskPath: async () => path,
    dispose: () => {},
  };
  type Uri = ConstructorParameters<typeof CheckpointSession>[0];
  const uri = { scheme: 'file', fsPath: path, toString: () => path } as unknown as Uri;
  const session = new CheckpointSession(uri, engine, origin, () => current);
  sessions.push(session);
  return session;
}

/** Analyzes every tensor; `heard` may act on each figure as it comes. */
async function analyzeAll(
  session: CheckpointSession,
  heard: (known: number) => void = () => {},
  signal = new AbortController().signal,
) {
  const { tensors } = await session.catalogue();
  const stats = new Map<number, TensorStats | null>();
  const told: AnalysisProgress[] = [];
  const all = tensors.names.map((_, i) => i);
  await session.analyze(
    all,
    (index, one) => {
      stats.set(index, one);
      heard(stats.size);
    },
    signal,
    (progress) => told.push(progress),
  );
  return { stats: all.map((index) => stats.get(index)), told };
}

let large = '';
const largeCount = 2400;
beforeAll(() => {
  const data = f32Data(randomValues(2 ** 12));
  large = writeModel(
    join(folder, 'large/model.safetensors'),
    Array.from({ length: largeCount }, (_, i) => ({ name: `w.${i}`, dtype: 'F32', shape: [64, 64], data })),
  );
});

describe('a session', () => {
  it('shows the figures of an earlier one at once, of the very same values, and reads none', async () => {
    const path = join(folder, 'kept/model.safetensors');
    mkdirSync(join(folder, 'kept'));
    copyFileSync(join(outlierModel, 'model.safetensors'), path);
    utimesSync(path, 5000, 5000);
    const cache = { folder: join(folder, 'cache'), limitMB: 16 };
    const first = startEngine();
    const session = open(path, first, { cache });
    expect(await session.known()).toEqual([]);
    const { stats } = await analyzeAll(session);
    expect(stats.every((one) => one !== undefined && one !== null)).toBe(true);
    first.dispose();
    await vi.waitFor(() => expect(statSync(cache.folder).isDirectory()).toBe(true));

    // Other values under the same identity: whoever read them would tell others.
    const bytes = readFileSync(path);
    bytes.fill(0, bytes.length - 5_000_000);
    writeFileSync(path, bytes);
    utimesSync(path, 5000, 5000);
    await vi.waitFor(
      async () => {
        const again = open(path, startEngine(), { cache });
        const known = await again.known();
        expect(known.map(({ index }) => index)).toEqual(stats.map((_, i) => i));
        expect(known.map((one) => one.stats)).toEqual(stats);
        const findings: (readonly Finding[])[] = [];
        again.onDidFind((found) => findings.push(found));
        expect((await analyzeAll(again)).stats).toEqual(stats);
      },
      { timeout: 10_000 },
    );
    const without = open(path, startEngine());
    expect(await without.known()).toEqual([]);
    expect((await analyzeAll(without)).stats).not.toEqual(stats);
  });

  it('goes on and says so when the compute process is killed in the middle', async () => {
    const exits: string[] = [];
    const engine = startEngine({
      env: { TENSOR_LOUPE_WORKERS: '1' },
      onExit: (message) => exits.push(message),
    });
    const session = open(large, engine);
    const said: string[] = [];
    session.onDidInterrupt((message) => said.push(message));
    let killed = 0;
    const { stats, told } = await analyzeAll(session, (known) => {
      if (known < 100 || killed > 0 || engine.pid === undefined) return;
      killed = engine.pid;
      process.kill(killed, 'SIGKILL');
    });
    expect(killed).toBeGreaterThan(0);
    expect(engine.pid).not.toBe(killed);
    expect(exits).toHaveLength(1);
    expect(said).toEqual([
      'The compute process ended unexpectedly (signal SIGKILL). It was started again, and the analysis goes on.',
    ]);
    expect(stats.filter((one) => one?.count === 2 ** 12)).toHaveLength(largeCount);
    expect(told.at(-1)).toMatchObject({ done: largeCount, total: largeCount });
  });

  it('asks again for details and pictures that were under way', async () => {
    const engine = startEngine();
    const session = open(large, engine);
    await session.catalogue();
    const { pid } = await engine.call('hello', {});
    const both = Promise.all([session.stats(7), session.tile({ tensor: 8, rows: 4, columns: 4 })]);
    // Both have been asked, as nothing was waited for since.
    await Promise.resolve();
    process.kill(pid, 'SIGKILL');
    const [stats, tile] = await both;
    expect([stats?.name, tile.rows]).toEqual(['w.7', 4]);
    expect(engine.pid).not.toBe(pid);
  });

  it('pauses while all its pages are hidden, if the setting says so, and goes on when one is shown', async () => {
    const engine = startEngine({ env: { TENSOR_LOUPE_WORKERS: '1' } });
    const session = open(large, engine, { pauseWhenHidden: true });
    const [left, right] = [{}, {}];
    session.pages.set(left, true);
    session.pages.set(right, false);
    let taken = 0;
    const done = analyzeAll(session, (known) => {
      taken = known;
      // A split view: one of two is enough. Then the last one goes behind another tab.
      if (known === 1) {
        session.pages.set(right, true);
        session.pages.set(left, false);
        session.pages.set(right, false);
      }
    });
    const states: boolean[] = [];
    session.onDidAnalyze((progress) => progress && states.push(progress.isPaused));
    await vi.waitFor(() => expect(states).toContain(true), { timeout: 20_000 });
    // What was asked for before comes to its end.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const before = taken;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(taken).toBe(before);
    // Two portions of three were under way.
    expect(before).toBeLessThan(largeCount);
    session.pages.set(left, true);
    const { stats } = await done;
    expect(stats.filter((one) => one?.count === 2 ** 12)).toHaveLength(largeCount);
    expect(session.isAnalyzing).toBe(false);
  });

  it('takes no notice of hiding without the setting, and can be cancelled while it pauses', async () => {
    const engine = startEngine();
    const session = open(large, engine);
    session.pages.set({}, false);
    expect((await analyzeAll(session)).stats.filter(Boolean)).toHaveLength(largeCount);

    const paused = open(large, engine, { pauseWhenHidden: true });
    paused.pages.set({}, false);
    const controller = new AbortController();
    const done = failureOf(analyzeAll(paused, () => {}, controller.signal));
    await new Promise((resolve) => setTimeout(resolve, 50));
    controller.abort();
    expect((await done).code).toBe('cancelled');
    expect(paused.isAnalyzing).toBe(false);
  });
});
