/**
 * Encodes the weights of ONNX graphs. Values come and go in the order in which the graph stores them, so that pictures and
 * errors need not know of it; the bytes written are in the operators' layouts.
 */
import { piece } from '../packing';
import {
  type Band,
  type Chunk,
  type EncodedBand,
  type Encoding,
  type Knowledge,
  noChunks,
  type Piece,
  type Setting,
} from '../scheme';
import { schemeNamed } from '../schemes';
import { blocksPerByte, type OnnxForm, onnxForm, storedChoice } from './onnxForm';

type FormOf<K extends OnnxForm['kind']> = Extract<OnnxForm, { kind: K }>;

/** How a band is encoded by a scheme on a plain matrix: by its own code, or by a kernel with the same bits. */
export type PlainEncode = (setting: Setting, encoding: Encoding) => Encoding['encode'];
const byPlainCode: PlainEncode = (_, { encode }) => encode;

/** The encoding of a setting with a place in a graph, before pruning and the form of the output. */
export function graphEncoding(setting: Setting, plainEncode = byPlainCode): Encoding {
  const { choice, graph } = setting;
  const scheme = schemeNamed(choice.scheme);
  const asStored = { ...setting, choice: storedChoice(setting), graph: undefined };
  // Blocks run along the input channels, which are the first dimension of MatMul's B.
  const isBlocks = scheme.family === 'integer' || (scheme.family === 'codebook' && !choice.doubleQuant);
  const across = graph?.outputAxis === 1 && choice.granularity === 'block' && isBlocks;
  const form = onnxForm(setting);
  if (across) return acrossRows(setting, form, plainEncode);
  const plain = scheme.encoding(asStored);
  const inner = { ...plain, encode: plainEncode(asStored, plain) };
  return form.kind === 'qdq' ? qdqEncoding(inner, asStored, form) : inner;
}

/** Bands of whole blocks of all columns, encoded in their transpose. */
function acrossRows(setting: Setting, form: OnnxForm, plainEncode: PlainEncode): Encoding {
  const { rows, columns, choice } = setting;
  const { blockSize } = choice;
  const scheme = schemeNamed(choice.scheme);
  const plain = { ...setting, graph: undefined, rows: columns };
  const step = form.kind === 'nbits' ? blocksPerByte(form.bits, form.symmetric) : 1;
  // Larger bands make fewer and longer runs of bytes.
  const steps = Math.max(1, Math.floor(bandValues / (columns * blockSize * step)));
  const { to } = scheme.encoding({ ...plain, columns: rows });
  const encode = ({ first, values }: Band, known: Knowledge): EncodedBand => {
    const height = values.length / columns;
    const turned = { ...plain, columns: height };
    const encode = plainEncode(turned, scheme.encoding(turned));
    const encoded = encode({ first: 0, values: transposed(values, columns) }, known);
    const { codes, dequantized } = encoded;
    const band: TransposedBand = { setting, block: first / columns / blockSize, height, encoded };
    return {
      codes: codes && transposed(codes, height),
      dequantized: transposed(dequantized, height),
      chunks: () => {
        if (form.kind === 'nbits') return nbitsChunks(band, form);
        return form.kind === 'bnb4' ? bnb4Chunks(band) : [];
      },
    };
  };
  return {
    to,
    unit: columns * blockSize * step * steps,
    valueUnit: columns * blockSize,
    surveys: [],
    pieces: () => {
      if (form.kind === 'nbits') return nbitsPieces(setting, form);
      if (form.kind === 'bnb4') return bnb4Pieces(setting);
      // Nothing holds it; its size is that of its own layout.
      return scheme.encoding({ ...plain, columns: rows }).pieces();
    },
    encode,
    wholePieces: noChunks,
  };
}

const bandValues = 2 ** 20;

/** Some rows of the stored matrix [K, N], encoded as [N, height]. */
interface TransposedBand {
  readonly setting: Setting;
  /** The first block along K. */
  readonly block: number;
  readonly height: number;
  readonly encoded: EncodedBand;
}

/** A matrix of rows of `columns` values, by columns. */
function transposed<T extends Float32Array | Uint8Array>(values: T, columns: number): T {
  const rows = values.length / columns;
  const result = new (values.constructor as new (length: number) => T)(values.length);
  // In tiles, which stay in the first-level cache.
  const side = 32;
  for (let row0 = 0; row0 < rows; row0 += side) {
    const row1 = Math.min(rows, row0 + side);
    for (let column0 = 0; column0 < columns; column0 += side) {
      const column1 = Math.min(columns, column0 + side);
      for (let row = row0; row < row1; row++)
        for (let column = column0; column < column1; column++)
          result[column * rows + row] = values[row * columns + column]!;
    }
  }
  return result;
}

/** B [N, blocks, block_size * bits / 8], scales [N, blocks], zero points [N, ceil(blocks * bits / 8)]. */
function nbitsPieces(
  { rows, columns, choice, scaleDtype }: Setting,
  form: FormOf<'nbits'>,
): readonly Piece[] {
  const blocks = Math.ceil(rows / choice.blockSize);
  const pieces = [
    piece('', 'U8', [columns, blocks, (choice.blockSize * form.bits) / 8]),
    piece('_scale', scaleDtype, [columns, blocks]),
  ];
  if (!form.symmetric)
    pieces.push(piece('_zero_point', 'U8', [columns, Math.ceil((blocks * form.bits) / 8)]));
  return pieces;
}

function nbitsChunks({ setting, block, height, encoded }: TransposedBand, form: FormOf<'nbits'>): Chunk[] {
  const { rows, columns, choice } = setting;
  const { blockSize } = choice;
  const { bits } = form;
  const groups = Math.ceil(height / blockSize);
  const blocks = Math.ceil(rows / blockSize);
  const inner = encoded.chunks();
  const blobBytes = (blockSize * bits) / 8;
  // Whole blocks fill whole words, which is how the scheme packs them by itself.
  const codes =
    height % blockSize === 0
      ? chunkOf(inner, '_packed')
      : packedLines(encoded.codes!, columns, height, bits, groups * blobBytes);
  const scales = chunkOf(inner, '_scale');
  const scaleBytes = scales.length / (columns * groups);
  const chunks = [
    ...lines('', codes, columns, blocks * blobBytes, block * blobBytes),
    ...lines('_scale', scales, columns, blocks * scaleBytes, block * scaleBytes),
  ];
  if (!form.symmetric) {
    const zeros = zeroCodes(chunkOf(inner, '_zero_point'), columns, groups, bits);
    const packed = packedLines(zeros, columns, groups, bits, Math.ceil((groups * bits) / 8));
    chunks.push(...lines('_zero_point', packed, columns, Math.ceil((blocks * bits) / 8), (block * bits) / 8));
  }
  return chunks;
}

/** B [N * K / 2] and absmax [N * K / block_size], as bitsandbytes orders [N, K]. */
function bnb4Pieces({ rows, columns, choice }: Setting): readonly Piece[] {
  const elements = rows * columns;
  return [piece('', 'U8', [elements / 2]), piece('_absmax', 'F32', [elements / choice.blockSize])];
}

function bnb4Chunks({ setting, block, encoded }: TransposedBand): Chunk[] {
  const { rows, columns, choice } = setting;
  const { blockSize } = choice;
  const inner = encoded.chunks();
  return [
    ...lines('', chunkOf(inner, ''), columns, rows / 2, (block * blockSize) / 2),
    ...lines('_absmax', chunkOf(inner, '.absmax'), columns, (4 * rows) / blockSize, 4 * block),
  ];
}

/** Lines of equal length, `strideBytes` apart in the file and each beginning `offsetBytes` into its own; one run where they touch. */
function lines(
  suffix: string,
  bytes: Uint8Array,
  count: number,
  strideBytes: number,
  offsetBytes: number,
): Chunk[] {
  const length = bytes.length / count;
  if (length === strideBytes) return [{ suffix, byteOffset: 0, bytes }];
  return Array.from({ length: count }, (_, line) => ({
    suffix,
    byteOffset: line * strideBytes + offsetBytes,
    bytes: bytes.subarray(line * length, (line + 1) * length),
  }));
}

/** Lines of codes from the lowest bit, each filled up with 0 to `lineBytes`. */
function packedLines(
  codes: Uint8Array,
  count: number,
  width: number,
  bits: number,
  lineBytes: number,
): Uint8Array {
  const packed = new Uint8Array(count * lineBytes);
  const perByte = 8 / bits;
  for (let line = 0; line < count; line++)
    for (let i = 0; i < width; i++)
      packed[line * lineBytes + Math.floor(i / perByte)]! |=
        codes[line * width + i]! << ((i % perByte) * bits);
  return packed;
}

/** 8-bit codes in the weight's own shape, scales, and zero points for asymmetric ones. */
function qdqEncoding(
  inner: Encoding,
  { rows, columns, choice, scaleDtype }: Setting,
  form: FormOf<'qdq'>,
): Encoding {
  const { symmetric, byChannel } = form;
  const count = !byChannel ? 1 : choice.granularity === 'row' ? rows : columns;
  const shape = byChannel ? [count] : [];
  const scaleBytes = scaleDtype === 'F32' ? 4 : 2;
  return {
    ...inner,
    pieces: () => [
      piece('', symmetric ? 'I8' : 'U8', [rows, columns]),
      piece('_scale', scaleDtype, shape),
      ...(symmetric ? [] : [piece('_zero_point', 'U8', shape)]),
    ],
    encode(band, known) {
      const encoded = inner.encode(band, known);
      const codes = encoded.codes!;
      return {
        ...encoded,
        chunks: () => {
          // Codes are offset by 128; the other sign bit makes them two's complement.
          const bytes = symmetric ? codes.map((code) => code ^ 0x80) : codes;
          const chunks: Chunk[] = [{ suffix: '', byteOffset: band.first, bytes }];
          if (choice.granularity !== 'row') return chunks;
          const own = encoded.chunks();
          const row = band.first / columns;
          const height = codes.length / columns;
          chunks.push({ suffix: '_scale', byteOffset: row * scaleBytes, bytes: chunkOf(own, '_scale') });
          if (!symmetric) {
            const zeros = zeroCodes(chunkOf(own, '_zero_point'), height, 1, 8);
            chunks.push({ suffix: '_zero_point', byteOffset: row, bytes: zeros });
          }
          return chunks;
        },
      };
    },
    wholePieces(known) {
      if (choice.granularity === 'row') return [];
      const own = inner.wholePieces(known);
      // One scale for a tensor is given for every row.
      const scales = chunkOf(own, '_scale').subarray(0, count * scaleBytes);
      const chunks: Chunk[] = [{ suffix: '_scale', byteOffset: 0, bytes: scales }];
      if (!symmetric) {
        const zeros = zeroCodes(chunkOf(own, '_zero_point'), 1, count, 8);
        chunks.push({ suffix: '_zero_point', byteOffset: 0, bytes: zeros });
      }
      return chunks;
    },
  };
}

const chunkOf = (chunks: readonly Chunk[], suffix: string): Uint8Array =>
  chunks.find((chunk) => chunk.suffix === suffix)!.bytes;

/** Undoes `packColumns`: zero points [rows, columns], one a byte. */
function zeroCodes(packed: Uint8Array, rows: number, columns: number, bits: number): Uint8Array {
  const zeros = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const bit = (row * bits) % 32;
      const word = Math.floor((row * bits) / 32) * columns + column;
      zeros[row * columns + column] = (packed[4 * word + (bit >> 3)]! >> (bit & 7)) & (2 ** bits - 1);
    }
  return zeros;
}
