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
  return (await readMetadataSpans(cursor, count)).map(({ entry }) => entry);
}

/** Where a key with its value lies in the file. */
export interface MetadataSpan {
  readonly entry: MetadataEntry;
  /** Absolute offset of the key's length. */
  readonly start: number;
  readonly bytes: number;
}

/** As `readMetadata`, with the place of each entry: what is copied as it is loses nothing. */
export async function readMetadataSpans(cursor: HeaderCursor, count: number): Promise<MetadataSpan[]> {
  const spans: MetadataSpan[] = [];
  const keys = new Set<string>();
  for (let i = 0; i < count; i++) {
    const start = cursor.byteOffset;
    const name = await readKey(cursor);
    const key = cursor.nameKey;
    if (keys.has(key)) cursor.fail(`The metadata key ${quoteName(name)} appears twice.`, start);
    keys.add(key);
    const entry = await readValue(cursor, name, cursor.u32());
    spans.push({ entry, start, bytes: cursor.byteOffset - start });
  }
  return spans;
}

/**
 * `take` values of the array under a key, from the value `start` on; the cursor stands at the first of `count` entries.
 * Only what lies before them is walked over. Undefined when no such array is there.
 */
export async function readArraySlice(
  cursor: HeaderCursor,
  count: number,
  wanted: string,
  start: number,
  take: number,
): Promise<{ type: string; length: number; values: (string | number | boolean)[] } | undefined> {
  for (let i = 0; i < count; i++) {
    const name = await readKey(cursor);
    const type = cursor.u32();
    if (name !== wanted) {
      await readValue(cursor, name, type);
      continue;
    }
    if (type !== typeArray) return undefined;
    const what = `the value of ${quoteName(name)}`;
    const array = await readArrayHeader(cursor, name, what);
    const first = Math.min(start, array.length);
    await skipItems(cursor, array, first, what);
    const values = await takeItems(cursor, array, Math.min(take, array.length - first), what);
    return { type: array.type, length: array.length, values };
  }
  return undefined;
}

/** A key; the four bytes of its value's type are fetched too. */
async function readKey(cursor: HeaderCursor): Promise<string> {
  const start = cursor.byteOffset;
  const length = await readLength(cursor, 'the metadata', 1);
  if (length > longestKeyBytes)
    cursor.fail(`A metadata key of ${length} bytes is longer than ${longestKeyBytes}.`, start);
  await cursor.fetch(length + 4, 'the metadata');
  return cursor.name(length);
}

async function readValue(cursor: HeaderCursor, key: string, type: number): Promise<MetadataEntry> {
  const what = `the value of ${quoteName(key)}`;
  if (type === typeString) {
    const value = await readText(cursor, what, longestStringBytes);
    // Tokens in arrays may be parts of characters; a text should be whole.
    if (typeof value === 'string') cursor.noteUtf8(value);
    return { key, type: 'string', value };
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

interface ArrayHeader {
  /** Undefined for strings. */
  readonly scalar: ScalarType | undefined;
  readonly type: string;
  readonly length: number;
}

async function readArray(cursor: HeaderCursor, key: string, what: string): Promise<MetadataEntry> {
  const array = await readArrayHeader(cursor, key, what);
  const kept = Math.min(array.length, headLength);
  const head = await takeItems(cursor, array, kept, what);
  await skipItems(cursor, array, array.length - kept, what);
  return { key, type: `[${array.type}]`, value: { type: array.type, length: array.length, head } };
}

async function readArrayHeader(cursor: HeaderCursor, key: string, what: string): Promise<ArrayHeader> {
  const start = cursor.byteOffset;
  const headerBytes = 4 + cursor.countBytes;
  if (!cursor.has(headerBytes)) await cursor.fetch(headerBytes, what);
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
  const length = cursor.count();
  // A string takes at least the bytes of its length.
  if (length * (scalar?.bytes ?? cursor.countBytes) > cursor.remaining)
    return cursor.fail(
      `The array ${quoteName(key)} claims ${cursor.exact(cursor.countBytes)} values, but only ${cursor.remaining} bytes remain.`,
      start + 4,
    );
  return { scalar, type: scalar?.name ?? 'string', length };
}

/** The next values of an array; `count` is bounded by the caller. */
async function takeItems(
  cursor: HeaderCursor,
  { scalar }: ArrayHeader,
  count: number,
  what: string,
): Promise<(string | number | boolean)[]> {
  const values: (string | number | boolean)[] = [];
  if (scalar) await cursor.fetch(count * scalar.bytes, what);
  for (let i = 0; i < count; i++) {
    if (scalar) {
      values.push(scalar.read(cursor));
      continue;
    }
    const text = await readText(cursor, what, longestHeadStringBytes);
    values.push(typeof text === 'string' ? text : String(text.head[0]));
  }
  return values;
}

async function skipItems(
  cursor: HeaderCursor,
  { scalar }: ArrayHeader,
  count: number,
  what: string,
): Promise<void> {
  if (scalar) return cursor.skip(count * scalar.bytes, what);
  let left = count;
  while (left > 0) {
    left -= cursor.skipTexts(left);
    if (left === 0) return;
    // One that reaches beyond the window, or beyond the file.
    cursor.skip(await readLength(cursor, what, 1), what);
    left--;
  }
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

/** A count of things of at least `unitBytes` each, checked against the bytes that remain. */
export async function readLength(cursor: HeaderCursor, what: string, unitBytes: number): Promise<number> {
  if (!cursor.has(cursor.countBytes)) await cursor.fetch(cursor.countBytes, what);
  return cursor.length(what, unitBytes);
}
