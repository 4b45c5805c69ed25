/** What a GGUF output is made from: a GGUF model as it is, or a Hugging Face model seen as one. */
import * as path from 'node:path';
import { openFileSource } from '../../../bytes/byteSource';
import type { ConvertedTensor } from '../../../convert/convertedTensor';
import { convertModel } from '../../../convert/convertModel';
import type { GgufMetadataEntry } from '../../../convert/metadataList';
import { LoupeError } from '../../../errors';
import type { Checkpoint, MetadataEntry, TensorInfo } from '../../../formats/checkpoint';
import { type GgufLayout, readGgufLayout } from '../../../formats/gguf/reader';
import { defaultGgufAlignment, type GgufMetadataItem } from '../../../formats/gguf/writer';
import { findDtype } from '../../../numeric/dtypes';
import { floatBytes } from '../../../quant/packing';
import { type TensorSource, tensorSource } from '../../tensorSource';
import { keptMetadata, splitKeys } from './ggufMetadata';
import { readTokenizerFiles, tokenizerStamp } from './tokenizerSidecars';

export interface GgufSource {
  /** With the names, shapes and metadata that the output has; its files are those that are read. */
  readonly checkpoint: Checkpoint;
  /** In the output's order, without what tells of the types. */
  readonly metadata: readonly GgufMetadataItem[];
  /** All of it, but for what tells how a model is split: for an output of the very same types. Empty for a Hugging Face model. */
  readonly copiedMetadata: readonly GgufMetadataItem[];
  readonly alignment: number;
  /** The tensor as a matrix of its innermost rows. Throws `refused` for one that cannot be read. */
  sourceOf(tensor: TensorInfo): TensorSource;
  /** Whether a tensor that keeps its type is copied byte by byte. */
  copiesBytes(tensor: TensorInfo): boolean;
  /** The values of a tensor that no file holds, as F32. */
  given(tensor: TensorInfo): Uint8Array | undefined;
  /** The tensors of the model that it is made of, by their names there; none for one that no file holds. */
  madeOf(tensor: TensorInfo): readonly string[];
  /** Whether llama.cpp reads the tensor in no other type than F32. */
  isAlwaysF32(tensor: TensorInfo): boolean;
  /** What is left out or otherwise than one might expect. */
  readonly warnings: readonly string[];
  /** Undefined: beside the source's first file, named after it. */
  readonly name?: string | undefined;
}

/** Throws what reading the files throws, and as `convertModel` does for a Hugging Face model. */
export async function ggufSource(checkpoint: Checkpoint): Promise<GgufSource> {
  if (checkpoint.format === 'gguf') return storedSource(checkpoint);
  if (checkpoint.format === 'safetensors') return convertedSource(checkpoint);
  throw new LoupeError(
    'unsupported',
    'GGUF files are made of safetensors models with their config.json and tokenizer, and of GGUF models.',
    { file: checkpoint.path },
  );
}

/** By the model, whose object is another once one of its own files has changed. */
const planned = new WeakMap<Checkpoint, { readonly stamp: string; readonly source: GgufSource }>();

/** As `ggufSource`, kept for plans: a dialog asks for many of one model, and a tokenizer takes a second to read. */
export async function plannedGgufSource(checkpoint: Checkpoint): Promise<GgufSource> {
  const stamp = await tokenizerStamp(checkpoint.folder);
  const kept = planned.get(checkpoint);
  if (kept?.stamp === stamp) return kept.source;
  const source = await ggufSource(checkpoint);
  planned.set(checkpoint, { stamp, source });
  return source;
}

async function storedSource(checkpoint: Checkpoint): Promise<GgufSource> {
  const layouts = await Promise.all(checkpoint.files.map(({ path: file }) => layoutOf(file)));
  return {
    checkpoint,
    metadata: keptMetadata(layouts[0]!),
    copiedMetadata: keptMetadata(layouts[0]!, splitKeys),
    alignment: layouts[0]!.alignment,
    sourceOf: (tensor) => rowsOf(storedTensor(checkpoint, tensor), tensor),
    copiesBytes: () => true,
    given: () => undefined,
    madeOf: ({ name }) => [name],
    isAlwaysF32: () => false,
    warnings: [],
  };
}

async function layoutOf(file: string): Promise<GgufLayout> {
  const source = await openFileSource(file);
  try {
    const layout = await readGgufLayout(source);
    if (layout.isBigEndian || layout.version === 1)
      throw new LoupeError(
        'unsupported',
        `${layout.isBigEndian ? 'Big-endian files' : 'Files of GGUF version 1'} are shown, but not written anew; llama.cpp's tools convert them.`,
        { file, byteOffset: 4 },
      );
    return layout;
  } finally {
    await source.close();
  }
}

function storedTensor(checkpoint: Checkpoint, tensor: TensorInfo): TensorSource {
  const source = tensorSource(checkpoint, tensor);
  if (typeof source !== 'string') return source;
  throw new LoupeError('refused', `${tensor.name} cannot be read: ${source}`, { tensor: tensor.name });
}

/** The tensor as a matrix of its innermost rows: stacks of experts are worked on row by row. */
export function rowsOf(source: TensorSource, { shape, elements }: TensorInfo): TensorSource {
  const columns = shape.at(-1) ?? 1;
  return { ...source, columns, rows: columns === 0 ? 0 : elements / columns };
}

async function convertedSource(model: Checkpoint): Promise<GgufSource> {
  const files = await readTokenizerFiles(model.folder);
  const converted = await convertModel({ name: model.name, files, tensors: model.tensors });
  const { made, sourceOf } = convertedTensors(model, converted.tensors);
  const left = converted.skipped.length;
  return {
    checkpoint: {
      ...model,
      format: 'gguf',
      tensors: [...made.keys()],
      metadata: converted.metadata.map(asEntry),
    },
    metadata: [...converted.metadata],
    copiedMetadata: [],
    alignment: defaultGgufAlignment,
    sourceOf,
    copiesBytes: (tensor) => ['copy', 'first-rows'].includes(made.get(tensor)!.making.kind) && !tensor.pieces,
    given(tensor) {
      const { making } = made.get(tensor)!;
      return making.kind === 'given' ? floatBytes(making.values, 'F32') : undefined;
    },
    madeOf: (tensor) => sourcesOf(made.get(tensor)!),
    isAlwaysF32: (tensor) => made.get(tensor)!.isAlwaysF32,
    warnings: [
      ...converted.warnings,
      ...(left === 0
        ? []
        : [
            `${left} ${left === 1 ? 'tensor is' : 'tensors are'} left out, which llama.cpp does not read: ${converted.skipped.slice(0, 5).join(', ')}${left > 5 ? ', ...' : ''}.`,
          ]),
    ],
    name: path.basename(model.folder),
  };
}

/** The tensors of a Hugging Face model as a GGUF file of it has them, and where their values are. */
export function convertedTensors(
  model: Checkpoint,
  tensors: readonly ConvertedTensor[],
): { made: ReadonlyMap<TensorInfo, ConvertedTensor>; sourceOf(tensor: TensorInfo): TensorSource } {
  const stored = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const made = new Map(tensors.map((tensor) => [infoOf(tensor, stored), tensor]));
  const sourceNamed = (name: string) => storedTensor(model, stored.get(name)!);
  return { made, sourceOf: (tensor) => sourceOfMade(tensor, made.get(tensor)!, sourceNamed) };
}

/** The tensor as the output has it, lying where the first of its sources does. */
function infoOf(
  { name, shape, making }: ConvertedTensor,
  stored: ReadonlyMap<string, TensorInfo>,
): TensorInfo {
  const elements = shape.reduce((product, size) => product * size, 1);
  if (making.kind === 'given')
    return { name, shape, dtype: 'F32', elements, bytes: 4 * elements, file: 0, byteOffset: 0 };
  const names = sourcesOf({ making });
  const first = stored.get(names[0]!)!;
  const kinds = new Set(names.map((each) => stored.get(each)!.dtype));
  if (kinds.size > 1)
    throw new LoupeError(
      'malformed',
      `The experts of ${name} are of several types: ${[...kinds].join(', ')}.`,
      {
        tensor: names[0],
      },
    );
  const dtype = findDtype(first.dtype);
  const bytes = first.pieces ? first.bytes * names.length : bytesFor(dtype, elements);
  return { ...first, name, shape, elements, bytes };
}

function sourcesOf({ making }: Pick<ConvertedTensor, 'making'>): readonly string[] {
  if (making.kind === 'given') return [];
  return making.kind === 'stack' ? making.sources : [making.source];
}

const bytesFor = (dtype: ReturnType<typeof findDtype>, elements: number): number =>
  dtype ? (elements / dtype.blockElements) * dtype.blockBytes : 0;

function sourceOfMade(
  tensor: TensorInfo,
  { making }: ConvertedTensor,
  sourceNamed: (name: string) => TensorSource,
): TensorSource {
  switch (making.kind) {
    case 'given':
      throw new LoupeError('refused', `${tensor.name} is given, and no file holds it.`, {
        tensor: tensor.name,
      });
    case 'copy':
    case 'first-rows':
      return rowsOf(sourceNamed(making.source), tensor);
    case 'pair-rows': {
      const { heads } = making;
      // A bias is one row of values, which are to be put in pairs: a matrix of one column.
      const rows = tensor.shape[0]!;
      const matrix = { ...sourceNamed(making.source), rows, columns: tensor.elements / rows };
      return { ...matrix, rearranged: { kind: 'pair-rows', heads } };
    }
    case 'add':
      return rowsOf(
        { ...sourceNamed(making.source), rearranged: { kind: 'add', addend: making.addend } },
        tensor,
      );
    case 'transpose':
      return rowsOf({ ...sourceNamed(making.source), rearranged: { kind: 'transpose' } }, tensor);
    case 'expert-rows':
      return expertsOf(tensor, making, sourceNamed(making.source));
    case 'stack': {
      const parts = making.sources.map(sourceNamed);
      return rowsOf({ ...parts[0]!, rearranged: { kind: 'stack', parts } }, tensor);
    }
  }
}

/** Each expert of a tensor that holds them all is a matrix of its own in the file. */
function expertsOf(
  { name, shape }: TensorInfo,
  { firstRow, isTransposed }: Extract<ConvertedTensor['making'], { kind: 'expert-rows' }>,
  stored: TensorSource,
): TensorSource {
  const [count, rows, columns] = shape as readonly [number, number, number];
  const dtype = findDtype(stored.dtype);
  if (stored.packed || dtype?.blockElements !== 1)
    throw new LoupeError(
      'unsupported',
      `${stored.name} holds the experts of a layer in packed codes, which cannot be taken apart; convert the model before it was quantized.`,
      { tensor: stored.name },
    );
  const elements = (stored.rows * stored.columns) / count;
  const parts = Array.from(
    { length: count },
    (_, expert): TensorSource => ({
      ...stored,
      byteOffset: stored.byteOffset + expert * elements * dtype.blockBytes,
      rows: elements / columns,
      columns,
      ...(isTransposed ? { rearranged: { kind: 'transpose' } } : {}),
    }),
  );
  return {
    ...stored,
    name,
    rows: count * rows,
    columns,
    rearranged: { kind: 'stack', parts, firstRow },
  };
}

/** A key as a checkpoint shows it: long arrays by their first values. */
function asEntry({ key, value }: GgufMetadataEntry): MetadataEntry {
  const plain = (each: unknown): string | number | boolean =>
    typeof each === 'bigint' ? Number(each) : (each as string | number | boolean);
  if ('type' in value) return { key, type: value.type, value: plain(value.value) };
  const head = value.values.slice(0, 1024).map(plain);
  return {
    key,
    type: `[${value.arrayOf}]`,
    value: { type: value.arrayOf, length: value.values.length, head },
  };
}
