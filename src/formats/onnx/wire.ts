/**
 * The wire format of protocol buffers (protobuf.dev/programming-guides/encoding), read field by field. Nothing is
 * loaded but what is asked for: a large field is stepped over, and its place remembered.
 */
import type { ForwardCursor } from '../forwardCursor';

/** 0: varint, 1: 64 bits, 2: length-delimited, 5: 32 bits. */
export type WireType = 0 | 1 | 2 | 5;

export interface Field {
  readonly number: number;
  readonly wireType: WireType;
  /** Of a varint; NaN when it is no safe integer. Signed, as int64 is. */
  readonly value: number;
  /** Where the payload lies, absolute; of length-delimited fields and of fixed ones. */
  readonly start: number;
  readonly end: number;
}

const longestVarintBytes = 10;

/** A varint as a signed 64-bit integer; NaN beyond 2^53. Throws `malformed` for one of more than ten bytes. */
async function readVarint(cursor: ForwardCursor, what: string): Promise<number> {
  if (!cursor.has(longestVarintBytes))
    await cursor.fetch(Math.max(1, Math.min(longestVarintBytes, cursor.remaining)), what);
  const start = cursor.byteOffset;
  let low = 0;
  for (let i = 0; i < 7; i++) {
    if (!cursor.has(1)) await cursor.fetch(1, what);
    const byte = cursor.u8();
    low += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return low;
  }
  let value = BigInt(low);
  for (let i = 7; i < longestVarintBytes; i++) {
    if (!cursor.has(1)) await cursor.fetch(1, what);
    const byte = cursor.u8();
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) {
      const number = Number(BigInt.asIntN(64, value));
      return Number.isSafeInteger(number) ? number : Number.NaN;
    }
  }
  return cursor.fail(`A number in ${what} has more than ${longestVarintBytes} bytes.`, start);
}

/**
 * The next field of the message that ends at `end`, or undefined at its end. The cursor stands behind a varint, and
 * before the payload of the other types: the caller must seek to `end` of the field. A payload must end within the
 * message; only `mayOverrun` lets it go beyond, for the one field that a cut file breaks off in.
 */
export async function nextField(
  cursor: ForwardCursor,
  end: number,
  what: string,
  mayOverrun?: number,
): Promise<Field | undefined> {
  const at = cursor.byteOffset;
  if (at === end) return undefined;
  const tag = await readVarint(cursor, what);
  const number = Math.floor(tag / 8);
  const wireType = tag % 8;
  if (!(tag >= 8 && tag <= 0xffffffff)) cursor.fail(`There is no field number in ${what}.`, at);
  let value = Number.NaN;
  let length = 0;
  if (wireType === 0) value = await readVarint(cursor, what);
  else if (wireType === 1) length = 8;
  else if (wireType === 5) length = 4;
  else if (wireType === 2) length = await readVarint(cursor, what);
  else cursor.fail(`Field ${number} of ${what} has the unknown wire type ${wireType}.`, at);
  const start = cursor.byteOffset;
  if (!(length >= 0) || (start + length > end && number !== mayOverrun))
    cursor.fail(`Field ${number} of ${what} goes beyond its message.`, at);
  return { number, wireType: wireType as WireType, value, start, end: start + length };
}

/** A text field, cut to `most` bytes; the cursor is left behind the field. */
export async function readText(
  cursor: ForwardCursor,
  field: Field,
  what: string,
  most: number,
): Promise<string> {
  if (field.wireType !== 2) return cursor.fail(`Field ${field.number} of ${what} is no text.`, field.start);
  const length = field.end - field.start;
  const shown = Math.min(length, most);
  if (!cursor.has(shown)) await cursor.fetch(shown, what);
  const text = cursor.text(shown);
  cursor.seek(field.end);
  return shown === length ? text : `${text}…`;
}

/** The integers of a repeated field, packed or not; at most `most` of them. The cursor is left behind the field. */
export async function readIntegers(
  cursor: ForwardCursor,
  field: Field,
  what: string,
  into: number[],
  most: number,
): Promise<void> {
  const push = (value: number): void => {
    if (into.length >= most) cursor.fail(`There are more than ${most} numbers in ${what}.`, field.start);
    into.push(value);
  };
  if (field.wireType === 0) return push(field.value);
  if (field.wireType !== 2)
    cursor.fail(`Field ${field.number} of ${what} is no list of integers.`, field.start);
  while (cursor.byteOffset < field.end) push(await readVarint(cursor, what));
  if (cursor.byteOffset > field.end) cursor.fail(`A number goes beyond the end of ${what}.`, field.end);
}
