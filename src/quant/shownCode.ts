/** How codes are shown: they are kept offset-binary, as unsigned bytes, and people know them as signed integers. */
import { resolveChoice } from './choice';
import { linearCodeNamed } from './linearCode';
import { blockTypeNamed } from './schemes/ggml/blockTypes';
import type { SchemeChoice, SchemeName } from './types';

/** Values that share a scale. */
export type ScaleGroups =
  | { readonly kind: 'row' | 'column' }
  /** Runs of `size` columns that begin anew in each row; `flat`: runs of the flattened tensor. */
  | { readonly kind: 'block'; readonly size: number; readonly flat: boolean };

/** What is taken from a kept code to show it: 128 for INT8, 1 for ternary codes, 0 for indices into levels. */
export function codeOffset(scheme: SchemeName): number {
  const linear = linearCodeNamed(scheme);
  if (linear) return 2 ** (linear.bits - 1);
  const ggml = blockTypeNamed(scheme);
  if (ggml) return ggml.codeOffset;
  if (scheme === 'bnb-int8' || scheme === 'llm-int8') return 128;
  return scheme === 'ternary' ? 1 : 0;
}

/** Which values share a scale under a choice; undefined: all of them, or there is none. */
export function scaleGroups(choice: SchemeChoice): ScaleGroups | undefined {
  const { scheme, granularity, blockSize } = resolveChoice(choice);
  if (granularity === 'row' || granularity === 'column') return { kind: granularity };
  const ggml = blockTypeNamed(scheme);
  if (ggml) return { kind: 'block', size: ggml.groupElements, flat: false };
  if (granularity !== 'block') return undefined;
  // bitsandbytes cuts the flattened weight; all others begin anew in each row.
  return { kind: 'block', size: blockSize, flat: scheme === 'nf4' || scheme === 'fp4' };
}
