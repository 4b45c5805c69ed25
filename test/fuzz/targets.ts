/** The readers under attack, each with inputs to begin with and the words of its format. */
import { basename, dirname } from 'node:path';
import { type ByteSource, memorySource } from '../../src/bytes/byteSource';
import type { FileStore } from '../../src/bytes/fileStore';
import { LoupeError } from '../../src/errors';
import { readArchive } from '../../src/formats/archive';
import type { CheckpointFile, TensorInfo } from '../../src/formats/checkpoint';
import { detectionBytes, requireFormat } from '../../src/formats/detect';
import { readLegacyMatrix } from '../../src/formats/gguf/legacyMatrix';
import { readGguf, readGgufArray } from '../../src/formats/gguf/reader';
import { readNpy } from '../../src/formats/numpy/reader';
import { readOnnx } from '../../src/formats/onnx/reader';
import { openCheckpoint } from '../../src/formats/open';
import { readPickleFile } from '../../src/formats/pytorch/legacyReader';
import { readSafetensors } from '../../src/formats/safetensors/reader';
import * as seeds from './seeds';

export interface Opened {
  readonly tensors: readonly TensorInfo[];
  /** What tensors' `file` counts; their spans must lie inside. */
  readonly files: readonly Pick<CheckpointFile, 'bytes'>[];
  /** Everything else that is kept and sent on. */
  readonly rest: unknown;
}

export interface Target {
  readonly name: string;
  /** Opens the bytes, or throws a LoupeError. */
  readonly open: (bytes: Uint8Array) => Promise<Opened>;
  readonly seeds: readonly Uint8Array[];
  readonly words: readonly Uint8Array[];
  readonly repair?: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** Shares of the executions relative to the others': slow readers get fewer. */
  readonly share: number;
}

type Reader = (source: ByteSource) => Promise<{
  readonly tensors: readonly TensorInfo[];
  readonly dataFiles?: readonly CheckpointFile[] | undefined;
}>;

const reading =
  (read: Reader, name: string): Target['open'] =>
  async (bytes) => {
    const source = memorySource(bytes, `/nowhere/${name}`);
    const contents = await read(source);
    return {
      tensors: contents.tensors,
      files: [{ bytes: bytes.length }, ...(contents.dataFiles ?? [])],
      rest: contents,
    };
  };

/** A folder in memory. */
function folderOf(files: ReadonlyMap<string, Uint8Array>): FileStore {
  const find = (path: string): Uint8Array => {
    const bytes = dirname(path) === '/model' ? files.get(basename(path)) : undefined;
    if (!bytes) throw new LoupeError('not-found', 'There is no such file.', { file: path });
    return bytes;
  };
  return {
    stat: async (path) => {
      if (path === '/model') return { isFile: false, isFolder: true, bytes: 0, mtimeMs: 0 };
      return { isFile: true, isFolder: false, bytes: find(path).length, mtimeMs: 0 };
    },
    list: async () => [...files.keys()],
    open: async (path) => memorySource(find(path), path),
  };
}

/** Opens a whole model of two shards whose index, or whose config.json, is the input. */
const openModel =
  (name: string): Target['open'] =>
  async (bytes) => {
    const files = new Map([...seeds.shards, [name, bytes] as const]);
    const checkpoint = await openCheckpoint('/model', { files: folderOf(files) });
    return { tensors: checkpoint.tensors, files: checkpoint.files, rest: checkpoint };
  };

/** The whole way of a file without a telling name: recognised, then read. */
const openAny: Target['open'] = async (bytes) => {
  requireFormat('/model/weights', bytes.subarray(0, detectionBytes));
  const files = folderOf(new Map([['weights', bytes]]));
  const checkpoint = await openCheckpoint('/model/weights', { files });
  return { tensors: checkpoint.tensors, files: checkpoint.files, rest: checkpoint };
};

/** Puts the header's length right: up to the last brace. */
function repairSafetensors(bytes: Uint8Array): Uint8Array {
  const end = bytes.lastIndexOf(0x7d) + 1;
  if (end > 8) new DataView(bytes.buffer).setBigUint64(0, BigInt(end - 8), true);
  return bytes;
}

const ggufArray: Target['open'] = async (bytes) => {
  const rest = await readGgufArray(memorySource(bytes, '/nowhere/a.gguf'), {
    key: 'tokenizer.ggml.tokens',
    start: 1,
    take: 4,
  });
  return { tensors: [], files: [], rest };
};

const text = (...words: readonly string[]): Uint8Array[] => words.map((word) => Buffer.from(word, 'latin1'));
const jsonWords = text(
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\u0000',
  '\\ud800',
  'null',
  'true',
  '-1',
  '{}',
  '[[[[',
);
const pickleWords = text(
  ...'()].}0125NQRabcehijlopqrstuX\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x90\x91\x93\x94\x95'.split(''),
  'ctorch._utils\n_rebuild_tensor_v2\n',
  'ctorch\nFloatStorage\n',
  'ccollections\nOrderedDict\n',
  'cos\nsystem\n',
  'cbuiltins\nlist\n',
);

export const targets: readonly Target[] = [
  {
    name: 'safetensors',
    open: reading(readSafetensors, 'a.safetensors'),
    seeds: seeds.safetensors,
    words: [
      ...jsonWords,
      ...text('"dtype":"F4"', '"shape":[0,3]', '"data_offsets":[0,0]', '"__metadata__":{}'),
    ],
    repair: repairSafetensors,
    share: 8,
  },
  {
    name: 'gguf',
    open: reading(readGguf, 'a.gguf'),
    seeds: seeds.gguf,
    words: text(
      '\x08\0\0\0',
      '\x09\0\0\0',
      'general.alignment',
      'split.count',
      '\x01\0\0\0\0\0\0\0',
      '\xff\xff\xff\xff',
    ),
    share: 8,
  },
  { name: 'gguf-array', open: ggufArray, seeds: seeds.gguf, words: text('tokenizer.ggml.tokens'), share: 4 },
  {
    name: 'imatrix',
    open: reading((source) => readLegacyMatrix(source, {}), 'a.dat'),
    seeds: seeds.matrices,
    words: text('\x01\0\0\0', '\xff\xff\xff\x7f', '\xff\xff\xff\xff', 'blk.0.attn_q.weight'),
    share: 2,
  },
  {
    name: 'onnx',
    open: reading(readOnnx, 'a.onnx'),
    seeds: seeds.onnx,
    words: text(
      '\x0a\x00',
      '\x3a',
      '\x2a',
      '\xff\xff\xff\xff\x0f',
      '\x72\x00',
      'location',
      'offset',
      'length',
      '../x',
    ),
    share: 4,
  },
  {
    name: 'pickle',
    open: reading((source) => readPickleFile(source, 'a'), 'a.pt'),
    seeds: seeds.pickles,
    words: pickleWords,
    share: 4,
  },
  {
    name: 'zip',
    open: reading((source) => readArchive(source, 'a'), 'a.pt'),
    seeds: seeds.zips,
    words: [
      ...pickleWords,
      ...text('PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', 'PK\x06\x06', 'data.pkl', '.npy'),
    ],
    share: 3,
  },
  {
    name: 'npy',
    open: reading((source) => readNpy(source, 'a'), 'a.npy'),
    seeds: seeds.npys,
    words: text(
      "'descr'",
      "'<f4'",
      "'|V2'",
      "'shape': ",
      '(',
      ')',
      ',',
      'True',
      'False',
      '[(',
      "'O'",
      "'>c16'",
    ),
    share: 4,
  },
  {
    name: 'index',
    open: openModel('model.safetensors.index.json'),
    seeds: seeds.indexes,
    words: [
      ...jsonWords,
      ...text('"weight_map"', '"../x"', '"b.weight"', '"model-00001-of-00002.safetensors"'),
    ],
    share: 1,
  },
  {
    name: 'config',
    open: openModel('config.json'),
    seeds: seeds.configs,
    words: [
      ...jsonWords,
      ...text('"quantization_config"', '"bits"', '"gptq"', '"awq"', '"num_hidden_layers"', '1e308'),
    ],
    share: 1,
  },
  {
    name: 'packed',
    open: openAny,
    seeds: seeds.packedFiles,
    words: [
      ...jsonWords,
      ...text(
        '"dtype":"I32"',
        '"dtype":"U8"',
        '"dtype":"F16"',
        '"shape":[0,3]',
        '"shape":[]',
        '.weight_scale',
      ),
    ],
    share: 4,
  },
  {
    name: 'any',
    open: openAny,
    seeds: [
      ...seeds.safetensors,
      ...seeds.gguf,
      ...seeds.onnx,
      ...seeds.pickles,
      ...seeds.zips,
      ...seeds.npys,
    ],
    words: text('GGUF', 'PK\x03\x04', '\x93NUMPY', '\x80\x02', '\x89HDF', 'version https://git-lfs'),
    share: 2,
  },
];
