/** Schemes with their usual options, as a flat list to choose from, and a set of them that fits a model. */
import { choiceLabel } from './choiceLabel';
import type { Scheme, SchemeFamily } from './scheme';
import { schemes } from './schemes';
import type { Granularity, SchemeChoice } from './types';

/** One scheme with its options. */
export interface SchemeOffer {
  /** Tells it from all others, and is the same at each start: "nf4 block 64". */
  readonly key: string;
  readonly choice: SchemeChoice;
  /** For menus and sentences: "NF4 per block of 64". */
  readonly label: string;
  /** For the head of a column: "NF4 · 64". */
  readonly short: string;
  /** The heading in menus under which it stands. */
  readonly family: string;
  /** The scheme in a sentence. */
  readonly detail: string;
}

const families: Readonly<Record<SchemeFamily, string>> = {
  cast: 'Floats',
  integer: 'Integers',
  codebook: 'Codebooks',
  microscaling: 'Microscaling',
  ternary: 'Ternary',
  mixed: 'Mixed',
  ggml: 'GGUF',
  pruning: 'Pruning',
};

/** Sizes of a block that are offered where a scheme takes any of them. */
const usualBlocks: ReadonlySet<number> = new Set([16, 32, 64, 128]);

function offersOf(isOffered: (scheme: Scheme) => boolean, headSize?: number): readonly SchemeOffer[] {
  return schemes
    .filter(isOffered)
    .flatMap((scheme) =>
      variantsOf(scheme).map((choice) =>
        scheme.name === 'prune-heads' && headSize !== undefined
          ? headsOffer(offer(scheme, { ...choice, headSize }), headSize)
          : offer(scheme, choice),
      ),
    );
}

const headsOffer = (made: SchemeOffer, headSize: number): SchemeOffer => ({
  ...made,
  detail: `${made.detail} Heads of ${headSize} rows, as the model tells.`,
});

/** Every scheme but pruning by heads, which needs their size, and those that need an importance matrix, in each granularity and the usual block sizes. */
export const schemeOffers: readonly SchemeOffer[] = offersWithHeads(undefined);

/** As `schemeOffers`, and pruning by heads of so many rows, where a model tells them. */
export function offersWithHeads(headSize: number | undefined): readonly SchemeOffer[] {
  return offersOf(
    ({ name, needsImportance }) => !needsImportance && (name !== 'prune-heads' || headSize !== undefined),
    headSize,
  );
}

/** Those that need an importance matrix. */
export const matrixOffers: readonly SchemeOffer[] = offersOf(
  ({ needsImportance }) => needsImportance === true,
);

function variantsOf({ name, options }: Scheme): SchemeChoice[] {
  return options.granularities.flatMap((granularity): SchemeChoice[] => {
    if (granularity !== 'block') return [{ scheme: name, granularity }];
    const sizes = options.blockSizes ?? [];
    const offered = sizes.filter((size, at) => at === 0 || usualBlocks.has(size));
    return offered.map((blockSize) => ({ scheme: name, granularity, blockSize }));
  });
}

function offer(scheme: Scheme, choice: SchemeChoice): SchemeOffer {
  const { family, detail } = scheme;
  return {
    key: offerKey(choice),
    choice,
    label: choiceLabel(choice),
    short: shortLabel(scheme, choice.granularity, choice.blockSize),
    family: families[family],
    detail,
  };
}

/** The same text for a choice at each start. */
export function offerKey({ scheme, granularity, blockSize }: SchemeChoice): string {
  return [scheme, granularity, ...(blockSize === undefined ? [] : [blockSize])].join(' ');
}

function shortLabel({ name, label, options }: Scheme, granularity: Granularity, blockSize?: number): string {
  const bare = label
    .replace(' absmax', '')
    .replace('zero-point', 'zp')
    .replace(' (bitsandbytes)', name === 'bnb-int8' ? ' bnb' : '')
    .replace(/ \([^()]+\)$/, '');
  const isOnly = options.granularities.length === 1 && (options.blockSizes?.length ?? 0) <= 1;
  if (granularity === 'none' || isOnly) return bare;
  return granularity === 'block' ? `${bare} · ${blockSize}` : `${bare} ${granularity}`;
}

/** Ordered by size, from what costs least precision to what costs most. */
const usual = [
  'int8-absmax row',
  'f8-e4m3 row',
  'nvfp4 block 16',
  'int4-absmax block 32',
  'nf4 block 64',
  'mxfp4 block 32',
  'int4-absmax block 128',
];

/** The same of GGUF's types, in blocks of 256 and, for rows that do not fill those, of 32. */
const usualGguf = ['q8_0', 'q6_k', 'q5_k', 'q4_k', 'iq4_xs', 'q3_k', 'q2_k'].map((name) => `${name} none`);
const usualShortGguf = ['q8_0', 'q5_1', 'q5_0', 'iq4_nl', 'q4_1', 'q4_0'].map((name) => `${name} none`);

/** Keys of a set of GGUF's types that fits rows of so many values. */
export const usualGgufOffers = (columns: readonly number[]): readonly string[] =>
  columns.every((count) => count % 256 === 0) ? usualGguf : usualShortGguf;

/** GGUF's types of few bits, which an importance matrix makes usable; by size. */
const usualWithMatrix = ['iq3_s', 'iq3_xxs', 'iq2_s', 'iq2_xs', 'iq2_xxs', 'iq1_m', 'iq1_s'];

/** Keys of the types that come with an importance matrix; none where their blocks of 256 do not fit. */
export const usualMatrixOffers = (columns: readonly number[]): readonly string[] =>
  columns.every((count) => count % 256 === 0) ? usualWithMatrix.map((name) => `${name} none`) : [];

/**
 * Keys of a set that shows what 8 and 4 bits cost. `columns`: input channels of the model's usual matrices; blocks that do not
 * divide them are left out where others remain.
 */
export function usualOffers(columns: readonly number[]): readonly string[] {
  const fits = schemeOffers.filter(({ key, choice }) => {
    if (!usual.includes(key)) return false;
    const { blockSize } = choice;
    return blockSize === undefined || columns.every((count) => count % blockSize === 0);
  });
  const keys = new Set(fits.map(({ key }) => key));
  return usual.filter((key) => keys.has(key) || key.endsWith(' row'));
}
