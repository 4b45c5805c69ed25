/** GGUF's key-value section (ggml's docs/gguf.md; checks as in llama.cpp's gguf.cpp). */
import { LoupeError } from '../../errors';
import type { MetadataEntry, MetadataValue } from '../checkpoint';
import { quoteName } from '../fileContents';
import type { HeaderCursor } from './headerCursor';

/** Values of an array that are kept; the rest is stepped over. */
const headLength = 64;
/** A longer string is cut to its beginning; chat templates and merge tables stay below it. */
const longestStringBytes = 1 << 20;
const longestHeadStringBytes = 1 << 10;
/** The specification's limit. */
const longestKeyBytes = 65_535;
const typeString = 8;
const typeArray = 9;

interface ScalarType {
  readonly name: string;
  readonly bytes: number;
  readonly read: (cursor: HeaderCursor) => string | number | boolean;
}

/** JSON has no NaN or infinity, and no integers beyond 2^53: those travel as strings. */
const float = (value: number): number | string => (Number.isFinite(value) ? value : String(value));
const integer = (value: bigint): number | string =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : String(value);

const scalarTypes: ReadonlyMap<number, ScalarType> = new Map([
  [0, { name: 'u8', bytes: 1, read: (c) => c.u8() }],
  [1, { name: 'i8', bytes: 1, read: (c) => c.i8() }],
  [2, { name: 'u16', bytes: 2, read: (c) => c.u16() }],
  [3, { name: 'i16', bytes: 2, read: (c) => c.i16() }],
  [4, { name: 'u32', bytes: 4, read: (c) => c.u32() }],
  [5, { name: 'i32', bytes: 4, read: (c) => c.i32() }],
  [6, { name: 'f32', bytes: 4, read: (c) => float(c.f32()) }],
  [7, { name: 'bool', bytes: 1, read: (c) => c.u8() !== 0 }],
  [10, { name: 'u64', bytes: 8, read: (c) => integer(c.u64()) }],
  [11, { name: 'i64', bytes: 8, read: (c) => integer(c.i64()) }],
  [12, { name: 'f64', bytes: 8, read: (c) => float(c.f64()) }],
] as [number, ScalarType][]);

/** Reads `count` entries; the caller has bounded it by the bytes that remain. Duplicate keys are refused. */
export async function readMetadata(cursor: HeaderCursor, count: number): Promise<MetadataEntry[]> {
  const entries: MetadataEntry[] = [];
  const keys = new Set<string>();
  for (let i = 0; i < count; i++) {
    const start = cursor.byteOffset;
    const length = await readLength(cursor, 'the metadata', 1);
    if (length > longestKeyBytes)
      cursor.fail(`A metadata key of ${length} bytes is longer than ${longestKeyBytes}.`, start);
    await cursor.fetch(length + 4, 'the metadata');
    const rawKey = cursor.peekBytes(length);
    const key = cursor.text(length);
    if (keys.has(rawKey)) cursor.fail(`The metadata key ${quoteName(key)} appears twice.`, start);
    keys.add(rawKey);
    entries.push(await readValue(cursor, key, cursor.u32()));
  }
  return entries;
}

async function readValue(cursor: HeaderCursor, key: string, type: number): Promise<MetadataEntry> {
  const what = `the value of ${quoteName(key)}`;
  if (type === typeString) {
    return { key, type: 'string', value: await readText(cursor, what, longestStringBytes) };
  }
  if (type === typeArray) return readArray(cursor, key, what);
  const scalar = scalarTypes.get(type);
  if (!scalar)
    return cursor.fail(
      `The metadata key ${quoteName(key)} has the unknown value type ${type}.`,
      cursor.byteOffset - 4,
    );
  if (!cursor.has(scalar.bytes)) await cursor.fetch(scalar.bytes, what);
  return { key, type: scalar.name, value: scalar.read(cursor) };
}

async function readArray(cursor: HeaderCursor, key: string, what: string): Promise<MetadataEntry> {
  const start = cursor.byteOffset;
  if (!cursor.has(12)) await cursor.fetch(12, what);
  const itemType = cursor.u32();
  if (itemType === typeArray)
    throw new LoupeError('unsupported', `The metadata key ${quoteName(key)} is an array of arrays.`, {
      file: cursor.path,
      byteOffset: start,
    });
  const scalar = scalarTypes.get(itemType);
  if (!scalar && itemType !== typeString)
    return cursor.fail(
      `The metadata key ${quoteName(key)} is an array of the unknown type ${itemType}.`,
      start,
    );
  // A string takes at least the 8 bytes of its length.
  const count64 = cursor.u64();
  const itemBytes = scalar?.bytes ?? 8;
  if (count64 * BigInt(itemBytes) > BigInt(cursor.remaining))
    return cursor.fail(
      `The array ${quoteName(key)} claims ${count64} values, but only ${cursor.remaining} bytes remain.`,
      start + 4,
    );
  const count = Number(count64);
  const head: (string | number | boolean)[] = [];
  const kept = Math.min(count, headLength);
  if (scalar) {
    await cursor.fetch(kept * scalar.bytes, what);
    for (let i = 0; i < kept; i++) head.push(scalar.read(cursor));
    cursor.skip((count - kept) * scalar.bytes, what);
  } else {
    for (let i = 0; i < kept; i++) {
      const text = await readText(cursor, what, longestHeadStringBytes);
      head.push(typeof text === 'string' ? text : String(text.head[0]));
    }
    for (let i = kept; i < count; i++) {
      if (!cursor.has(8)) await cursor.fetch(8, what);
      const length = cursor.u64();
      if (length > BigInt(cursor.remaining)) failLength(cursor, what, length, cursor.byteOffset - 8);
      cursor.skip(Number(length), what);
    }
  }
  const type = scalar?.name ?? 'string';
  return { key, type: `[${type}]`, value: { type, length: count, head } };
}

/** A string value; one beyond `most` bytes becomes its byte length with its beginning as the head. */
async function readText(
  cursor: HeaderCursor,
  what: string,
  most: number,
): Promise<Exclude<MetadataValue, number | boolean>> {
  const length = await readLength(cursor, what, 1);
  const shown = Math.min(length, most);
  if (!cursor.has(shown)) await cursor.fetch(shown, what);
  const text = cursor.text(shown);
  if (shown === length) return text;
  cursor.skip(length - shown, what);
  return { type: 'string', length, head: [`${text}…`] };
}

/** A u64 count of things of at least `unitBytes` each, checked against the bytes that remain. */
export async function readLength(cursor: HeaderCursor, what: string, unitBytes: number): Promise<number> {
  const start = cursor.byteOffset;
  if (!cursor.has(8)) await cursor.fetch(8, what);
  const length = cursor.u64();
  if (length * BigInt(unitBytes) > BigInt(cursor.remaining)) failLength(cursor, what, length, start);
  return Number(length);
}

function failLength(cursor: HeaderCursor, what: string, length: bigint, byteOffset: number): never {
  return cursor.fail(
    `A length of ${length} in ${what} goes beyond the ${cursor.remaining} bytes that remain.`,
    byteOffset,
  );
}
