/**
 * Encodes the weights of ONNX graphs. Values come and go in the order in which the graph stores them, so that pictures and
 * errors need not know of it; the bytes written are in the operators' layouts.
 */
import { piece } from '../packing';
import { remembering } from '../remembering';
import {
  type Band,
  type Chunk,
  type EncodedBand,
  type Encoding,
  type Knowledge,
  noChunks,
  type Setting,
} from '../scheme';
import { schemeNamed } from '../schemes';
import {
  type BlockForm,
  blockFormOf,
  blockPieces,
  type FormOf,
  rowChunks,
  rowsTogether,
  transposedChunks,
} from './blockOperators';
import { blocksPerByte, onnxForm, storedChoice } from './onnxForm';
import { chunkOf, transposed, typedCodes, zeroCodes } from './operatorBytes';

/** How a band is encoded by a scheme on a plain matrix: by its own code, or by a kernel with the same bits. */
export type PlainEncode = (setting: Setting, encoding: Encoding) => Encoding['encode'];
const byPlainCode: PlainEncode = (_, { encode }) => encode;

/** A plain matrix that is encoded in place of a weight's band. */
interface PlainMatrix {
  readonly setting: Setting;
  readonly encoding: Encoding;
}

/** What is done for a band: what to encode instead, and how the result becomes the band's. */
interface Detour {
  readonly matrix: PlainMatrix;
  readonly band: Band;
  finish(encoded: EncodedBand): EncodedBand;
}

/** An encoding but for the codes themselves. */
interface GraphForm extends Omit<Encoding, 'encode'> {
  detour(band: Band): Detour;
}

/** The encoding of a setting with a place in a graph, before pruning and the form of the output. */
export function graphEncoding(setting: Setting, plainEncode = byPlainCode): Encoding {
  const { detour, ...form } = graphFormOf(setting);
  const encodeOf = remembering((matrix: PlainMatrix) => plainEncode(matrix.setting, matrix.encoding));
  return {
    ...form,
    encode(given, known) {
      const { matrix, band, finish } = detour(given);
      return finish(encodeOf(matrix)(band, known));
    },
  };
}

/** `Encoding.encode` of such a setting where the plain matrices are encoded elsewhere. */
export function graphEncodeLater(
  setting: Setting,
  plainEncode: (setting: Setting, encoding: Encoding, band: Band, known: Knowledge) => Promise<EncodedBand>,
): (band: Band, known: Knowledge) => Promise<EncodedBand> {
  const { detour } = graphFormOf(setting);
  return async (given, known) => {
    const { matrix, band, finish } = detour(given);
    return finish(await plainEncode(matrix.setting, matrix.encoding, band, known));
  };
}

function graphFormOf(setting: Setting): GraphForm {
  const { choice, graph } = setting;
  const scheme = schemeNamed(choice.scheme);
  const asStored = { ...setting, choice: storedChoice(setting), graph: undefined };
  // Blocks run along the input channels, which are the first dimension of MatMul's B.
  const isBlocks = scheme.family === 'integer' || (scheme.family === 'codebook' && !choice.doubleQuant);
  const across = graph?.outputAxis === 1 && choice.granularity === 'block' && isBlocks;
  const form = onnxForm(setting);
  const blocks = blockFormOf(form);
  if (across) return acrossRows(setting, blocks);
  const matrix = { setting: asStored, encoding: scheme.encoding(asStored) };
  if (blocks) return alongRows(matrix, setting, blocks);
  if (form.kind === 'qdq') return qdqEncoding(matrix, form);
  return { ...matrix.encoding, detour: (band) => ({ matrix, band, finish: (encoded) => encoded }) };
}

/** Bands of whole rows [N, K] in an operator's layout. */
function alongRows(matrix: PlainMatrix, setting: Setting, form: BlockForm): GraphForm {
  const { columns } = setting;
  return {
    ...matrix.encoding,
    unit: columns * rowsTogether(form),
    valueUnit: columns,
    pieces: () => blockPieces(setting, form),
    wholePieces: noChunks,
    detour: (band) => ({
      matrix,
      band,
      finish: (encoded) => ({
        ...encoded,
        chunks: () => rowChunks({ setting, row: band.first / columns, encoded }, form),
      }),
    }),
  };
}

/** Bands of whole blocks of all columns, encoded in their transpose. Without a form nothing holds them. */
function acrossRows(setting: Setting, form: BlockForm | undefined): GraphForm {
  const { rows, columns, choice } = setting;
  const { blockSize } = choice;
  const scheme = schemeNamed(choice.scheme);
  const plain = { ...setting, graph: undefined, rows: columns };
  const step = form?.kind === 'nbits' ? blocksPerByte(form.bits, form.symmetric) : 1;
  // Larger bands make fewer and longer runs of bytes.
  const steps = Math.max(1, Math.floor(bandValues / (columns * blockSize * step)));
  const { to } = scheme.encoding({ ...plain, columns: rows });
  const detour = ({ first, values }: Band): Detour => {
    const height = values.length / columns;
    const turned = { ...plain, columns: height };
    return {
      matrix: { setting: turned, encoding: scheme.encoding(turned) },
      band: { first: 0, values: transposed(values, columns) },
      finish(encoded) {
        const { codes, dequantized } = encoded;
        const band = { setting, block: first / columns / blockSize, height, encoded };
        return {
          codes: codes && transposed(codes, height),
          dequantized: transposed(dequantized, height),
          chunks: () => (form ? transposedChunks(band, form) : []),
        };
      },
    };
  };
  return {
    to,
    unit: columns * blockSize * step * steps,
    valueUnit: columns * blockSize,
    surveys: [],
    // What nothing holds has the size of its own layout.
    pieces: () => (form ? blockPieces(setting, form) : scheme.encoding({ ...plain, columns: rows }).pieces()),
    detour,
    wholePieces: noChunks,
  };
}

const bandValues = 2 ** 20;

/** Codes in the weight's own shape, scales, and zero points for asymmetric ones: one for all, or one a channel. */
function qdqEncoding(matrix: PlainMatrix, { bits, scales, symmetric }: FormOf<'qdq'>): GraphForm {
  const { setting, encoding: inner } = matrix;
  const { rows, columns, choice, scaleDtype } = setting;
  const byRow = choice.granularity === 'row';
  const count = scales === 'tensor' ? 1 : byRow ? rows : columns;
  const shape = scales === 'tensor' ? [] : [count];
  const scaleBytes = scaleDtype === 'F32' ? 4 : 2;
  function chunksOf({ first }: Band, encoded: EncodedBand): Chunk[] {
    const codes = encoded.codes!;
    const bytes = typedCodes(codes, bits, symmetric);
    const chunks: Chunk[] = [{ suffix: '', byteOffset: (first * bits) / 8, bytes }];
    if (!byRow) return chunks;
    const own = encoded.chunks();
    const row = first / columns;
    const height = codes.length / columns;
    chunks.push({ suffix: '_scale', byteOffset: row * scaleBytes, bytes: chunkOf(own, '_scale') });
    if (!symmetric) {
      const zeros = zeroCodes(chunkOf(own, '_zero_point'), height, 1, bits);
      chunks.push({
        suffix: '_zero_point',
        byteOffset: (row * bits) / 8,
        bytes: typedCodes(zeros, bits, false),
      });
    }
    return chunks;
  }
  return {
    ...inner,
    // Zero points of two rows share a byte.
    unit: byRow && !symmetric ? columns * (8 / bits) : inner.unit,
    valueUnit: inner.valueUnit ?? inner.unit,
    pieces: () => [
      piece('', `${symmetric ? 'I' : 'U'}${bits}`, [rows, columns]),
      piece('_scale', scaleDtype, shape),
      ...(symmetric ? [] : [piece('_zero_point', `U${bits}`, shape)]),
    ],
    detour: (band) => ({
      matrix,
      band,
      finish: (encoded) => ({ ...encoded, chunks: () => chunksOf(band, encoded) }),
    }),
    wholePieces(known) {
      if (byRow) return [];
      const own = inner.wholePieces(known);
      // One scale for a tensor is given for every row.
      const bytes = chunkOf(own, '_scale').subarray(0, count * scaleBytes);
      const chunks: Chunk[] = [{ suffix: '_scale', byteOffset: 0, bytes }];
      if (!symmetric) {
        const zeros = zeroCodes(chunkOf(own, '_zero_point'), 1, count, bits);
        chunks.push({ suffix: '_zero_point', byteOffset: 0, bytes: typedCodes(zeros, bits, false) });
      }
      return chunks;
    },
  };
}
