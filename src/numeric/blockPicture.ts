/**
 * How a value follows from the stored numbers of its block: ggml's types (ggml-common.h for the layouts, ggml-quants.c,
 * dequantize_row_*, for the arithmetic), read plainly from one block's bytes.
 */
import { float32Text } from './convertedNumber';
import { e8m0HalfValue, f16ToNumber, ue4m3HalfValue } from './floats';

export interface BlockPart {
  readonly name: 'scale' | 'group scale' | 'minimum' | 'group minimum' | 'code' | 'table' | 'zero point';
  readonly text: string;
}

/** One value of a block. */
export interface BlockPicture {
  /** The code's bits; undefined where a code is no whole number of bits, or one code gives several values. */
  readonly codeBits?: string | undefined;
  readonly parts: readonly BlockPart[];
  /** "d = 0.0123, code 7: (7 - 8) x 0.0123". */
  readonly text: string;
}

/** Reads value i of a block that begins at byte 0. */
type Explain = (view: DataView, i: number) => BlockPicture;

const f = Math.fround;
const bitsOf = (code: number, bits: number): string => code.toString(2).padStart(bits, '0');
const half = (view: DataView, at: number): number => f16ToNumber(view.getUint16(at, true));

/** code - offset, times a scale. */
function scaled(d: number, code: number, bits: number, offset: number, name = 'd'): BlockPicture {
  const text = float32Text(d);
  const factor = offset === 0 ? String(code) : `(${code} - ${offset})`;
  return {
    codeBits: bitsOf(code & (2 ** bits - 1), bits),
    parts: [
      { name: 'scale', text: `${name} = ${text}` },
      { name: 'code', text: String(code) },
    ],
    text: `${name} = ${text}, code ${code}: ${factor} × ${text}`,
  };
}

function withMinimum(d: number, m: number, code: number, bits: number): BlockPicture {
  const [scale, minimum] = [float32Text(d), float32Text(m)];
  return {
    codeBits: bitsOf(code, bits),
    parts: [
      { name: 'scale', text: `d = ${scale}` },
      { name: 'minimum', text: `m = ${minimum}` },
      { name: 'code', text: String(code) },
    ],
    text: `d = ${scale}, m = ${minimum}, code ${code}: ${code} × ${scale} + ${minimum}`,
  };
}

/** A block's scale times the group's whole number, times the code less an offset. */
function inGroups(d: number, group: number, code: number, bits: number, offset: number): BlockPicture {
  const [block, scale] = [float32Text(d), float32Text(f(d * group))];
  const factor = offset === 0 ? String(code) : `(${code} - ${offset})`;
  return {
    codeBits: bitsOf(code, bits),
    parts: [
      { name: 'scale', text: `d = ${block}` },
      { name: 'group scale', text: `${group} × d = ${scale}` },
      { name: 'code', text: String(code) },
    ],
    text: `d = ${block}, group scale ${group}, code ${code}: ${factor} × ${scale}`,
  };
}

function inGroupsWithMinimum(
  d: number,
  dmin: number,
  [group, least]: readonly [number, number],
  code: number,
  bits: number,
): BlockPicture {
  const [scale, minimum] = [float32Text(f(d * group)), float32Text(f(dmin * least))];
  return {
    codeBits: bitsOf(code, bits),
    parts: [
      { name: 'scale', text: `d = ${float32Text(d)}` },
      { name: 'minimum', text: `dmin = ${float32Text(dmin)}` },
      { name: 'group scale', text: `${group} × d = ${scale}` },
      { name: 'group minimum', text: `${least} × dmin = ${minimum}` },
      { name: 'code', text: String(code) },
    ],
    text: `d = ${float32Text(d)}, dmin = ${float32Text(dmin)}, group scale ${group} and minimum ${least}, code ${code}: ${code} × ${scale} - ${minimum}`,
  };
}

/** A code that stands for a value of a table. */
function fromTable(scale: number, code: number, entry: number, note: string): BlockPicture {
  const text = float32Text(scale);
  return {
    codeBits: bitsOf(code, 4),
    parts: [
      { name: 'scale', text: `${note} = ${text}` },
      { name: 'code', text: String(code) },
      { name: 'table', text: `entry ${code} is ${entry}` },
    ],
    text: `${note} = ${text}, code ${code} stands for ${entry}: ${entry} × ${text}`,
  };
}

/** Sixteen bytes hold 32 nibbles, the low ones first. */
const nibble32 = (view: DataView, at: number, i: number): number =>
  (view.getUint8(at + (i % 16)) >> (i < 16 ? 0 : 4)) & 15;
const fifthBit = (view: DataView, at: number, i: number): number =>
  ((view.getUint32(at, true) >>> i) & 1) << 4;
/** 128 values share 32 bytes, one 32 of them for each pair of bits. */
const pairOf = (view: DataView, at: number, i: number): number =>
  (view.getUint8(at + 32 * (i >> 7) + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;
/** 64 values share 32 bytes, the first 32 in the low halves. */
const nibble64 = (view: DataView, at: number, i: number): number =>
  (view.getUint8(at + 32 * (i >> 6) + (i & 31)) >> (4 * ((i >> 5) & 1))) & 15;

/** Six-bit scale and minimum of group 0..7. */
function sixBitPair(view: DataView, at: number, group: number): [number, number] {
  const byte = (i: number) => view.getUint8(at + i);
  if (group < 4) return [byte(group) & 63, byte(group + 4) & 63];
  return [
    (byte(group + 4) & 15) | ((byte(group - 4) >> 6) << 4),
    (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4),
  ];
}

/** kvalues_iq4nl of ggml-common.h. */
const iq4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/** E2M1 (OCP Microscaling Formats 1.0, 5.3.3); ggml takes the pattern of -0 for 0. */
const fp4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6];

const explains: Readonly<Record<string, Explain>> = {
  Q8_0: (view, i) => scaled(half(view, 0), view.getInt8(2 + i), 8, 0),
  Q4_0: (view, i) => scaled(half(view, 0), nibble32(view, 2, i), 4, 8),
  Q4_1: (view, i) => withMinimum(half(view, 0), half(view, 2), nibble32(view, 4, i), 4),
  Q5_0: (view, i) => scaled(half(view, 0), nibble32(view, 6, i) | fifthBit(view, 2, i), 5, 16),
  Q5_1: (view, i) =>
    withMinimum(half(view, 0), half(view, 2), nibble32(view, 8, i) | fifthBit(view, 4, i), 5),
  Q8_1: (view, i) => scaled(half(view, 0), view.getInt8(4 + i), 8, 0),
  Q2_K: (view, i) => {
    const group = view.getUint8(i >> 4);
    return inGroupsWithMinimum(
      half(view, 80),
      half(view, 82),
      [group & 15, group >> 4],
      pairOf(view, 16, i),
      2,
    );
  },
  Q3_K: (view, i) => {
    const group = i >> 4;
    const low = (view.getUint8(96 + (group & 7)) >> (group < 8 ? 0 : 4)) & 15;
    const high = (view.getUint8(104 + (group & 3)) >> (2 * (group >> 2))) & 3;
    const upper = (view.getUint8(i & 31) >> (i >> 5)) & 1;
    return inGroups(half(view, 108), (low | (high << 4)) - 32, pairOf(view, 32, i) + 4 * upper, 3, 4);
  },
  Q4_K: (view, i) =>
    inGroupsWithMinimum(half(view, 0), half(view, 2), sixBitPair(view, 4, i >> 5), nibble64(view, 16, i), 4),
  Q5_K: (view, i) => {
    const high = (view.getUint8(16 + (i & 31)) >> (i >> 5)) & 1;
    const code = nibble64(view, 48, i) + 16 * high;
    return inGroupsWithMinimum(half(view, 0), half(view, 2), sixBitPair(view, 4, i >> 5), code, 5);
  },
  Q6_K: (view, i) => {
    const [part, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = (view.getUint8(64 * part + 32 * (quarter & 1) + l) >> (quarter < 2 ? 0 : 4)) & 15;
    const high = (view.getUint8(128 + 32 * part + l) >> (2 * quarter)) & 3;
    return inGroups(half(view, 208), view.getInt8(192 + (i >> 4)), low | (high << 4), 6, 32);
  },
  Q8_K: (view, i) => scaled(view.getFloat32(0, true), view.getInt8(4 + i), 8, 0),
  IQ4_NL: (view, i) => {
    const code = nibble32(view, 2, i);
    return fromTable(half(view, 0), code, iq4[code]!, 'd');
  },
  IQ4_XS: (view, i) => {
    const group = i >> 5;
    const low = (view.getUint8(4 + (group >> 1)) >> (4 * (group & 1))) & 15;
    const high = (view.getUint16(2, true) >> (2 * group)) & 3;
    const code = nibble32(view, 8 + 16 * group, i & 31);
    const scale = (low | (high << 4)) - 32;
    return fromTable(f(half(view, 0) * scale), code, iq4[code]!, `${scale} × d`);
  },
  MXFP4: (view, i) => {
    const code = nibble32(view, 1, i);
    return fromTable(2 * e8m0HalfValue(view.getUint8(0)), code, fp4[code]!, 'scale');
  },
  NVFP4: (view, i) => {
    const group = i >> 4;
    const code = (view.getUint8(4 + 8 * group + (i & 7)) >> ((i & 15) < 8 ? 0 : 4)) & 15;
    return fromTable(2 * ue4m3HalfValue(view.getUint8(group)), code, fp4[code]!, 'scale');
  },
  TQ1_0: (view, i) => {
    const [byte, n] =
      i < 160
        ? [i & 31, i >> 5]
        : i < 240
          ? [32 + ((i - 160) & 15), (i - 160) >> 4]
          : [48 + (i & 3), (i - 240) >> 2];
    // Five digits of base 3 in a byte, as a fraction of 256: times 3^n brings digit n to the front.
    const digit = (((view.getUint8(byte) * 3 ** n) & 255) * 3) >> 8;
    return { ...scaled(half(view, 52), digit, 2, 1), codeBits: undefined };
  },
  TQ2_0: (view, i) => scaled(half(view, 64), pairOf(view, 0, i), 2, 1),
  Q1_0: (view, i) => {
    const code = (view.getUint8(2 + (i >> 3)) >> (i & 7)) & 1;
    const d = float32Text(half(view, 0));
    return {
      codeBits: String(code),
      parts: [
        { name: 'scale', text: `d = ${d}` },
        { name: 'code', text: String(code) },
      ],
      text: `d = ${d}, code ${code} stands for ${code === 1 ? 'd' : '-d'}`,
    };
  },
  Q2_0: (view, i) => scaled(half(view, 0), (view.getUint8(2 + (i >> 2)) >> (2 * (i & 3))) & 3, 2, 1),
};

/** Where the float16 scale of a type over a lattice lies. IQ1_M has it in the upper bits of four words. */
const latticeScale: Readonly<Record<string, (view: DataView) => number>> = {
  IQ1_M: (view) => {
    const word = (i: number) => view.getUint16(48 + 2 * i, true) >> 12;
    return f16ToNumber(word(0) | (word(1) << 4) | (word(2) << 8) | (word(3) << 12));
  },
};

/** Value `position` of the block in `bytes`; undefined for a type that has no blocks. */
export function blockPicture(dtype: string, bytes: Uint8Array, position: number): BlockPicture | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const explain = Object.hasOwn(explains, dtype) ? explains[dtype] : undefined;
  if (explain) return explain(view, position);
  if (!dtype.startsWith('IQ')) return undefined;
  const d = float32Text((latticeScale[dtype] ?? ((block: DataView) => half(block, 0)))(view));
  // One code stands for a point of a lattice, that is for eight or four values at once.
  return {
    parts: [{ name: 'scale', text: `d = ${d}` }],
    text: `d = ${d}; values are points of a lattice, eight or four at once, times d and a group's scale`,
  };
}
