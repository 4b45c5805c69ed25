/** What a quantized ONNX model keeps of the original, how its data lies, and when there is none. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { f16ToNumber, f32BitsToF16 } from '../../../../src/numeric/floats';
import type { SchemeChoice } from '../../../../src/quant/types';
import { externalTensor } from '../../../fixtures/makeOnnx';
import { type SmallModel, smallOnnx, weightTensor } from '../../../fixtures/onnxModels';
import { failureOf, randomValues, request, startEngine } from '../support';
import { dense, denseFeeds, newFolder, save, weight } from './onnxNetworks';
import { decodedWeights, distance, parsed, run, withValues } from './onnxRuns';

const engine = startEngine();

const f16Bytes = (values: Float32Array): Uint8Array =>
  new Uint8Array(Uint16Array.from(new Uint32Array(values.buffer), f32BitsToF16).buffer);
const halves = (patterns: Uint16Array): Float32Array => Float32Array.from(patterns, f16ToNumber);

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
    const path = join(newFolder(), 'net.onnx');
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
      const out = join(newFolder(), `out${i}.onnx`);
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
