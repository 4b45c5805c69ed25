/** Inputs to begin with: small files of every kind, and the malformed ones of ../shared/corner where they are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TensorProto_DataType } from 'onnx-buf';
import {
  f32Data,
  type GgufValue,
  makeGguf,
  makeSafetensors,
  rawSafetensors,
} from '../fixtures/makeCheckpoint';
import { makeNpy, npyDict, rawNpy } from '../fixtures/makeNumpy';
import { externalTensor, makeOnnx, rawTensor } from '../fixtures/makeOnnx';
import { callOf, dictOf, listOf, op, pickle, tensorOf } from '../fixtures/makePickle';
import { makePytorchLegacy, makePytorchZip } from '../fixtures/makePytorch';
import { makeZip } from '../fixtures/makeZip';

/** Longer ones would slow all down; what they show, their small siblings show too. */
const longestSeed = 4096;
const corner = resolve('../shared/corner');

function cornerFiles(kind: 'safetensors' | 'gguf'): Uint8Array[] {
  const folder = join(corner, kind);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(`.${kind}`))
    .map((name) => new Uint8Array(readFileSync(join(folder, name))))
    .filter((bytes) => bytes.length <= longestSeed);
}

const four = f32Data([1, 2, 3, 4]);
const six = f32Data([1, 2, 3, 4, 5, 6]);
const tensor = (name: string, dtype = 'F32', shape = [2, 2], data = four) => ({ name, dtype, shape, data });

export const safetensors = [
  makeSafetensors([tensor('a.weight'), tensor('a.bias', 'BF16', [8])], { format: 'pt' }),
  makeSafetensors([
    tensor('weight.scale', 'F8_E8M0', [16]),
    tensor('q', 'F4', [32]),
    tensor('s', 'I64', [2]),
  ]),
  rawSafetensors(
    '{"a":{"shape":[],"dtype":"F32","data_offsets":[0,4],"x":[{"y":[1.5,null,"\\u00e9"]}]}}',
    four,
  ),
  rawSafetensors('{"\\ud83d\\ude00ä":{"dtype":"U8","shape":[0,9],"data_offsets":[16,16]}} ', four),
  ...cornerFiles('safetensors'),
];

const metadata: GgufValue[] = [
  { key: 'general.architecture', type: 'string', value: 'llama' },
  { key: 'tokenizer.ggml.tokens', type: '[string]', value: ['<s>', 'Ġa', '', 'ö', 'word'] },
  { key: 'tokenizer.ggml.scores', type: '[f32]', value: [0, Number.NaN, 1] },
  { key: 'llama.block_count', type: 'u64', value: 3n },
  { key: 'flag', type: 'bool', value: true },
];
export const gguf = [
  makeGguf({ metadata, tensors: [tensor('a.weight'), tensor('b.weight', 'Q8_0', [32], new Uint8Array(34))] }),
  makeGguf({ metadata: [], tensors: [tensor('x', 'type 200', [4])], alignment: 64 }),
  makeGguf({
    metadata: [
      { key: 'split.no', type: 'u16', value: 0 },
      { key: 'split.count', type: 'u16', value: 2 },
      { key: 'split.tensors.count', type: 'i32', value: 2 },
    ],
    tensors: [tensor('a')],
    version: 2,
  }),
  ...cornerFiles('gguf'),
];

/** Importance matrices in their older form: entries of name, calls and values, then chunks and the text's name. */
export const matrices = [
  importanceMatrix([
    ['blk.0.attn_q.weight', four],
    ['blk.1.attn_q.weight', six],
  ]),
  importanceMatrix([['a', four]]),
];

function importanceMatrix(entries: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const integer = (value: number) => Buffer.from(Int32Array.of(value).buffer);
  const named = (name: string) => [integer(name.length), Buffer.from(name)];
  const body = entries.flatMap(([name, values]) => [
    ...named(name),
    integer(3),
    integer(values.length / 4),
    values,
  ]);
  return Buffer.concat([integer(entries.length), ...body, integer(3), ...named('a text')]);
}

export const onnx = [
  makeOnnx({
    name: 'graph',
    node: [
      { opType: 'MatMulNBits', domain: 'com.microsoft', input: ['x', 'q', 's'], output: ['y'], name: 'n' },
      { opType: 'DequantizeLinear', input: ['w', 's'], output: ['z'] },
    ],
    initializer: [
      rawTensor('w', TensorProto_DataType.FLOAT, [2, 2], new Uint8Array(four)),
      rawTensor('q', TensorProto_DataType.UINT4, [4], new Uint8Array(2)),
      externalTensor('e', [4], { location: 'a.data', offset: '16', length: '16' }),
      { name: 'f', dataType: TensorProto_DataType.FLOAT, dims: [2n], floatData: [1, 2] },
      { name: 't', dataType: TensorProto_DataType.STRING, dims: [1n], stringData: [new Uint8Array([65])] },
    ],
    input: [{ name: 'x' }],
    output: [{ name: 'y' }],
  }),
  makeOnnx({ name: '', initializer: [] }, { metadataProps: [{ key: 'k', value: 'v' }] }),
];

const matrix = { storage: 'FloatStorage', key: '0', storageLength: 6, shape: [2, 3] };
const state = dictOf([
  ['fc.weight', tensorOf(matrix)],
  ['fc.view', tensorOf({ ...matrix, shape: [3], strides: [2], offset: 1 })],
  ['epoch', op.int(7)],
  ['more', listOf([op.float(0.5), op.text('né'), op.none, op.long(2n ** 70n)])],
]);
const old = (key: string) => tensorOf({ ...matrix, key, legacy: true });
export const pickles = [
  makePytorchLegacy(dictOf([['w', old('0')]]), [{ key: '0', length: 6, data: six }]),
  pickle(state),
  pickle(callOf('os.system', op.text('true'))),
  pickle(op.emptyList, op.memoize, op.get(0), op.append),
  Uint8Array.from(Buffer.from("(dp0\nS'a'\np1\nI1\ns.")),
];

export const zips = [
  makePytorchZip(state, { 0: six }),
  makePytorchZip(dictOf([['w', tensorOf({ ...matrix, shape: [1] })]]), { 0: six }, { deflated: true }),
  makeZip([{ name: 'a.npy', data: makeNpy('<f4', [2, 2], four) }], { comment: 'hello', zip64: true }),
  makeZip([
    { name: 'b.npy', data: makeNpy('<f4', [2, 2], four), deflated: true, zip64: true },
    { name: 'x', data: four },
  ]),
];

export const npys = [
  makeNpy('<f4', [2, 2], four),
  makeNpy('>i8', [2], four, true),
  rawNpy(npyDict('|b1', []), new Uint8Array(1), 3),
  rawNpy("{'descr': [('a', '<f4'), ('b', '<i2', (2,))], 'fortran_order': False, 'shape': (2,), }", four, 2),
];

const json = (value: unknown): Uint8Array => Uint8Array.from(Buffer.from(JSON.stringify(value)));
const [one, two] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const packed = [
  { name: 'p.weight_packed', dtype: 'I32', shape: [2, 1], data: new Uint8Array(8) },
  { name: 'p.weight_scale', dtype: 'F32', shape: [2, 1], data: new Uint8Array(8) },
  {
    name: 'p.weight_shape',
    dtype: 'I64',
    shape: [2],
    data: Uint8Array.from({ length: 16 }, (_, i) => (i & 7 ? 0 : 2)),
  },
  { name: 'g.qweight', dtype: 'I32', shape: [4, 8], data: new Uint8Array(128) },
  { name: 'g.qzeros', dtype: 'I32', shape: [1, 1], data: new Uint8Array(4) },
  { name: 'g.scales', dtype: 'F16', shape: [1, 8], data: new Uint8Array(16) },
  { name: 'g.g_idx', dtype: 'I32', shape: [32], data: new Uint8Array(128) },
];
const blank = (name: string, dtype: string, shape: number[], bytes: number) => ({
  ...{ name, dtype, shape, data: new Uint8Array(bytes) },
});
const nf4State = json({ blocksize: 32, shape: [4, 16], nested_blocksize: 256, nested_offset: 0.5 });
/** Pieces of quantized weights; zeros, so that the header ends with the last brace but one file's. */
export const packedFiles = [
  makeSafetensors(packed),
  makeSafetensors([
    blank('m.weight', 'U32', [2, 8], 64),
    blank('m.scales', 'F16', [2, 1], 4),
    blank('m.biases', 'F16', [2, 1], 4),
    blank('f.weight', 'F8_E4M3', [4, 4], 16),
    blank('f.weight_scale_inv', 'BF16', [2, 2], 8),
    blank('n.weight_packed', 'U8', [2, 16], 32),
    blank('n.weight_scale', 'F8_E4M3', [2, 2], 4),
    blank('n.weight_global_scale', 'F32', [1], 4),
    blank('e_blocks', 'U8', [2, 2, 1, 16], 64),
    blank('e_scales', 'U8', [2, 2, 1], 4),
    blank('a.qweight', 'I32', [16, 1], 64),
    blank('a.qzeros', 'I32', [2, 1], 8),
    blank('a.scales', 'F16', [2, 8], 32),
    blank('i.weight', 'I8', [4, 8], 32),
    blank('i.weight_scale', 'F32', [4, 2], 32),
    blank('i.weight_zero_point', 'I8', [4, 2], 8),
    blank('i.weight_g_idx', 'I32', [8], 32),
    blank('s.weight', 'I8', [2, 2], 4),
    blank('s.SCB', 'F32', [2], 8),
  ]),
  makeSafetensors([
    blank('b.weight', 'U8', [32, 1], 32),
    blank('b.weight.absmax', 'U8', [2], 2),
    blank('b.weight.quant_map', 'F32', [16], 64),
    blank('b.weight.nested_absmax', 'F32', [1], 4),
    blank('b.weight.nested_quant_map', 'F32', [256], 1024),
    {
      ...{ name: 'b.weight.quant_state.bitsandbytes__nf4', dtype: 'U8' },
      ...{ shape: [nf4State.length], data: nf4State },
    },
  ]),
];
/** A model of two shards in which packed weights lie too. */
export const shards: ReadonlyMap<string, Uint8Array> = new Map([
  [one, makeSafetensors([tensor('a.weight'), ...packed])],
  [two, makeSafetensors([tensor('b.weight')])],
  [
    'model.safetensors.index.json',
    json({
      weight_map: Object.fromEntries([
        ...['a.weight', ...packed.map(({ name }) => name)].map((name) => [name, one]),
        ['b.weight', two],
      ]),
    }),
  ],
]);
export const indexes = [
  shards.get('model.safetensors.index.json')!,
  json({
    metadata: { total_size: 32 },
    weight_map: { 'a.weight': one, 'b.weight': two, c: '../c.safetensors' },
  }),
];
export const configs = [
  json({
    architectures: ['LlamaForCausalLM'],
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    vocab_size: 100,
    torch_dtype: 'float32',
  }),
  json({ quantization_config: { quant_method: 'gptq', bits: 4, group_size: 32, sym: true, desc_act: true } }),
  json({
    quantization_config: {
      quant_method: 'compressed-tensors',
      format: 'pack-quantized',
      config_groups: {
        g: { weights: { num_bits: 4, group_size: 32, strategy: 'group' }, targets: ['Linear'] },
      },
    },
  }),
];
