import { settingFor } from '../../../src/quant/choice';
import { encodingFor } from '../../../src/quant/encoding';
import type { Piece, Scheme } from '../../../src/quant/scheme';
import { schemeNamed } from '../../../src/quant/schemes';
import type { SchemeChoice } from '../../../src/quant/types';

export interface WholeEncoding {
  readonly to: string;
  readonly codes: Uint8Array;
  readonly dequantized: Float32Array;
  readonly pieces: readonly Piece[];
  /** Bytes of every piece by its suffix. */
  readonly stored: ReadonlyMap<string, Uint8Array>;
}

/**
 * Encodes a whole matrix as the engine does, in bands of `units` units each; surveys run over the same bands and are
 * merged in order. Bytes that no chunk fills stay 0, and a byte that two chunks fill fails.
 */
export function encodeWhole(
  choice: SchemeChoice,
  values: Float32Array,
  rows: number,
  dtype = 'F32',
  units = 3,
): WholeEncoding {
  const columns = values.length / rows;
  const setting = settingFor(choice, dtype, { rows, columns });
  const { needsImportance } = schemeNamed(choice.scheme);
  const importance = needsImportance ? new Float32Array(columns).fill(1) : undefined;
  const encoding = encodingFor({ ...setting, importance });
  const size = encoding.unit * units;
  const bands = Array.from({ length: Math.ceil(values.length / size) }, (_, i) => ({
    first: i * size,
    values: values.slice(i * size, (i + 1) * size),
  }));
  const known: Float64Array[] = [];
  for (const survey of encoding.surveys) {
    const state = survey.start();
    for (const band of bands) {
      const part = survey.start();
      survey.add(part, band, known);
      survey.merge(state, part);
    }
    known.push(state);
  }
  const pieces = encoding.pieces(known);
  const stored = new Map(pieces.map(({ suffix, bytes }) => [suffix, new Uint8Array(bytes)]));
  const filled = new Map(pieces.map(({ suffix, bytes }) => [suffix, new Uint8Array(bytes)]));
  const codes = new Uint8Array(values.length);
  const dequantized = new Float32Array(values.length);
  const put = ({ suffix, byteOffset, bytes }: { suffix: string; byteOffset: number; bytes: Uint8Array }) => {
    const mask = filled.get(suffix)!.subarray(byteOffset, byteOffset + bytes.length);
    if (mask.length !== bytes.length || mask.some((byte) => byte !== 0))
      throw new Error(`${suffix}: ${bytes.length} bytes at ${byteOffset} do not fit or overlap`);
    mask.fill(1);
    stored.get(suffix)!.set(bytes, byteOffset);
  };
  for (const band of bands) {
    const encoded = encoding.encode(band, known);
    if (encoded.codes) codes.set(encoded.codes, band.first);
    dequantized.set(encoded.dequantized, band.first);
    for (const chunk of encoded.chunks()) put(chunk);
  }
  for (const chunk of encoding.wholePieces(known)) put(chunk);
  for (const [suffix, mask] of filled) {
    // bitsandbytes' weight_format is 0, as the file is from the start.
    if (suffix !== '/weight_format' && mask.some((byte) => byte === 0))
      throw new Error(`${suffix} has bytes that nothing filled`);
  }
  return { to: encoding.to, codes, dequantized, pieces, stored };
}

/** Bytes as float32 values. */
export function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

/** A matrix whose rows a scheme takes: each is filled up to whole blocks with its own values once more. */
export function inWholeBlocks(
  { rowBlock = 1 }: Scheme,
  values: Float32Array,
  rows: number,
): { readonly values: Float32Array; readonly columns: number } {
  const given = values.length / rows;
  const columns = Math.ceil(given / rowBlock) * rowBlock;
  const row = (i: number) => Math.floor(i / columns) * given;
  return {
    values: Float32Array.from(
      { length: rows * columns },
      (_, i) => values[row(i) + ((i % columns) % given)]!,
    ),
    columns,
  };
}
