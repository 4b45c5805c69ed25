/** Several schemes with their options in one argument, and which figure of them is shown. */
import { LoupeError } from '../errors';
import type { SchemeChoice } from '../protocol/engineApi';
import { defaultGranularity, resolveChoice } from '../quant/choice';
import { schemeNamed } from '../quant/schemes';
import type { Granularity } from '../quant/types';
import { lacksHeadSize } from './headSize';

/** A scheme as it was written, which is what tables head its column with. */
export interface NamedChoice {
  readonly text: string;
  readonly choice: SchemeChoice;
}

const granularities: readonly string[] = ['tensor', 'row', 'column', 'block', 'none'] satisfies Granularity[];

/**
 * "int8-absmax,int4-absmax:32:mse,nf4:64:double-quant": names between commas, and after colons a granularity, the values
 * in a block (of prune-heads: the rows of a head), `mse` or `hqq`, `double-quant`, `fake`, `qdq`. Throws `usage` for what is none of these or does not fit.
 */
export function parseSchemeList(list: string): NamedChoice[] {
  const choices = list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((text) => ({ text, choice: parseScheme(text) }));
  if (choices.length === 0) throw new LoupeError('usage', '--schemes takes names with commas between them.');
  return choices;
}

function parseScheme(text: string): SchemeChoice {
  const [name = '', ...words] = text.toLowerCase().split(':');
  const scheme = schemeNamed(name);
  let choice: SchemeChoice = { scheme: scheme.name, granularity: defaultGranularity(scheme) };
  for (const word of words) {
    if (granularities.includes(word)) choice = { ...choice, granularity: word as Granularity };
    else if (scheme.name === 'prune-heads' && /^\d{1,6}$/.test(word))
      choice = { ...choice, headSize: Number(word) };
    else if (/^\d{1,6}$/.test(word)) choice = { ...choice, granularity: 'block', blockSize: Number(word) };
    else if (word === 'mse' || word === 'hqq') choice = { ...choice, clip: word };
    else if (word === 'double-quant') choice = { ...choice, doubleQuant: true };
    else if (word === 'fake' || word === 'qdq') choice = { ...choice, output: word };
    else {
      throw new LoupeError(
        'usage',
        `"${word}" in "${text}" is no granularity, block size, mse, hqq, double-quant, fake or qdq.`,
      );
    }
  }
  // How many rows a head has the model tells, once it is open.
  resolveChoice(lacksHeadSize(choice) ? { ...choice, headSize: 1 } : choice);
  return choice;
}

/** What a comparison of schemes can show, by the names of `--metric`. */
export const metrics = {
  sqnr: { key: 'sqnr', title: 'SQNR in dB' },
  mse: { key: 'mse', title: 'Mean squared error' },
  relative: { key: 'relative', title: 'Relative error' },
  max: { key: 'maxAbs', title: 'Largest |error|' },
  mean: { key: 'meanAbs', title: 'Mean |error|' },
  cosine: { key: 'cosine', title: 'Cosine' },
  kl: { key: 'kl', title: 'Divergence of the value histograms in bits' },
  bits: { key: 'bitsPerWeight', title: 'Bits per weight' },
  bytes: { key: 'bytes', title: 'Bytes' },
} as const;

export type MetricName = keyof typeof metrics;

/** What `sensitivity` shows. */
export interface SensitivityOptions {
  readonly schemes: readonly NamedChoice[];
  readonly metric: MetricName;
  /** Read every value. */
  readonly exact: boolean;
  /** The importance matrix that errors are weighed by. */
  readonly imatrix: string | undefined;
}
