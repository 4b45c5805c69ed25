/** Which tensors lie in which file of a safetensors output, and where: the source's shards, or shards cut anew to a size. */
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { Checkpoint, TensorInfo } from '../../formats/checkpoint';
import { planSafetensors, type SafetensorsEntry } from '../../formats/safetensors/writer';
import { encodingFor, storedFormFor } from '../../quant/encoding';
import { moduleOf } from '../../quant/quantizationPolicy';
import { leastShardBytes, type ResolvedTensor } from '../../quant/recipe';
import { type Piece, type Setting, storedBytes } from '../../quant/scheme';
import { noErrorSums, tensorError } from '../../quant/tensorError';
import { settingOf } from '../encode/quantizeTensor';
import { namingTensor } from '../namingTensor';
import { kindIn } from '../recipe/policy';
import { type TensorSource, tensorSource } from '../tensorSource';
import type { FormedWeight } from './modelForm';
import type { PlannedShard, PlannedTensor } from './plannedShard';

/** What becomes of a tensor, before it is known where it lies. */
interface DecidedTensor {
  readonly tensor: TensorInfo;
  /** Stored tensors, those of a weight together. */
  readonly entries: readonly SafetensorsEntry[];
  /** Bytes of those. */
  readonly bytes: number;
  /** What the header says of them takes at most so many bytes. */
  readonly headerBytes: number;
  /** Why its bytes stay as they are. */
  readonly kept?: string | undefined;
  readonly quantized?:
    | {
        readonly source: TensorSource;
        readonly setting: Setting;
        readonly pieces: readonly Piece[];
        readonly to: string;
      }
    | undefined;
}

export interface ShardsPlan {
  readonly shards: readonly PlannedShard[];
  /** Modules of Linear weights that are not quantized. */
  readonly ignore: readonly string[];
  readonly weights: readonly FormedWeight[];
}

/**
 * Without `maxShardBytes` the files and their names are the source's. With it, tensors are put into files in the source's order, none of
 * which is larger, headers included; a weight's stored tensors stay together, and one that is larger alone gets a file of its own.
 * Names are those of Hugging Face's tools (huggingface_hub's split_torch_state_dict_into_shards). Throws `unsupported` for
 * shards of the source in subfolders, `usage` for a limit below `leastShardBytes`.
 */
export function planShards(
  checkpoint: Checkpoint,
  choices: ReadonlyMap<TensorInfo, ResolvedTensor>,
  maxShardBytes: number | undefined,
): ShardsPlan {
  if (maxShardBytes !== undefined && !(maxShardBytes >= leastShardBytes)) {
    throw new LoupeError('usage', `Shards have at least ${leastShardBytes} bytes; ${maxShardBytes} is less.`);
  }
  const ignore: string[] = [];
  const weights: FormedWeight[] = [];
  const decided = checkpoint.files.map((_, index) =>
    checkpoint.tensors
      .filter(({ file }) => file === index)
      .map((tensor) => decide(checkpoint, tensor, choices.get(tensor)!, ignore, weights)),
  );
  const metadata = stringMetadata(checkpoint);
  if (maxShardBytes === undefined) {
    const shards = decided.map((tensors, index) =>
      layShard(sourceName(checkpoint, index), tensors, metadata),
    );
    return { shards, ignore, weights };
  }
  const groups = cut(decided.flat(), maxShardBytes - fixedHeaderBytes(metadata));
  const stem = stemOf(checkpoint);
  const number = (value: number) => String(value).padStart(5, '0');
  const shards = groups.map((tensors, index) => {
    const part = groups.length === 1 ? '' : `-${number(index + 1)}-of-${number(groups.length)}`;
    return layShard(`${stem}${part}.safetensors`, tensors, metadata);
  });
  return { shards, ignore, weights };
}

/** "model" of "model-00001-of-00003.safetensors". */
export function stemOf({ files }: Checkpoint): string {
  return path.basename(files[0]!.path).replace(/(-\d+-of-\d+)?\.safetensors$/i, '');
}

/** The index of shards: where each stored tensor lies, and the bytes of all of them without headers. */
export function indexText(shards: readonly PlannedShard[]): string {
  const files: [string, string][] = [];
  let totalSize = 0;
  for (const shard of shards) {
    totalSize += shard.totalBytes - shard.headerBytes.length;
    for (const planned of shard.tensors) {
      const { name } = planned.tensor;
      if (planned.kind === 'copy') files.push([name, shard.name]);
      else {
        for (const piece of planned.names) files.push([piece, shard.name]);
      }
    }
  }
  files.sort(([a], [b]) => (a < b ? -1 : 1));
  // Object.fromEntries defines properties, so a tensor named "__proto__" is one like any other.
  const index = { metadata: { total_size: totalSize }, weight_map: Object.fromEntries(files) };
  return `${JSON.stringify(index, undefined, 2)}\n`;
}

function sourceName(checkpoint: Checkpoint, index: number): string {
  const file = checkpoint.files[index]!.path;
  const name = path.relative(checkpoint.folder, file);
  if (path.dirname(name) === '.') return name;
  throw new LoupeError(
    'unsupported',
    'Shards in subfolders cannot be kept; give a size to cut them anew (--max-shard-size).',
    { file },
  );
}

function decide(
  checkpoint: Checkpoint,
  tensor: TensorInfo,
  decision: ResolvedTensor,
  ignore: string[],
  weights: FormedWeight[],
): DecidedTensor {
  if (!decision.choice) {
    if (decision.linear) ignore.push(moduleOf(tensor.name));
    const headerBytes = headerBytesOf([tensor]);
    return { tensor, entries: [tensor], bytes: tensor.bytes, headerBytes, kept: decision.reason };
  }
  const source = tensorSource(checkpoint, tensor);
  if (typeof source === 'string') throw new LoupeError('unsupported', source, { tensor: tensor.name });
  const setting = settingOf(decision.choice, source);
  const encoding = namingTensor(source, () => encodingFor(setting));
  const own = storedFormFor(setting);
  if (own.layout === 'gguf') {
    throw new LoupeError(
      'refused',
      `${tensor.name}: this cannot be written: ${own.type} is a type of GGUF files; choose GGUF as output. Its error can be previewed.`,
      { tensor: tensor.name },
    );
  }
  const { kind, isLinear } = kindIn(checkpoint, tensor);
  weights.push({ name: tensor.name, isLinear, kind, form: own });
  const pieces = encoding.pieces();
  const entries = pieces.map(({ suffix, dtype, shape }) => ({
    name: pieceName(tensor.name, suffix),
    dtype,
    // A plain tensor keeps its own shape, whatever matrix it is worked on as.
    shape: suffix === '' && own.layout === 'plain' ? tensor.shape : shape,
  }));
  return {
    tensor,
    entries,
    bytes: storedBytes(pieces),
    headerBytes: headerBytesOf(entries),
    quantized: { source, setting, pieces, to: encoding.to },
  };
}

/** Digits of an offset within a file: up to ten terabytes. */
const offsetDigits = 13;

/** At most what a header says of entries: name, type, shape, two offsets, and the comma. */
function headerBytesOf(entries: readonly SafetensorsEntry[]): number {
  return entries.reduce((sum, { name, dtype, shape }) => {
    const rest = `:{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":[,]},`;
    return sum + Buffer.byteLength(JSON.stringify(name)) + rest.length + 2 * offsetDigits;
  }, 0);
}

/** The length word, braces, padding and metadata: what a header takes without any tensor, at most. */
const fixedHeaderBytes = (metadata: Readonly<Record<string, string>>): number =>
  8 + 2 + 8 + Buffer.byteLength(JSON.stringify({ __metadata__: metadata }));

/** Fills groups in order; a tensor that would make a group too large begins the next one. */
function cut(tensors: readonly DecidedTensor[], mostBytes: number): DecidedTensor[][] {
  const groups: DecidedTensor[][] = [];
  let left = 0;
  for (const tensor of tensors) {
    const own = tensor.bytes + tensor.headerBytes;
    if (groups.length === 0 || own > left) {
      groups.push([]);
      left = mostBytes;
    }
    groups.at(-1)!.push(tensor);
    left -= own;
  }
  return groups;
}

function layShard(
  name: string,
  decided: readonly DecidedTensor[],
  metadata: Readonly<Record<string, string>>,
): PlannedShard {
  const layout = planSafetensors(
    decided.flatMap(({ entries }) => entries),
    metadata,
  );
  const offsets = new Map(layout.entries.map((entry) => [entry.name, entry.byteOffset]));
  const tensors = decided.map(({ tensor, kept, quantized, bytes }): PlannedTensor => {
    const { name: tensorName, dtype: from } = tensor;
    if (!quantized) {
      const about = { name: tensorName, from, to: from, bytes, note: kept };
      const row = tensorError(noErrorSums, tensor.elements, about);
      return { kind: 'copy', tensor, row, byteOffset: offsets.get(tensorName)! };
    }
    const { source, setting, pieces, to } = quantized;
    return {
      kind: 'quantize',
      tensor,
      source,
      setting,
      about: { name: tensorName, from, to, bytes },
      names: pieces.map(({ suffix }) => pieceName(tensorName, suffix)),
      pieces: new Map(pieces.map(({ suffix }) => [suffix, offsets.get(pieceName(tensorName, suffix))!])),
    };
  });
  const { headerBytes, totalBytes } = layout;
  return { name, headerBytes, totalBytes, tensors };
}

/** A stored tensor's name. A suffix that begins with "/" names a tensor of the module rather than of its weight. */
function pieceName(tensorName: string, suffix: string): string {
  return suffix.startsWith('/') ? `${moduleOf(tensorName)}.${suffix.slice(1)}` : `${tensorName}${suffix}`;
}

/** The files' own metadata; loaders look for {"format": "pt"}. */
function stringMetadata({ metadata }: Checkpoint): Record<string, string> {
  return Object.fromEntries(
    metadata.flatMap(({ key, value }) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}
