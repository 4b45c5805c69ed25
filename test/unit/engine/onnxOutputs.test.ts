/** ONNX models quantized through the real engine, run by onnxruntime beside the original with its weights dequantized. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TensorProto_DataType as Type } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { f16ToNumber, f32BitsToF16 } from '../../../src/numeric/floats';
import type { SchemeChoice } from '../../../src/quant/types';
import { externalTensor, rawTensor } from '../../fixtures/makeOnnx';
import { type SmallModel, smallOnnx, weightTensor } from '../../fixtures/onnxModels';
import { sharedPath } from '../../fixtures/shared';
import { decodedWeights, distance, type Feeds, floatsOf, parsed, run, withValues } from './onnxRuns';
import { failureOf, randomValues, request, startEngine, temporaryFolder } from './support';

const engine = startEngine();
const folder = temporaryFolder();
let models = 0;

function save(bytes: Uint8Array): string {
  const path = join(folder, `${models++}`, 'net.onnx');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

const weight = (name: string, shape: readonly number[], seed: number) => ({
  name,
  shape,
  values: randomValues(
    shape.reduce((a, b) => a * b, 1),
    seed,
  ).map((value) => value * 0.3),
});

const f16Bytes = (values: Float32Array): Uint8Array =>
  new Uint8Array(Uint16Array.from(new Uint32Array(values.buffer), f32BitsToF16).buffer);
const halves = (patterns: Uint16Array): Float32Array => Float32Array.from(patterns, f16ToNumber);

const floats = (shape: readonly number[], seed: number) =>
  new ort.Tensor(
    'float32',
    randomValues(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  );

/** Two MatMuls and both kinds of Gemm; the first weight's rows do not fill blocks. */
const dense: SmallModel = {
  nodes: [
    { opType: 'MatMul', input: ['x', 'w1'], output: ['a'] },
    { opType: 'Relu', input: ['a'], output: ['b'] },
    { opType: 'MatMul', input: ['b', 'w2'], output: ['c'] },
    { opType: 'Gemm', input: ['c', 'w3', 'bias'], output: ['d'], integers: { transB: 1 } },
    { opType: 'Gemm', input: ['d', 'w4'], output: ['y'] },
  ],
  weights: [
    weight('w1', [90, 64], 1),
    weight('w2', [64, 40], 2),
    weight('w3', [33, 40], 3),
    weight('w4', [33, 10], 4),
    weight('bias', [33], 5),
  ],
  inputs: [{ name: 'x', shape: [3, 90] }],
  outputs: ['y'],
};
const denseFeeds: Feeds = { x: floats([3, 90], 9) };

/** Shared between two nodes, taken by rows, and a convolution by channels; an old operator set. */
const mixed: SmallModel = {
  opset: 11,
  nodes: [
    {
      opType: 'Conv',
      input: ['x', 'conv'],
      output: ['a'],
      lists: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    },
    { opType: 'Relu', input: ['a'], output: ['b'] },
    { opType: 'Reshape', input: ['b', 'shape'], output: ['c'] },
    { opType: 'MatMul', input: ['c', 'shared'], output: ['d'] },
    { opType: 'MatMul', input: ['d', 'shared'], output: ['e'] },
    { opType: 'Gather', input: ['table', 'ids'], output: ['f'] },
    { opType: 'Add', input: ['e', 'f'], output: ['y'] },
  ],
  weights: [weight('conv', [8, 3, 3, 3], 6), weight('shared', [64, 64], 7), weight('table', [20, 64], 8)],
  inputs: [
    { name: 'x', shape: [1, 3, 4, 4] },
    { name: 'ids', shape: [2], type: Type.INT64 },
  ],
  outputs: ['y'],
  more: {},
};
const mixedBytes = (): Uint8Array => {
  const reshape = rawTensor('shape', Type.INT64, [2], new Uint8Array(BigInt64Array.of(2n, 64n).buffer));
  return smallOnnx({
    ...mixed,
    more: { initializer: [...mixed.weights.map(weightTensor), reshape] },
  });
};
const mixedFeeds: Feeds = {
  x: floats([1, 3, 4, 4], 3),
  ids: new ort.Tensor('int64', BigInt64Array.of(3n, 17n), [2]),
};

const choices: readonly SchemeChoice[] = [
  ...(['int8-absmax', 'int8-zeropoint'] as const).flatMap((scheme): SchemeChoice[] => [
    { scheme, granularity: 'row' },
    { scheme, granularity: 'tensor' },
    { scheme, granularity: 'row', clip: 'mse' },
    { scheme, granularity: 'block', blockSize: 64 },
  ]),
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 16 },
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 256 },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 128, clip: 'mse' },
  { scheme: 'int2-absmax', granularity: 'block', blockSize: 16 },
  { scheme: 'int2-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'nf4', granularity: 'block', blockSize: 32 },
  { scheme: 'nf4', granularity: 'block', blockSize: 64 },
  { scheme: 'fp4', granularity: 'block', blockSize: 32 },
];

/** Quantizes, reads the result in every way, and runs it. */
async function expectSound(
  path: string,
  choice: SchemeChoice,
  feeds: Feeds,
  tolerance: number,
): Promise<void> {
  const out = join(dirname(path), `${Object.values(choice).join('-')}.onnx`);
  const preview = await engine.call('errors', { path, choice });
  const report = await engine.call('quantize', request(path, out, choice));
  expect([report.open, report.outputs, statSync(out).size]).toEqual([out, [out], report.bytesAfter]);
  expect(report.tensors).toEqual(preview);
  const catalogue = await engine.call('open', { path });
  const opened = await engine.call('open', { path: out });
  expect(opened.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
  const decoded = decodedWeights(out, path);
  const quantized = report.tensors.filter(({ note }) => note === undefined);
  expect(quantized.length).toBeGreaterThan(0);
  expect([...decoded.keys()].sort()).toEqual(quantized.map(({ name }) => name).sort());
  for (const row of quantized) {
    const { values, step } = decoded.get(row.name)!;
    const tensor = catalogue.tensors.names.indexOf(row.name);
    const original = originalValues(path, row.name);
    let squares = 0;
    for (const [i, x] of original.entries()) {
      const error = Math.abs(x - values[i]!);
      squares += (x - values[i]!) ** 2;
      // A clipping search gives up the outermost values.
      if (choice.clip !== 'mse') expect(error).toBeLessThanOrEqual(0.5001 * step(i));
    }
    expect(Math.abs(squares / original.length - row.mse)).toBeLessThanOrEqual(1e-9 * row.mse);
    const figures = ({ mse, sqnr, maxAbs, cosine, meanAbs }: typeof row) => [
      mse,
      sqnr,
      maxAbs,
      cosine,
      meanAbs,
    ];
    const written = await engine.call('errorDetail', { path, tensor, against: { kind: 'file', path: out } });
    expect([row.name, ...figures(written.tensor)]).toEqual([row.name, ...figures(row)]);
    const region = { row0: 1, row1: 5, column0: 2, column1: 9 };
    const tile = { path, tensor, region, rows: 4, columns: 7 };
    const computed = await engine.call('errorTile', { ...tile, against: { kind: 'scheme', choice } });
    expect(
      (await engine.call('errorTile', { ...tile, against: { kind: 'file', path: out } })).dequantized,
    ).toEqual(computed.dequantized);
  }
  const [want] = await run(withValues(path, decoded), feeds);
  const [got] = await run(out, feeds);
  expect(distance(want!, got!)).toBeLessThan(tolerance);
  const [fused] = await run(out, feeds, 'all');
  expect(distance(want!, fused!)).toBeLessThan(0.02);
}

function originalValues(path: string, name: string): Float32Array {
  const { graph } = parsed(path);
  const found =
    graph!.initializer.find((tensor) => tensor.name === name) ??
    graph!.node.find((node) => node.opType === 'Constant' && node.output[0] === name)?.attribute[0]?.t;
  return found!.rawData.length > 0 ? floatsOf(found!) : Float32Array.from(found!.floatData);
}

describe.each(choices)('%j', (choice) => {
  it('runs as the dense graph of its dequantized weights does', async () => {
    await expectSound(save(smallOnnx(dense)), choice, denseFeeds, 1e-5);
  });

  it('runs as the graph of a convolution, a shared weight and a table', async () => {
    await expectSound(save(mixedBytes()), choice, mixedFeeds, 1e-5);
  });
});

describe('a model', () => {
  const int8: SchemeChoice = { scheme: 'int8-absmax', granularity: 'row' };
  const int4: SchemeChoice = { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 };

  it.each([
    ['f16', 'F16'],
    ['bf16', 'BF16'],
  ] as const)('is cast to %s and back before its nodes', async (scheme, dtype) => {
    const path = save(smallOnnx(dense));
    const out = join(dirname(path), 'out.onnx');
    const report = await engine.call('quantize', request(path, out, { scheme, granularity: 'none' }));
    expect(report.tensors.map(({ to }) => to)).toEqual([dtype, dtype, dtype, dtype, 'F32']);
    const { graph } = parsed(out);
    expect(graph!.node.slice(0, 4).map(({ opType }) => opType)).toEqual(['Cast', 'Cast', 'Cast', 'Cast']);
    const [want] = await run(path, denseFeeds);
    const [got] = await run(out, denseFeeds);
    expect(distance(want!, got!)).toBeLessThan(2 ** (scheme === 'f16' ? -10 : -7));
  });

  it('of F16 weights runs with scales of F16', async () => {
    for (const opset of [17, 21])
      for (const choice of [int8, int4]) {
        const half: SmallModel = {
          nodes: [{ opType: 'MatMul', input: ['x', 'w'], output: ['y'] }],
          weights: [{ ...weight('w', [64, 32], 2), dtype: 'F16' }],
          inputs: [{ name: 'x', shape: [2, 64] }],
          outputs: ['y'],
          opset,
        };
        const path = save(smallOnnx(half));
        const out = join(dirname(path), 'out.onnx');
        await engine.call('quantize', request(path, out, choice));
        const inputs = randomValues(128, 4);
        const feeds = {
          x: new ort.Tensor('float16', Uint16Array.from(new Uint16Array(f16Bytes(inputs).buffer)), [2, 64]),
        };
        const session = await ort.InferenceSession.create(out, { logSeverityLevel: 3 });
        const { y } = await session.run(feeds);
        const got = halves(y!.data as unknown as Uint16Array);
        const original = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
        const want = halves((await original.run(feeds)).y!.data as unknown as Uint16Array);
        expect(distance(want, got)).toBeLessThan(choice === int8 ? 0.02 : 0.2);
      }
  });

  it('without what is edited is copied byte for byte, unknown fields and names included', async () => {
    const original = smallOnnx({
      ...dense,
      more: {
        initializer: dense.weights.map(weightTensor),
        docString: 'as it was',
        valueInfo: [{ name: 'a' }, { name: 'w1' }],
      },
      model: {
        irVersion: 8n,
        opsetImport: [{ domain: '', version: 17n }],
        metadataProps: [{ key: 'author', value: 'someone' }],
      },
    });
    // An unknown field of the model, and one of the graph's own at its end would be as good.
    const unknown = Uint8Array.of(0xfa, 0x3f, 3, 1, 2, 3);
    const path = save(Uint8Array.from([...original, ...unknown]));
    const out = join(dirname(path), 'out.onnx');
    await engine.call('quantize', request(path, out, int4));
    const written = readFileSync(out);
    expect(written.includes(Buffer.from(unknown))).toBe(true);
    const [before, after] = [parsed(path), parsed(out)];
    expect(after.metadataProps).toEqual(before.metadataProps);
    expect(after.graph!.docString).toBe('as it was');
    expect(after.graph!.valueInfo.map(({ name }) => name)).toEqual(['a']);
    expect(after.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
      ['', 17n],
      ['com.microsoft', 1n],
    ]);
    expect(after.graph!.node.map(({ name, opType }) => [name, opType])).toEqual(
      before.graph!.node.flatMap(({ name, opType, input }) => [
        [name, opType === 'Relu' ? opType : 'MatMulNBits'],
        ...(input[2] ? [['d_product_sum', 'Add']] : []),
      ]),
    );
    const names = after.graph!.initializer.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const kept = after.graph!.initializer.find(({ name }) => name === 'bias')!;
    expect(kept).toEqual(before.graph!.initializer.find(({ name }) => name === 'bias'));
  });

  it('with external data has a data file again, aligned, with what is kept copied', async () => {
    const path = join(folder, `${models++}`, 'net.onnx');
    mkdirSync(dirname(path));
    const data = Buffer.concat(
      dense.weights.map(({ values }) => Buffer.from(Float32Array.from(values).buffer)),
    );
    writeFileSync(join(dirname(path), 'net.bin'), data);
    let offset = 0;
    const initializer = dense.weights.map(({ name, shape, values }) => {
      const length = 4 * values.length;
      offset += length;
      return externalTensor(name, shape, {
        location: 'net.bin',
        offset: String(offset - length),
        length: String(length),
      });
    });
    writeFileSync(path, smallOnnx({ ...dense, more: { initializer } }));
    for (const [i, choice] of [int8, int4].entries()) {
      const out = join(folder, `${models++}`, `out${i}.onnx`);
      const report = await engine.call('quantize', request(path, out, choice));
      expect(report.outputs).toEqual([`${out}.data`, out]);
      const tensors = parsed(out).graph!.initializer;
      for (const { externalData } of tensors) {
        const pairs = Object.fromEntries(externalData.map(({ key, value }) => [key, value]));
        expect([pairs.location, Number(pairs.offset) % 4096]).toEqual([`out${i}.onnx.data`, 0]);
      }
      expect(
        (await engine.call('open', { path: out })).findings.filter(({ severity }) => severity === 'error'),
      ).toEqual([]);
      const inside = join(dirname(out), 'inside.onnx');
      await engine.call('quantize', request(save(smallOnnx(dense)), inside, choice));
      expect(await run(out, denseFeeds)).toEqual(await run(inside, denseFeeds));
      // Another run replaces it, under a name of the data that was free, and leaves nothing else behind.
      const again = await engine.call('quantize', { ...request(path, out, choice), overwrite: true });
      expect(readdirSync(dirname(out)).sort()).toEqual(
        ['inside.onnx', ...again.outputs.map((file) => basename(file))].sort(),
      );
      expect(await run(out, denseFeeds)).toEqual(await run(inside, denseFeeds));
    }
  });

  it('of an IR version that lists initializers as inputs is raised to one that need not', async () => {
    const listed = dense.weights.map(({ name, shape }) => ({ name, shape }));
    const path = save(
      smallOnnx({
        ...dense,
        opset: 11,
        inputs: [...dense.inputs, ...listed],
        model: { irVersion: 3n, opsetImport: [{ domain: '', version: 11n }] },
      }),
    );
    const out = join(dirname(path), 'out.onnx');
    await engine.call('quantize', request(path, out, int8));
    expect(parsed(out).irVersion).toBe(4n);
    expect(parsed(out).graph!.input.map(({ name }) => name)).toEqual(['x', 'bias']);
    const [want] = await run(withValues(path, decodedWeights(out, path)), denseFeeds);
    expect(distance(want!, (await run(out, denseFeeds))[0]!)).toBeLessThan(1e-5);
  });

  it('is refused before anything is written, with the name of what is in the way', async () => {
    const at = (model: SmallModel) => save(smallOnnx(model));
    const path = at(dense);
    const out = join(dirname(path), 'out.onnx');
    const failure = (from: string, choice: SchemeChoice, target = out) =>
      failureOf(engine.call('quantize', request(from, target, choice)));
    expect(await failure(path, { scheme: 'int3-absmax', granularity: 'row' })).toMatchObject({
      code: 'refused',
      tensor: 'w1',
      message: expect.stringContaining('integers of 3 bits need blocks'),
    });
    expect(await failure(path, { scheme: 'nvfp4', granularity: 'block' })).toMatchObject({ code: 'refused' });
    expect((await failure(path, int8, path)).message).toContain("one of the model's own files");
    const quantized = join(dirname(path), 'quantized.onnx');
    await engine.call('quantize', request(path, quantized, int8));
    expect(await failure(quantized, int8)).toMatchObject({ code: 'refused', tensor: 'w1' });
    expect((await failure(path, int8, quantized)).code).toBe('exists');
    const withFunction = at({
      ...dense,
      model: {
        irVersion: 8n,
        opsetImport: [{ domain: '', version: 17n }],
        functions: [{ name: 'Twice', domain: 'own' }],
      },
    });
    expect((await failure(withFunction, int8)).message).toContain('"Twice"');
    const nan = weight('w1', [90, 64], 1);
    nan.values[130] = Number.NaN;
    const broken = at({ ...dense, weights: [nan, ...dense.weights.slice(1)] });
    expect(await failure(broken, int8, join(dirname(broken), 'x.onnx'))).toMatchObject({
      code: 'non-finite',
      tensor: 'w1',
    });
    expect(readdirSync(dirname(broken))).toEqual(['net.onnx']);
    expect(readdirSync(dirname(path)).sort()).toEqual(['net.onnx', 'quantized.onnx']);
  });

  it('keeps weights that the graph also uses otherwise, and says why', async () => {
    const path = save(
      smallOnnx({
        ...dense,
        nodes: [...dense.nodes, { opType: 'Identity', input: ['w2'], output: ['copy'] }],
        outputs: ['y', 'w4', 'copy'],
      }),
    );
    const report = await engine.call('quantize', request(path, join(dirname(path), 'out.onnx'), int8));
    expect(Object.fromEntries(report.tensors.map(({ name, to, note }) => [name, note ?? to]))).toEqual({
      w1: 'INT8',
      w2: 'kept: it is an input of Identity',
      w3: 'INT8',
      w4: 'kept: it is an output of the graph',
      bias: 'kept: it is an input of Gemm',
    });
  });
});

const shared = sharedPath('models/onnx');
it.skipIf(shared === undefined)(
  'a network for text direction, all of whose weights are constants, runs quantized',
  async () => {
    const path = join(shared!, 'ch_ppocr_mobile_v2.0_cls_infer.onnx');
    const out = join(folder, 'ocr.onnx');
    const report = await engine.call(
      'quantize',
      request(path, out, { scheme: 'int8-absmax', granularity: 'row' }),
    );
    expect(report.tensors.filter(({ to }) => to === 'INT8').length).toBe(54);
    expect(report.bytesAfter).toBeLessThan(0.6 * report.bytesBefore);
    const feeds = { x: floats([1, 3, 48, 192], 5) };
    const [want] = await run(withValues(path, decodedWeights(out, path)), feeds);
    const [got] = await run(out, feeds);
    expect(distance(want!, got!)).toBeLessThan(1e-4);
    console.log(`OCR: outputs ${(await run(path, feeds))[0]!.join(' ')} became ${got!.join(' ')}`);
  },
);
