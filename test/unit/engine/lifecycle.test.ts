/** Death, cancellation and many requests at once, on the real forked engine. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { EngineClient } from '../../../src/engine/client';
import type { LoupeError } from '../../../src/errors';
import { fileHash } from '../../fixtures/fileHash';
import { bf16Data } from '../../fixtures/makeCheckpoint';
import {
  demoModel,
  enginePath,
  failureOf,
  randomValues,
  request,
  startEngine,
  temporaryFolder,
  writeModel,
} from './support';

const engine = startEngine();
const folder = temporaryFolder();
/** 96 MB, long enough to be interrupted in the middle. */
let large = '';
const largeTensors = 48;

beforeAll(() => {
  const data = bf16Data(randomValues(2 ** 20));
  const tensors = Array.from({ length: largeTensors }, (_, i) => ({
    name: `layers.${i}.proj.weight`,
    dtype: 'BF16',
    shape: [1024, 1024],
    data,
  }));
  large = writeModel(join(folder, 'large/model.safetensors'), tensors);
  writeFileSync(join(folder, 'large/config.json'), '{}');
});

const hidden = (parent: string) => readdirSync(parent).filter((name) => name.startsWith('.'));

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 10) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never happened: ${what}`);
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('the client', () => {
  it('rejects open calls when the process dies, tells why, and starts anew at the next call', async () => {
    const messages: string[] = [];
    const own = startEngine({ onExit: (message, { signal }) => messages.push(`${message} ${signal}`) });
    const { pid } = await own.call('hello', {});
    const stats = own.call('stats', { path: large, tensors: [0, 1, 2, 3], channels: 'full' });
    process.kill(pid, 'SIGKILL');
    expect((await failureOf(stats)).toJSON()).toEqual({
      code: 'engine-died',
      message: 'The compute process ended unexpectedly (signal SIGKILL).',
    });
    expect(messages).toEqual(['The compute process ended unexpectedly (signal SIGKILL). SIGKILL']);
    const again = await own.call('hello', {});
    expect(again.pid).not.toBe(pid);
    expect((await own.call('open', { path: demoModel })).tensors.count).toBe(39);
  });

  it('says what went wrong when there is no engine to start', async () => {
    const own = startEngine({ enginePath: join(folder, 'nothing.js') });
    expect((await failureOf(own.call('hello', {}))).code).toBe('engine-died');
  });

  it('ends the process when disposed of, and the process ends with its parent', async () => {
    const own = new EngineClient({ enginePath });
    const { pid } = await own.call('hello', {});
    const open = own.call('stats', { path: large, tensors: [0], channels: 'full' });
    own.dispose();
    expect((await failureOf(open)).code).toBe('engine-died');
    expect((await failureOf(own.call('hello', {}))).code).toBe('engine-died');
    await until(() => !isAlive(pid), 'the disposed engine ends');

    const script = `
      import { fork } from 'node:child_process';
      const child = fork(${JSON.stringify(enginePath)}, [], { serialization: 'advanced' });
      child.on('message', ({ result }) => console.log(result.pid));
      child.send({ kind: 'request', id: 1, method: 'hello', params: {} });`;
    const file = join(folder, 'parent.mjs');
    writeFileSync(file, script);
    const parent = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const orphan = await new Promise<number>((resolve) => {
      parent.stdout.on('data', (text) => resolve(Number(text)));
    });
    expect(isAlive(orphan)).toBe(true);
    parent.kill('SIGKILL');
    await until(() => !isAlive(orphan), 'the engine ends with its parent');
  });

  it('answers unknown requests and wrong ones with reasons', async () => {
    const unknown = engine.call('nonsense' as 'hello', {});
    expect(await failureOf(unknown)).toMatchObject({ code: 'usage' });
    const missing = engine.call('open', { path: join(folder, 'absent.safetensors') });
    expect(await failureOf(missing)).toMatchObject({ code: 'not-found' });
    const scheme = request(demoModel, join(folder, 'x'), { scheme: 'int7' as 'int8-absmax' });
    expect((await failureOf(engine.call('quantize', scheme))).message).toContain('int7');
  });

  it('is fine with many requests at once', async () => {
    const { tensors } = await engine.call('open', { path: demoModel });
    const indices = tensors.names.map((_, i) => i);
    const alone = await engine.call('stats', { path: demoModel, tensors: indices, channels: 'full' });
    const [together, tiles, opened] = await Promise.all([
      Promise.all(
        indices.map((i) => engine.call('stats', { path: demoModel, tensors: [i], channels: 'full' })),
      ),
      Promise.all(
        indices.map((tensor) => engine.call('tile', { path: demoModel, tensor, rows: 8, columns: 8 })),
      ),
      Promise.all(indices.map(() => engine.call('brief', { path: demoModel }))),
    ]);
    expect(together.map(([stats]) => stats)).toEqual(alone);
    for (const [i, tile] of tiles.entries()) {
      expect(Math.max(Math.abs(tile.min), Math.abs(tile.max))).toBe(alone[i]!.absmax);
    }
    expect(new Set(opened.map(({ parameters }) => parameters))).toEqual(new Set([3_295_488]));
  });

  it('serves what a person waits for while bulk work runs', async () => {
    const controller = new AbortController();
    const bulk = engine.call(
      'errors',
      { path: large, choice: { scheme: 'int8-absmax', granularity: 'tensor' } },
      { signal: controller.signal },
    );
    bulk.catch(() => {});
    let bulkEnded = false;
    bulk
      .finally(() => {
        bulkEnded = true;
      })
      .catch(() => {});
    await engine.call('tile', { path: demoModel, tensor: 0, rows: 4, columns: 4 });
    expect(bulkEnded).toBe(false);
    controller.abort();
    expect((await failureOf(bulk)).code).toBe('cancelled');
  });
});

/**
 * Runs a quantization that `act` interrupts once bytes are done, and gives its failure. On a busy machine the
 * job can end before this process hears of its progress: then it is tried again.
 */
async function interrupted(
  own: EngineClient,
  out: string,
  granularity: 'row' | 'tensor',
  act: (controller: AbortController) => void,
): Promise<LoupeError> {
  for (let attempt = 0; attempt < 8; attempt++) {
    await own.call('quantize', request(demoModel, out, { overwrite: true }));
    const controller = new AbortController();
    let acted = false;
    const call = own.call('quantize', request(large, out, { overwrite: true, granularity }), {
      signal: controller.signal,
      progress: ({ bytesDone }) => {
        if (bytesDone === 0 || acted) return;
        acted = true;
        act(controller);
      },
    });
    const failure = await call.then(
      () => undefined,
      (thrown: LoupeError) => thrown,
    );
    if (failure) return failure;
  }
  throw new Error('it was never interrupted in time');
}

describe('an interrupted quantization', () => {
  it('stops soon when cancelled, and leaves the older output as it was', async () => {
    const parent = join(folder, 'cancelled');
    const out = join(parent, 'out');
    await engine.call('quantize', request(demoModel, out));
    const before = fileHash(join(out, 'model.safetensors'));
    const source = fileHash(large);
    for (const granularity of ['row', 'tensor'] as const) {
      const failure = await interrupted(engine, out, granularity, (controller) => controller.abort());
      expect(failure.code).toBe('cancelled');
      expect([fileHash(join(out, 'model.safetensors')), fileHash(large)]).toEqual([before, source]);
      expect(readdirSync(parent)).toEqual(['out']);
    }
  });

  it('by kill -9 leaves the source and the older output, and its rest goes at the next job', async () => {
    const parent = join(folder, 'killed');
    const out = join(parent, 'out');
    const own = startEngine();
    await own.call('quantize', request(demoModel, out));
    const before = fileHash(join(out, 'model.safetensors'));
    const source = fileHash(large);
    const failure = await interrupted(own, out, 'row', () => process.kill(own.pid!, 'SIGKILL'));
    expect(failure.code).toBe('engine-died');
    expect(hidden(parent)).toEqual([expect.stringMatching(/^\.out\.tensor-loupe-\d+-[0-9a-f]{12}$/)]);
    expect([fileHash(join(out, 'model.safetensors')), fileHash(large)]).toEqual([before, source]);
    const report = await own.call('quantize', request(large, out, { overwrite: true }));
    expect(readdirSync(parent)).toEqual(['out']);
    expect(fileHash(report.open)).not.toBe(before);
    expect((await own.call('open', { path: out })).tensors.pieces.length).toBe(largeTensors);
  });

  it('by the end of its parent leaves nothing behind', async () => {
    const parent = join(folder, 'orphaned');
    mkdirSync(parent);
    const script = join(folder, 'quantizing.mjs');
    writeFileSync(
      script,
      `import { fork } from 'node:child_process';
      // One worker and two passes, so that the end of this process comes in the middle.
      process.env.TENSOR_LOUPE_WORKERS = '1';
      const child = fork(${JSON.stringify(enginePath)}, [], { serialization: 'advanced' });
      child.on('message', ({ kind }) => {
        if (kind === 'progress') process.exit(0);
      });
      const params = ${JSON.stringify(request(large, join(parent, 'out'), { granularity: 'tensor' }))};
      child.send({ kind: 'request', id: 1, method: 'quantize', params });`,
    );
    const child = spawn(process.execPath, [pathToFileURL(script).pathname], { stdio: 'ignore' });
    await new Promise((resolve) => child.on('exit', resolve));
    await until(() => readdirSync(parent).length === 0, 'the unfinished output is removed');
    expect(existsSync(join(parent, 'out'))).toBe(false);
  });

  it('never happened when the target is refused: nothing is created', async () => {
    const out = join(folder, 'file');
    writeFileSync(out, 'mine');
    const call = engine.call('quantize', request(demoModel, out, { overwrite: true }));
    expect((await failureOf(call)).code).toBe('refused');
    expect(readFileSync(out, 'utf8')).toBe('mine');
  });

  it('reports progress that ends with everything done', async () => {
    const seen: { bytesDone: number; bytesTotal: number; tensorsDone: number; tensor: string }[] = [];
    await engine.call('quantize', request(large, join(folder, 'progress')), {
      progress: (state) => seen.push(state),
    });
    expect(seen.at(-1)).toMatchObject({
      bytesDone: largeTensors * 2 ** 21,
      bytesTotal: largeTensors * 2 ** 21,
      tensorsDone: largeTensors,
      tensorsTotal: largeTensors,
    });
    for (let i = 1; i < seen.length; i++) {
      expect(seen[i]!.bytesDone).toBeGreaterThanOrEqual(seen[i - 1]!.bytesDone);
    }
    expect(seen[0]!.tensor).toMatch(/^layers\.\d+\.proj\.weight$/);
  });
});
