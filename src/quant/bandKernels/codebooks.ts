/** NF4 and FP4 by the kernels; see src/quant/schemes/blockCodebook.ts. */
import type { Kernels } from '../../kernels/kernels';
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
import { type BandKernel, groupMagnitudes, placeBytes, placeFloats } from './bandKernel';

export function codebookKernel(kernels: Kernels, { choice }: Setting, name: 'nf4' | 'fp4'): BandKernel {
  const { blockSize, doubleQuant } = choice;
  const { quant } = kernels;
  const offsetOf = nestedOffset();
  const map = doubleQuant ? signedDynamicMap() : new Float32Array(0);
  return ({ first, count, x, y }, known) => {
    const { pointer: absmax, groups } = groupMagnitudes(kernels, x, 1, count, blockSize);
    const nested = doubleQuant ? nest(kernels.f32(absmax, groups), offsetOf(known), map) : undefined;
    const scales = nested ? placeFloats(kernels, nested.absmax) : absmax;
    const codes = kernels.alloc(count);
    if (name === 'nf4') {
      const thresholds = placeFloats(kernels, nf4Thresholds);
      const levels = placeFloats(kernels, nf4Values);
      quant.encodeNormalFloats(
        x,
        codes,
        y,
        count,
        blockSize,
        absmax,
        scales,
        thresholds,
        levels,
        smallestAbsmax,
      );
    } else {
      const thresholds = placeFloats(kernels, fp4Thresholds);
      const levels = placeFloats(kernels, fp4Values);
      const order = placeBytes(kernels, fp4Codes);
      quant.encodeSignedFloats(
        x,
        codes,
        y,
        count,
        blockSize,
        absmax,
        scales,
        thresholds,
        levels,
        order,
        smallestAbsmax,
      );
    }
    const chunks = (): Chunk[] => {
      const block = first / blockSize;
      const bytes = Math.ceil(count / 2);
      const packed = kernels.alloc(bytes);
      quant.packHighNibbles(codes, count, packed);
      const weight = { suffix: '', byteOffset: first / 2, bytes: kernels.u8(packed, bytes) };
      if (!nested)
        return [weight, { suffix: '.absmax', byteOffset: 4 * block, bytes: kernels.u8(absmax, 4 * groups) }];
      const nestedBytes = floatBytes(nested.scales, 'F32');
      return [
        weight,
        { suffix: '.absmax', byteOffset: block, bytes: nested.codes },
        { suffix: '.nested_absmax', byteOffset: (4 * block) / nestedBlock, bytes: nestedBytes },
      ];
    };
    return { codes, chunks };
  };
}
