/** Typed values of GGUF's metadata and their bytes (ggml's docs/gguf.md), little-endian. */
import { Buffer } from 'node:buffer';
import { LoupeError } from '../../errors';
import { quoteName } from '../fileContents';

/** Type numbers by the names that the reader gives them. */
export const ggufValueTypes = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;
export type GgufScalarType = keyof typeof ggufValueTypes;
const ggufArrayType = 9;

export type GgufScalar = number | bigint | boolean | string;

/** A value with its type; arrays hold values of one type. */
export type GgufValue =
  | { readonly type: GgufScalarType; readonly value: GgufScalar }
  | { readonly arrayOf: GgufScalarType; readonly values: readonly GgufScalar[] };

const scalarBytes: Readonly<Record<Exclude<GgufScalarType, 'string'>, number>> = {
  ...{ u8: 1, i8: 1, bool: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4 },
  ...{ u64: 8, i64: 8, f64: 8 },
};

const integerRanges: Partial<Readonly<Record<GgufScalarType, readonly [bigint, bigint]>>> = {
  u8: [0n, 0xffn],
  i8: [-0x80n, 0x7fn],
  u16: [0n, 0xffffn],
  i16: [-0x8000n, 0x7fffn],
  u32: [0n, 0xffff_ffffn],
  i32: [-0x8000_0000n, 0x7fff_ffffn],
  u64: [0n, 2n ** 64n - 1n],
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** The bytes of a key with its value. Throws `refused`, naming the key, for a value that its type does not hold. */
export function metadataBytes(key: string, value: GgufValue): Uint8Array {
  const header = Buffer.alloc(4);
  if ('type' in value) {
    header.writeUInt32LE(ggufValueTypes[value.type]);
    return Buffer.concat([textBytes(key), header, scalarValueBytes(key, value.type, value.value)]);
  }
  const { arrayOf, values } = value;
  header.writeUInt32LE(ggufArrayType);
  const about = Buffer.alloc(12);
  about.writeUInt32LE(ggufValueTypes[arrayOf]);
  about.writeBigUInt64LE(BigInt(values.length), 4);
  return Buffer.concat([
    ...[textBytes(key), header, about],
    ...values.map((item) => scalarValueBytes(key, arrayOf, item)),
  ]);
}

/** A text with its length in front. */
export function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}

function scalarValueBytes(key: string, type: GgufScalarType, value: GgufScalar): Buffer {
  const refuse = (): never => {
    throw new LoupeError('refused', `${quoteName(key)} cannot be ${String(value)}: that is no ${type}.`);
  };
  if (type === 'string') return typeof value === 'string' ? textBytes(value) : refuse();
  const bytes = Buffer.alloc(scalarBytes[type]);
  if (type === 'bool') {
    if (typeof value !== 'boolean') return refuse();
    bytes.writeUInt8(value ? 1 : 0);
    return bytes;
  }
  if (type === 'f32' || type === 'f64') {
    if (typeof value !== 'number') return refuse();
    if (type === 'f32') bytes.writeFloatLE(value);
    else bytes.writeDoubleLE(value);
    return bytes;
  }
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isWhole) return refuse();
  const whole = BigInt(value);
  const [least, most] = integerRanges[type]!;
  if (whole < least || whole > most) return refuse();
  // Two's complement of the type's width, whatever its sign.
  const unsigned = BigInt.asUintN(8 * bytes.length, whole);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number((unsigned >> BigInt(8 * at)) & 0xffn);
  return bytes;
}
