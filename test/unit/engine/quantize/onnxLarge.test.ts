/** ONNX weights of several bands and parts: the same bytes with any number of workers, and nothing left of a job that stops. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Recipe } from '../../../../src/quant/recipe';
import type { SchemeChoice } from '../../../../src/quant/types';
import { type SmallModel, smallOnnx } from '../../../fixtures/onnxModels';
import { failureOf, randomValues, request, startEngine, temporaryFolder } from '../support';
import { decodedWeights, distance, run, withValues } from './onnxRuns';

const folder = temporaryFolder();
/** More than one part of 2^22 values, and a last band that is cut. */
const [K, N] = [4512, 1500];
const model: SmallModel = {
  nodes: [
    { opType: 'Gather', input: ['table', 'ids'], output: ['x'] },
    { opType: 'MatMul', input: ['x', 'w'], output: ['y'] },
  ],
  weights: [
    { name: 'w', shape: [K, N], values: randomValues(K * N, 1) },
    { name: 'table', shape: [6, K], values: randomValues(6 * K, 2) },
  ],
  inputs: [{ name: 'ids', shape: [3], type: 7 }],
  outputs: ['y'],
};
const path = join(folder, 'large', 'net.onnx');
mkdirSync(dirname(path));
writeFileSync(path, smallOnnx(model));
const feeds = { ids: new ort.Tensor('int64', BigInt64Array.of(5n, 0n, 3n), [3]) };
const engines = [1, 3].map((workers) => startEngine({ env: { TENSOR_LOUPE_WORKERS: String(workers) } }));

const choices: readonly SchemeChoice[] = [
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'int2-zeropoint', granularity: 'block', blockSize: 64 },
  { scheme: 'int8-zeropoint', granularity: 'row' },
  { scheme: 'nf4', granularity: 'block', blockSize: 32 },
];

describe.each(choices)('%j', (choice) => {
  it('gives the same file with one worker and with three, which runs and compares equal in all bits', async () => {
    const reports = await Promise.all(
      engines.map((engine, i) =>
        engine.call('quantize', request(path, join(folder, `${choice.scheme}-${i}.onnx`), choice)),
      ),
    );
    const [one, three] = reports as [(typeof reports)[0], (typeof reports)[0]];
    expect(one.tensors).toEqual(three.tensors);
    expect(readFileSync(one.open).equals(readFileSync(three.open))).toBe(true);
    expect(one.tensors.map(({ note }) => note)).toEqual([undefined, 'kept: embedding']);
    const against = { kind: 'file', path: one.open } as const;
    const { tensor } = await engines[1]!.call('errorDetail', { path, tensor: 0, against });
    expect([tensor.mse, tensor.maxAbs, tensor.cosine]).toEqual([
      one.tensors[0]!.mse,
      one.tensors[0]!.maxAbs,
      one.tensors[0]!.cosine,
    ]);
    const [want] = await run(withValues(path, decodedWeights(one.open, path)), feeds);
    expect(distance(want!, (await run(one.open, feeds))[0]!)).toBeLessThan(1e-5);
  });
});

it('follows a recipe, which may also ask for the table of a Gather', async () => {
  const recipe: Recipe = {
    version: 1,
    default: 'keep',
    rules: [
      { match: 'table', choice: { scheme: 'int8-zeropoint', granularity: 'row' } },
      { match: 'w', choice: { scheme: 'int4-absmax', granularity: 'block', blockSize: 128 } },
    ],
  };
  const out = join(folder, 'recipe', 'out.onnx');
  const report = await engines[1]!.call('quantize', { ...request(path, out), recipe });
  expect(report.tensors.map(({ to }) => to)).toEqual(['INT4', 'INT8']);
  expect(readdirSync(dirname(out)).sort()).toEqual(['out.onnx', 'out.onnx.loupe-recipe.json']);
  const [want] = await run(withValues(path, decodedWeights(out, path)), feeds);
  expect(distance(want!, (await run(out, feeds))[0]!)).toBeLessThan(1e-5);
});

it('leaves nothing when it is cancelled or its process ends', async () => {
  const out = join(folder, 'stopped', 'out.onnx');
  const slow = request(path, out, {
    scheme: 'int4-zeropoint',
    granularity: 'block',
    blockSize: 32,
    clip: 'mse',
  });
  const controller = new AbortController();
  const cancelled = failureOf(
    engines[0]!.call('quantize', slow, { signal: controller.signal, progress: () => controller.abort() }),
  );
  expect((await cancelled).code).toBe('cancelled');
  expect(readdirSync(dirname(out))).toEqual([]);
  const doomed = startEngine({ env: { TENSOR_LOUPE_WORKERS: '1' } });
  const killed = failureOf(doomed.call('quantize', slow, { progress: () => doomed.dispose() }));
  expect(['engine-died', 'cancelled']).toContain((await killed).code);
  expect(readdirSync(dirname(out))).not.toContain('out.onnx');
  // The names of what it left tell its process, which takes a moment to end.
  const owners = readdirSync(dirname(out)).map((name) => Number(/-(\d+)-[0-9a-f]+$/.exec(name)?.[1]));
  const isAlive = (owner: number) => {
    try {
      return process.kill(owner, 0);
    } catch {
      return false;
    }
  };
  await expect.poll(() => owners.filter(isAlive), { timeout: 20_000 }).toEqual([]);
  // The next job removes it.
  const choice = { scheme: 'int8-absmax', granularity: 'tensor' } as const;
  await engines[1]!.call('quantize', request(path, out, choice));
  expect(readdirSync(dirname(out))).toEqual(['out.onnx']);
});
