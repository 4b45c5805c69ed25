/**
 * Reads a GGUF header, versions 1 to 3, of either byte order (ggml's docs/gguf.md), with the checks of llama.cpp's
 * gguf.cpp. Three leniencies: version 1 is read, tensors of unknown or removed types are listed with their values
 * unreadable, and a file whose data are short, gapped or out of order opens with findings of severity error.
 */
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError } from '../../errors';
import { byteSize, type DtypeInfo, dtypes, ggmlTypes } from '../../numeric/dtypes';
import type { MetadataEntry, TensorInfo } from '../checkpoint';
import { counted, type FileContents, quoteName, type ReadOptions } from '../fileContents';
import { FindingList } from '../findingList';
import { NameTable } from '../nameTable';
import { ShapeCache } from '../shapeCache';
import { HeaderCursor } from './headerCursor';
import { type MetadataSpan, readArraySlice, readLength, readMetadata, readMetadataSpans } from './metadata';

/** ggml.h GGML_MAX_DIMS and GGML_MAX_NAME, the latter with its terminating zero. */
const mostDimensions = 4;
const longestNameBytes = 63;
/** A tensor's entry at its longest: the name with its length, four dimensions, and the rest. */
const longestEntryBytes = 8 + longestNameBytes + 4 + mostDimensions * 8 + 12;
const defaultAlignment = 32;
/** Smallest entries beside a length: a key's type and value; a name's dimension count, type and offset. */
const leastMetadataBytes = 5;
const leastTensorBytes = 16;
/** A file with more unknown types than this is noise. */
const mostUnknownTypes = 256;

/** Room is made beforehand for at most so many tensors, some megabytes, whatever the file claims. */
const mostReserved = 131_071;

/** Types that ggml once had; files of them cannot be read any more, but deserve their names. */
const removedTypes: ReadonlyMap<number, string> = new Map([
  [4, 'Q4_2'],
  [5, 'Q4_3'],
  [31, 'Q4_0_4_4'],
  [32, 'Q4_0_4_8'],
  [33, 'Q4_0_8_8'],
  [36, 'IQ4_NL_4_4'],
  [37, 'IQ4_NL_4_8'],
  [38, 'IQ4_NL_8_8'],
]);

/** What the type numbers of GGUF stand for, at their places: looked up once, not once a tensor. */
const dtypesByNumber: readonly (DtypeInfo | undefined)[] = Array.from(
  { length: Math.max(...ggmlTypes.keys()) + 1 },
  (_, type) => dtypes.get(ggmlTypes.get(type) ?? ''),
);

/** A tensor whose `byteOffset` counts from the beginning of the data until it is placed in the file. */
type Entry = { -readonly [Key in keyof TensorInfo]: TensorInfo[Key] };

interface Entries {
  readonly entries: Entry[];
  /** The type numbers of those whose type is not among ours. */
  readonly unknown: ReadonlyMap<Entry, number>;
}

/** Reads the header in steps of 64 KiB; at most that much lies beyond it. Tensors keep the header's order. */
export async function readGguf(source: ByteSource, options: ReadOptions = {}): Promise<FileContents> {
  const cursor = new HeaderCursor(source, options);
  const { tensorCount, metadataCount } = await readCounts(cursor, source);
  const metadata = await readMetadata(cursor, metadataCount);
  const alignment = findAlignment(metadata, cursor);
  const entries = await readTensorEntries(cursor, tensorCount);
  const dataStart = Math.ceil(cursor.byteOffset / alignment) * alignment;
  const findings = new FindingList();
  if (cursor.isBigEndian)
    findings.add({
      severity: 'warning',
      code: 'big-endian',
      message: 'The file is big-endian: its header is read, its values of more than one byte are not.',
      file: source.path,
      byteOffset: 4,
    });
  if (cursor.invalidUtf8At !== undefined)
    findings.add({
      severity: 'warning',
      code: 'non-utf8',
      message: 'A name or a text of the header is not valid UTF-8; what cannot be read shows as \ufffd.',
      file: source.path,
      byteOffset: cursor.invalidUtf8At,
    });
  layOut(entries, dataStart, alignment, source, findings);
  const tensors = entries.entries;
  return {
    tensors: cursor.isBigEndian ? tensors.map(withoutSwappedValues) : tensors,
    metadata,
    findings: findings.toArray(),
  };
}

/**
 * Values of an array in the metadata, from the value `start` on, fewer at its end; undefined when the file has no such
 * array. `take` is the caller's bound on memory. Reads no further than to the last value given.
 */
export async function readGgufArray(
  source: ByteSource,
  { key, start, take }: { readonly key: string; readonly start: number; readonly take: number },
  options: ReadOptions = {},
): Promise<{ type: string; length: number; values: (string | number | boolean)[] } | undefined> {
  const cursor = new HeaderCursor(source, options);
  const { metadataCount } = await readCounts(cursor, source);
  return readArraySlice(cursor, metadataCount, key, start, take);
}

/** What a file that is written anew takes over from another. */
export interface GgufLayout {
  readonly version: number;
  readonly isBigEndian: boolean;
  readonly alignment: number;
  readonly metadata: readonly MetadataSpan[];
  /** Where the list of tensors ends, and where the data begin. */
  readonly headerEnd: number;
  readonly dataStart: number;
}

/** Reads a header for writing: where each key lies, and where the header ends. Refuses what `readGguf` refuses. */
export async function readGgufLayout(source: ByteSource, options: ReadOptions = {}): Promise<GgufLayout> {
  const cursor = new HeaderCursor(source, options);
  const { tensorCount, metadataCount, version } = await readCounts(cursor, source);
  const metadata = await readMetadataSpans(cursor, metadataCount);
  const alignment = findAlignment(
    metadata.map(({ entry }) => entry),
    cursor,
  );
  await readTensorEntries(cursor, tensorCount);
  const headerEnd = cursor.byteOffset;
  const dataStart = Math.ceil(headerEnd / alignment) * alignment;
  return { version, isBigEndian: cursor.isBigEndian, alignment, metadata, headerEnd, dataStart };
}

/** Magic, version and the two counts; sets the cursor up for the file's version and byte order. */
async function readCounts(
  cursor: HeaderCursor,
  source: ByteSource,
): Promise<{ tensorCount: number; metadataCount: number; version: number }> {
  await cursor.fetch(4, 'its magic "GGUF"');
  if (cursor.text(4) !== 'GGUF') cursor.fail('The file does not begin with "GGUF".', 0);
  if (!cursor.has(4)) await cursor.fetch(4, 'the header');
  let version = cursor.u32();
  if (version === 0) cursor.fail('GGUF version 0 does not exist.', 4);
  // A small version number stored in the other byte order has its low half empty.
  if ((version & 0xffff) === 0) {
    version = ((version >>> 24) | ((version >>> 8) & 0xff00)) >>> 0;
    cursor.useBigEndian();
  }
  if (version > 3)
    throw new LoupeError(
      'unsupported',
      `GGUF version ${version} is not supported; versions 1, 2 and 3 are.`,
      { file: source.path, byteOffset: 4 },
    );
  // Version 2 widened all counts and lengths, and dimensions, from 32 to 64 bits.
  cursor.countBytes = version === 1 ? 4 : 8;
  const { countBytes } = cursor;
  const tensorCount = await readLength(cursor, "the header's tensor count", leastTensorBytes + countBytes);
  const metadataCount = await readLength(
    cursor,
    "the header's metadata count",
    leastMetadataBytes + countBytes,
  );
  return { tensorCount, metadataCount, version };
}

function withoutSwappedValues(tensor: TensorInfo): TensorInfo {
  const type = dtypes.get(tensor.dtype);
  if (tensor.unreadable !== undefined || (type && type.blockBytes === 1)) return tensor;
  return { ...tensor, unreadable: 'The file is big-endian; its values are not decoded.' };
}

function findAlignment(metadata: readonly MetadataEntry[], cursor: HeaderCursor): number {
  const entry = metadata.find(({ key }) => key === 'general.alignment');
  if (!entry) return defaultAlignment;
  if (entry.type !== 'u32') cursor.fail(`"general.alignment" must be a u32, but is ${entry.type}.`);
  const value = entry.value as number;
  if (value === 0 || (value & (value - 1)) !== 0)
    cursor.fail(`"general.alignment" must be a power of two, but is ${value}.`);
  return value;
}

async function readTensorEntries(cursor: HeaderCursor, count: number): Promise<Entries> {
  const list = new TensorList(cursor, count);
  // Waiting only once a window, and reading its entries in one go, is what keeps 100,000 tensors quick.
  while (list.read < count) {
    await cursor.lookAhead(longestEntryBytes);
    list.readWindow();
  }
  return list;
}

/** The tensors read so far, and what tells whether the next one may follow. */
class TensorList implements Entries {
  /** The first `read` of them are there. */
  readonly entries: Entry[];
  read = 0;
  readonly unknown = new Map<Entry, number>();
  private readonly names: NameTable;
  private readonly shapes = new ShapeCache();
  private readonly unknownTypes = new Set<number>();
  /** Where a shape is put together: an array that grows by pushing would take room for 17 values. */
  private readonly dimensions = new Array<number>(mostDimensions).fill(0);

  constructor(
    private readonly cursor: HeaderCursor,
    private readonly count: number,
  ) {
    const reserved = Math.min(count, mostReserved);
    this.entries = new Array<Entry>(reserved);
    this.names = new NameTable(reserved);
  }

  /** Reads the next entry, of which as many bytes are here as the file has, and those after it that lie in the window. */
  readWindow(): void {
    const { cursor, entries, count } = this;
    do {
      entries[this.read] = this.readEntry();
      this.read++;
    } while (this.read < count && cursor.has(longestEntryBytes));
  }

  private readEntry(): Entry {
    const { cursor, names, shapes, dimensions } = this;
    const { countBytes } = cursor;
    const start = cursor.byteOffset;
    cursor.expect(countBytes, 'the tensor list');
    const nameLength = cursor.length('the tensor list', 1);
    if (nameLength > longestNameBytes)
      cursor.fail(
        `Tensor ${this.read} has a name of ${nameLength} bytes; at most ${longestNameBytes} are allowed.`,
        start,
      );
    cursor.expect(nameLength + 4, 'the tensor list');
    const hash = cursor.hash(nameLength, names.seed);
    const name = cursor.name(nameLength);
    if (names.add(cursor.nameKey, hash) !== undefined)
      cursor.fail(`Two tensors are named ${quoteName(name)}.`, start, name);
    const rank = cursor.u32();
    if (rank > mostDimensions)
      this.fail(name, start, `has ${rank} dimensions; at most ${mostDimensions} are allowed`);
    cursor.expect(rank * countBytes + 12, 'the tensor list');
    let elements = 1;
    for (let d = 0; d < rank; d++) {
      // Negative numbers are far beyond 2^53 here. A product beyond it is rounded, but never to below it.
      const dimension = cursor.count();
      elements *= dimension;
      if (dimension > Number.MAX_SAFE_INTEGER || elements > Number.MAX_SAFE_INTEGER)
        this.fail(name, start, 'has more elements than can be counted');
      dimensions[rank - 1 - d] = dimension;
    }
    const shape = shapes.take(dimensions, rank);
    const type = cursor.u32();
    const offset = cursor.wide();
    if (offset > Number.MAX_SAFE_INTEGER)
      this.fail(name, start, `claims the offset ${cursor.exact(8)}, beyond 2^53 - 1`);
    const dtype = type < dtypesByNumber.length ? dtypesByNumber[type] : undefined;
    if (!dtype) return this.unknownEntry(name, start, type, shape, offset, elements);
    const rowElements = rank === 0 ? 1 : dimensions[rank - 1]!;
    if (rowElements % dtype.blockElements !== 0)
      this.fail(
        name,
        start,
        `has rows of ${rowElements} elements, no multiple of the ${dtype.blockElements} in a block of ${dtype.name}`,
      );
    const bytes = byteSize(dtype, elements);
    if (bytes === undefined) return this.fail(name, start, 'has more bytes than can be counted');
    return { name, dtype: dtype.name, shape, file: 0, byteOffset: offset, bytes, elements };
  }

  private unknownEntry(
    name: string,
    start: number,
    type: number,
    shape: readonly number[],
    offset: number,
    elements: number,
  ): Entry {
    const entry = { name, dtype: `type ${type}`, shape, file: 0, byteOffset: offset, bytes: 0, elements };
    this.unknown.set(entry, type);
    this.unknownTypes.add(type);
    if (this.unknownTypes.size > mostUnknownTypes)
      this.cursor.fail(`The file has tensors of more than ${mostUnknownTypes} unknown types.`, start, name);
    return entry;
  }

  private fail(name: string, start: number, what: string): never {
    return this.cursor.fail(`Tensor ${quoteName(name)} ${what}.`, start, name);
  }
}

/** Places the entries in the file. Each should begin where the one before ends, padded to the alignment. */
function layOut(
  { entries, unknown }: Entries,
  dataStart: number,
  alignment: number,
  source: ByteSource,
  findings: FindingList,
): void {
  const file = source.path;
  // Negative when the file ends before the padding does: then not even a tensor of no bytes lies in it.
  const dataBytes = source.size - dataStart;
  let inOrder: readonly Entry[] = entries;
  if (isDisordered(entries)) {
    inOrder = entries.toSorted((a, b) => a.byteOffset - b.byteOffset);
    findings.add({
      severity: 'error',
      code: 'data-order',
      message: 'The tensors do not lie in the order in which they are listed.',
      file,
      byteOffset: dataStart,
    });
  }
  // undefined after a tensor of unknown size: nothing can be said about where the next one should be.
  let expected: number | undefined = 0;
  let previous: Entry | undefined;
  let short = 0;
  let needed = 0;
  const add = ({ name, byteOffset }: Entry, code: string, message: string) =>
    findings.add({
      severity: 'error',
      code,
      message,
      file,
      tensor: name,
      byteOffset: dataStart + byteOffset,
    });
  for (const entry of inOrder) {
    const offset = entry.byteOffset;
    if (offset % alignment !== 0)
      add(
        entry,
        'unaligned-data',
        `Tensor ${quoteName(entry.name)} begins at offset ${offset}, no multiple of the alignment ${alignment}.`,
      );
    if (expected !== undefined && offset > expected)
      add(
        entry,
        'data-gap',
        `No tensor covers the ${counted(offset - expected, 'byte')} before tensor ${quoteName(entry.name)}.`,
      );
    const previousEnd = previous ? previous.byteOffset + previous.bytes : 0;
    if (previous && entry.bytes > 0 && offset < previousEnd) {
      entry.unreadable = previous.unreadable = 'Its bytes overlap with another tensor.';
      add(
        entry,
        'data-overlap',
        `Tensor ${quoteName(entry.name)} shares bytes with tensor ${quoteName(previous.name)}.`,
      );
    } else if (expected !== undefined && offset < expected && offset >= previousEnd)
      add(
        entry,
        'data-unpadded',
        `Tensor ${quoteName(entry.name)} begins at offset ${offset}, where ${expected} was expected: padding is missing.`,
      );
    const type = unknown.size === 0 ? undefined : unknown.get(entry);
    if (type !== undefined) {
      const removed = removedTypes.get(type);
      const reason = removed
        ? `Its type ${type} (${removed}) was removed from GGUF.`
        : `Its type ${type} is not known.`;
      entry.unreadable = reason;
      add(
        entry,
        removed ? 'removed-type' : 'unknown-type',
        `Tensor ${quoteName(entry.name)} cannot be read. ${reason}`,
      );
    }
    const end = offset + entry.bytes;
    needed = Math.max(needed, end);
    if (end > dataBytes) {
      short++;
      entry.unreadable = 'The file ends before this tensor does.';
    }
    expected = type === undefined ? Math.ceil(end / alignment) * alignment : undefined;
    if (!previous || end > previousEnd) previous = entry;
  }
  if (short > 0)
    findings.add({
      severity: 'error',
      code: 'truncated-data',
      message: `The file ends ${counted(dataStart + needed - source.size, 'byte')} early; incomplete: ${short} of ${counted(entries.length, 'tensor')}.`,
      file,
      byteOffset: source.size,
    });
  for (const entry of entries) entry.byteOffset += dataStart;
}

/** Tensors without bytes share their offset with the next one: only a step back is disorder. */
function isDisordered(entries: readonly Entry[]): boolean {
  return entries.some((entry, i) => i > 0 && entry.byteOffset < entries[i - 1]!.byteOffset);
}
