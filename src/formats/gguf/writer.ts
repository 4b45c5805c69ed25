/** Lays out a GGUF file before any data exist (ggml's docs/gguf.md): its header in pieces, and where each tensor's data go. */
import { Buffer } from 'node:buffer';
import { LoupeError } from '../../errors';
import { byteSize, dtypes, ggmlTypes } from '../../numeric/dtypes';
import { quoteName } from '../fileContents';
import { type GgufValue, metadataBytes, textBytes } from './values';

/** A key with its value: a typed one, or the bytes of both as they lie in a file that is copied from. */
export type GgufMetadataItem =
  | { readonly key: string; readonly value: GgufValue }
  | { readonly key: string; readonly start: number; readonly bytes: number };

export interface GgufTensorEntry {
  readonly name: string;
  /** A type of ggml by our name: "Q4_K". */
  readonly dtype: string;
  /** Outermost first. */
  readonly shape: readonly number[];
}

/** A part of the header: bytes, or a run of the file that the metadata come from. */
export type GgufHeaderPart =
  | { readonly given: Uint8Array }
  | { readonly start: number; readonly bytes: number };

export interface GgufFilePlan {
  /** In order, without gaps; together `headerBytes` long. */
  readonly header: readonly GgufHeaderPart[];
  /** Where the header ends; zeros follow up to the data, and after each tensor up to the next. */
  readonly headerBytes: number;
  readonly dataStart: number;
  /** In the order given; `byteOffset` is absolute. */
  readonly tensors: readonly { readonly byteOffset: number; readonly bytes: number }[];
  /** The last tensor's padding included. */
  readonly totalBytes: number;
}

export const defaultGgufAlignment = 32;
/** Limits of ggml.h and of docs/gguf.md. */
const mostDimensions = 4;
const longestNameBytes = 63;
const longestKeyBytes = 65_535;

const typeNumbers: ReadonlyMap<string, number> = new Map(
  [...ggmlTypes].map(([number, name]) => [name, number]),
);

/**
 * Plans a file of version 3 (or 2, whose bytes are the same but for the number). Metadata keep their order. Throws
 * `refused`, naming the key or the tensor, for what readers would not take: one twice, names and shapes beyond ggml's limits.
 */
export function planGgufFile(file: {
  readonly metadata: readonly GgufMetadataItem[];
  readonly tensors: readonly GgufTensorEntry[];
  readonly alignment?: number | undefined;
  readonly version?: 2 | 3 | undefined;
}): GgufFilePlan {
  const { metadata, tensors, alignment = defaultGgufAlignment, version = 3 } = file;
  checkKeys(metadata);
  const start = Buffer.alloc(24);
  start.write('GGUF', 'latin1');
  start.writeUInt32LE(version, 4);
  start.writeBigUInt64LE(BigInt(tensors.length), 8);
  start.writeBigUInt64LE(BigInt(metadata.length), 16);

  const sized = sizedTensors(tensors);
  let dataBytes = 0;
  const infos = sized.map(({ entry, bytes }) => {
    const info = tensorInfo(entry, dataBytes);
    dataBytes = padded(dataBytes + bytes, alignment);
    return info;
  });
  const header = joined([
    { given: start },
    ...metadata.map(
      (item): GgufHeaderPart =>
        'value' in item
          ? { given: metadataBytes(item.key, item.value) }
          : { start: item.start, bytes: item.bytes },
    ),
    { given: Buffer.concat(infos) },
  ]);
  const headerBytes = header.reduce((sum, part) => sum + partBytes(part), 0);
  const dataStart = padded(headerBytes, alignment);
  // A file without tensors, such as a vocabulary, ends with its header.
  let at = tensors.length === 0 ? headerBytes : dataStart;
  const placed = sized.map(({ bytes }) => {
    const place = { byteOffset: at, bytes };
    at = padded(at + bytes, alignment);
    return place;
  });
  return { header, headerBytes, dataStart, tensors: placed, totalBytes: at };
}

/** Bytes of a part of a header. */
export const partBytes = (part: GgufHeaderPart): number => ('given' in part ? part.given.length : part.bytes);

const padded = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment;

function checkKeys(metadata: readonly GgufMetadataItem[]): void {
  const seen = new Set<string>();
  for (const item of metadata) {
    // Keys that are copied may differ in bytes that are no text; the reader has told them apart.
    if (!('value' in item)) continue;
    if (item.key === '' || Buffer.byteLength(item.key) > longestKeyBytes)
      throw new LoupeError('refused', `A metadata key must have 1 to ${longestKeyBytes} bytes.`);
    if (seen.has(item.key))
      throw new LoupeError('refused', `The key ${quoteName(item.key)} would be written twice.`);
    seen.add(item.key);
  }
}

function sizedTensors(
  tensors: readonly GgufTensorEntry[],
): { readonly entry: GgufTensorEntry; readonly bytes: number }[] {
  const names = new Set<string>();
  return tensors.map((entry) => {
    const { name, dtype, shape } = entry;
    const refuse = (what: string): never => {
      throw new LoupeError('refused', `${quoteName(name)} ${what}.`, { tensor: name });
    };
    if (names.has(name)) refuse('would be written twice');
    names.add(name);
    const nameBytes = Buffer.byteLength(name);
    if (nameBytes > longestNameBytes)
      refuse(`has a name of ${nameBytes} bytes; GGUF's readers take ${longestNameBytes}`);
    if (name.includes('\ufffd')) refuse('has a name that is no UTF-8');
    if (shape.length > mostDimensions)
      refuse(`has ${shape.length} dimensions; GGUF's readers take ${mostDimensions}`);
    const info = dtypes.get(dtype);
    if (!info || !typeNumbers.has(dtype)) return refuse(`has the type ${dtype}, which GGUF does not know`);
    if (!shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0))
      refuse('has an impossible shape');
    const bytes = byteSize(
      info,
      shape.reduce((product, dimension) => product * dimension, 1),
    );
    if (bytes === undefined || (shape.at(-1) ?? 1) % info.blockElements !== 0)
      return refuse(`has rows of ${shape.at(-1) ?? 1} values, which do not fill blocks of ${dtype}`);
    return { entry, bytes };
  });
}

/** A tensor's entry; GGUF names the innermost dimension first, and offsets count from the data's start. */
function tensorInfo({ name, dtype, shape }: GgufTensorEntry, offset: number): Buffer {
  const rest = Buffer.alloc(4 + 8 * shape.length + 4 + 8);
  let at = rest.writeUInt32LE(shape.length);
  for (const dimension of shape.toReversed()) at = rest.writeBigUInt64LE(BigInt(dimension), at);
  at = rest.writeUInt32LE(typeNumbers.get(dtype)!, at);
  rest.writeBigUInt64LE(BigInt(offset), at);
  return Buffer.concat([textBytes(name), rest]);
}

/** Neighbours of one kind become one part, so that a header of many keys is copied in few runs. */
function joined(parts: readonly GgufHeaderPart[]): GgufHeaderPart[] {
  const result: GgufHeaderPart[] = [];
  let given: Uint8Array[] = [];
  const flush = () => {
    const bytes = Buffer.concat(given);
    if (bytes.length > 0) result.push({ given: bytes });
    given = [];
  };
  for (const part of parts) {
    if ('given' in part) {
      given.push(part.given);
      continue;
    }
    flush();
    const last = result.at(-1);
    if (last && 'start' in last && last.start + last.bytes === part.start)
      result[result.length - 1] = { start: last.start, bytes: last.bytes + part.bytes };
    else result.push({ start: part.start, bytes: part.bytes });
  }
  flush();
  return result;
}
