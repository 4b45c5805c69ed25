/**
 * The directory of a ZIP archive, read-only (PKWARE APPNOTE 6.3: 4.3.7 local header, 4.3.12 central directory,
 * 4.3.14-16 end records, 4.5.3 Zip64 extra field). Entries that are stored are plain byte runs of the file.
 */
import { inflateRawSync, constants as zlib } from 'node:zlib';
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import { defaultHeaderCapBytes, quoteName, type ReadOptions } from '../fileContents';

const endRecordBytes = 22;
const longestCommentBytes = 65_535;
const zip64LocatorBytes = 20;
const zip64EndRecordBytes = 56;
const centralHeaderBytes = 46;
const localHeaderBytes = 30;
/** More entries than this cannot be told in a list, and would fill the memory. */
const mostEntries = 200_000;

export interface ZipEntry {
  readonly name: string;
  /** 0: stored, 8: deflated. */
  readonly method: number;
  readonly encrypted: boolean;
  /** Bytes in the archive, and bytes when unpacked. */
  readonly packedBytes: number;
  readonly bytes: number;
  /** Of the local header, absolute. */
  readonly headerOffset: number;
}

export interface ZipDirectory {
  readonly entries: readonly ZipEntry[];
  readonly byName: ReadonlyMap<string, ZipEntry>;
  /** Where the central directory begins: no entry's data may reach it. */
  readonly byteOffset: number;
}

interface Extent {
  readonly byteOffset: number;
  readonly bytes: number;
  readonly count: number;
}

/** Reads the central directory. Throws `malformed` for one that contradicts itself or the file's size. */
export async function readZipDirectory(source: ByteSource, options: ReadOptions = {}): Promise<ZipDirectory> {
  const extent = await findDirectory(source);
  const cap = options.headerCapBytes ?? defaultHeaderCapBytes;
  if (extent.bytes > cap)
    fail(source, `The zip directory is longer than the allowed ${cap} bytes.`, extent.byteOffset);
  if (extent.count > mostEntries)
    throw new LoupeError('unsupported', `The zip archive has more than ${mostEntries} entries.`, {
      file: source.path,
      byteOffset: extent.byteOffset,
    });
  if (extent.count * centralHeaderBytes > extent.bytes)
    fail(
      source,
      `The zip directory claims ${extent.count} entries in ${extent.bytes} bytes.`,
      extent.byteOffset,
    );
  throwIfAborted(options.signal);
  const bytes = await source.read(extent.byteOffset, extent.bytes);
  const entries: ZipEntry[] = [];
  const byName = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < extent.count; i++) {
    const { entry, next } = readCentralHeader(source, bytes, at, extent.byteOffset);
    if (byName.has(entry.name))
      fail(source, `The zip archive lists ${quoteName(entry.name)} twice.`, extent.byteOffset + at);
    byName.set(entry.name, entry);
    entries.push(entry);
    at = next;
  }
  refuseOverlap(source, entries, extent.byteOffset);
  return { entries, byName, byteOffset: extent.byteOffset };
}

/** Finds the end record behind a comment of any length, and the Zip64 one before it. */
async function findDirectory(source: ByteSource): Promise<Extent> {
  if (source.size < endRecordBytes) fail(source, 'The zip archive ends inside its first entry.', source.size);
  const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let tail = await source.read(source.size - endRecordBytes, endRecordBytes);
  let at = endRecordAt(view(tail));
  if (at === undefined) {
    const length = Math.min(source.size, endRecordBytes + longestCommentBytes);
    tail = await source.read(source.size - length, length);
    at = endRecordAt(view(tail));
  }
  if (at === undefined) return fail(source, 'The zip archive is cut: it has no directory.', source.size);
  const record = view(tail);
  const endOffset = source.size - tail.length + at;
  let count = record.getUint16(at + 10, true);
  let bytes = record.getUint32(at + 12, true);
  let byteOffset = record.getUint32(at + 16, true);
  let limit = endOffset;
  if (endOffset >= zip64LocatorBytes) {
    const locator = view(await source.read(endOffset - zip64LocatorBytes, zip64LocatorBytes));
    if (locator.getUint32(0, true) === 0x07064b50) {
      const recordOffset = asOffset(source, locator.getBigUint64(8, true), endOffset - zip64LocatorBytes);
      if (recordOffset + zip64EndRecordBytes > endOffset - zip64LocatorBytes)
        fail(source, 'The Zip64 end record lies outside of the archive.', endOffset - zip64LocatorBytes);
      const large = view(await source.read(recordOffset, zip64EndRecordBytes));
      if (large.getUint32(0, true) !== 0x06064b50)
        fail(source, 'The Zip64 end record is not where the archive says.', recordOffset);
      count = asOffset(source, large.getBigUint64(32, true), recordOffset + 32);
      bytes = asOffset(source, large.getBigUint64(40, true), recordOffset + 40);
      byteOffset = asOffset(source, large.getBigUint64(48, true), recordOffset + 48);
      limit = recordOffset;
    }
  }
  if (byteOffset + bytes > limit)
    fail(
      source,
      `The zip directory claims ${bytes} bytes at offset ${byteOffset}, beyond its own end.`,
      endOffset,
    );
  return { byteOffset, bytes, count };
}

/** The last end record whose comment reaches to the very end. */
function endRecordAt(view: DataView): number | undefined {
  for (let at = view.byteLength - endRecordBytes; at >= 0; at--) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    if (at + endRecordBytes + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  return undefined;
}

function asOffset(source: ByteSource, value: bigint, byteOffset: number): number {
  if (value > BigInt(source.size))
    fail(source, `A Zip64 value of ${value} goes beyond the file's ${source.size} bytes.`, byteOffset);
  return Number(value);
}

function readCentralHeader(
  source: ByteSource,
  bytes: Uint8Array,
  at: number,
  base: number,
): { entry: ZipEntry; next: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (at + centralHeaderBytes > bytes.length || view.getUint32(at, true) !== 0x02014b50)
    fail(source, 'The zip directory has fewer entries than it claims.', base + at);
  const flags = view.getUint16(at + 8, true);
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const next = at + centralHeaderBytes + nameBytes + extraBytes + view.getUint16(at + 32, true);
  if (next > bytes.length) fail(source, 'An entry of the zip directory goes beyond its end.', base + at);
  const nameAt = at + centralHeaderBytes;
  // Bit 11 says UTF-8; names of checkpoints are ASCII otherwise.
  const name = new TextDecoder().decode(bytes.subarray(nameAt, nameAt + nameBytes));
  let size = view.getUint32(at + 24, true);
  let packedBytes = view.getUint32(at + 20, true);
  let headerOffset = view.getUint32(at + 42, true);
  let extra = nameAt + nameBytes;
  const extraEnd = extra + extraBytes;
  while (extra + 4 <= extraEnd) {
    const length = view.getUint16(extra + 2, true);
    let field = extra + 4;
    const fieldEnd = field + length;
    if (fieldEnd > extraEnd) break;
    if (view.getUint16(extra, true) === 1) {
      // Only the values that did not fit are there, in this order.
      const large = (value: number): number => {
        if (value !== 0xffffffff) return value;
        if (field + 8 > fieldEnd)
          fail(source, `The Zip64 field of ${quoteName(name)} is too short.`, base + extra);
        field += 8;
        return asOffset64(source, view.getBigUint64(field - 8, true), base + field - 8);
      };
      size = large(size);
      packedBytes = large(packedBytes);
      headerOffset = large(headerOffset);
      break;
    }
    extra = fieldEnd;
  }
  const encrypted = (flags & 1) !== 0;
  const method = view.getUint16(at + 10, true);
  if (headerOffset + localHeaderBytes + packedBytes > base)
    fail(source, `The zip entry ${quoteName(name)} goes beyond the archive's data.`, base + at);
  if (method === 0 && packedBytes !== size)
    fail(source, `The stored zip entry ${quoteName(name)} has two different sizes.`, base + at);
  return { entry: { name, method, encrypted, packedBytes, bytes: size, headerOffset }, next };
}

function asOffset64(source: ByteSource, value: bigint, byteOffset: number): number {
  // The unpacked size may exceed the file's; the other two are checked against it by the caller.
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    fail(source, `A Zip64 value of ${value} is beyond 2^53 - 1.`, byteOffset);
  return Number(value);
}

/** Entries that share bytes are a way to hide one file behind another, or to unpack one a million times. */
function refuseOverlap(source: ByteSource, entries: readonly ZipEntry[], base: number): void {
  const inOrder = entries.toSorted((a, b) => a.headerOffset - b.headerOffset);
  for (const [i, entry] of inOrder.entries()) {
    const next = inOrder[i + 1];
    if (next && entry.headerOffset + localHeaderBytes + entry.packedBytes > next.headerOffset)
      fail(source, `The zip entries ${quoteName(entry.name)} and ${quoteName(next.name)} share bytes.`, base);
  }
}

/**
 * Where an entry's data begins, absolute: behind the local header, whose extra field differs from the directory's.
 * Throws `malformed` when that header is not there, names another file, or puts the data beyond `limit`.
 */
export async function entryDataOffset(source: ByteSource, entry: ZipEntry, limit: number): Promise<number> {
  const { headerOffset } = entry;
  const wanted = Math.min(localHeaderBytes + Buffer.byteLength(entry.name), source.size - headerOffset);
  const bytes = await source.read(headerOffset, wanted);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== 0x04034b50)
    fail(source, `The zip entry ${quoteName(entry.name)} does not begin where it should.`, headerOffset);
  const nameBytes = view.getUint16(26, true);
  const name = new TextDecoder().decode(bytes.subarray(localHeaderBytes, localHeaderBytes + nameBytes));
  if (name !== entry.name)
    fail(
      source,
      `The zip archive has two names for one entry: ${quoteName(entry.name)} and another.`,
      headerOffset,
    );
  const dataOffset = headerOffset + localHeaderBytes + nameBytes + view.getUint16(28, true);
  if (dataOffset + entry.packedBytes > limit)
    fail(source, `The zip entry ${quoteName(entry.name)} goes beyond the archive's data.`, headerOffset);
  return dataOffset;
}

/** Why an entry's bytes are no plain run of the file, or undefined when they are. */
export function packedReason(entry: ZipEntry): string | undefined {
  if (entry.encrypted) return 'It is encrypted.';
  if (entry.method === 0) return undefined;
  return entry.method === 8
    ? 'It is compressed; only uncompressed arrays can be read by position.'
    : `It is compressed by the zip method ${entry.method}.`;
}

/**
 * The first bytes of an entry, at most `most`, unpacked if it is deflated. Memory is bounded by `most` and by what
 * `most` packed bytes can unpack to, about a thousand times as much: keep it small. Throws `malformed`.
 */
export async function entryHead(
  source: ByteSource,
  entry: ZipEntry,
  limit: number,
  most: number,
): Promise<Uint8Array> {
  const reason = packedReason(entry);
  const start = await entryDataOffset(source, entry, limit);
  const packed = await source.read(start, Math.min(entry.packedBytes, most));
  if (reason === undefined) return packed;
  if (entry.method !== 8 || entry.encrypted)
    throw new LoupeError('unsupported', `The zip entry ${quoteName(entry.name)} cannot be read. ${reason}`, {
      file: source.path,
      byteOffset: entry.headerOffset,
    });
  try {
    return inflateRawSync(packed, {
      finishFlush: zlib.Z_SYNC_FLUSH,
      maxOutputLength: Math.max(1, most * 1100),
    }).subarray(0, most);
  } catch {
    return fail(source, `The zip entry ${quoteName(entry.name)} cannot be unpacked.`, start);
  }
}

/** A whole deflated entry in memory, if it unpacks to at most `most` bytes; throws `malformed` or `unsupported`. */
export async function unpackEntry(
  source: ByteSource,
  entry: ZipEntry,
  limit: number,
  most: number,
): Promise<Uint8Array> {
  const start = await entryDataOffset(source, entry, limit);
  if (entry.bytes > most || entry.packedBytes > most || entry.method !== 8 || entry.encrypted)
    throw new LoupeError(
      'unsupported',
      `The zip entry ${quoteName(entry.name)} is packed and too large to be unpacked in memory.`,
      { file: source.path, byteOffset: start },
    );
  const packed = await source.read(start, entry.packedBytes);
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.bytes) });
  } catch {
    return fail(source, `The zip entry ${quoteName(entry.name)} cannot be unpacked.`, start);
  }
}

function fail(source: ByteSource, message: string, byteOffset: number): never {
  throw new LoupeError('malformed', message, {
    file: source.path,
    byteOffset: Math.min(byteOffset, source.size),
  });
}
