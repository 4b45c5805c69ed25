/**
 * Quantized weights of ONNX graphs, as the nodes that take them say (onnx docs/Operators.md; onnxruntime
 * docs/ContribOperators.md): DequantizeLinear, and the contributed MatMulNBits, MatMulBnb4 and GatherBlockQuantized.
 * w = (code - zero point) * scale in float32. A weight whose scales the graph computes, or that does not fit them, stays
 * as it is stored.
 */
import type { TensorInfo, TensorSpan } from '../checkpoint';
import type { OperatorUse } from '../onnx/quantizedOperators';
import { type PackedWeight, scaleBytes, type ZeroPoints } from '../packedWeight';
import { type Folding, isLost, product, toSpan, wholeNumber } from './folding';
import { packedProblem } from './packedProblem';

interface Made {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: PackedWeight<TensorSpan>;
  readonly parts: readonly (readonly [role: string, tensor: TensorInfo | undefined])[];
}

type Find = (input: number) => TensorInfo | undefined;

const rules: ReadonlyMap<string, (find: Find, attributes: Attributes) => Made | undefined> = new Map([
  ['DequantizeLinear', dequantizeLinear],
  ['MatMulNBits', matMulNBits],
  ['MatMulBnb4', matMulBnb4],
  ['GatherBlockQuantized', gatherBlockQuantized],
]);

/** Folds the codes of each node with the scales and zero points that several nodes may share. */
export function foldOperators(folding: Folding, uses: readonly OperatorUse[]): void {
  for (const { operator, method, scope, inputs, weights, attributes } of uses) {
    const rule = rules.get(operator);
    const find = (input: number) => {
      const name = inputs[input];
      return name ? (folding.findShared(scope + name) ?? folding.findShared(name)) : undefined;
    };
    const codes = find(weights[0]!);
    if (!rule || !codes || folding.isTaken(codes)) continue;
    const made = rule(find, new Attributes(attributes));
    if (!made || packedProblem(made.values, product(made.shape)) !== undefined) continue;
    if (made.parts.some(([, tensor]) => tensor && isLost(tensor))) continue;
    const { shape, dtype, values } = made;
    // A piece that another weight has is read for this one too, but listed once.
    const parts = made.parts.filter(([, tensor]) => tensor === codes || (tensor && !folding.isTaken(tensor)));
    folding.fold({ name: codes.name, dtype, shape, layout: method, bits: values.bits, parts, values });
  }
}

/** A node's integers. */
class Attributes {
  constructor(private readonly values: ReadonlyMap<string, number>) {}

  /** A whole number from `least` on, the default where it is left out, or undefined. */
  size(name: string, least: number, otherwise?: number): number | undefined {
    return wholeNumber(this.values.get(name) ?? otherwise, least, 2 ** 40);
  }

  /** A dimension's index; negative ones count from the end. */
  axis(name: string, otherwise: number, rank: number): number | undefined {
    const axis = this.values.get(name) ?? otherwise;
    return wholeNumber(axis < 0 ? axis + rank : axis, 0, rank - 1);
  }
}

/** Codes that are numbers of a type: their bits and their sign. */
const codeTypes: ReadonlyMap<string, { bits: number; signed: boolean }> = new Map([
  ['I8', { bits: 8, signed: true }],
  ['U8', { bits: 8, signed: false }],
  ['I4', { bits: 4, signed: true }],
  ['U4', { bits: 4, signed: false }],
  ['I2', { bits: 2, signed: true }],
  ['U2', { bits: 2, signed: false }],
]);
const floatCodes: ReadonlySet<string> = new Set(['F8_E4M3', 'F8_E5M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ']);

type Grid = Pick<PackedWeight<TensorSpan>['scales'], 'groups' | 'widthEach' | 'linesEach' | 'matrixLines'> & {
  readonly lines: number;
  readonly width: number;
};

/** x, scale, zero point; a scale for all, one for each index of `axis`, or one for `block_size` along `axis`. */
function dequantizeLinear(find: Find, attributes: Attributes): Made | undefined {
  const codes = find(0);
  const scale = find(1);
  if (!codes || !scale) return undefined;
  const grid = linearGrid(codes.shape, scale.shape, attributes);
  return grid && typedCodes(codes, scale, find(2), grid);
}

function linearGrid(
  shape: readonly number[],
  scale: readonly number[],
  attributes: Attributes,
): Grid | undefined {
  const elements = product(shape);
  const whole = { matrixLines: 1, linesEach: 1 };
  if (product(scale) === 1)
    return { ...whole, lines: 1, width: elements, groups: 1, widthEach: Math.max(1, elements) };
  const axis = attributes.axis('axis', 1, shape.length);
  const block = attributes.size('block_size', 0, 0);
  if (axis === undefined || block === undefined) return undefined;
  const before = product(shape.slice(0, axis));
  const size = shape[axis]!;
  const behind = product(shape.slice(axis + 1));
  if (block > 0) return blockGrid(shape, scale, axis, block);
  if (scale.length !== 1 || scale[0] !== size) return undefined;
  if (before === 1)
    return {
      matrixLines: size,
      linesEach: 1,
      lines: size,
      width: behind,
      groups: 1,
      widthEach: Math.max(1, behind),
    };
  // Every row has the same scales, one for each column.
  if (behind === 1)
    return { matrixLines: before, linesEach: before, lines: before, width: size, groups: size, widthEach: 1 };
  return undefined;
}

/** Blocks along one of the last two dimensions. */
function blockGrid(
  shape: readonly number[],
  scale: readonly number[],
  axis: number,
  block: number,
): Grid | undefined {
  const fits =
    scale.length === shape.length &&
    scale.every((size, i) => size === (i === axis ? Math.ceil(shape[i]! / block) : shape[i]));
  const width = shape.at(-1)!;
  const lines = product(shape.slice(0, -1));
  if (!fits) return undefined;
  if (axis === shape.length - 1)
    return {
      matrixLines: Math.max(1, lines),
      linesEach: 1,
      lines,
      width,
      groups: scale.at(-1)!,
      widthEach: block,
    };
  if (axis !== shape.length - 2) return undefined;
  return {
    matrixLines: Math.max(1, shape[axis]!),
    linesEach: block,
    lines,
    width,
    groups: width,
    widthEach: 1,
  };
}

/** Codes of an ONNX type, which are not packed any further than the type is. */
function typedCodes(
  codes: TensorInfo,
  scale: TensorInfo,
  zero: TensorInfo | undefined,
  grid: Grid,
): Made | undefined {
  const { lines, width, ...cells } = grid;
  const integer = codeTypes.get(codes.dtype);
  const bits = integer?.bits ?? 8;
  if (!integer && !floatCodes.has(codes.dtype)) return undefined;
  // Codes follow each other without gaps: lines must begin on whole bytes.
  if (lines > 1 && (width * bits) % 8 !== 0) return undefined;
  if (!scaleBytes.has(scale.dtype)) return undefined;
  if (zero && (zero.dtype !== codes.dtype || product(zero.shape) !== product(scale.shape))) return undefined;
  const zeroPoints = (): ZeroPoints<TensorSpan> => {
    if (!zero) return { kind: 'constant', value: 0 };
    const span = toSpan(zero);
    if (bits === 8) return { kind: 'plain', span, dtype: zero.dtype, offset: 0 };
    return { kind: 'packed', span, bits, rowBits: cells.groups * bits, signed: integer!.signed };
  };
  return {
    shape: codes.shape,
    dtype: integer ? `INT${bits}` : codes.dtype,
    values: {
      codes: toSpan(codes),
      bits,
      lines,
      width,
      order: { kind: 'dense', strideBytes: Math.ceil((width * bits) / 8) },
      meaning: integer
        ? { kind: 'integer', signed: integer.signed, zeroPoints: zeroPoints() }
        : { kind: 'table', dtype: codes.dtype },
      scales: { span: toSpan(scale), dtype: scale.dtype, ...cells },
    },
    parts: [
      ['codes', codes],
      ['scales', scale],
      ['zero points', zero],
    ],
  };
}

/** A, B U8 [N, blocks, block_size * bits / 8], scales, zero points, g_idx: the transpose [N, K] of what is multiplied. */
function matMulNBits(find: Find, attributes: Attributes): Made | undefined {
  const [codes, scale, zero, order] = [find(1), find(2), find(3), find(4)];
  const bits = attributes.size('bits', 2, 4);
  const block = attributes.size('block_size', 1);
  const lines = attributes.size('N', 1);
  const width = attributes.size('K', 1);
  if (codes?.dtype !== 'U8' || !scale || !bits || !block || !lines || !width) return undefined;
  if (![2, 4, 8].includes(bits) || attributes.size('weight_prepacked', 0, 0) !== 0) return undefined;
  const groups = Math.ceil(width / block);
  const zeroPoints = packedZeros(zero, scale, bits, groups);
  return (
    zeroPoints && {
      shape: [lines, width],
      dtype: `INT${bits}`,
      values: {
        codes: toSpan(codes),
        bits,
        lines,
        width,
        order: { kind: 'dense', strideBytes: groups * Math.ceil((block * bits) / 8) },
        meaning: { kind: 'integer', zeroPoints },
        scales: {
          ...{ span: toSpan(scale), dtype: scale.dtype, groups, widthEach: block },
          ...{ linesEach: 1, matrixLines: lines },
        },
        ...(order ? { columnGroups: toSpan(order) } : {}),
      },
      parts: [
        ['codes', codes],
        ['scales', scale],
        ['zero points', zero],
        ['group of each column', order],
      ],
    }
  );
}

/** Packed in bytes with each row filled up, or of the scales' type; 2^(bits - 1) where there are none. */
function packedZeros(
  zero: TensorInfo | undefined,
  scale: TensorInfo,
  bits: number,
  groups: number,
): ZeroPoints<TensorSpan> | undefined {
  if (!zero) return { kind: 'constant', value: 2 ** (bits - 1) };
  const span = toSpan(zero);
  if (zero.dtype === 'U8')
    return { kind: 'packed', span, bits, rowBits: 8 * Math.ceil((groups * bits) / 8), signed: false };
  return zero.dtype === scale.dtype ? { kind: 'plain', span, dtype: zero.dtype, offset: 0 } : undefined;
}

/** A, B U8, absmax: bitsandbytes' order over [N, K], and its values of NF4 or FP4. */
function matMulBnb4(find: Find, attributes: Attributes): Made | undefined {
  const [codes, absmax] = [find(1), find(2)];
  const block = attributes.size('block_size', 1);
  const [rows, columns] = [attributes.size('N', 1), attributes.size('K', 1)];
  const kind = ['FP4', 'NF4'][attributes.size('quant_type', 0) ?? 2];
  if (codes?.dtype !== 'U8' || !absmax || !block || !rows || !columns || !kind) return undefined;
  const width = rows * columns;
  return {
    shape: [rows, columns],
    dtype: kind,
    values: {
      ...{ codes: toSpan(codes), bits: 4, lines: 1, width },
      order: { kind: 'upperFirst' },
      meaning: { kind: 'table', dtype: kind },
      scales: {
        ...{ span: toSpan(absmax), dtype: absmax.dtype, groups: Math.ceil(width / block), widthEach: block },
        ...{ linesEach: 1, matrixLines: 1 },
      },
    },
    parts: [
      ['codes', codes],
      ['block scales', absmax],
    ],
  };
}

/** data, indices, scales, zero points: blocks along `quantize_axis`; U8 data of 4 bits are packed along the last dimension. */
function gatherBlockQuantized(find: Find, attributes: Attributes): Made | undefined {
  const [codes, scale, zero] = [find(0), find(2), find(3)];
  const block = attributes.size('block_size', 1, 128);
  if (!codes || !scale || !block || codes.shape.length < 2) return undefined;
  const rank = codes.shape.length;
  const axis = attributes.axis('quantize_axis', 1, rank);
  if (axis === undefined) return undefined;
  if (codes.dtype !== 'U8') {
    const grid = blockGrid(codes.shape, scale.shape, axis, block);
    return grid && typedCodes(codes, scale, zero, grid);
  }
  const bits = attributes.size('bits', 2, 4);
  if ((bits !== 4 && bits !== 8 && bits !== 2) || axis !== rank - 1) return undefined;
  const shape = [...codes.shape.slice(0, -1), (codes.shape.at(-1)! * 8) / bits];
  const grid = blockGrid(shape, scale.shape, axis, block);
  const zeroPoints = grid && packedZeros(zero, scale, bits, grid.groups);
  if (!grid || !zeroPoints) return undefined;
  const { lines, width, ...cells } = grid;
  return {
    shape,
    dtype: `INT${bits}`,
    values: {
      ...{ codes: toSpan(codes), bits, lines, width },
      order: { kind: 'dense', strideBytes: codes.shape.at(-1)! },
      meaning: { kind: 'integer', zeroPoints },
      scales: { span: toSpan(scale), dtype: scale.dtype, ...cells },
    },
    parts: [
      ['codes', codes],
      ['scales', scale],
      ['zero points', zero],
    ],
  };
}
