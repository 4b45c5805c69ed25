/** TensorProto of onnx/onnx.proto: a tensor's head, and where its data lies. The data is never loaded. */
import type { ForwardCursor } from '../forwardCursor';
import { type Field, nextField, readIntegers, readText } from './wire';

/** TensorProto.DataType to the table of dtypes; STRING (8) and UNDEFINED (0) have no fixed size. */
export const onnxTypes: ReadonlyMap<number, string> = new Map([
  [1, 'F32'],
  [2, 'U8'],
  [3, 'I8'],
  [4, 'U16'],
  [5, 'I16'],
  [6, 'I32'],
  [7, 'I64'],
  [9, 'BOOL'],
  [10, 'F16'],
  [11, 'F64'],
  [12, 'U32'],
  [13, 'U64'],
  [14, 'C64'],
  [15, 'C128'],
  [16, 'BF16'],
  [17, 'F8_E4M3'],
  [18, 'F8_E4M3FNUZ'],
  [19, 'F8_E5M2'],
  [20, 'F8_E5M2FNUZ'],
  [21, 'U4'],
  [22, 'I4'],
  [23, 'F4'],
  [24, 'F8_E8M0'],
  [25, 'U2'],
  [26, 'I2'],
]);

export const onnxStringType = 8;
export const longestNameBytes = 4096;
export const mostDimensions = 64;

/** Lists of float_data and double_data are plain values; `numbers` are of variable length. */
export type DataPlace =
  | { readonly kind: 'plain'; readonly start: number; readonly bytes: number; readonly types: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'numbers' }
  | { readonly kind: 'scattered' }
  | { readonly kind: 'strings' }
  | { readonly kind: 'external'; readonly pairs: ReadonlyMap<string, string> };

export interface TensorHead {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dataType: number;
  readonly data: DataPlace;
  /** Where the message begins, absolute. */
  readonly start: number;
}

/** Reads the message of `field`, stepping over its data; the cursor is left behind it. Throws `malformed`. */
export async function readTensorHead(cursor: ForwardCursor, field: Field): Promise<TensorHead> {
  const what = 'a tensor';
  if (field.wireType !== 2) return cursor.fail('A tensor is no message.', field.start);
  const shape: number[] = [];
  const pairs = new Map<string, string>();
  let name = '';
  let dataType = 0;
  let data: DataPlace = { kind: 'none' };
  let isExternal = false;
  let inSegments = false;
  for (;;) {
    const part = await nextField(cursor, field.end, what);
    if (!part) break;
    switch (part.number) {
      case 1:
        await readIntegers(cursor, part, 'a shape', shape, mostDimensions);
        break;
      case 2:
        dataType = part.value;
        break;
      case 3:
        inSegments = true;
        break;
      case 4:
        data = plainRun(data, part, 'F32 C64');
        break;
      case 5:
      case 7:
      case 11:
        data = { kind: 'numbers' };
        break;
      case 6:
        data = { kind: 'strings' };
        break;
      case 8:
        name = await readText(cursor, part, 'a tensor name', longestNameBytes);
        break;
      case 9:
        data = plainRun(data, part, '');
        break;
      case 10:
        data = plainRun(data, part, 'F64 C128');
        break;
      case 13:
        await readPair(cursor, part, pairs);
        break;
      case 14:
        isExternal = part.value === 1;
        break;
    }
    if (part.wireType !== 0) cursor.seek(part.end);
  }
  for (const size of shape)
    if (!(size >= 0)) cursor.fail('A dimension of a tensor is negative or too large.', field.start, name);
  if (isExternal) data = { kind: 'external', pairs };
  else if (inSegments) data = { kind: 'scattered' };
  return { name, shape, dataType, data, start: field.start };
}

/** `types` are the dtypes that such a list holds as they are; empty for raw_data, which holds any. */
function plainRun(before: DataPlace, part: Field, types: string): DataPlace {
  if (part.wireType !== 2 || before.kind === 'scattered' || before.kind === 'plain')
    return { kind: 'scattered' };
  return { kind: 'plain', start: part.start, bytes: part.end - part.start, types };
}

/** StringStringEntryProto; keys beyond the known few are dropped. */
async function readPair(cursor: ForwardCursor, field: Field, into: Map<string, string>): Promise<void> {
  const { key, value } = await readEntry(cursor, field, 64, longestNameBytes);
  if (['location', 'offset', 'length'].includes(key)) into.set(key, value);
}

/** A StringStringEntryProto, both sides cut to the given bytes. */
export async function readEntry(
  cursor: ForwardCursor,
  field: Field,
  mostKeyBytes: number,
  mostValueBytes: number,
): Promise<{ key: string; value: string }> {
  const what = 'a key and its value';
  if (field.wireType !== 2) return cursor.fail(`Field ${field.number} is no message.`, field.start);
  let key = '';
  let value = '';
  for (;;) {
    const part = await nextField(cursor, field.end, what);
    if (!part) return { key, value };
    if (part.number === 1) key = await readText(cursor, part, what, mostKeyBytes);
    else if (part.number === 2) value = await readText(cursor, part, what, mostValueBytes);
    else if (part.wireType !== 0) cursor.seek(part.end);
  }
}
