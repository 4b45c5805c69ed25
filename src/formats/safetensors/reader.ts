/**
 * Reads a safetensors header by the rules of the reference (huggingface/safetensors, tensor.rs):
 * u64 header length, UTF-8 JSON, tensors without holes or overlaps that fill the file to its last byte.
 * What the reference rejects is refused here too, with one leniency: when the header is whole but the data
 * are short, gapped, overlapping or trailed by something, the file opens with findings of severity error.
 */
import { isUtf8 } from 'node:buffer';
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import { byteSize, dtypes } from '../../numeric/dtypes';
import type { MetadataEntry, TensorInfo } from '../checkpoint';
import {
  counted,
  defaultHeaderCapBytes,
  type FileContents,
  quoteName,
  type ReadOptions,
} from '../fileContents';
import { FindingList } from '../findingList';
import { NameTable } from '../nameTable';
import { HeaderScanner } from './headerScanner';

/** Bytes of the first read: most of a small model's header, and far less than its data. */
const firstReadBytes = 16_384;
const joinedPieceBytes = 4 * 1024 * 1024;
const largestU64 = (1n << 64n) - 1n;

/** A tensor whose `byteOffset` counts from the end of the header until it is placed in the file. */
type Entry = { -readonly [Key in keyof TensorInfo]: TensorInfo[Key] };

/**
 * Tensors come in the order of their bytes in the file, whatever the JSON's order is. Reads the header
 * and at most 16 KiB beyond it.
 */
export async function readSafetensors(source: ByteSource, options: ReadOptions = {}): Promise<FileContents> {
  const header = await readHeader(source, options);
  const { entries, metadata, findings } = parseHeader(header, source.path);
  const before = (a: Entry, b: Entry) => a.byteOffset - b.byteOffset || a.bytes - b.bytes;
  // Nearly every writer has them in order already.
  if (entries.some((entry, i) => i > 0 && before(entries[i - 1]!, entry) > 0)) entries.sort(before);
  layOut(entries, 8 + header.length, source, findings);
  return { tensors: entries, metadata, findings: findings.toArray() };
}

async function readHeader(source: ByteSource, options: ReadOptions): Promise<Uint8Array> {
  const cap = options.headerCapBytes ?? defaultHeaderCapBytes;
  const refuse = (message: string, byteOffset: number): never => {
    throw new LoupeError('malformed', message, { file: source.path, byteOffset });
  };
  throwIfAborted(options.signal);
  if (source.size < 8)
    refuse(
      `The file has ${counted(source.size, 'byte')}; a safetensors file begins with an 8-byte header length.`,
      0,
    );
  const first = await source.read(0, Math.min(source.size, firstReadBytes));
  const length64 = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length64 > BigInt(cap)) refuse(`The header claims ${length64} bytes; at most ${cap} are allowed.`, 0);
  const length = Number(length64);
  if (length > source.size - 8)
    refuse(`The header claims ${length} bytes, but only ${source.size - 8} follow its length.`, 0);
  throwIfAborted(options.signal);
  let header = first.subarray(8, 8 + length);
  if (header.length < length) {
    // What is no object from its first character on is refused before its claimed 100 MB are read.
    if (/[^ \n\r\t]/.test(Buffer.from(header.subarray(0, 1024)).toString('latin1')))
      new HeaderScanner(header, source.path, 8).enterObject('The header');
    // Joined with what is here already, so that no byte is read twice, and in pieces, so that none is held twice.
    const whole = new Uint8Array(length);
    whole.set(header);
    for (let at = header.length; at < length; at += joinedPieceBytes) {
      throwIfAborted(options.signal);
      whole.set(await source.read(8 + at, Math.min(joinedPieceBytes, length - at)), at);
    }
    header = whole;
  }
  if (length === 0) refuse('The header is empty; it must be a JSON object.', 8);
  if (!isUtf8(header)) refuse('The header is not valid UTF-8.', 8 + firstInvalidUtf8(header));
  return header;
}

/** Where decoding fails: the longest prefix that decodes, found by halving. */
function firstInvalidUtf8(bytes: Uint8Array): number {
  const decodes = (end: number): boolean => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, end), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let good = 0;
  let bad = bytes.length;
  if (decodes(bad)) return bad;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (decodes(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

interface ParsedHeader {
  readonly entries: Entry[];
  readonly metadata: MetadataEntry[];
  readonly findings: FindingList;
}

function parseHeader(header: Uint8Array, file: string): ParsedHeader {
  const scanner = new HeaderScanner(header, file, 8);
  const findings = new FindingList();
  const entries: Entry[] = [];
  const names = new NameTable();
  let metadata: MetadataEntry[] | undefined;
  let more = scanner.enterObject('The header');
  for (; more; more = scanner.nextMember()) {
    const keyOffset = scanner.byteOffset;
    const key = scanner.key();
    if (key === '__metadata__') {
      if (metadata) scanner.fail('The header has "__metadata__" twice.', undefined, keyOffset);
      metadata = parseMetadata(scanner);
      continue;
    }
    const entry = parseEntry(scanner, key, keyOffset);
    const earlier = names.add(key);
    if (earlier === undefined) {
      entries.push(entry);
      continue;
    }
    // The specification disallows duplicates; the reference keeps the last. Equal ones do no harm.
    if (!sameEntry(entries[earlier]!, entry))
      scanner.fail(`Tensor ${quoteName(key)} is listed twice, with different contents.`, key, keyOffset);
    findings.add({
      severity: 'warning',
      code: 'duplicate-name',
      message: `Tensor ${quoteName(key)} is listed twice with the same contents.`,
      file,
      tensor: key,
      byteOffset: keyOffset,
    });
  }
  scanner.end();
  return { entries, metadata: metadata ?? [], findings };
}

function sameEntry(a: Entry, b: Entry): boolean {
  return (
    a.dtype === b.dtype &&
    a.byteOffset === b.byteOffset &&
    a.bytes === b.bytes &&
    a.shape.length === b.shape.length &&
    a.shape.every((dimension, i) => dimension === b.shape[i])
  );
}

function parseMetadata(scanner: HeaderScanner): MetadataEntry[] {
  if (scanner.takeNull()) return [];
  const values = new Map<string, string>();
  let more = scanner.enterObject('"__metadata__"');
  for (; more; more = scanner.nextMember())
    values.set(scanner.key(), scanner.string('Each value in "__metadata__"'));
  return [...values].map(([key, value]) => ({ key, type: 'string', value }));
}

/** One tensor's `{"dtype", "shape", "data_offsets"}`. Unknown members are stepped over, as by the reference. */
function parseEntry(scanner: HeaderScanner, name: string, nameOffset: number): Entry {
  const plain = scanner.plainEntry();
  if (plain) return checkEntry(scanner, name, nameOffset, plain.dtype, plain.shape, plain.begin, plain.end);
  let dtypeName: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  let more = scanner.enterObject('The entry', name);
  for (; more; more = scanner.nextMember()) {
    const keyOffset = scanner.byteOffset;
    const key = scanner.key();
    if (key === 'dtype') {
      if (dtypeName !== undefined) failTwice(scanner, name, key, keyOffset);
      dtypeName = scanner.string('The dtype', name);
    } else if (key === 'shape') {
      if (shape !== undefined) failTwice(scanner, name, key, keyOffset);
      shape = scanner.unsignedList('The shape', name);
    } else if (key === 'data_offsets') {
      if (offsets !== undefined) failTwice(scanner, name, key, keyOffset);
      offsets = scanner.unsignedList('The data_offsets', name);
    } else scanner.skipValue();
  }
  const refuse = (reason: string): never =>
    scanner.fail(`Tensor ${quoteName(name)} ${reason}.`, name, nameOffset);
  if (dtypeName === undefined) return refuse('has no dtype');
  if (shape === undefined) return refuse('has no shape');
  if (offsets?.length !== 2)
    return refuse(`must have two data_offsets, but has ${offsets?.length ?? 'none'}`);
  return checkEntry(scanner, name, nameOffset, dtypeName, shape, offsets[0]!, offsets[1]!);
}

/** The entry whose members have been read, when they agree with each other. */
function checkEntry(
  scanner: HeaderScanner,
  name: string,
  nameOffset: number,
  dtypeName: string,
  shape: readonly number[],
  begin: number,
  end: number,
): Entry {
  const refuse = (reason: string): never =>
    scanner.fail(`Tensor ${quoteName(name)} ${reason}.`, name, nameOffset);
  const dtype = dtypes.get(dtypeName);
  // Block-quantized types belong to ggml and never to safetensors.
  if (!dtype || dtype.kind === 'quantized') return refuse(`has the unknown dtype ${quoteName(dtypeName)}`);
  if (end < begin) return refuse(`ends at ${end}, before it begins at ${begin}`);
  const elements = countElements(shape);
  if (elements === undefined) return refuse('has more elements than can be counted');
  const bytes = byteSize(dtype, elements);
  if (bytes === undefined)
    return refuse(`has ${elements} elements of ${dtype.name}, which do not fill whole bytes`);
  if (bytes !== end - begin)
    return refuse(`needs ${bytes} bytes for its shape and dtype, but its data_offsets span ${end - begin}`);
  return { name, dtype: dtype.name, shape, file: 0, byteOffset: begin, bytes, elements };
}

function failTwice(scanner: HeaderScanner, name: string, key: string, keyOffset: number): never {
  return scanner.fail(`Tensor ${quoteName(name)} has "${key}" twice.`, name, keyOffset);
}

/**
 * The shape's product, or undefined when it is beyond 2^53 - 1, or when a partial product from the left is
 * beyond 2^64 - 1 (there the reference reports an overflow even if a later dimension is 0).
 */
function countElements(shape: readonly number[]): number | undefined {
  let product = 1;
  for (const dimension of shape) product *= dimension;
  if (Number.isSafeInteger(product) && product !== 0) return product;
  let exact = 1n;
  for (const dimension of shape) {
    exact *= BigInt(dimension);
    if (exact > largestU64) return undefined;
  }
  return exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : undefined;
}

/** Bytes of one value; 1 for those of less than a byte. */
const alignments: ReadonlyMap<string, number> = new Map(
  [...dtypes.values()].map(({ name, blockElements, blockBytes }) => [
    name,
    blockElements === 1 ? blockBytes : 1,
  ]),
);
const alignmentOf = (dtype: string): number => alignments.get(dtype) ?? 1;

/** Places the entries, sorted by offset, in the file, and reports where they do not tile it exactly. */
function layOut(
  entries: readonly Entry[],
  dataStart: number,
  source: ByteSource,
  findings: FindingList,
): void {
  const file = source.path;
  const dataBytes = source.size - dataStart;
  let covered = 0;
  let coveredBy: Entry | undefined;
  let unaligned = 0;
  let firstUnaligned: Entry | undefined;
  for (const entry of entries) {
    const begin = entry.byteOffset;
    const end = begin + entry.bytes;
    entry.byteOffset += dataStart;
    if (entry.byteOffset % alignmentOf(entry.dtype) !== 0) {
      unaligned++;
      firstUnaligned ??= entry;
    }
    if (begin > covered)
      findings.add({
        severity: 'error',
        code: 'data-gap',
        message: `No tensor covers the ${counted(begin - covered, 'byte')} before tensor ${quoteName(entry.name)}.`,
        file,
        tensor: entry.name,
        byteOffset: dataStart + covered,
      });
    if (begin < covered && coveredBy) {
      entry.unreadable = coveredBy.unreadable = 'Its bytes overlap with another tensor.';
      findings.add({
        severity: 'error',
        code: 'data-overlap',
        message: `Tensor ${quoteName(entry.name)} shares bytes with tensor ${quoteName(coveredBy.name)}.`,
        file,
        tensor: entry.name,
        byteOffset: entry.byteOffset,
      });
    }
    if (end > covered) {
      covered = end;
      coveredBy = entry;
    }
  }
  if (firstUnaligned)
    findings.add({
      severity: 'info',
      code: 'unaligned-data',
      message: `Tensors that begin at no multiple of the size of their values: ${unaligned}, ${quoteName(firstUnaligned.name)} first. Loaders must copy what they could map.`,
      file,
      tensor: firstUnaligned.name,
      byteOffset: firstUnaligned.byteOffset,
    });
  if (covered > dataBytes) {
    let short = 0;
    for (const entry of entries) {
      if (entry.byteOffset + entry.bytes <= source.size) continue;
      short++;
      entry.unreadable = 'The file ends before this tensor does.';
    }
    findings.add({
      severity: 'error',
      code: 'truncated-data',
      message: `The file ends ${counted(covered - dataBytes, 'byte')} early; incomplete: ${short} of ${counted(entries.length, 'tensor')}.`,
      file,
      byteOffset: source.size,
    });
  }
  if (covered < dataBytes)
    findings.add({
      severity: 'error',
      code: 'trailing-data',
      message: `No tensor covers the ${counted(dataBytes - covered, 'byte')} after the last one.`,
      file,
      byteOffset: dataStart + covered,
    });
}
