/** Every finding's code has a section in docs/findings.md, and a file that produces it. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TensorProto_DataType } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoupeError } from '../../../src/errors';
import { openCheckpoint } from '../../../src/formats/open';
import { valueFindingCodes, valueFindings } from '../../../src/protocol/valueFindings';
import { f32Data, i32Data, makeGguf, makeSafetensors, rawSafetensors } from '../../fixtures/makeCheckpoint';
import { makeNpy } from '../../fixtures/makeNumpy';
import { externalTensor, makeOnnx, rawTensor } from '../../fixtures/makeOnnx';
import { callOf, dictOf, op, pickle, tensorOf } from '../../fixtures/makePickle';
import { makePytorchZip } from '../../fixtures/makePytorch';
import { makeZip } from '../../fixtures/makeZip';
import { readFrom, sourcesUnder, withoutComments } from '../../support/importGraph';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** Hyphenated words in the readers that are not codes of findings, and what they are. */
const otherWords: Readonly<Record<string, string>> = {
  'not-a-checkpoint': 'code of an error',
  'not-found': 'code of an error',
  'engine-died': 'code of an error',
  'non-finite': 'code of an error',
  'compressed-tensors': 'quantization method',
  'pack-quantized': 'layout',
  'naive-quantized': 'layout',
  'int-quantized': 'layout',
  'float-quantized': 'layout',
  'mxfp4-pack-quantized': 'layout',
  'nvfp4-pack-quantized': 'layout',
  'mixed-precision': 'layout',
  'not-supported': 'state of an array',
  'utf-8': 'text encoding',
};

/** Codes of the errors that refuse a file; the Problems panel shows them as findings. */
const refusals = ['malformed', 'unsupported', 'not-a-checkpoint', 'io'];

/** Every hyphenated string of the sources that may name a code, with where it stands. */
function codesInSources(): Map<string, string> {
  const read = readFrom(root);
  const found = new Map<string, string>();
  for (const file of sourcesUnder(root, 'src/formats')) {
    const text = withoutComments(read(file) ?? '');
    for (const [, word = ''] of text.matchAll(/'([a-z]+(?:-[a-z0-9]+)+)'/g)) {
      if (!Object.hasOwn(otherWords, word) && !isImported(text, word)) found.set(word, file);
    }
  }
  for (const code of valueFindingCodes) found.set(code, 'src/protocol/valueFindings.ts');
  return found;
}

const isImported = (text: string, word: string) => text.includes(`from '${word}'`);

type Files = Readonly<Record<string, Uint8Array | string | { readonly link: string }>>;

const f32 = (name: string, count = 2) => ({
  name,
  dtype: 'F32',
  shape: [count],
  data: f32Data(new Float32Array(count)),
});
const header = (tensors: object) => rawSafetensors(JSON.stringify(tensors), new Uint8Array(16));
const at = (begin: number, end: number) => ({
  dtype: 'F32',
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
});
const shard = (i: number, of = 2) => `model-0000${i}-of-0000${of}.safetensors`;
const index = (map: Record<string, string>, total?: number) =>
  JSON.stringify({
    ...(total === undefined ? {} : { metadata: { total_size: total } }),
    weight_map: map,
  });
const indexName = 'model.safetensors.index.json';
const twoShards = { [shard(1)]: makeSafetensors([f32('a')]), [shard(2)]: makeSafetensors([f32('b')]) };

/** A GGUF file of tensors "ta" and "tb", 8 values each, with the offset of "tb" replaced. */
function ggufWithOffset(offset: number, count = 8): Uint8Array {
  const file = makeGguf({ metadata: [], tensors: [f32('ta', count), f32('tb', count)] });
  const name = Buffer.from(file).indexOf('tb');
  // Name, u32 dimensions, one u64 dimension, u32 type.
  new DataView(file.buffer, file.byteOffset).setBigUint64(name + 2 + 4 + 8 + 4, BigInt(offset), true);
  return file;
}
const split = (no: number, count: number) =>
  makeGguf({
    metadata: [
      { key: 'split.no', type: 'u16', value: no },
      { key: 'split.count', type: 'u16', value: count },
      { key: 'split.tensors.count', type: 'i32', value: count },
    ],
    tensors: [f32(`t${no}`)],
  });
const part = (i: number, of = 2) => `m-0000${i}-of-0000${of}.gguf`;

const matrix = { storage: 'FloatStorage', key: '0', storageLength: 6, shape: [2, 3] };
const sixFloats = f32Data([1, 2, 3, 4, 5, 6]);
const deepPickle = Uint8Array.from([
  0x80,
  2,
  ...new Array<number>(20_000).fill(op.emptyList[0]!),
  ...new Array<number>(19_999).fill(op.append[0]!),
  ...op.stop,
]);
const embedding = (rows: number, columns: number) => ({
  name: 'model.embed_tokens.weight',
  dtype: 'F32',
  shape: [rows, columns],
  data: f32Data(new Float32Array(rows * columns)),
});
const llama = JSON.stringify({
  architectures: ['LlamaForCausalLM'],
  vocab_size: 8,
  hidden_size: 4,
  num_hidden_layers: 2,
});
const npy = makeNpy('<f4', [2], f32Data([1, 2]));

/** For each code: the files of a folder; the first is opened. */
const generators: Readonly<Record<string, () => Files>> = {
  'truncated-data': () => ({ 'm.safetensors': makeSafetensors([f32('a', 64)]).slice(0, -4) }),
  'trailing-data': () => ({
    'm.safetensors': Buffer.concat([makeSafetensors([f32('a')]), new Uint8Array(4)]),
  }),
  'data-gap': () => ({ 'm.safetensors': header({ a: at(0, 4), b: at(8, 16) }) }),
  'data-overlap': () => ({ 'm.safetensors': header({ a: at(0, 12), b: at(8, 16) }) }),
  'data-order': () => {
    const file = ggufWithOffset(0);
    const name = Buffer.from(file).indexOf('ta');
    new DataView(file.buffer, file.byteOffset).setBigUint64(name + 18, 32n, true);
    return { 'm.gguf': file };
  },
  'data-unpadded': () => ({ 'm.gguf': ggufWithOffset(8, 2) }),
  'unaligned-data': () => ({ 'm.gguf': ggufWithOffset(36) }),
  'size-mismatch': () => ({
    'm.onnx': makeOnnx({ initializer: [rawTensor('w', TensorProto_DataType.FLOAT, [3], new Uint8Array(8))] }),
  }),
  'unknown-type': () => ({
    'm.gguf': makeGguf({ metadata: [], tensors: [{ ...f32('a', 8), dtype: 'type 99' }] }),
  }),
  'removed-type': () => ({
    'm.gguf': makeGguf({ metadata: [], tensors: [{ ...f32('a', 32), dtype: 'type 4' }] }),
  }),
  'big-endian': () => ({ 'm.gguf': makeGguf({ metadata: [], tensors: [f32('a')], bigEndian: true }) }),
  'non-utf8': () => {
    const file = makeGguf({ metadata: [], tensors: [f32('name')] });
    file[Buffer.from(file).indexOf('name') + 1] = 0xff;
    return { 'm.gguf': file };
  },
  'duplicate-name': () => ({
    'm.safetensors': rawSafetensors(
      `{"a":${JSON.stringify(at(0, 16))},"a":${JSON.stringify(at(0, 16))}}`,
      new Uint8Array(16),
    ),
  }),
  'duplicate-tensor': () => ({
    [shard(1)]: makeSafetensors([f32('a')]),
    [shard(2)]: makeSafetensors([f32('a')]),
  }),
  'no-tensors': () => ({ 'm.pt': pickle(dictOf([['epoch', op.int(1)]], true)) }),
  'nested-too-deep': () => ({ 'm.pt': deepPickle }),
  'missing-shard': () => ({
    [indexName]: index({ a: shard(1), b: shard(2) }),
    [shard(1)]: twoShards[shard(1)]!,
  }),
  'unreadable-shard': () => ({ ...twoShards, [shard(2)]: 'version https://git-lfs.github.com/spec/v1\n' }),
  'missing-tensor': () => ({
    [indexName]: index({ a: shard(1), b: shard(2), c: shard(2) }),
    ...twoShards,
  }),
  'extra-tensor': () => ({
    [indexName]: index({ a: shard(1), b: shard(2) }),
    ...twoShards,
    [shard(2)]: makeSafetensors([f32('b'), f32('x')]),
  }),
  'index-disagrees': () => ({ [indexName]: index({ a: shard(2), b: shard(1) }), ...twoShards }),
  'index-total-size': () => ({ [indexName]: index({ a: shard(1), b: shard(2) }, 5), ...twoShards }),
  'index-unreadable': () => ({ ...twoShards, [indexName]: '{' }),
  'index-escapes': () => ({ [indexName]: index({ a: shard(1), b: '../b.safetensors' }), ...twoShards }),
  'implausible-set': () => ({
    'model-99999-of-00002.safetensors': makeSafetensors([f32('a')]),
  }),
  'split-undeclared': () => ({
    [part(1)]: makeGguf({ metadata: [], tensors: [f32('a')] }),
    [part(2)]: makeGguf({ metadata: [], tensors: [f32('b')] }),
  }),
  'split-contradiction': () => ({ [part(1)]: split(0, 3), [part(2)]: split(1, 3) }),
  'split-alone': () => ({ 'm.gguf': split(0, 3) }),
  'config-unreadable': () => ({ 'model.safetensors': makeSafetensors([f32('a')]), 'config.json': '{' }),
  'sidecar-unreadable': () => ({
    'model.safetensors': makeSafetensors([f32('a')]),
    'config.json': '{}',
    'tokenizer_config.json': '{',
  }),
  'dtype-differs': () => ({
    'model.safetensors': makeSafetensors([f32('a')]),
    'config.json': '{"torch_dtype":"bfloat16"}',
  }),
  'config-shape-differs': () => ({
    'model.safetensors': makeSafetensors([embedding(9, 4)]),
    'config.json': llama,
  }),
  'config-layers-differ': () => ({
    'model.safetensors': makeSafetensors([embedding(8, 4), f32('model.layers.0.x.weight')]),
    'config.json': llama,
  }),
  'quantization-unknown': () => ({
    'model.safetensors': makeSafetensors([f32('a')]),
    'config.json': '{"quantization_config":{"quant_method":"aqlm"}}',
  }),
  'packed-inconsistent': () => ({
    'model.safetensors': makeSafetensors([
      { name: 'x.weight_packed', dtype: 'I32', shape: [2, 1], data: i32Data([0, 0]) },
      { ...f32('x.weight_scale', 3) },
      { name: 'x.weight_shape', dtype: 'I32', shape: [2], data: i32Data([2, 4]) },
    ]),
    'config.json':
      '{"quantization_config":{"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{"group_0":{"targets":["Linear"],"weights":{"num_bits":8,"symmetric":true,"strategy":"channel","type":"int"}}}}}',
  }),
  'missing-external-data': () => ({
    'm.onnx': makeOnnx({ initializer: [externalTensor('w', [2], { location: 'gone.data' })] }),
  }),
  'external-data-escapes': () => ({
    'm.onnx': makeOnnx({ initializer: [externalTensor('w', [2], { location: '../x.data' })] }),
  }),
  'external-data-range': () => ({
    'm.onnx': makeOnnx({ initializer: [externalTensor('w', [2], { location: 'x.data', offset: '-4' })] }),
    'x.data': new Uint8Array(64),
  }),
  'training-info': () => ({ 'm.onnx': makeOnnx({}, { trainingInfo: [{}] }) }),
  'quantized-weights': () => ({
    'm.onnx': makeOnnx({
      initializer: [
        rawTensor('w', TensorProto_DataType.INT8, [4], new Uint8Array(4)),
        rawTensor('s', TensorProto_DataType.FLOAT, [], new Uint8Array(4)),
      ],
      node: [{ opType: 'DequantizeLinear', input: ['w', 's'], output: ['x'] }],
    }),
  }),
  'pickle-code': () => ({
    'm.pt': makePytorchZip(
      dictOf([
        ['w', tensorOf(matrix)],
        ['x', callOf('os.system', op.text('true'))],
      ]),
      { 0: sixFloats },
    ),
  }),
  'missing-storage': () => ({ 'm.pt': makePytorchZip(tensorOf({ ...matrix, key: '5' }), { 0: sixFloats }) }),
  'unreadable-storage': () => ({
    'm.pt': makePytorchZip(
      tensorOf(matrix),
      {},
      { extra: [{ name: 'archive/data/0', data: sixFloats, localName: 'archive/data/9' }] },
    ),
  }),
  'tensor-outside-storage': () => ({
    'm.pt': makePytorchZip(tensorOf({ ...matrix, offset: 1 }), { 0: sixFloats }),
  }),
  'foreign-entry': () => ({
    'm.npz': makeZip([
      { name: 'a.npy', data: npy },
      { name: 'notes.txt', data: new Uint8Array(3) },
    ]),
  }),
  'unreadable-entry': () => ({
    'm.npz': makeZip([
      { name: 'bad.npy', data: new Uint8Array(100) },
      { name: 'a.npy', data: npy },
    ]),
  }),
};

/** For each error that refuses a file: the files. */
const refusing: Readonly<Record<string, () => Files>> = {
  malformed: () => ({ 'm.safetensors': Uint8Array.from([255, 0, 0, 0, 0, 0, 0, 0, 123]) }),
  unsupported: () => ({ 'm.gguf': makeGguf({ metadata: [], tensors: [], version: 9 }) }),
  'not-a-checkpoint': () => ({ 'm.safetensors': 'version https://git-lfs.github.com/spec/v1\n' }),
  io: () => ({ 'm.safetensors': { link: 'm.safetensors' } }),
};

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'loupe-findings-'));
});
afterAll(() => rm(scratch, { recursive: true }));

/** Writes the files into a folder of their own; the path of the first. */
async function laid(name: string, files: Files): Promise<string> {
  const folder = join(scratch, name);
  await mkdir(folder);
  for (const [file, content] of Object.entries(files)) {
    const path = join(folder, file);
    if (typeof content === 'object' && 'link' in content) await symlink(content.link, path);
    else await writeFile(path, content);
  }
  return join(folder, Object.keys(files)[0]!);
}

describe('docs/findings.md', async () => {
  const text = await readFile(join(root, 'docs', 'findings.md'), 'utf8');
  const sections = text.split(/^### /m).slice(1);
  const documented = sections.map((section) => section.split('\n')[0]!.trim());

  it('has a section for every code of the sources', () => {
    const missing = [...codesInSources()].filter(([code]) => !documented.includes(code));
    expect(
      missing.map(
        ([code, file]) =>
          `'${code}' in ${file} has no section "### ${code}" in docs/findings.md (or, if it is no finding's code, belongs into otherWords of this test)`,
      ),
    ).toEqual([]);
  });

  it('has no section for a code that is gone, and none twice', () => {
    const codes = new Set([...codesInSources().keys(), ...refusals]);
    expect(documented.filter((code) => !codes.has(code))).toEqual([]);
    expect(new Set(documented).size).toBe(documented.length);
  });

  it('tells of each the severity, the cause and the cure', () => {
    for (const section of sections) {
      expect(section).toMatch(
        /^[a-z0-9-]+\n\n\*(Error|Warning|Info)[^*]*\.\* \S[\s\S]+\n\n\*\*Cure\.\*\* \S/,
      );
    }
  });

  it('has a file for every code', () => {
    const codes = [...codesInSources().keys()].filter(
      (code) => !(valueFindingCodes as readonly string[]).includes(code),
    );
    const missing = codes.filter((code) => !Object.hasOwn(generators, code));
    expect(missing.map((code) => `'${code}' needs a generator in this test: files that produce it`)).toEqual(
      [],
    );
  });
});

describe('files that produce', () => {
  it.each(Object.keys(generators))('%s', async (code) => {
    const path = await laid(code, generators[code]!());
    const { findings } = await openCheckpoint(path);
    expect(findings.map((finding) => finding.code)).toContain(code);
    for (const finding of findings) expect(finding.message).toMatch(/^\S.*[.!?]$/s);
  });

  it.each(Object.keys(refusing))('the refusal %s', async (code) => {
    const path = await laid(`refused-${code}`, refusing[code]!());
    const error = await openCheckpoint(path).then(
      () => undefined,
      (thrown: unknown) => LoupeError.from(thrown),
    );
    expect(error?.code).toBe(code);
  });

  it('the findings after analysis', () => {
    const found = [
      { nan: 0, inf: 2, zeros: 0, count: 4, dtype: 'Q8_0' },
      { nan: 1, inf: 1, zeros: 0, count: 4, dtype: 'F32' },
      { nan: 0, inf: 0, zeros: 4, count: 4, dtype: 'F32' },
    ].flatMap(({ dtype, ...figures }) => valueFindings(figures, { name: 'w', dtype }));
    expect(found.map(({ code }) => code)).toEqual([...valueFindingCodes]);
  });
});
