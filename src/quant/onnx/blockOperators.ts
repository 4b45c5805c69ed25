/**
 * Tensors of the operators that hold blocks: onnxruntime docs/ContribOperators.md (MatMulNBits, GatherBlockQuantized,
 * MatMulBnb4) and onnx docs/Operators.md (DequantizeLinear from operator set 21 on). N counts output channels, K input
 * channels; blocks run along K.
 */
import { piece } from '../packing';
import type { Chunk, EncodedBand, Piece, Setting } from '../scheme';
import type { OnnxForm } from './onnxForm';
import { chunkOf, lines, packedLines, transposed, typedCodes, zeroCodes } from './operatorBytes';

export type FormOf<K extends OnnxForm['kind']> = Extract<OnnxForm, { kind: K }>;
export type BlockForm = FormOf<'nbits' | 'gather' | 'bnb4'> | (FormOf<'qdq'> & { readonly scales: 'block' });

/** The form of a weight that an operator holds in blocks; undefined for every other. */
export function blockFormOf(form: OnnxForm): BlockForm | undefined {
  if (form.kind === 'nbits' || form.kind === 'gather' || form.kind === 'bnb4') return form;
  return form.kind === 'qdq' && form.scales === 'block' ? { ...form, scales: form.scales } : undefined;
}

export function blockPieces(setting: Setting, form: BlockForm): readonly Piece[] {
  const { rows, columns, choice, scaleDtype, graph } = setting;
  const { blockSize } = choice;
  const isAcross = graph?.outputAxis === 1;
  const [N, K] = isAcross ? [columns, rows] : [rows, columns];
  if (form.kind === 'bnb4')
    return [piece('', 'U8', [(N * K) / 2]), piece('_absmax', 'F32', [(N * K) / blockSize])];
  const { bits, symmetric } = form;
  const blocks = Math.ceil(K / blockSize);
  if (form.kind === 'qdq') {
    const shape = isAcross ? [blocks, N] : [N, blocks];
    return [
      piece('', `${symmetric ? 'I' : 'U'}${bits}`, [rows, columns]),
      piece('_scale', scaleDtype, shape),
      ...(symmetric ? [] : [piece('_zero_point', `U${bits}`, shape)]),
    ];
  }
  const codes = form.kind === 'nbits' ? [N, blocks, (blockSize * bits) / 8] : [N, (K * bits) / 8];
  return [
    piece('', 'U8', codes),
    piece('_scale', scaleDtype, [N, blocks]),
    ...(symmetric ? [] : [piece('_zero_point', 'U8', [N, Math.ceil((blocks * bits) / 8)])]),
  ];
}

/** Some rows of a stored matrix [N, K], encoded as they lie. */
export interface RowBand {
  readonly setting: Setting;
  readonly row: number;
  readonly encoded: EncodedBand;
}

/** Rows whose zero points fill whole bytes. */
export const rowsTogether = (form: BlockForm): number =>
  form.kind === 'qdq' && !form.symmetric ? 8 / form.bits : 1;

export function rowChunks({ setting, row, encoded }: RowBand, form: BlockForm): Chunk[] {
  const { columns, choice } = setting;
  const { blockSize } = choice;
  const codes = encoded.codes!;
  const inner = encoded.chunks();
  if (form.kind === 'bnb4')
    return [
      { suffix: '', byteOffset: (row * columns) / 2, bytes: chunkOf(inner, '') },
      { suffix: '_absmax', byteOffset: (4 * row * columns) / blockSize, bytes: chunkOf(inner, '.absmax') },
    ];
  const { bits, symmetric } = form;
  const height = codes.length / columns;
  const blocks = Math.ceil(columns / blockSize);
  const scales = chunkOf(inner, '_scale');
  const chunks: Chunk[] = [];
  const put = (suffix: string, bytes: Uint8Array): void => {
    chunks.push({ suffix, byteOffset: (bytes.length / height) * row, bytes });
  };
  if (form.kind === 'qdq') put('', typedCodes(codes, bits, symmetric));
  else {
    const values = form.kind === 'nbits' ? blocks * blockSize : columns;
    const lineBytes = (values * bits) / 8;
    const packed = chunkOf(inner, '_packed');
    // Rows that fill whole words are how the scheme packs them by itself.
    put(
      '',
      packed.length === height * lineBytes ? packed : packedLines(codes, height, columns, bits, lineBytes),
    );
  }
  put('_scale', scales);
  if (symmetric) return chunks;
  const zeros = zeroCodes(chunkOf(inner, '_zero_point'), height, blocks, bits);
  if (form.kind === 'qdq')
    chunks.push({
      suffix: '_zero_point',
      byteOffset: (row * blocks * bits) / 8,
      bytes: typedCodes(zeros, bits, false),
    });
  else put('_zero_point', packedLines(zeros, height, blocks, bits, Math.ceil((blocks * bits) / 8)));
  return chunks;
}

/** Some rows of a stored matrix [K, N], encoded as [N, height]. */
export interface TransposedBand {
  readonly setting: Setting;
  /** The first block along K. */
  readonly block: number;
  readonly height: number;
  readonly encoded: EncodedBand;
}

export function transposedChunks(band: TransposedBand, form: BlockForm): Chunk[] {
  const { setting, block, height, encoded } = band;
  const { rows, columns, choice } = setting;
  const { blockSize } = choice;
  const inner = encoded.chunks();
  if (form.kind === 'bnb4')
    return [
      ...lines('', chunkOf(inner, ''), columns, rows / 2, (block * blockSize) / 2),
      ...lines('_absmax', chunkOf(inner, '.absmax'), columns, (4 * rows) / blockSize, 4 * block),
    ];
  if (form.kind === 'qdq') return turnedBack(band, form, inner);
  const { bits, symmetric } = form;
  const groups = Math.ceil(height / blockSize);
  const blocks = Math.ceil(rows / blockSize);
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
  if (!symmetric) {
    const zeros = zeroCodes(chunkOf(inner, '_zero_point'), columns, groups, bits);
    const packed = packedLines(zeros, columns, groups, bits, Math.ceil((groups * bits) / 8));
    chunks.push(...lines('_zero_point', packed, columns, Math.ceil((blocks * bits) / 8), (block * bits) / 8));
  }
  return chunks;
}

/** DequantizeLinear has everything in the order of the weight itself: codes [K, N], scales and zero points [blocks, N]. */
function turnedBack(
  { setting, block, height, encoded }: TransposedBand,
  { bits, symmetric }: FormOf<'qdq'>,
  inner: readonly Chunk[],
): Chunk[] {
  const { columns, choice, scaleDtype } = setting;
  const groups = Math.ceil(height / choice.blockSize);
  const own = chunkOf(inner, '_scale').slice().buffer;
  const scales = transposed(scaleDtype === 'F32' ? new Float32Array(own) : new Uint16Array(own), groups);
  const codes = transposed(encoded.codes!, height);
  const first = block * columns;
  const chunks: Chunk[] = [
    {
      suffix: '',
      byteOffset: (first * choice.blockSize * bits) / 8,
      bytes: typedCodes(codes, bits, symmetric),
    },
    {
      suffix: '_scale',
      byteOffset: first * scales.BYTES_PER_ELEMENT,
      bytes: new Uint8Array(scales.buffer),
    },
  ];
  if (!symmetric) {
    const zeros = transposed(zeroCodes(chunkOf(inner, '_zero_point'), columns, groups, bits), groups);
    chunks.push({
      suffix: '_zero_point',
      byteOffset: (first * bits) / 8,
      bytes: typedCodes(zeros, bits, false),
    });
  }
  return chunks;
}
