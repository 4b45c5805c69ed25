/**
 * Quantizing without measuring: the same bytes, no figure anywhere, and the same figures to the last bit when they are measured
 * afterwards from the two files.
 */
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { QuantizeReport, QuantizeRequest } from '../../../../src/protocol/engineApi';
import { measuredReport, unmeasuredCount, unmeasuredTensors } from '../../../../src/protocol/measuredReport';
import type { Scheme } from '../../../../src/quant/scheme';
import { schemes } from '../../../../src/quant/schemes';
import type { SchemeChoice } from '../../../../src/quant/types';
import { bf16Data, f32Data, type TensorFixture } from '../../../fixtures/makeCheckpoint';
import { smallOnnx } from '../../../fixtures/onnxModels';
import {
  demoModel,
  failureOf,
  randomValues,
  request,
  startEngine,
  temporaryFolder,
  writeModel,
} from '../support';

const engine = startEngine();
const folder = temporaryFolder();
let outputs = 0;

/** SHA-256 of every file below a path, by its place there. */
function hashes(path: string): Map<string, string> {
  const hash = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
  if (statSync(path).isFile()) return new Map([['', hash(path)]]);
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => [
      join(parentPath, name).slice(path.length),
      hash(join(parentPath, name)),
    ]),
  );
}

/** Takes the figures of a report from its two files. */
async function measured(report: QuantizeReport): Promise<QuantizeReport> {
  const catalogue = await engine.call('open', { path: report.source });
  const { source: path, open: other, generation, outputGeneration: otherGeneration } = report;
  const tensors = unmeasuredTensors(report, catalogue);
  const { tensors: rows } = await engine.call('compare', {
    ...{ path, other, generation, otherGeneration, tensors },
  });
  return measuredReport(report, rows);
}

/** Writes twice and compares all. Returns how many errors were left for later; undefined where no layout holds the choice. */
async function writesTheSame(
  path: string,
  more: Partial<QuantizeRequest>,
  ending = '',
): Promise<number | undefined> {
  const targets = [0, 1].map((which) => join(folder, `out-${outputs}-${which}${ending}`));
  outputs++;
  const asked = targets.map((out) => request(path, out, more));
  const plan = await engine.call('quantize', { ...asked[0]!, dryRun: true }).catch((thrown: Error) => thrown);
  if (plan instanceof Error) {
    expect(plan).toMatchObject({ code: 'refused' });
    return undefined;
  }
  const usual = await engine.call('quantize', asked[0]!);
  const later = await engine.call('quantize', { ...asked[1]!, errors: 'later' });
  expect(hashes(targets[1]!)).toEqual(hashes(targets[0]!));
  expect(unmeasuredCount(usual)).toBe(0);
  for (const [i, row] of later.tensors.entries()) {
    if (!row.isUnmeasured) expect(row).toEqual(usual.tensors[i]);
    else
      for (const key of ['mse', 'sqnr', 'maxAbs', 'cosine', 'meanAbs'] as const) expect(row[key]).toBeNaN();
  }
  const count = unmeasuredCount(later);
  expect(later.generation === undefined).toBe(count === 0);
  const found = await measured(later);
  expect(found.tensors).toEqual(usual.tensors);
  expect([found.generation, found.outputGeneration]).toEqual([undefined, undefined]);
  return count;
}

/** Two weights, a bias and a norm; rows of the first do not fill words of packed zero points, and the second spans two segments. */
const shapes = [
  { name: 'model.layers.0.mlp.up_proj.weight', shape: [37, 256] },
  { name: 'model.layers.0.mlp.down_proj.weight', shape: [1100, 256] },
  { name: 'model.layers.0.mlp.up_proj.bias', shape: [37] },
  { name: 'model.norm.weight', shape: [256] },
] as const;
const data = { F32: f32Data, BF16: bf16Data };

function model(dtype: keyof typeof data): string {
  return writeModel(
    join(folder, `source-${dtype}`, 'model.safetensors'),
    shapes.map(({ name, shape }, i): TensorFixture => {
      const values = randomValues(
        shape.reduce((a: number, b) => a * b, 1),
        i + 3,
      );
      for (let at = 5; at < values.length; at += 997) values[at]! *= 9;
      return { name, dtype, shape: [...shape], data: data[dtype](values) };
    }),
  );
}
const sources = { F32: model('F32'), BF16: model('BF16') };

const takesShapes = ({ rowBlock = 1 }: Scheme) => shapes.every(({ shape }) => shape.at(-1)! % rowBlock === 0);
const choices: readonly SchemeChoice[] = [
  ...schemes.filter(takesShapes).flatMap(({ name, options }): SchemeChoice[] =>
    options.granularities.map((granularity) => ({
      scheme: name,
      granularity,
      ...(name === 'prune-heads' ? { headSize: 1 } : {}),
      ...(name === 'prune-layers' ? { layers: [7] } : {}),
    })),
  ),
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
  { scheme: 'int8-zeropoint', granularity: 'block', blockSize: 64 },
  { scheme: 'int4-zeropoint', granularity: 'row', clip: 'mse' },
  { scheme: 'int3-zeropoint', granularity: 'block', blockSize: 64, clip: 'hqq', output: 'fake' },
  { scheme: 'nf4', granularity: 'block', doubleQuant: true },
  { scheme: 'fp4', granularity: 'block', blockSize: 32, doubleQuant: true },
  { scheme: 'f8-e4m3', granularity: 'row', overflow: 'nan' },
  { scheme: 'int8-absmax', granularity: 'row', prune: 'magnitude', ratio: 0.3 },
  { scheme: 'int4-zeropoint', granularity: 'row', prune: 'nm' },
  { scheme: 'ternary', granularity: 'row', output: 'fake' },
  { scheme: 'llm-int8', granularity: 'row', outlierThreshold: 5 },
];

describe('errors that are measured later', { timeout: 60_000 }, () => {
  it.each(choices)('%j', async (choice) => {
    for (const path of Object.values(sources)) {
      const count = await writesTheSame(path, { ...choice });
      // Weights of the type that is written may be kept as they are.
      if (count !== undefined && choice.scheme.startsWith('int')) expect(count).toBe(2);
    }
  });

  it('by graphs of ONNX Runtime', async () => {
    for (const choice of [
      { scheme: 'int8-absmax', granularity: 'row' },
      { scheme: 'int8-zeropoint', granularity: 'tensor' },
      { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
      { scheme: 'nf4', granularity: 'block' },
      { scheme: 'fp4', granularity: 'block' },
      { scheme: 'mxfp4', granularity: 'block' },
      { scheme: 'f8-e4m3', granularity: 'row' },
    ] as const)
      expect(await writesTheSame(sources.BF16, { ...choice, backend: 'ort-cpu' })).toBe(2);
  });

  it('of a GGUF file made of a Hugging Face model, of one quantized again, and of ggml types by a recipe', async () => {
    expect(await writesTheSame(demoModel, { gguf: { fileType: 'Q4_K_M' } }, '.gguf')).toBeGreaterThan(20);
    const half = join(folder, 'half.gguf');
    await engine.call('quantize', request(demoModel, half, { gguf: { fileType: 'F16' } }));
    expect(await writesTheSame(half, { gguf: { fileType: 'Q5_K_S' } }, '.gguf')).toBeGreaterThan(20);
  });

  it('of ONNX models, whose weights lie transposed, in operators of either kind', async () => {
    const path = join(folder, 'net.onnx');
    const weight = (name: string, shape: readonly [number, number], seed: number) => ({
      name,
      shape,
      values: randomValues(shape[0] * shape[1], seed),
    });
    writeFileSync(
      path,
      smallOnnx({
        nodes: [
          { opType: 'MatMul', input: ['x', 'w1'], output: ['a'] },
          { opType: 'Gemm', input: ['a', 'w2'], output: ['y'], integers: { transB: 1 } },
        ],
        weights: [weight('w1', [96, 64], 1), weight('w2', [33, 64], 2)],
        inputs: [{ name: 'x', shape: [3, 96] }],
        outputs: ['y'],
      }),
    );
    for (const choice of [
      { scheme: 'int8-absmax', granularity: 'row' },
      { scheme: 'int8-zeropoint', granularity: 'tensor', output: 'qdq' },
      { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
      { scheme: 'nf4', granularity: 'block', blockSize: 64 },
      { scheme: 'f16', granularity: 'none' },
    ] as const)
      expect(await writesTheSame(path, choice, '.onnx')).toBeGreaterThanOrEqual(1);
    expect(
      await writesTheSame(path, { scheme: 'int8-absmax', granularity: 'row', backend: 'ort-cpu' }, '.onnx'),
    ).toBeGreaterThanOrEqual(1);
  });

  it('of what is kept, which needs no measuring', async () => {
    const copied = join(folder, 'copied');
    cpSync(demoModel, copied, { recursive: true });
    const report = await engine.call('quantize', request(copied, join(folder, 'kept'), { errors: 'later' }));
    const kept = report.tensors.filter(({ note }) => note?.startsWith('kept'));
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.every((row) => !row.isUnmeasured && row.mse === 0)).toBe(true);
    expect(unmeasuredCount(report)).toBe(report.tensors.length - kept.length);
    // What changed since cannot be measured.
    const [file] = readdirSync(copied).filter((name) => name.endsWith('.safetensors'));
    utimesSync(join(copied, file!), 1, 1);
    expect(await failureOf(measured(report))).toMatchObject({ code: 'changed' });
  });

  it('not of an output that another one has replaced since', async () => {
    const out = join(folder, 'replaced');
    const report = await engine.call('quantize', request(sources.F32, out, { errors: 'later' }));
    expect(unmeasuredCount(await measured(report))).toBe(0);
    await engine.call(
      'quantize',
      request(sources.F32, out, { scheme: 'int8-zeropoint', granularity: 'row', overwrite: true }),
    );
    expect(await failureOf(measured(report))).toMatchObject({
      code: 'changed',
      file: expect.stringContaining('replaced'),
    });
  });

  it('refuses the same values with the same words', async () => {
    const path = (name: string, value: number, dtype: 'F32' | 'BF16') => {
      const values = randomValues(37 * 256, 5);
      values[5000] = value;
      return writeModel(join(folder, name, 'model.safetensors'), [
        { name: 'up.weight', dtype, shape: [37, 256], data: data[dtype](values) },
      ]);
    };
    const cases = [
      [path('nan', Number.NaN, 'F32'), {}],
      [path('nan', Number.NaN, 'F32'), { scheme: 'nf4', granularity: 'block' }],
      [path('nan', Number.NaN, 'F32'), { scheme: 'int8-absmax', granularity: 'row', prune: 'nm' }],
      [path('nan', Number.NaN, 'F32'), { scheme: 'int4-absmax', granularity: 'row', output: 'fake' }],
      [path('infinite', Number.NEGATIVE_INFINITY, 'BF16'), { scheme: 'mxfp4', granularity: 'block' }],
      [
        path('infinite', Number.NEGATIVE_INFINITY, 'BF16'),
        { scheme: 'int4-zeropoint', granularity: 'column' },
      ],
      [path('large', 1e6, 'F32'), { scheme: 'f16', granularity: 'none' }],
      [path('large', 1e6, 'F32'), { scheme: 'f8-e4m3', granularity: 'none', overflow: 'nan' }],
      [path('large', 1e6, 'F32'), { scheme: 'llm-int8', granularity: 'row', outlierThreshold: 5 }],
      [path('largest', 3.4e38, 'F32'), { scheme: 'bf16', granularity: 'none' }],
      [path('largest', 3.4e38, 'F32'), { scheme: 'int4-absmax', granularity: 'row', scaleDtype: 'BF16' }],
      [path('largest', 3.4e38, 'F32'), { scheme: 'nf4', granularity: 'block', doubleQuant: true }],
      // Scales that F16 has no number for.
      [path('beyond', 1e12, 'F32'), { scheme: 'int4-absmax', granularity: 'row', scaleDtype: 'F16' }],
      [path('beyond', 1e12, 'F32'), { scheme: 'int8-absmax', granularity: 'tensor', scaleDtype: 'F16' }],
      [
        path('beyond', 1e12, 'F32'),
        { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32, scaleDtype: 'F16' },
      ],
      [path('beyond', 1e12, 'F32'), { scheme: 'f8-e4m3', granularity: 'row', scaleDtype: 'F16' }],
      [path('beyond', 1e12, 'F32'), { scheme: 'ternary', granularity: 'row', scaleDtype: 'F16' }],
    ] as const;
    let refused = 0;
    for (const [source, more] of cases) {
      const outcomes = [];
      for (const errors of ['writing', 'later'] as const) {
        const asked = request(source, join(folder, `refused-${outputs++}`), { ...more, errors });
        outcomes.push(
          await engine.call('quantize', asked).then(
            ({ open }) => [...hashes(join(open, '..')).values()],
            ({ code, message, tensor, byteOffset }) => ({ code, message, tensor, byteOffset }),
          ),
        );
      }
      expect(outcomes[1]).toEqual(outcomes[0]);
      if (!Array.isArray(outcomes[0])) refused++;
    }
    expect(refused).toBeGreaterThanOrEqual(12);
  });

  it('leaves what could not be compared unmeasured, with the reason', async () => {
    const report = await engine.call(
      'quantize',
      request(sources.F32, join(folder, 'partly'), { errors: 'later' }),
    );
    const { name } = report.tensors[0]!;
    const { tensors } = await engine.call('compare', { path: report.source, other: report.open });
    const unreadable = tensors.map((row) =>
      row.name === name ? { ...row, state: 'unreadable' as const, note: 'Its type is unknown.' } : row,
    );
    const found = measuredReport(report, unreadable);
    expect(unmeasuredCount(found)).toBe(1);
    expect(found.generation).toBe(report.generation);
    expect(found.tensors[0]).toMatchObject({
      isUnmeasured: true,
      note: 'not measured: Its type is unknown.',
    });
    // Another attempt takes the place of the first one's reason, and figures take it away.
    expect(measuredReport(found, unreadable)).toEqual(found);
    expect(measuredReport(found, tensors).tensors[0]).not.toHaveProperty('note');
  });
});
