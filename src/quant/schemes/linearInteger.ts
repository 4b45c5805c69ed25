/** Linear integers of 2 to 8 bits, symmetric and asymmetric. Formulas are at `absmaxCode` and `zeropointCode`. */
import { roundHalfEven, roundToDtype } from '../../numeric/floats';
import { clipErrors, clipShrinks, leastErrorShrink, shrinkOf } from '../clipSearch';
import { refineZero } from '../halfQuadratic';
import type { LinearCode, QuantParameters } from '../linearCode';
import { floatBytes, packColumns, packRows, piece, shapeBytes } from '../packing';
import { remembering } from '../remembering';
import type { Band, Chunk, Encoding, Knowledge, Piece, Scheme, Setting, StoredForm, Survey } from '../scheme';
import { columnExtremes, extremes } from '../surveys';

export const blockSizes = [128, 16, 32, 64, 256, 512, 1024, 2048, 4096] as const;

/** The scheme of a linear code. */
export function linearInteger(code: LinearCode): Scheme {
  const { bits, symmetric } = code;
  return {
    name: code.name,
    label: `INT${bits} ${symmetric ? 'absmax' : 'zero-point'}`,
    detail: symmetric
      ? `scale = max|x| / ${code.high - 2 ** (bits - 1)}. Zero stays zero${bits === 8 ? '; the form that most engines run fastest' : ''}.`
      : `scale = (max - min) / ${code.high}, with a zero point. Better where values lie to one side of zero.`,
    family: 'integer',
    scope: 'linear',
    options: {
      granularities: ['row', 'tensor', 'column', 'block'],
      blockSizes,
      clips: symmetric ? ['none', 'mse'] : ['none', 'mse', 'hqq'],
      scaleDtypes: ['F32', 'BF16', 'F16'],
    },
    encoding: (setting) => encodingOf(code, setting),
    stored: (setting) => storedForm(code, setting),
  };
}

/** Why a width or granularity is not written: layouts.md, section 1, on what vLLM loads. */
function storedForm({ bits, symmetric }: LinearCode, { choice, columns }: Setting): StoredForm {
  const none = (reason: string): StoredForm => ({ layout: 'none', reason });
  if (bits !== 4 && bits !== 8)
    return none(`vLLM loads integers of 4 and 8 bits, and other widths are packed differently by version.`);
  if (choice.clip === 'hqq') return none('Half-quadratic zero points are no integers, as the layout needs.');
  if (choice.granularity === 'column') return none('compressed-tensors has no scales for input columns.');
  const grouped = choice.granularity === 'block';
  if (grouped && columns % choice.blockSize !== 0)
    return none(`${columns} columns do not divide into groups of ${choice.blockSize}.`);
  return {
    layout: 'compressed-tensors',
    format: 'pack-quantized',
    weights: {
      num_bits: bits,
      type: 'int',
      symmetric,
      strategy: grouped ? 'group' : 'channel',
      ...(grouped ? { group_size: choice.blockSize } : {}),
      dynamic: false,
    },
  };
}

/** Columns that share a scale within a row. */
export function groupWidth({ choice, columns }: Setting): number {
  return choice.granularity === 'block' ? Math.min(choice.blockSize, columns) : columns;
}

function piecesOf(code: LinearCode, setting: Setting): readonly Piece[] {
  const { rows, columns, choice, scaleDtype } = setting;
  const byColumn = choice.granularity === 'column';
  const scaleShape = byColumn ? [1, columns] : [rows, Math.ceil(columns / groupWidth(setting))];
  const pieces = [
    piece('_packed', 'I32', [rows, Math.ceil((columns * code.bits) / 32)]),
    piece('_scale', scaleDtype, scaleShape),
    piece('_shape', 'I64', [2]),
  ];
  if (choice.clip === 'hqq') pieces.push(piece('_zero', scaleDtype, scaleShape));
  else if (!code.symmetric) {
    const [count, groups] = scaleShape as [number, number];
    pieces.push(piece('_zero_point', 'I32', [Math.ceil((count * code.bits) / 32), groups]));
  }
  return pieces;
}

/** Rows whose packed zero points fill whole words. */
const rowsPerWord: Readonly<Record<number, number>> = { 8: 4, 7: 32, 6: 16, 5: 32, 4: 8, 3: 32, 2: 16 };

/** Parameters that all bands share: one, or one a column. */
export function sharedParametersOf(
  code: LinearCode,
  { choice, scaleDtype }: Setting,
): (known: Knowledge) => readonly QuantParameters[] {
  return remembering((known: Knowledge): QuantParameters[] => {
    // A pruning's surveys come before these.
    const [ranges, errors] = choice.clip === 'mse' ? known.slice(-2) : known.slice(-1);
    const count = ranges!.length / 2;
    return Array.from({ length: count }, (_, i) =>
      code.parameters(
        ranges![i]!,
        ranges![count + i]!,
        scaleDtype,
        errors ? shrinkOf(errors.subarray(i * clipShrinks.length, (i + 1) * clipShrinks.length)) : 1,
      ),
    );
  });
}

function encodingOf(code: LinearCode, setting: Setting): Encoding {
  const { rows, columns, choice, scaleDtype } = setting;
  const { bits } = code;
  const { granularity, clip } = choice;
  const width = groupWidth(setting);
  const groups = Math.ceil(columns / width);
  const shared = granularity === 'tensor' || granularity === 'column';
  const floatZero = clip === 'hqq';
  const packedZero = !code.symmetric && !floatZero;

  const sharedParameters = sharedParametersOf(code, setting);
  const columnTables = remembering(tablesOf);
  const surveys: Survey[] = [];
  if (shared) {
    surveys.push(granularity === 'tensor' ? extremes : columnExtremes(columns));
    if (clip === 'mse') surveys.push(clipErrors(code, scaleDtype, granularity === 'tensor' ? 1 : columns));
  }

  const ownParameters = (values: Float32Array): QuantParameters => {
    let [low, high] = [values[0]!, values[0]!];
    for (let i = 1; i < values.length; i++) {
      const value = values[i]!;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (clip === 'none') return code.parameters(low, high, scaleDtype);
    if (clip === 'mse')
      return code.parameters(low, high, scaleDtype, leastErrorShrink(code, values, low, high, scaleDtype));
    const start = code.parameters(low, high, scaleDtype);
    return { ...start, zero: roundToDtype(refineZero(code, values, start), scaleDtype) };
  };

  function encode({ first, values }: Band, known: Knowledge) {
    const height = values.length / columns;
    const codes = new Uint8Array(values.length);
    const dequantized = new Float32Array(values.length);
    const scales = new Float32Array(height * groups);
    const zeros = new Float32Array(height * groups);
    const common = shared ? sharedParameters(known) : [];
    const target = { code, floatZero, values, codes, dequantized };
    if (granularity === 'column') encodeColumns(target, columnTables(common));
    else {
      for (let group = 0, at = 0; at < values.length; group++) {
        const end = Math.min(at + width, at - (at % columns) + columns);
        const own = common[0] ?? ownParameters(values.subarray(at, end));
        scales[group] = own.scale;
        zeros[group] = own.zero;
        encodeRun(target, at, end, own);
        at = end;
      }
    }
    const row = first / columns;
    const chunks = (): Chunk[] => {
      const stride = 4 * Math.ceil((columns * bits) / 32);
      const result: Chunk[] = [
        { suffix: '_packed', byteOffset: row * stride, bytes: packRows(codes, columns, bits) },
      ];
      if (shared) return result;
      const put = (suffix: string, bytes: Uint8Array, byteOffset: number) =>
        result.push({ suffix, byteOffset, bytes });
      const scaleBytes = (scaleDtype === 'F32' ? 4 : 2) * row * groups;
      put('_scale', floatBytes(scales, scaleDtype), scaleBytes);
      if (floatZero) put('_zero', floatBytes(zeros, scaleDtype), scaleBytes);
      if (packedZero) {
        const packed = packColumns(Uint8Array.from(zeros), groups, bits);
        put('_zero_point', packed, ((row * bits) / 32) * 4 * groups);
      }
      return result;
    };
    const scaleAt = (index: number) => {
      const column = index % columns;
      if (granularity === 'column') return common[column];
      const group = Math.floor(index / columns) * groups + Math.floor(column / width);
      return { scale: scales[group]!, zero: zeros[group]! };
    };
    return { codes, dequantized, scaleAt, chunks };
  }

  return {
    to: `INT${bits}`,
    unit: (packedZero && !shared ? rowsPerWord[bits]! : 1) * columns,
    valueUnit: columns,
    surveys,
    pieces: () => piecesOf(code, setting),
    encode,
    wholePieces(known) {
      const chunks: Chunk[] = [{ suffix: '_shape', byteOffset: 0, bytes: shapeBytes(rows, columns) }];
      if (!shared) return chunks;
      const common = sharedParameters(known);
      // One scale for a tensor is written for every row: the layout's loaders know scales of rows and of groups.
      const all = granularity === 'tensor' ? new Array<QuantParameters>(rows).fill(common[0]!) : common;
      const scales = floatBytes(
        all.map(({ scale }) => scale),
        scaleDtype,
      );
      chunks.push({ suffix: '_scale', byteOffset: 0, bytes: scales });
      if (packedZero) {
        const zeros = Uint8Array.from(all, ({ zero }) => zero);
        const bytes = packColumns(zeros, granularity === 'tensor' ? 1 : columns, bits);
        chunks.push({ suffix: '_zero_point', byteOffset: 0, bytes });
      }
      return chunks;
    },
  };
}

/** Values and where their codes and dequantized values go. */
interface Target {
  readonly code: LinearCode;
  readonly floatZero: boolean;
  readonly values: Float32Array;
  readonly codes: Uint8Array;
  readonly dequantized: Float32Array;
}

/** u = clamp(rne(x * inverse) + zero); with a zero that is no integer it is added before rounding. */
function encodeRun(target: Target, start: number, end: number, own: QuantParameters): void {
  const { values, codes, dequantized, floatZero } = target;
  const { low, high } = target.code;
  const { scale, inverse, zero } = own;
  for (let i = start; i < end; i++) {
    const scaled = Math.fround(values[i]! * inverse);
    let u = floatZero ? roundHalfEven(Math.fround(scaled + zero)) : roundHalfEven(scaled) + zero;
    if (u < low) u = low;
    else if (u > high) u = high;
    codes[i] = u;
    dequantized[i] = Math.fround(u - zero) * scale;
  }
}

/** Parameters of columns as tables, which are read faster than objects. */
export interface ColumnTables {
  readonly inverses: Float32Array;
  readonly zeros: Float32Array;
  readonly scales: Float32Array;
}

export function tablesOf(parameters: readonly QuantParameters[]): ColumnTables {
  return {
    inverses: Float32Array.from(parameters, ({ inverse }) => inverse),
    zeros: Float32Array.from(parameters, ({ zero }) => zero),
    scales: Float32Array.from(parameters, ({ scale }) => scale),
  };
}

/** The same with parameters for each column, for whole rows. */
function encodeColumns(
  { code, values, codes, dequantized }: Target,
  { inverses, zeros, scales }: ColumnTables,
): void {
  const { low, high } = code;
  const columns = scales.length;
  for (let i = 0, column = 0; i < values.length; i++) {
    let u = roundHalfEven(Math.fround(values[i]! * inverses[column]!)) + zeros[column]!;
    if (u < low) u = low;
    else if (u > high) u = high;
    codes[i] = u;
    dequantized[i] = (u - zeros[column]!) * scales[column]!;
    if (++column === columns) column = 0;
  }
}
