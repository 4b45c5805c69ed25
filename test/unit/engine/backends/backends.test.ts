/** The choice of a backend, and identical codes on every one that can run here. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BackendName, TensorError } from '../../../../src/protocol/engineApi';
import { bf16Data, f32Data } from '../../../fixtures/makeCheckpoint';
import { failureOf, randomValues, request, startEngine, temporaryFolder, writeModel } from '../support';
import { softwareVulkan } from './softwareVulkan';

const folder = temporaryFolder();

/** Values that tell encoders apart: exact ties, outliers, tiny and huge values, signed zeros, constant rows. */
function trickyModel(): string {
  const columns = 515;
  const rows: Float32Array[] = [];
  for (let seed = 1; seed <= 40; seed++) rows.push(randomValues(columns, seed));
  // Every code's midpoint: max 127 makes the scale 1, so that x.5 is an exact tie.
  rows.push(Float32Array.from({ length: columns }, (_, i) => (i === 0 ? 127 : (i % 254) - 126.5)));
  rows.push(randomValues(columns, 99).map((value, i) => (i === 7 ? 3e5 : value)));
  rows.push(randomValues(columns, 98).map((value) => value * 2 ** -140));
  rows.push(randomValues(columns, 97).map((value) => value * 2 ** 120));
  rows.push(
    new Float32Array(columns),
    new Float32Array(columns).fill(-0),
    new Float32Array(columns).fill(0.1),
  );
  rows.push(Float32Array.from({ length: columns }, (_, i) => i + 1));
  rows.push(Float32Array.from({ length: columns }, (_, i) => -i - 1));
  const values = Float32Array.from(rows.flatMap((row) => [...row]));
  return writeModel(join(folder, 'tricky/model.safetensors'), [
    { name: 'tricky.weight', dtype: 'F32', shape: [rows.length, columns], data: f32Data(values) },
    { name: 'plain.weight', dtype: 'BF16', shape: [2100, 700], data: bf16Data(randomValues(1_470_000, 3)) },
  ]);
}

/** Rows that divide into blocks; some blocks are all zeros, and some far below the others. */
function blockModel(): string {
  const [rows, columns] = [300, 640];
  const values = randomValues(rows * columns, 5).map((value, i) => {
    const block = Math.floor(i / 32) % 97;
    return block === 3 ? 0 : block === 11 ? value * 2 ** -130 : i % 1999 === 0 ? value * 300 : value;
  });
  return writeModel(join(folder, 'blocks/model.safetensors'), [
    { name: 'blocks.weight', dtype: 'F32', shape: [rows, columns], data: f32Data(values) },
    // bitsandbytes wants one type in a model.
    { name: 'plain.weight', dtype: 'F32', shape: [96, 4096], data: f32Data(randomValues(393_216, 6)) },
  ]);
}

const path = trickyModel();
const blocks = blockModel();
const choices = [
  { scheme: 'int8-absmax', granularity: 'row' },
  { scheme: 'int8-absmax', granularity: 'tensor' },
  { scheme: 'int8-zeropoint', granularity: 'row' },
  { scheme: 'int8-zeropoint', granularity: 'tensor' },
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 32, path: blocks },
  { scheme: 'nf4', granularity: 'block', blockSize: 64, path: blocks },
] as const;
/** On one provider only: each takes seconds. All schemes are in graphCodes.test.ts, without files. */
const moreChoices = [
  { scheme: 'int4-absmax', granularity: 'tensor', path: blocks },
  { scheme: 'int4-zeropoint', granularity: 'row', path: blocks },
  { scheme: 'int8-zeropoint', granularity: 'block', blockSize: 64, path: blocks },
  { scheme: 'nf4', granularity: 'block', blockSize: 64, doubleQuant: true, path: blocks },
  { scheme: 'f8-e4m3', granularity: 'row' },
  { scheme: 'mxfp4', granularity: 'block', blockSize: 32, path: blocks },
] as const;
const limitMilliseconds = 180_000;

/** Hash of the written file and the report's rows for each choice. */
async function outputsOf(
  engine: ReturnType<typeof startEngine>,
  backend: BackendName,
  chosen: readonly (typeof choices | typeof moreChoices)[number][] = choices,
): Promise<{ hash: string; rows: readonly TensorError[] }[]> {
  const results = [];
  for (const choice of chosen) {
    const out = join(mkdtempSync(join(folder, `${backend}-`)), `${choice.scheme}-${choice.granularity}`);
    const report = await engine.call('quantize', request(path, out, { ...choice, backend }));
    expect(report.tensors.filter(({ note }) => note === undefined)).toHaveLength(2);
    expect(report.backend).toMatchObject({ requested: backend, used: backend });
    const hash = createHash('sha256').update(readFileSync(report.open)).digest('hex');
    results.push({ hash, rows: report.tensors });
  }
  return results;
}

const cpu = startEngine();
const software = softwareVulkan(folder);

describe('codes and errors', () => {
  it(
    "of ONNX Runtime's CPU provider are the kernels', to the last bit",
    async () => {
      const all = [...choices, ...moreChoices];
      expect(await outputsOf(cpu, 'ort-cpu', all)).toEqual(await outputsOf(cpu, 'cpu', all));
    },
    limitMilliseconds,
  );

  it.skipIf(!software)(
    'of WebGPU on a software driver too',
    async () => {
      const engine = startEngine({ env: software });
      const [webgpu, kernels] = [await outputsOf(engine, 'webgpu'), await outputsOf(engine, 'cpu')];
      expect(webgpu).toEqual(kernels);

      // `auto` sees through it by its speed, says so, and takes the kernels.
      const reports = await engine.call('backends', {});
      expect(reports[0]!.name).toBe('cpu');
      const report = reports.find(({ name }) => name === 'webgpu')!;
      expect(report).toMatchObject({ available: true, isSoftware: true, adapter: 'software GPU' });
      expect(report.runtime).toMatch(/^ONNX Runtime \d+\.\d+\.\d+$/);
      expect(report.reason).toMatch(
        /^WebGPU is a software GPU: \d+ ms for what one CPU thread does in [\d.]+ ms$/,
      );
      const automatic = request(path, join(folder, 'auto'), { backend: 'auto' });
      const { backend } = await engine.call('quantize', automatic);
      expect(backend).toEqual({ requested: 'auto', used: 'cpu', reason: `CPU: ${report.reason}` });
    },
    limitMilliseconds,
  );
});

it("shares ONNX Runtime's one thread among jobs, whatever their providers", async () => {
  const engine = startEngine({ env: software ?? {} });
  const backends = software ? (['webgpu', 'ort-cpu', 'webgpu'] as const) : (['ort-cpu', 'ort-cpu'] as const);
  const reports = await Promise.all(
    backends.map((backend, i) =>
      engine.call('quantize', request(path, join(folder, `shared-${i}`), { backend })),
    ),
  );
  expect(reports.map(({ backend }) => backend.used)).toEqual(backends);
  const hashes = reports.map(({ open }) => createHash('sha256').update(readFileSync(open)).digest('hex'));
  expect(new Set(hashes).size).toBe(1);
});

describe('the choice', () => {
  it('lists every backend with a reason, what auto takes first', async () => {
    const reports = await cpu.call('backends', {});
    const names = ['coreml', 'cpu', 'cuda', 'directml', 'ort-cpu', 'webgpu'];
    expect(reports.map(({ name }) => name).sort()).toEqual(names);
    expect(reports[0]!.available).toBe(true);
    for (const { reason } of reports) expect(reason).toMatch(/^[^\n]{5,300}$/);
    const automatic = await cpu.call('quantize', request(path, join(folder, 'chosen'), { backend: 'auto' }));
    expect(automatic.backend).toEqual({
      requested: 'auto',
      used: reports[0]!.name,
      reason: reports[0]!.reason,
    });
  });

  it('fails by name with the reason, before anything is written', async () => {
    const reports = await cpu.call('backends', {});
    const missing = reports.filter(({ available }) => !available);
    expect(missing.length).toBeGreaterThan(0);
    for (const { name, reason } of missing) {
      const out = join(folder, 'missing');
      const error = await failureOf(cpu.call('quantize', request(path, out, { backend: name })));
      expect(error.code).toBe('compute');
      expect(error.message).toContain(reason);
      expect(existsSync(out)).toBe(false);
    }
    const unknown = request(path, join(folder, 'missing'), { backend: 'abacus' as 'cpu' });
    expect((await failureOf(cpu.call('quantize', unknown))).code).toBe('usage');
  });
});

describe('measuring', () => {
  it(
    'times the known job on what is available, one after the other, and keeps the speeds',
    async () => {
      const engine = startEngine();
      const before = await engine.call('backends', {});
      expect(before.every(({ measured }) => measured === undefined)).toBe(true);
      const told: string[] = [];
      const reports = await engine.call(
        'measureBackends',
        {},
        { progress: ({ name, done, total }) => told.push(`${name} ${done} of ${total}`) },
      );
      const available = reports.filter((report) => report.available).map(({ name }) => name);
      expect(told).toEqual(available.map((name, i) => `${name} ${i} of ${available.length}`));
      for (const { name, available, measured } of reports) {
        if (!available) expect(measured, name).toBeUndefined();
        else expect(measured?.ok && measured.bytesPerSecond > 1e6 && measured.runs >= 1, name).toBe(true);
      }
      const gigabytes = reports.flatMap(({ name, measured }) =>
        measured?.ok ? [`${name} ${(measured.bytesPerSecond / 1e9).toFixed(2)} GB/s`] : [],
      );
      console.log(`INT8 per row of the known matrix: ${gigabytes.join(', ')}`);
      expect(await engine.call('backends', {})).toEqual(reports);
    },
    limitMilliseconds,
  );

  it('lets a second measurement wait for the first', async () => {
    const engine = startEngine();
    const order: string[] = [];
    await Promise.all(
      ['first', 'second'].map(async (who) => {
        const progress = () => order.push(`${who} begins`);
        await engine.call('measureBackends', { names: ['ort-cpu'] }, { progress });
        order.push(`${who} ends`);
      }),
    );
    expect(order).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
  });

  it('stops when cancelled, without a speed', async () => {
    const engine = startEngine();
    const controller = new AbortController();
    const job = engine.call(
      'measureBackends',
      { names: ['ort-cpu'] },
      { signal: controller.signal, progress: () => setTimeout(() => controller.abort(), 100) },
    );
    expect((await failureOf(job)).code).toBe('cancelled');
    const report = (await engine.call('backends', {})).find(({ name }) => name === 'ort-cpu');
    expect(report?.measured).toBeUndefined();
  });
});
