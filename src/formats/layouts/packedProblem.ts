/** Checks a packed weight's pieces against its description before anything is read by it. */
import type { TensorSpan } from '../checkpoint';
import { quoteName } from '../fileContents';
import { gridRows, type PackedWeight, packedWords, scaleBytes } from '../packedWeight';

/** Columns that may have an order of their own: it is kept as a whole while the weight is read. */
const longestOrder = 2 ** 24;

/**
 * Why a weight cannot be read from its pieces, or undefined: every piece must have the very bytes that the description
 * reads, so that no reader looks beyond it.
 */
export function packedProblem(weight: PackedWeight<TensorSpan>, elements: number): string | undefined {
  const { codes, bits, lines, width, meaning, scales, columnGroups } = weight;
  if (lines * width !== elements) return `its codes make ${lines} x ${width} values, not ${elements}`;
  if (elements === 0) return undefined;
  const needs: (readonly [span: TensorSpan, bytes: number])[] = [[codes, codeBytes(weight)]];
  const { groups, widthEach, matrixLines, linesEach, global, nested } = scales;
  const each = nested ? 1 : scaleBytes.get(scales.dtype);
  if (each === undefined) return `its scales are ${scales.dtype}`;
  const isWhole = [groups, widthEach, linesEach, matrixLines].every(
    (size) => Number.isSafeInteger(size) && size >= 1,
  );
  if (!isWhole || lines % matrixLines !== 0) return 'its scales do not divide it';
  // With an order of its own any column may have any group.
  if (!columnGroups && groups !== Math.ceil(width / widthEach))
    return `${groups} scales of ${widthEach} values each do not cover ${width}`;
  const count = gridRows(scales, lines) * groups;
  needs.push([scales.span, count * each]);
  if (global) {
    if (global.span.dtype !== 'F32') return `its global scale is ${global.span.dtype}`;
    needs.push([global.span, 4]);
  }
  if (nested) {
    if (scales.span.dtype !== 'U8') return `its block scales are ${scales.span.dtype}, not codes`;
    if (nested.absmax.dtype !== 'F32' || nested.map.dtype !== 'F32')
      return 'its scales of scales are not F32';
    needs.push([nested.map, 1024], [nested.absmax, 4 * Math.ceil(count / nested.blockSize)]);
  }
  if (columnGroups) {
    if (columnGroups.dtype !== 'I32') return `its column order is ${columnGroups.dtype}`;
    if (width > longestOrder) return `it has a column order for ${width} columns`;
    needs.push([columnGroups, 4 * width]);
  }
  if (meaning.kind === 'stored') {
    if (meaning.values.dtype !== 'F32') return `its code values are ${meaning.values.dtype}`;
    needs.push([meaning.values, 64]);
  }
  if (meaning.kind === 'linear') {
    if (meaning.biases.dtype !== scales.dtype) return 'its biases have another type than its scales';
    needs.push([meaning.biases, count * each]);
  }
  if (meaning.kind === 'integer') {
    const zeros = meaning.zeroPoints;
    if (zeros.kind === 'plain') {
      const bytes = zeros.dtype === 'I8' || zeros.dtype === 'U8' ? 1 : scaleBytes.get(zeros.dtype);
      if (bytes === undefined) return `its zero points are ${zeros.dtype}`;
      needs.push([zeros.span, count * bytes]);
    }
    if (zeros.kind === 'packed')
      needs.push([zeros.span, Math.ceil((gridRows(scales, lines) * zeros.rowBits) / 8)]);
    if (zeros.kind === 'rows') needs.push([zeros.span, 4 * groups * packedWords(lines, bits, zeros.dense)]);
    if (zeros.kind === 'groups') needs.push([zeros.span, 4 * groups * packedWords(lines, bits, true)]);
  }
  for (const [{ name, bytes }, need] of needs)
    if (bytes !== need && !(name === codes.name && bytes > need))
      return `${quoteName(name)} has ${bytes} bytes, but ${need} are needed`;
  return undefined;
}

function codeBytes({ order, bits, lines, width }: PackedWeight<TensorSpan>): number {
  switch (order.kind) {
    case 'dense':
      return (lines - 1) * order.strideBytes + Math.ceil((width * bits) / 8);
    case 'words':
      return (lines - 1) * order.strideBytes + 4 * packedWords(width, bits, false);
    case 'upperFirst':
      return Math.ceil((lines * width) / 2);
    case 'down':
      return 4 * packedWords(width, bits, true) * lines;
    case 'across':
      return 4 * width * packedWords(lines, bits, true);
  }
}
