/**
 * Files of the statistics cache: typed arrays under a key, with a checksum. Little-endian:
 *
 *     "TLSTATS" and a version byte | key, 32 bytes | kind u32 | sections u32
 *     a section: type u32, elements u32                                   (one each)
 *     their arrays, each filled up to a multiple of 8 bytes
 *     SHA-256 of everything before it
 *
 * A reader takes nothing for granted: every length must add up to the file's own before a byte is used.
 */
import { createHash } from 'node:crypto';

export type Section = Uint32Array | Float32Array | Float64Array;

/** What a cache file holds. */
const cacheKinds = { summaries: 1, details: 2 } as const;
export type CacheKind = keyof typeof cacheKinds;

const formatVersion = 1;
const magic = Buffer.from([...Buffer.from('TLSTATS', 'latin1'), formatVersion]);
const sectionTypes = [Uint32Array, Float32Array, Float64Array] as const;
const maximumSections = 64;
const keyBytes = 32;
const checksumBytes = 32;
const fixedBytes = magic.length + keyBytes + 8;
const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

const padded = (bytes: number) => Math.ceil(bytes / 8) * 8;
const checksumOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

/** The bytes of a cache file; `key` is 32 bytes. */
export function encodeCacheFile(kind: CacheKind, key: Uint8Array, sections: readonly Section[]): Buffer {
  const bodyAt = fixedBytes + 8 * sections.length;
  const total = sections.reduce((sum, { byteLength }) => sum + padded(byteLength), bodyAt) + checksumBytes;
  const bytes = Buffer.alloc(total);
  magic.copy(bytes);
  bytes.set(key, magic.length);
  bytes.writeUInt32LE(cacheKinds[kind], magic.length + keyBytes);
  bytes.writeUInt32LE(sections.length, magic.length + keyBytes + 4);
  let at = bodyAt;
  for (const [i, section] of sections.entries()) {
    const type = sectionTypes.findIndex((Type) => section instanceof Type);
    bytes.writeUInt32LE(type, fixedBytes + 8 * i);
    bytes.writeUInt32LE(section.length, fixedBytes + 8 * i + 4);
    bytes.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), at);
    at += padded(section.byteLength);
  }
  checksumOf(bytes.subarray(0, at)).copy(bytes, at);
  return bytes;
}

/** The arrays of a cache file, or a sentence about why it is not to be used. Never throws. */
export function decodeCacheFile(
  bytes: Buffer,
  kind: CacheKind,
  key: Uint8Array,
): readonly Section[] | string {
  // Nothing that people run VS Code on stores numbers the other way round.
  if (!littleEndian) return 'this machine is big-endian';
  if (bytes.length < fixedBytes + checksumBytes) return 'it is too short';
  if (!bytes.subarray(0, magic.length).equals(magic)) return 'it is of another version, or no cache file';
  if (!bytes.subarray(magic.length, magic.length + keyBytes).equals(key)) return 'it is about other files';
  if (bytes.readUInt32LE(magic.length + keyBytes) !== cacheKinds[kind]) return 'it is of another kind';
  const count = bytes.readUInt32LE(magic.length + keyBytes + 4);
  if (count > maximumSections) return `it claims ${count} sections`;
  const bodyAt = fixedBytes + 8 * count;
  if (bytes.length < bodyAt + checksumBytes) return 'it is too short';
  const places: { type: (typeof sectionTypes)[number]; length: number; at: number }[] = [];
  let at = bodyAt;
  for (let i = 0; i < count; i++) {
    const type = sectionTypes[bytes.readUInt32LE(fixedBytes + 8 * i)];
    const length = bytes.readUInt32LE(fixedBytes + 8 * i + 4);
    if (!type) return 'a section is of no known type';
    places.push({ type, length, at });
    at += padded(length * type.BYTES_PER_ELEMENT);
  }
  if (at + checksumBytes !== bytes.length) return 'its lengths do not add up';
  if (!checksumOf(bytes.subarray(0, at)).equals(bytes.subarray(at))) return 'its checksum is wrong';
  return places.map(({ type: Type, length, at: from }) => {
    const section = new Type(length);
    new Uint8Array(section.buffer).set(bytes.subarray(from, from + section.byteLength));
    return section;
  });
}
