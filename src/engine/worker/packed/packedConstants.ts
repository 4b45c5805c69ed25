/** What is read of a packed weight once: its column order, its table of values, its global scale. */
import { LoupeError } from '../../../errors';
import { tableValues } from '../../../numeric/tableValues';
import type { PackedSource, PieceSpan } from '../../tensorSource';
import type { FileCache } from '../fileCache';

export interface PackedConstants {
  /** Four times the group of each column; absent where groups follow each other. */
  readonly groupOffsets: Uint32Array | undefined;
  /** 16 or 256 values by code; absent for integers. */
  readonly table: Float32Array | undefined;
  readonly global: { readonly value: number; readonly divides: boolean } | undefined;
  /** Added to zero points that are packed by groups. */
  readonly zeroPlus: number;
}

/** The values of E2M1 by code, the sign in the highest bit (OCP Microscaling Formats 1.0, 5.3.3). */
const e2m1Values = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);

/** bitsandbytes, functional.py: the quantiles of a normal distribution (QLoRA, appendix E), and its FP4. */
const nf4Values = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453],
  ...[-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0],
  ...[0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
);
const fp4Sizes = [0, 0.0625, 8, 12, 4, 6, 2, 3].map((twelfths) => twelfths / 12);
const fp4Values = Float32Array.from([...fp4Sizes, ...fp4Sizes.map((size) => -size)]);

const fourBitValues: ReadonlyMap<string, Float32Array> = new Map([
  ['F4', e2m1Values],
  ['NF4', nf4Values],
  ['FP4', fp4Values],
]);

/** What zero points are off by because signed codes are made offset-binary. */
export const zeroOffset = ({ meaning, bits }: PackedSource): number =>
  meaning.kind === 'integer' && meaning.signed ? 2 ** (bits - 1) : 0;

/** Throws `malformed` with the tensor and the byte offset when the column order names a group that is not there. */
export function readConstants(files: FileCache, packed: PackedSource): PackedConstants {
  const read = (span: PieceSpan, bytes: number) => {
    const result = new Uint8Array(bytes);
    files.read(span.file, span.byteOffset, result);
    return result.buffer;
  };
  const { meaning, scales, columnGroups, width, bits } = packed;
  const { global } = scales;
  return {
    groupOffsets:
      columnGroups && orderOf(packed, columnGroups, new Int32Array(read(columnGroups, 4 * width))),
    table: tableOf(),
    global: global && { value: new Float32Array(read(global.span, 4))[0]!, divides: global.divides },
    zeroPlus: zeroPlus(),
  };

  function tableOf(): Float32Array | undefined {
    if (meaning.kind === 'stored') return new Float32Array(read(meaning.values, 64));
    if (meaning.kind !== 'table') return undefined;
    const table = fourBitValues.get(meaning.dtype) ?? tableValues(meaning.dtype);
    if (!table) throw new LoupeError('unsupported', `Codes of type ${meaning.dtype} cannot be read.`);
    return table;
  }

  function zeroPlus(): number {
    if (meaning.kind !== 'integer' || meaning.zeroPoints.kind !== 'groups') return 0;
    const { span, plus, unlessFirst } = meaning.zeroPoints;
    if (unlessFirst === undefined) return plus;
    const first = new Uint32Array(read(span, 4))[0]! & (2 ** bits - 1);
    return first === unlessFirst ? 0 : plus;
  }
}

/** Byte offsets of the columns' groups, or undefined where they follow each other as without an order. */
function orderOf(
  { scales, codes }: PackedSource,
  span: PieceSpan,
  groups: Int32Array,
): Uint32Array | undefined {
  // compressed-tensors writes -1 where a weight has no order of its own.
  if (groups.includes(-1)) return undefined;
  let isPlain = true;
  for (let column = 0; column < groups.length; column++) {
    const group = groups[column]!;
    if (group < 0 || group >= scales.groups)
      throw new LoupeError(
        'malformed',
        `${span.name} says that column ${column} has the scales of group ${group}, but there are ${scales.groups} groups.`,
        { file: codes.file.path, tensor: span.name, byteOffset: span.byteOffset + 4 * column },
      );
    isPlain &&= group === Math.floor(column / scales.widthEach);
  }
  return isPlain ? undefined : Uint32Array.from(groups, (group) => 4 * group);
}
