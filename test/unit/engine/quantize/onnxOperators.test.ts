/** Each operator that holds a quantized weight, alone in a graph: run by onnxruntime, and bounded by its codes' steps. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TensorProto_DataType as Type } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { SchemeChoice } from '../../../../src/quant/types';
import { rawTensor } from '../../../fixtures/makeOnnx';
import {
  type GraphNode,
  type SmallModel,
  smallOnnx,
  type Weight,
  weightTensor,
} from '../../../fixtures/onnxModels';
import { failureOf, randomValues, request, startEngine, temporaryFolder } from '../support';
import { type Decoded, decodedWeights, distance, type Feeds, parsed, run, withValues } from './onnxRuns';

const engine = startEngine();
const folder = temporaryFolder();
let models = 0;
/** No block size divides it, and its blocks' count is odd for all sizes up to 32. */
const [N, K] = [22, 90];
const M = 3;

const weight = (name: string, shape: readonly number[], seed: number): Weight => ({
  name,
  shape,
  values: randomValues(
    shape.reduce((a, b) => a * b, 1),
    seed,
  ),
});
const x = randomValues(M * K, 7);
const feeds: Feeds = { x: new ort.Tensor('float32', x, [M, K]) };
const rows = BigInt64Array.of(3n, 21n, 0n, 3n);

/** One node that takes a weight of N channels and K inputs. */
function single(node: Omit<GraphNode, 'output'>, byChannels: boolean, bias?: readonly number[]): SmallModel {
  return {
    nodes: [{ ...node, output: ['y'] }],
    weights: [weight('w', byChannels ? [N, K] : [K, N], 1), ...(bias ? [weight('bias', bias, 2)] : [])],
    inputs: [{ name: 'x', shape: [M, K] }],
    outputs: ['y'],
  };
}

const models1: Record<string, SmallModel> = {
  MatMul: single({ opType: 'MatMul', input: ['x', 'w'] }, false),
  Gemm: single({ opType: 'Gemm', input: ['x', 'w'] }, false),
  'Gemm with bias': single({ opType: 'Gemm', input: ['x', 'w', 'bias'] }, false, [N]),
  'Gemm of a transpose': single(
    { opType: 'Gemm', input: ['x', 'w', 'bias'], integers: { transB: 1 } },
    true,
    [M, 1],
  ),
};

function save(model: SmallModel): string {
  const path = join(folder, `${models++}`, 'net.onnx');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, smallOnnx(model));
  return path;
}

/** Quantizes a model whose only weight is `w`; preview, file and its comparison agree in all bits. */
async function quantized(path: string, choice: SchemeChoice): Promise<{ out: string; decoded: Decoded }> {
  const out = join(dirname(path), `${Object.values(choice).join('-')}.onnx`);
  const recipe = { version: 1, default: 'keep', rules: [{ match: 'w', choice }] } as const;
  const [preview] = await engine.call('errors', { path, choice, tensors: [0] });
  const report = await engine.call('quantize', { ...request(path, out), recipe });
  const [row] = report.tensors;
  expect(row!.note).toBeUndefined();
  expect(report.bytesAfter).toBe(statSync(out).size);
  const against = { kind: 'file', path: out } as const;
  const { tensor } = await engine.call('errorDetail', { path, tensor: 0, against });
  const figures = ({ mse, sqnr, maxAbs, cosine }: typeof tensor) => [mse, sqnr, maxAbs, cosine];
  expect(figures(tensor)).toEqual(figures(row!));
  if (preview && preview.note === undefined) expect(preview).toEqual(row);
  const opened = await engine.call('open', { path: out });
  expect(opened.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
  return { out, decoded: decodedWeights(out, path).get('w')! };
}

/** How far an output of a product may be off: half a step of each code by the input that it meets. */
function productBound({ step }: Decoded, byChannels: boolean): Float64Array {
  return Float64Array.from({ length: M * N }, (_, at) => {
    const [m, n] = [Math.floor(at / N), at % N];
    let bound = 1e-4;
    for (let k = 0; k < K; k++)
      bound += Math.abs(x[m * K + k]!) * 0.5001 * step(byChannels ? n * K + k : k * N + n);
    return bound;
  });
}

function expectWithin(got: Float32Array, want: Float32Array, bounds: Float64Array): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < got.length; i++) expect(Math.abs(got[i]! - want[i]!)).toBeLessThanOrEqual(bounds[i]!);
}

const operators = (path: string): string[] => parsed(path).graph!.node.map(({ opType }) => opType);

const blockChoices: readonly SchemeChoice[] = [
  { scheme: 'int2-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 16 },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 128 },
  { scheme: 'int8-zeropoint', granularity: 'block', blockSize: 64 },
];

describe.each(Object.keys(models1))('%s', (name) => {
  const model = models1[name]!;
  const byChannels = name === 'Gemm of a transpose';

  it.each(blockChoices)('becomes MatMulNBits for %j', async (choice) => {
    const path = save(model);
    const { out, decoded } = await quantized(path, choice);
    const sum = model.weights.length > 1 ? ['Add'] : [];
    expect(operators(out)).toEqual(['MatMulNBits', ...sum]);
    const [got] = await run(out, feeds, 'all');
    expectWithin(got!, (await run(path, feeds))[0]!, productBound(decoded, byChannels));
    const [dense] = await run(withValues(path, new Map([['w', decoded]])), feeds);
    expect(distance(dense!, got!)).toBeLessThan(1e-5);
  });

  it.each([
    { scheme: 'int4-absmax', granularity: 'row' },
    { scheme: 'int4-zeropoint', granularity: 'row' },
    { scheme: 'int4-zeropoint', granularity: 'tensor' },
    { scheme: 'int4-absmax', granularity: 'block', blockSize: 16, output: 'qdq' },
    { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32, output: 'qdq' },
    { scheme: 'int8-absmax', granularity: 'block', blockSize: 512 },
    { scheme: 'int8-zeropoint', granularity: 'block', blockSize: 64, output: 'qdq' },
  ] as const)('takes DequantizeLinear before it for %j', async (choice) => {
    const path = save(model);
    const { out, decoded } = await quantized(path, choice);
    expect(operators(out)).toEqual(['DequantizeLinear', model.nodes[0]!.opType]);
    const written = parsed(out);
    const isBlocks = choice.granularity === 'block';
    expect(written.opsetImport.map(({ domain, version }) => [domain, version])).toEqual(
      isBlocks
        ? [['', 21n]]
        : [
            ['', 17n],
            ['com.microsoft', 1n],
          ],
    );
    expect(written.irVersion).toBe(choice.scheme.startsWith('int4') ? 10n : 8n);
    const [got] = await run(out, feeds);
    expectWithin(got!, (await run(path, feeds))[0]!, productBound(decoded, byChannels));
    const [dense] = await run(withValues(path, new Map([['w', decoded]])), feeds);
    expect(distance(dense!, got!)).toBeLessThan(1e-5);
  });

  it('becomes MatMulBnb4 where its inputs fill blocks', async () => {
    const choice: SchemeChoice = { scheme: 'nf4', granularity: 'block', blockSize: 32 };
    const wide = {
      ...model,
      weights: [weight('w', byChannels ? [N, 96] : [96, N], 1), ...model.weights.slice(1)],
    };
    const path = save({ ...wide, inputs: [{ name: 'x', shape: [M, 96] }] });
    const { out, decoded } = await quantized(path, choice);
    expect(operators(out)[0]).toBe('MatMulBnb4');
    const long: Feeds = { x: new ort.Tensor('float32', randomValues(M * 96, 3), [M, 96]) };
    const [dense] = await run(withValues(path, new Map([['w', decoded]])), long);
    expect(distance(dense!, (await run(out, long))[0]!)).toBeLessThan(1e-5);
  });
});

describe('a Gather', () => {
  const table = (width: number, dtype: 'F32' | 'F16' = 'F32'): SmallModel => ({
    nodes: [{ opType: 'Gather', input: ['w', 'ids'], output: ['y'] }],
    weights: [{ ...weight('w', [N, width], 4), dtype }],
    inputs: [{ name: 'ids', shape: [4], type: Type.INT64 }],
    outputs: ['y'],
  });
  const ids: Feeds = { ids: new ort.Tensor('int64', rows, [4]) };

  it.each(blockChoices)('becomes GatherBlockQuantized for %j', async (choice) => {
    // Four 2-bit codes fill a byte.
    const width = choice.scheme.startsWith('int2') ? 92 : K;
    const path = save(table(width));
    const { out, decoded } = await quantized(path, choice);
    expect(operators(out)).toEqual(['GatherBlockQuantized']);
    const [got] = await run(out, ids);
    // The operator only looks values up: they are the decoded ones, to the last bit.
    const want = Float32Array.from(
      got!,
      (_, i) => decoded.values[Number(rows[Math.floor(i / width)]) * width + (i % width)]!,
    );
    expect(got).toEqual(want);
    const [original] = await run(path, ids);
    for (const [i, value] of got!.entries()) {
      const at = Number(rows[Math.floor(i / width)]) * width + (i % width);
      expect(Math.abs(value - original![i]!)).toBeLessThanOrEqual(0.5001 * decoded.step(at));
    }
  });

  it.each([
    { scheme: 'int4-zeropoint', granularity: 'row' },
    { scheme: 'int8-absmax', granularity: 'block', blockSize: 32, output: 'qdq' },
  ] as const)('takes DequantizeLinear before it for %j', async (choice) => {
    const path = save(table(K));
    const { out, decoded } = await quantized(path, choice);
    expect(operators(out)).toEqual(['DequantizeLinear', 'Gather']);
    const [got] = await run(out, ids);
    const at = (i: number) => Number(rows[Math.floor(i / K)]) * K + (i % K);
    expect(got).toEqual(Float32Array.from(got!, (_, i) => decoded.values[at(i)]!));
  });

  it('of F16 gives F16', async () => {
    const path = save(table(K, 'F16'));
    const choice: SchemeChoice = { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 };
    const { out } = await quantized(path, choice);
    const session = await ort.InferenceSession.create(out, { logSeverityLevel: 3 });
    const { y } = await session.run(ids);
    expect([y!.type, y!.dims]).toEqual(['float16', [4, K]]);
  });

  it('is kept where its rows do not fill bytes', async () => {
    const path = save(table(91));
    const choice: SchemeChoice = { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 };
    const recipe = { version: 1, default: 'keep', rules: [{ match: 'w', choice }] } as const;
    const error = await failureOf(
      engine.call('quantize', { ...request(path, join(folder, 'odd.onnx')), recipe }),
    );
    expect(error).toMatchObject({ code: 'refused', tensor: 'w' });
    expect(error.message).toContain('91 codes of 4 bits');
  });
});

it('a convolution takes 4-bit codes by channels where these fill bytes', async () => {
  const path = save({
    nodes: [{ opType: 'Conv', input: ['x', 'w'], output: ['y'], lists: { kernel_shape: [3, 3] } }],
    weights: [weight('w', [6, 4, 3, 3], 8)],
    inputs: [{ name: 'x', shape: [1, 4, 5, 5] }],
    outputs: ['y'],
  });
  const image: Feeds = { x: new ort.Tensor('float32', randomValues(100, 9), [1, 4, 5, 5]) };
  const { out, decoded } = await quantized(path, { scheme: 'int4-zeropoint', granularity: 'row' });
  expect(operators(out)).toEqual(['DequantizeLinear', 'Conv']);
  const [dense] = await run(withValues(path, new Map([['w', decoded]])), image);
  expect(distance(dense!, (await run(out, image))[0]!)).toBeLessThan(1e-5);
});

describe('F16', () => {
  it.each([
    { scheme: 'int4-zeropoint', granularity: 'row' },
    { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32, output: 'qdq' },
    { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
  ] as const)('products run for %j', async (choice) => {
    const model = models1['Gemm with bias']!;
    const path = save({ ...model, weights: model.weights.map((one) => ({ ...one, dtype: 'F16' })) });
    const { out } = await quantized(path, choice);
    const halves = Uint16Array.from({ length: M * K }, (_, i) => 0x3800 + ((i * 37) % 512));
    const session = await ort.InferenceSession.create(out, { logSeverityLevel: 3 });
    const { y } = await session.run({ x: new ort.Tensor('float16', halves, [M, K]) });
    expect([y!.type, y!.dims]).toEqual(['float16', [M, N]]);
  });
});

it('operators mean the same in the raised set, by the same weights in the original set', async () => {
  const whole = (name: string, values: readonly number[]) =>
    rawTensor(name, Type.INT64, [values.length], new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  const steps: readonly [opType: string, inputs: readonly string[], more?: Partial<GraphNode>][] = [
    ['MatMul', ['w']],
    ['Softmax', []],
    ['Erf', []],
    ['Unsqueeze', ['axis0']],
    ['Pad', ['pads']],
    ['AveragePool', [], { lists: { kernel_shape: [3], strides: [1] } }],
    ['Transpose', [], { lists: { perm: [0, 2, 1] } }],
    ['Squeeze', ['axis0']],
    ['CumSum', ['scalar1']],
    ['Trilu', []],
    ['LeakyRelu', []],
    ['Slice', ['from', 'to']],
    ['Clip', ['low', 'high']],
    ['Pow', ['high']],
    ['Flatten', []],
    ['Reshape', ['flat']],
    ['ReduceSum', ['axis0'], { integers: { keepdims: 0 } }],
    ['Identity', []],
  ];
  const small: SmallModel = {
    nodes: steps.map(([opType, inputs, more], i) => ({
      ...{ opType, input: [i === 0 ? 'x' : `v${i - 1}`, ...inputs] },
      ...{ output: [i === steps.length - 1 ? 'y' : `v${i}`], ...more },
    })),
    weights: [weight('w', [K, N], 1)],
    inputs: [{ name: 'x', shape: [M, K] }],
    outputs: ['y'],
    opset: 15,
  };
  const path = save({
    ...small,
    more: {
      initializer: [
        ...[
          ...small.weights,
          { name: 'low', shape: [], values: [-2] },
          { name: 'high', shape: [], values: [2] },
        ].map(weightTensor),
        whole('axis0', [0]),
        whole('pads', [0, 0, 1, 0, 0, 1]),
        rawTensor('scalar1', Type.INT64, [], new Uint8Array(BigInt64Array.of(1n).buffer)),
        ...[whole('from', [1, 0]), whole('to', [20, 3]), whole('flat', [-1, 3])],
      ],
    },
  });
  const choice: SchemeChoice = { scheme: 'int8-absmax', granularity: 'block', blockSize: 32, output: 'qdq' };
  const { out, decoded } = await quantized(path, choice);
  expect(parsed(out).opsetImport.map(({ version }) => version)).toEqual([21n]);
  const [dense] = await run(withValues(path, new Map([['w', decoded]])), feeds);
  expect(distance(dense!, (await run(out, feeds))[0]!)).toBeLessThan(1e-5);
});

describe('a model is refused or keeps the weight, with the reason,', () => {
  const qdq: SchemeChoice = { scheme: 'int4-absmax', granularity: 'block', blockSize: 32, output: 'qdq' };
  const nbits: SchemeChoice = { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 };
  const failure = (model: SmallModel, choice: SchemeChoice) => {
    const path = save(model);
    return failureOf(engine.call('quantize', request(path, join(dirname(path), 'out.onnx'), choice)));
  };
  const matMul = models1.MatMul!;

  it('where another operator means something else in the newer set', async () => {
    const reduced: SmallModel = {
      ...matMul,
      nodes: [
        { opType: 'MatMul', input: ['x', 'w'], output: ['a'] },
        { opType: 'ReduceMean', input: ['a'], output: ['y'], lists: { axes: [1] } },
      ],
    };
    const error = await failure(reduced, qdq);
    expect(error).toMatchObject({ code: 'refused', tensor: 'w' });
    expect(error.message).toContain('operator set 17 cannot be raised to 21: ReduceMean changed in 18');
    // In set 18 it is what it is in 21.
    const newer = { ...reduced, nodes: [matMul.nodes[0]!], opset: 18 };
    expect((await quantized(save(newer), qdq)).decoded.values.length).toBe(N * K);
  });

  it('where the set is older than what is known of changes', async () => {
    expect((await failure({ ...matMul, opset: 12 }, qdq)).message).toContain(
      'operator set 12 is older than 13',
    );
  });

  it('where a Cast does not know BF16 yet', async () => {
    const bf16: SchemeChoice = { scheme: 'bf16', granularity: 'none' };
    const error = await failure({ ...matMul, opset: 12 }, bf16);
    expect(error).toMatchObject({ code: 'refused', tensor: 'w' });
    expect(error.message).toContain('needs operator set 13, and the model says 12');
    const path = save({ ...matMul, opset: 13 });
    const out = join(dirname(path), 'bf16.onnx');
    await engine.call('quantize', request(path, out, bf16));
    expect(distance((await run(path, feeds))[0]!, (await run(out, feeds))[0]!)).toBeLessThan(2 ** -7);
  });

  it('where a Gemm does more than a product', async () => {
    const halved = { ...matMul, nodes: [{ ...models1.Gemm!.nodes[0]!, floats: { alpha: 0.5 } }] };
    // DequantizeLinear serves any node, from set 21 on.
    const { out } = await quantized(save(halved), nbits);
    expect(operators(out)).toEqual(['DequantizeLinear', 'Gemm']);
    expect((await failure({ ...halved, opset: 12 }, nbits)).message).toContain('has alpha 0.5');
    const turned = { ...matMul, nodes: [{ ...models1.Gemm!.nodes[0]!, integers: { transA: 1 } }] };
    expect((await failure(turned, { scheme: 'nf4', granularity: 'block', blockSize: 32 })).message).toContain(
      'transposes its first input',
    );
  });
});
