/**
 * compressed-tensors' `pack-quantized` layout (vllm-project/compressed-tensors, compressors/pack_quantized):
 * X.weight_packed I32 [N, ceil(K * bits / 32)], X.weight_scale, X.weight_shape I64 [2] and, when asymmetric,
 * X.weight_zero_point, packed along the rows, and X.weight_g_idx. w = (code - zero point) * scale; its loader computes in
 * the scales' type, ours are the values in float32. Codes are offset by 2^(bits - 1). Versions up to 0.17 packed whole
 * codes in each word, later ones densely: the same for 2, 4 and 8 bits, and told apart by the width for others.
 */
import type { TensorInfo, TensorSpan } from '../checkpoint';
import { quoteName } from '../fileContents';
import { asRecord } from '../jsonSidecar';
import { type PackedWeight, packedWords, type ZeroPoints } from '../packedWeight';
import { type Folding, product, toSpan, wholeNumber } from './folding';

/** Bit widths that a short row may mean when config.json names none, the likeliest first. */
const likelyBits = [8, 4, 2, 3, 6, 5, 7] as const;
const scaleDtypes = new Set(['F32', 'F16', 'BF16']);

/** The stored tensors of one weight, before they are checked against each other. */
interface Candidate {
  readonly name: string;
  readonly packed: TensorInfo;
  readonly scale: TensorInfo;
  readonly shape: TensorInfo;
  readonly zeroPoint: TensorInfo | undefined;
  readonly order: TensorInfo | undefined;
}

/** Reads the X.weight_shape tensors, 16 bytes each. Pieces that do not fit together stay as stored, with a warning. */
export async function foldPackQuantized(folding: Folding): Promise<void> {
  const candidates: Candidate[] = [];
  for (const { tensor } of folding.ending('.weight_packed')) {
    if (tensor.dtype !== 'I32') continue;
    const found = findPieces(tensor, folding);
    if (typeof found === 'string') folding.warn(tensor, found);
    else candidates.push(found);
  }
  const shapes = await folding.readSpans(candidates.map(({ shape }) => shape));
  const expectedBits = configuredBits(folding.quantization);
  for (const [i, candidate] of candidates.entries()) {
    const problem = fold(candidate, shapes[i]!, expectedBits, folding);
    if (problem !== undefined) folding.warn(candidate.packed, problem);
  }
}

/** The other pieces by name, or why they do not make a weight. */
function findPieces(packed: TensorInfo, folding: Folding): Candidate | string {
  const name = packed.name.slice(0, -'_packed'.length);
  const scale = folding.find(`${name}_scale`);
  const shape = folding.find(`${name}_shape`);
  const zeroPoint = folding.find(`${name}_zero_point`);
  if (!scale) return 'its weight_scale is missing';
  if (!shape) return 'its weight_shape is missing';
  if (folding.find(name)) return 'there is an unpacked weight of the same name';
  if (shape.dtype !== 'I64' || shape.shape.length !== 1 || shape.shape[0] !== 2)
    return 'its weight_shape is not two I64 values';
  for (const piece of [packed, scale, shape, zeroPoint])
    if (piece?.unreadable !== undefined) return `${quoteName(piece.name)} cannot be read`;
  return { name, packed, scale, shape, zeroPoint, order: folding.find(`${name}_g_idx`) };
}

/** Folds the weight, or says why the pieces do not fit. */
function fold(
  candidate: Candidate,
  shapeBytes: Uint8Array,
  expectedBits: number | undefined,
  folding: Folding,
): string | undefined {
  const { name, packed, scale, shape, zeroPoint, order } = candidate;
  const view = new DataView(shapeBytes.buffer, shapeBytes.byteOffset, 16);
  const rows64 = view.getBigInt64(0, true);
  const columns64 = view.getBigInt64(8, true);
  const [rows, width] = packed.shape;
  if (packed.shape.length !== 2 || rows === undefined || width === undefined)
    return 'its packed codes are no matrix';
  if (rows64 !== BigInt(rows)) return `its weight_shape says ${rows64} rows, but ${rows} are stored`;
  // No width of up to 32 codes a word can hold more columns.
  if (columns64 < 1n || columns64 > BigInt(width) * 32n)
    return `its weight_shape says ${columns64} columns, which ${width} words a row cannot hold`;
  const columns = Number(columns64);
  const bits = chooseBits(columns, width, expectedBits);
  if (bits === undefined) return `${columns} columns in ${width} words a row are codes of no known width`;
  const scaleProblem = checkScale(scale, rows, columns);
  if (scaleProblem !== undefined) return scaleProblem;
  // One version packed both: where one width leaves it open, the other's may tell.
  const zeroWords = zeroPoint?.dtype === 'I32' ? zeroPoint.shape[0] : undefined;
  const isDense =
    packedWords(columns, bits, true) === width &&
    (packedWords(columns, bits, false) !== width ||
      zeroWords === undefined ||
      packedWords(rows, bits, true) === zeroWords);
  const zeroPoints = zeroPointsOf(zeroPoint, scale, rows, bits, isDense);
  if (typeof zeroPoints === 'string') return zeroPoints;
  folding.fold({
    name,
    dtype: `INT${bits}`,
    shape: [rows, columns],
    layout: 'pack-quantized',
    bits,
    parts: [
      ['codes', packed],
      ['scales', scale],
      ['zero points', zeroPoint],
      ['column order', order],
      ['shape', shape],
    ],
    values: {
      codes: toSpan(packed),
      bits,
      lines: rows,
      width: columns,
      order: { kind: isDense ? 'dense' : 'words', strideBytes: 4 * width },
      meaning: { kind: 'integer', zeroPoints },
      scales: gridOf(scale, rows, columns),
      ...(order ? { columnGroups: toSpan(order) } : {}),
    },
  });
  return undefined;
}

/** Packed along the rows in a grid of scales; one plain number where there is one scale. */
function zeroPointsOf(
  zeroPoint: TensorInfo | undefined,
  scale: TensorInfo,
  rows: number,
  bits: number,
  isDense: boolean,
): ZeroPoints<PackedWeight<TensorSpan>['codes']> | string {
  const offset = 2 ** (bits - 1);
  if (!zeroPoint) return { kind: 'constant', value: offset };
  const span = toSpan(zeroPoint);
  if (zeroPoint.dtype === 'I8' && zeroPoint.shape.join() === scale.shape.join())
    return { kind: 'plain', span, dtype: 'I8', offset };
  const groups = scale.shape[1];
  if (groups === undefined) return 'it has zero points, but only one scale for all rows';
  const widths = packedWidths(rows, bits);
  const fits = (each: number) => zeroPoint.shape.join() === [each, groups].join();
  if (zeroPoint.dtype !== 'I32' || !widths.some(fits))
    return `its weight_zero_point should be I32 [${widths[0]}, ${groups}]`;
  return { kind: 'rows', span, dense: fits(widths[isDense ? 0 : 1]!) === isDense };
}

function gridOf(scale: TensorInfo, rows: number, columns: number): PackedWeight<TensorSpan>['scales'] {
  const single = product(scale.shape) === 1;
  const groups = single ? 1 : scale.shape[1]!;
  return {
    span: toSpan(scale),
    dtype: scale.dtype,
    groups,
    widthEach: Math.ceil(columns / groups),
    linesEach: single ? Math.max(1, rows) : 1,
    matrixLines: Math.max(1, rows),
  };
}

function checkScale(scale: TensorInfo, rows: number, columns: number): string | undefined {
  if (!scaleDtypes.has(scale.dtype)) return `its scales are ${scale.dtype}`;
  if (scale.shape.length === 1 && scale.shape[0] === 1) return undefined;
  const groups = scale.shape[1];
  if (scale.shape.length !== 2 || scale.shape[0] !== rows || groups === undefined)
    return `its scales are shaped [${scale.shape.join(', ')}] for ${rows} rows`;
  if (groups < 1 || columns % groups !== 0) return `${columns} columns do not divide into ${groups} groups`;
  return undefined;
}

/** Words that `count` codes take: dense, and as versions up to 0.17 wrote 3, 5, 6 and 7 bits, whole codes a word. */
const packedWidths = (count: number, bits: number): number[] => [
  packedWords(count, bits, true),
  packedWords(count, bits, false),
];

/** The code width in bits that `columns` codes in `width` words mean. */
function chooseBits(columns: number, width: number, expected: number | undefined): number | undefined {
  const fits = (bits: number) => packedWidths(columns, bits).includes(width);
  if (expected !== undefined && fits(expected)) return expected;
  return likelyBits.find(fits);
}

/** num_bits of the config's groups when all agree. */
function configuredBits(quantization: Readonly<Record<string, unknown>> | undefined): number | undefined {
  const groups = asRecord(quantization?.config_groups);
  const widths = new Set(
    Object.values(groups ?? {}).map((group) => asRecord(asRecord(group)?.weights)?.num_bits),
  );
  const [only] = widths;
  return widths.size === 1 ? wholeNumber(only, 2, 8) : undefined;
}
