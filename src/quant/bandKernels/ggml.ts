/** ggml's block types by the kernels; see src/quant/schemes/ggml. */
import type { Kernels } from '../../kernels/kernels';
import { findDtype } from '../../numeric/dtypes';
import type { Setting } from '../scheme';
import type { BlockType } from '../schemes/ggml/blockType';
import { importanceOf, unreachable } from '../schemes/ggml/ggmlScheme';
import { type BandKernel, placeFloats } from './bandKernel';

/** undefined for a type without a kernel. What a scale cannot hold is left to the plain code, which refuses it. */
export function ggmlKernel(
  kernels: Kernels,
  setting: Setting,
  { type, hasHalfScale }: BlockType,
): BandKernel | undefined {
  const encoder = kernels.blockEncoder(type);
  if (!encoder) return undefined;
  const { columns, importance } = setting;
  const { blockElements, blockBytes } = findDtype(type)!;
  return ({ first, count, x, y }) => {
    if (hasHalfScale) {
      const range = kernels.alloc(8);
      kernels.rowRange(x, 1, count, range, range + 4);
      const [low, high] = kernels.f32(range, 2) as unknown as [number, number];
      if (-low >= unreachable || high >= unreachable) return undefined;
    }
    const length = (count / blockElements) * blockBytes;
    const bytes = kernels.alloc(length);
    // Parts of an importance matrix belong to experts, whose rows lie one after the other.
    const step = importance ? columns : count;
    for (let at = 0; at < count; at += step) {
      const mark = kernels.mark();
      const own = importanceOf(setting, Math.floor((first + at) / columns));
      const place = own ? placeFloats(kernels, own) : 0;
      const target = bytes + (at / blockElements) * blockBytes;
      if (encoder(x + 4 * at, target, step, place, columns) !== 0) return undefined;
      kernels.reset(mark);
    }
    kernels.decode(type, bytes, y, count);
    const byteOffset = (first / blockElements) * blockBytes;
    return { chunks: () => [{ suffix: '', byteOffset, bytes: kernels.u8(bytes, length) }] };
  };
}
