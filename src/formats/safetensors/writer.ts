/** Lays out a safetensors file before any data exist: header bytes, and where each tensor's data go. */
import { Buffer } from 'node:buffer';
import { LoupeError } from '../../errors';
import { byteSize, dtypes } from '../../numeric/dtypes';
import { defaultHeaderCapBytes, quoteName } from '../fileContents';

export interface SafetensorsEntry {
  readonly name: string;
  /** A safetensors dtype, e.g. "BF16". */
  readonly dtype: string;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
}

export interface SafetensorsPlan {
  /** Length word and JSON, padded with spaces to a multiple of 8; the data follow it. */
  readonly headerBytes: Uint8Array;
  /** In the order in which they lie in the file; `byteOffset` is absolute. Together they fill it without gaps. */
  readonly entries: readonly { readonly name: string; readonly byteOffset: number; readonly bytes: number }[];
  readonly totalBytes: number;
}

/** The reference's `Dtype` order, least aligned first: the dtype table is kept in it. */
const rank: ReadonlyMap<string, number> = new Map([...dtypes.keys()].map((name, i) => [name, i]));
const loneSurrogate = /\p{Surrogate}/u;

/**
 * Orders tensors as the reference's serializer does, by dtype from wide to narrow and then by name in byte order,
 * so that with the header padded to 8 every tensor is aligned. Throws `refused` for what no reader would accept:
 * a name twice or reserved, an unknown dtype, a shape that fills no whole bytes, a header over 100 MB.
 */
export function planSafetensors(
  entries: readonly SafetensorsEntry[],
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsPlan {
  const seen = new Set<string>();
  const sized = entries.map((entry) => {
    const refuse = (reason: string): never => {
      throw new LoupeError('refused', `Tensor ${quoteName(entry.name)} ${reason}.`, { tensor: entry.name });
    };
    if (seen.has(entry.name)) refuse('would be written twice');
    seen.add(entry.name);
    if (entry.name === '__metadata__') refuse('has a name that safetensors keeps for itself');
    if (loneSurrogate.test(entry.name)) refuse('has a name that is no valid Unicode');
    const dtype = dtypes.get(entry.dtype);
    if (!dtype || dtype.kind === 'quantized')
      return refuse(`has the type ${entry.dtype}, which safetensors does not know`);
    if (!entry.shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0))
      refuse('has an impossible shape');
    const bytes = byteSize(
      dtype,
      entry.shape.reduce((product, dimension) => product * dimension, 1),
    );
    return {
      ...entry,
      bytes: bytes ?? refuse('does not fill whole bytes'),
      nameBytes: Buffer.from(entry.name),
    };
  });
  sized.sort((a, b) => rank.get(b.dtype)! - rank.get(a.dtype)! || Buffer.compare(a.nameBytes, b.nameBytes));

  // Members are joined as text: an object would lose a tensor named "__proto__" and reorder one named "0".
  const members: string[] = [];
  const pairs = Object.entries(metadata).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  if (pairs.length > 0) members.push(`"__metadata__":{${pairs.join(',')}}`);
  let at = 0;
  for (const { name, dtype, shape, bytes } of sized) {
    const offsets = `[${at},${at + bytes}]`;
    members.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":${offsets}}`,
    );
    at += bytes;
  }
  const json = Buffer.from(`{${members.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > defaultHeaderCapBytes)
    throw new LoupeError(
      'refused',
      `The header would have ${length} bytes; readers allow ${defaultHeaderCapBytes}.`,
    );
  const headerBytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(headerBytes.buffer).setBigUint64(0, BigInt(length), true);
  headerBytes.set(json, 8);

  let byteOffset = headerBytes.length;
  const placed = sized.map(({ name, bytes }) => {
    const entry = { name, byteOffset, bytes };
    byteOffset += bytes;
    return entry;
  });
  return { headerBytes, entries: placed, totalBytes: byteOffset };
}
