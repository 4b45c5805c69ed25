/** Opening ONNX, PyTorch and NumPy files as models: told apart by content, joined into sets, refused by name. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TensorProto_DataType } from 'onnx-buf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tensorSource } from '../../../src/engine/tensorSource';
import { openCheckpoint } from '../../../src/formats/open';
import { f32Data, makeGguf } from '../../fixtures/makeCheckpoint';
import { makeNpy } from '../../fixtures/makeNumpy';
import { externalTensor, makeOnnx, rawTensor } from '../../fixtures/makeOnnx';
import { callOf, dictOf, op, pickle, tensorOf } from '../../fixtures/makePickle';
import { makePytorchLegacy, makePytorchZip } from '../../fixtures/makePytorch';
import { makeZip } from '../../fixtures/makeZip';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loupe-other-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = (name: string, content: Uint8Array | string) => writeFile(join(folder, name), content);
const open = (name = '') => openCheckpoint(join(folder, name));
const two = f32Data([1, 2]);
const tensor = { storage: 'FloatStorage', key: '0', storageLength: 2, shape: [2] };
const stateDict = (...names: string[]) =>
  makePytorchZip(dictOf(names.map((name) => [name, tensorOf(tensor)] as const)), { 0: two });
const onnx = makeOnnx({
  initializer: [rawTensor('w', TensorProto_DataType.FLOAT, [2], Uint8Array.from(two))],
});

describe('openCheckpoint', () => {
  it.each<[string, Uint8Array, string, string]>([
    ['a.onnx', onnx, 'onnx', 'w'],
    ['no-extension', onnx, 'onnx', 'w'],
    ['a.pt', stateDict('w'), 'pytorch', 'w'],
    ['a.bin', stateDict('w'), 'pytorch', 'w'],
    ['named.npz', stateDict('w'), 'pytorch', 'w'],
    [
      'old.pth',
      makePytorchLegacy(tensorOf({ ...tensor, legacy: true }), [{ key: '0', length: 2, data: two }]),
      'pytorch',
      'old',
    ],
    ['a.npy', makeNpy('<f4', [2], two), 'numpy', 'a'],
    ['a.npz', makeZip([{ name: 'w.npy', data: makeNpy('<f4', [2], two) }]), 'numpy', 'w'],
    ['array.bin', makeNpy('<f4', [2], two), 'numpy', 'array'],
  ])('tells what %s is by its bytes', async (name, content, format, only) => {
    await put(name, content);
    const checkpoint = await open(name);
    expect(checkpoint.findings).toEqual([]);
    expect([checkpoint.format, checkpoint.tensors.map((each) => each.name)]).toEqual([format, [only]]);
    const source = tensorSource(checkpoint, checkpoint.tensors[0]!);
    expect(typeof source).toBe('object');
    const { byteOffset } = checkpoint.tensors[0]!;
    expect(new DataView(content.buffer, content.byteOffset).getFloat32(byteOffset + 4, true)).toBe(2);
  });

  it('refuses each of them under a .safetensors or .gguf name, and says what it is', async () => {
    const gguf = makeGguf({ metadata: [], tensors: [] });
    for (const [content, what] of [
      [stateDict('w'), /PyTorch zip/],
      [pickle(op.none), /Python pickle/],
      [makeNpy('<f4', [2], two), /NumPy array/],
    ] as const) {
      for (const name of ['x.safetensors', 'x.gguf']) {
        await put(name, content);
        await expect(open(name)).rejects.toThrow(what);
      }
    }
    await put('x.onnx', gguf);
    expect((await open('x.onnx')).format).toBe('gguf');
  });

  it('reads a pickle without any mark of one by its extension, and names its code', async () => {
    await put('evil.bin', "cos\nsystem\n(S'x'\ntR.");
    const { findings, tensors } = await open('evil.bin');
    expect(tensors).toEqual([]);
    expect(findings.map(({ severity, code }) => [severity, code])).toEqual([['error', 'pickle-code']]);
    await put('noise.bin', 'just some text, no pickle');
    await expect(open('noise.bin')).rejects.toThrow(/opcode|pickle/);
  });

  it('joins PyTorch shards through their index, their names or their folder', async () => {
    const shard = (i: number) => `pytorch_model-0000${i}-of-00002.bin`;
    await put(shard(1), stateDict('a', 'b'));
    await put(shard(2), stateDict('c'));
    await put('config.json', JSON.stringify({ model_type: 'llama', architectures: ['LlamaForCausalLM'] }));
    await put('training_args.bin', pickle(callOf('transformers.TrainingArguments')));
    const check = async (name: string) => {
      const checkpoint = await open(name);
      expect(checkpoint.tensors.map((each) => [each.name, each.file])).toEqual([
        ['a', 0],
        ['b', 0],
        ['c', 1],
      ]);
      expect(checkpoint.findings).toEqual([]);
      expect(checkpoint.architecture?.name).toBe('LlamaForCausalLM');
    };
    for (const name of ['', shard(2)]) await check(name);
    await put(
      'pytorch_model.bin.index.json',
      JSON.stringify({ weight_map: { a: shard(1), b: shard(1), c: shard(2) } }),
    );
    for (const name of ['', 'pytorch_model.bin.index.json']) await check(name);
  });

  it('opens a folder whose only model is an ONNX one with data beside it', async () => {
    await put(
      'net.onnx',
      makeOnnx({ initializer: [externalTensor('t', [2], { location: 'net.onnx.data' })] }),
    );
    await put('net.onnx.data', two);
    const checkpoint = await open();
    expect(checkpoint.findings).toEqual([]);
    const source = tensorSource(checkpoint, checkpoint.tensors[0]!);
    expect(source).toMatchObject({ byteOffset: 0, file: { path: join(folder, 'net.onnx.data'), bytes: 8 } });
  });
});
