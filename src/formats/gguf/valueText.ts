/** Values of GGUF's metadata as people type them. */
import { LoupeError } from '../../errors';
import { quoteName } from '../fileContents';
import {
  type GgufScalar,
  type GgufScalarType,
  type GgufValue,
  ggufValueTypes,
  metadataBytes,
} from './values';

/** "u32", or "[u32]" for an array. */
export type GgufTypeName = GgufScalarType | `[${GgufScalarType}]`;

const isScalarType = (name: string): name is GgufScalarType => Object.hasOwn(ggufValueTypes, name);

/** Whether a text names a type: "u32", "[string]". */
export function isGgufTypeName(name: string): name is GgufTypeName {
  return isScalarType(name) || (/^\[.*\]$/.test(name) && isScalarType(name.slice(1, -1)));
}

/**
 * A value of a type from its text: strings as they are, numbers in decimal (integers exactly, of up to 64 bits), `true` or
 * `false`, and arrays as JSON. Throws `usage`, naming the key, for a text that is no such value.
 */
export function parseGgufValue(key: string, type: GgufTypeName, text: string): GgufValue {
  const value = isScalarType(type)
    ? { type, value: scalarOf(key, type, text) }
    : arrayOf(key, type.slice(1, -1) as GgufScalarType, text);
  try {
    // Ranges are checked where the bytes are made.
    metadataBytes(key, value);
  } catch (thrown) {
    throw new LoupeError('usage', LoupeError.from(thrown).message);
  }
  return value;
}

function scalarOf(key: string, type: GgufScalarType, text: string): GgufScalar {
  if (type === 'string') return text;
  const trimmed = text.trim();
  if (type === 'bool') {
    if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true';
  } else if (type === 'f32' || type === 'f64') {
    const number = Number(trimmed);
    if (trimmed !== '' && Number.isFinite(number)) return number;
  } else if (/^[+-]?\d{1,20}$/.test(trimmed)) return BigInt(trimmed);
  throw new LoupeError('usage', `${quoteName(key)} takes ${article(type)}; ${quoteName(text)} is none.`);
}

const article = (type: GgufScalarType): string =>
  type === 'bool' ? 'true or false' : type.startsWith('f') ? `a number (${type})` : `an integer (${type})`;

function arrayOf(key: string, item: GgufScalarType, text: string): GgufValue {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    values = undefined;
  }
  if (!Array.isArray(values))
    throw new LoupeError('usage', `${quoteName(key)} takes a JSON array of ${item}; this is none.`);
  return {
    arrayOf: item,
    values: values.map((value: unknown) =>
      item === 'string' && typeof value === 'string' ? value : scalarOf(key, item, String(value)),
    ),
  };
}
