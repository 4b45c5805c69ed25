/** NF4 and FP4 by the kernels; see src/quant/schemes/blockCodebook.ts. */
import type { Kernels } from '../../kernels/kernels';
import { roundHalfEven } from '../../numeric/floats';
import { signedDynamicMap } from '../dynamicMap';
import { floatBytes } from '../packing';
import type { Chunk, Setting } from '../scheme';
import {
  fp4Codes,
  fp4Thresholds,
  fp4Values,
  nest,
  nestedBlock,
  nestedOffset,
  nf4Thresholds,
  nf4Values,
  smallestAbsmax,
} from '../schemes/blockCodebook';
import { groupMagnitudes, placeBytes, placeFloats } from './bandKernel';
import type { PrepareBand } from './groupKernel';

/** Four planes of bytes of 16 float32, those that are missing infinite. */
function planes(values: Float32Array): number[] {
  const all = new Float32Array(16).fill(Number.POSITIVE_INFINITY);
  all.set(values);
  const bytes = new Uint8Array(all.buffer);
  return [0, 1, 2, 3].flatMap((plane) => Array.from(all, (_, i) => bytes[4 * i + plane]!));
}

/** The tables of `encodeCodebook`. Throws a RangeError for thresholds that share a cell of a sixteenth. */
function codebookTables(
  thresholds: Float32Array,
  order: readonly number[],
  levels: Float32Array,
): Uint8Array {
  // Units of 2^-14, a cell being 2^10 of them; beyond the last threshold is no other.
  const units = Array.from(thresholds, (threshold) => roundHalfEven(2 ** 14 * threshold));
  if (new Set(units.map((unit) => unit >> 10)).size < units.length)
    throw new RangeError('Thresholds lie too close to one another.');
  const below = Array.from(
    { length: 32 },
    (_, i) => units.filter((unit) => unit < (i - 16) * 2 ** 10).length,
  );
  const places = Array.from({ length: 16 }, (_, place) => place);
  const codes = places.map((place) => order[place] ?? 0);
  const rounded = places.map((place) => units[place] ?? 0x7fff);
  return Uint8Array.from([
    ...below,
    ...codes,
    ...planes(thresholds),
    ...planes(levels),
    ...rounded.map((unit) => unit & 0xff),
    ...rounded.map((unit) => (unit >> 8) & 0xff),
  ]);
}

const tables = {
  nf4: codebookTables(nf4Thresholds, [...nf4Values.keys()], nf4Values),
  fp4: codebookTables(fp4Thresholds, fp4Codes, fp4Values),
};

/** See src/quant/schemes/blockCodebook.ts; groups are blocks of the flattened weight. */
export function prepareCodebook(kernels: Kernels, { choice }: Setting, name: 'nf4' | 'fp4'): PrepareBand {
  const { blockSize, doubleQuant } = choice;
  const { quant } = kernels;
  const offsetOf = nestedOffset();
  const map = doubleQuant ? signedDynamicMap() : new Float32Array(0);
  return ({ first, count, x }, known) => {
    const { pointer: absmax, groups } = groupMagnitudes(kernels, x, 1, count, blockSize);
    const nested = doubleQuant ? nest(kernels.f32(absmax, groups), offsetOf(known), map) : undefined;
    const scales = nested ? placeFloats(kernels, nested.absmax) : absmax;
    return {
      // Blocks are runs of the flattened weight.
      columns: count,
      width: blockSize,
      scales,
      step: 4,
      magnitudes: { pointer: absmax, count: groups },
      code: { kind: 'level', name },
      inverses: () => {
        const inverses = kernels.f32(absmax, groups).map((value) =>
          // A block of zeros has the code of 0 whatever it is multiplied by.
          value === 0 ? 0 : 1 / Math.max(value, smallestAbsmax),
        );
        return placeFloats(kernels, inverses);
      },
      encode: (codes, y) => {
        const place = placeBytes(kernels, tables[name]);
        const bySign = name === 'fp4' ? 1 : 0;
        quant.encodeCodebook(x, codes, y, count, blockSize, absmax, scales, place, smallestAbsmax, bySign);
      },
      chunks: (codes): Chunk[] => {
        const block = first / blockSize;
        const bytes = Math.ceil(count / 2);
        const packed = kernels.alloc(bytes);
        quant.packHighNibbles(codes, count, packed);
        const weight = { suffix: '', byteOffset: first / 2, bytes: kernels.u8(packed, bytes) };
        if (!nested)
          return [
            weight,
            { suffix: '.absmax', byteOffset: 4 * block, bytes: kernels.u8(absmax, 4 * groups) },
          ];
        const nestedBytes = floatBytes(nested.scales, 'F32');
        return [
          weight,
          { suffix: '.absmax', byteOffset: block, bytes: nested.codes },
          { suffix: '.nested_absmax', byteOffset: (4 * block) / nestedBlock, bytes: nestedBytes },
        ];
      },
    };
  };
}
