/** Pruning by the kernels, alone or before a scheme; see src/quant/pruning. */
import type { Kernels } from '../../kernels/kernels';
import { pruningFor } from '../pruning/pruningFor';
import { remembering } from '../remembering';
import type { Knowledge, Setting } from '../scheme';
import type { ScaleDtype } from '../types';
import { type BandKernel, isUnchecked, type KernelBand } from './bandKernel';

/** What values are where they are stored as they are: their own 16-bit type, or float32. */
function ownDtype(dtype: string): ScaleDtype {
  return dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32';
}

/** Rounds `count` float32 at `pointer` to a type where they lie; returns the bytes that are stored, good as `KernelEncoded.chunks` are. */
function roundInPlace(
  kernels: Kernels,
  pointer: number,
  count: number,
  dtype: ScaleDtype,
): Uint8Array<ArrayBuffer> {
  if (dtype === 'F32') return kernels.u8(pointer, 4 * count);
  const words = kernels.alloc(2 * count);
  if (dtype === 'BF16') kernels.quant.castBF16(pointer, words, pointer, count);
  else kernels.quant.castF16(pointer, words, pointer, count);
  return kernels.u8(words, 2 * count);
}

/** Copies a band's values to `target` with those that are pruned 0. */
export type PruneBand = (
  band: Pick<KernelBand, 'first' | 'count' | 'x'>,
  known: Knowledge,
  target: number,
) => void;

/** Masks of columns in the kernels' memory, for one call: all bits of what stays. */
export function placeMasks(kernels: Kernels, pruned: Uint8Array): number {
  const masks = kernels.alloc(4 * pruned.length);
  const words = kernels.u32(masks, pruned.length);
  for (let i = 0; i < pruned.length; i++) words[i] = pruned[i] === 0 ? 0xffffffff : 0;
  return masks;
}

/** `Pruning.apply` of a setting that prunes. What it reserves is for the caller to free. */
export function pruneBandFor(kernels: Kernels, setting: Setting): PruneBand {
  const { columns } = setting;
  const pruning = pruningFor(setting)!;
  const ruleOf = remembering((known: Knowledge) => pruning.rule(known));
  const { quant } = kernels;
  return ({ first, count, x }, known, target) => {
    const rule = ruleOf(known);
    const column = first % columns;
    switch (rule.kind) {
      case 'none':
        kernels.f32(target, count).fill(0);
        return;
      case 'above':
        quant.pruneBelow(x, count, rule.threshold, target);
        return;
      case 'ranks':
        quant.pruneRanks(x, column, count, columns, rule.keep, rule.of, target);
        return;
      case 'columns':
        quant.pruneColumns(x, column, count, columns, placeMasks(kernels, rule.pruned), target);
        return;
      default:
        kernels.u32(target, count).set(kernels.u32(x, count));
    }
    if (rule.kind !== 'rows') return;
    const size = columns * rule.rows;
    const values = kernels.f32(target, count);
    for (let at = first; at < first + count; ) {
      const group = Math.floor(at / size);
      const end = Math.min((group + 1) * size, first + count);
      if (rule.pruned[group] === 1) values.fill(0, at - first, end - first);
      at = end;
    }
  };
}

/** A scheme's kernel behind a pruning. */
export function prunedKernel(kernels: Kernels, setting: Setting, inner: BandKernel): BandKernel {
  const prune = pruneBandFor(kernels, setting);
  return (band, known) => {
    const x = kernels.alloc(4 * band.count);
    prune(band, known, x);
    // What is pruned is no longer there to be looked at.
    const codesOnly = band.codesOnly === true && isUnchecked(kernels, band.x, band.count);
    return inner({ ...band, x, codesOnly }, known);
  };
}

/** Values as they are, stored in their own type: what is left of a scheme that only prunes. */
export function keptKernel(kernels: Kernels, { dtype }: Setting): BandKernel {
  const own = ownDtype(dtype);
  const bytesEach = own === 'F32' ? 4 : 2;
  return ({ first, count, x, y }) => {
    kernels.u32(y, count).set(kernels.u32(x, count));
    return {
      chunks: () => {
        const copy = own === 'F32' ? y : kernels.alloc(4 * count);
        if (copy !== y) kernels.u32(copy, count).set(kernels.u32(y, count));
        const bytes = roundInPlace(kernels, copy, count, own);
        return [{ suffix: '', byteOffset: bytesEach * first, bytes }];
      },
    };
  };
}

/** What a scheme's values become when they are stored in the weight's own type. */
export function dequantizedKernel(kernels: Kernels, { dtype }: Setting, inner: BandKernel): BandKernel {
  const own = ownDtype(dtype);
  const bytesEach = own === 'F32' ? 4 : 2;
  return (band, known) => {
    // Dequantized values are what is stored.
    const encoded = inner({ ...band, codesOnly: false }, known);
    if (!encoded) return undefined;
    const bytes = roundInPlace(kernels, band.y, band.count, own);
    const chunk = { suffix: '', byteOffset: bytesEach * band.first, bytes };
    return { codes: encoded.codes, chunks: () => [chunk] };
  };
}
