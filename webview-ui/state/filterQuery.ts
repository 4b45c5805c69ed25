/**
 * The language of the filter box, parsed: words, globs, and conditions such as `dtype:BF16`,
 * `shape:256`, `kurtosis:>10`, `>6s:>0` or `bytes>1MiB`. Parts are joined by "and"; a leading `-` or `!`
 * negates one. What cannot be understood is reported and left out.
 */
import type { StatFigure } from './statsTable';

export type NumericField = StatFigure | 'bytes' | 'elements';
export type Comparison = '<' | '<=' | '>' | '>=' | '=';

export type Condition =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'glob'; readonly pattern: string }
  /** Any of the patterns, compared without case; `*` and `?` are wildcards. */
  | { readonly kind: 'dtype'; readonly patterns: readonly string[] }
  /** One number: a dimension of that size. Several: the whole shape; null stands for any size. */
  | { readonly kind: 'shape'; readonly dimensions: readonly (number | null)[] }
  /** Shards counted from 1. */
  | { readonly kind: 'shard'; readonly shard: number }
  | {
      readonly kind: 'number';
      readonly field: NumericField;
      readonly comparison: Comparison;
      readonly value: number;
    };

export interface FilterPart {
  readonly negated: boolean;
  readonly condition: Condition;
}

export interface FilterProblem {
  /** The part as typed. */
  readonly part: string;
  readonly message: string;
}

export interface FilterQuery {
  readonly parts: readonly FilterPart[];
  readonly problems: readonly FilterProblem[];
  /** Some condition needs statistics. */
  readonly needsStatistics: boolean;
}

const numericFields: Readonly<Record<string, NumericField>> = {
  '>6s': 'sigma6',
  '>6σ': 'sigma6',
  '6s': 'sigma6',
  '6σ': 'sigma6',
  '>3s': 'sigma3',
  '>3σ': 'sigma3',
  '3s': 'sigma3',
  '3σ': 'sigma3',
  kurtosis: 'kurtosis',
  kurt: 'kurtosis',
  absmax: 'absmax',
  rms: 'rms',
  crest: 'crest',
  skewness: 'skewness',
  skew: 'skewness',
  entropy: 'entropy',
  denormals: 'denormals',
  denormal: 'denormals',
  subnormals: 'denormals',
  rowoutliers: 'rowOutliers',
  columnoutliers: 'columnOutliers',
  coloutliers: 'columnOutliers',
  rowenergy: 'rowEnergy',
  columnenergy: 'columnEnergy',
  int8columns: 'int8Columns',
  int8: 'int8Columns',
  std: 'std',
  sigma: 'std',
  σ: 'std',
  mean: 'mean',
  min: 'min',
  max: 'max',
  nan: 'nan',
  inf: 'inf',
  zeros: 'zeros',
  bytes: 'bytes',
  size: 'bytes',
  params: 'elements',
  parameters: 'elements',
  elements: 'elements',
};

const textFields = new Set(['name', 'dtype', 'type', 'shape', 'shard', 'file']);

// The longest names first, so that ">6s" is not read as a comparison.
const fieldPattern = new RegExp(
  `^(${Object.keys(numericFields)
    .sort((a, b) => b.length - a.length)
    .join('|')})\\s*:?\\s*(<=|>=|≤|≥|<|>|=)?\\s*(.*)$`,
  'i',
);

const multipliers: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  b: 1e9,
  t: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
};

/** Parses "10", "-0.5", "1e6", "64K", "1.5MiB", "1,024"; NaN when it is no number. */
function parseNumber(text: string): number {
  const match = /^([-−+]?[\d.,_]+(?:e[-−+]?\d+)?)\s*([a-z]*)$/i.exec(text);
  if (!match) return Number.NaN;
  const multiplier = multipliers[match[2]!.toLowerCase()];
  if (multiplier === undefined) return Number.NaN;
  return Number(match[1]!.replace(/[,_]/g, '').replaceAll('−', '-')) * multiplier;
}

const hasWildcard = (text: string) => /[*?]/.test(text);

/** Splits at spaces outside of double quotes; an open quote runs to the end. */
function tokens(text: string): string[] {
  return text.match(/(?:[^\s"]|"[^"]*(?:"|$))+/g) ?? [];
}

function parseNumeric(match: RegExpExecArray): Condition | string {
  const field = numericFields[match[1]!.toLowerCase()]!;
  const operator = match[2] ?? '=';
  const comparison = (operator === '≤' ? '<=' : operator === '≥' ? '>=' : operator) as Comparison;
  if (match[3] === '') return `it lacks a number; write ${match[1]}:>10, for example.`;
  const value = parseNumber(match[3]!);
  if (Number.isNaN(value)) return `"${match[3]}" is no number.`;
  return { kind: 'number', field, comparison, value };
}

function parseShape(value: string): Condition | string {
  const texts = value
    .replace(/^\[|\]$/g, '')
    .split(/[x×,]/i)
    .map((text) => text.trim());
  const dimensions = texts.map((text) =>
    text === '*' ? null : /^\d+$/.test(text) ? Number(text) : Number.NaN,
  );
  if (dimensions.some((dimension) => Number.isNaN(dimension)))
    return `"${value}" is no shape: write shape:256 or shape:256x768; * is any size.`;
  return { kind: 'shape', dimensions };
}

function parseToken(token: string): Condition | string {
  const unquoted = token.replaceAll('"', '');
  // A quoted part is a word as it is.
  if (token.startsWith('"')) return { kind: 'word', text: unquoted.toLowerCase() };
  const colon = unquoted.indexOf(':');
  const key = colon > 0 ? unquoted.slice(0, colon).toLowerCase() : '';
  const value = unquoted.slice(colon + 1);
  if (textFields.has(key)) {
    if (value === '') return `${key}: wants a value.`;
    switch (key) {
      case 'name':
        return hasWildcard(value)
          ? { kind: 'glob', pattern: value.toLowerCase() }
          : { kind: 'word', text: value.toLowerCase() };
      case 'dtype':
      case 'type':
        return {
          kind: 'dtype',
          patterns: value
            .toLowerCase()
            .split(',')
            .filter((pattern) => pattern !== ''),
        };
      case 'shape':
        return parseShape(value);
      default: {
        const shard = Number(value);
        if (!Number.isInteger(shard) || shard < 1) return `"${value}" is no shard: they count from 1.`;
        return { kind: 'shard', shard };
      }
    }
  }
  const numeric = fieldPattern.exec(unquoted);
  // Without a colon or comparison these are ordinary words: "max" may be part of a name.
  if (numeric && (numeric[2] || unquoted.slice(numeric[1]!.length).startsWith(':'))) {
    return parseNumeric(numeric);
  }
  if (/^[<>=]/.test(unquoted)) {
    return `"${unquoted}" compares nothing: put a figure before it, for example kurtosis${unquoted}.`;
  }
  if (key !== '' && /^[a-z]+$/.test(key) && !unquoted.includes('::')) {
    return `"${key}:" is unknown. Known: name, dtype, shape, shard, bytes, params, absmax, std, rms, crest, kurtosis, skew, entropy, >3s, >6s, min, max, mean, nan, inf, zeros, denormals, rowOutliers, columnOutliers, rowEnergy, columnEnergy, int8Columns.`;
  }
  if (hasWildcard(unquoted)) return { kind: 'glob', pattern: unquoted.toLowerCase() };
  return { kind: 'word', text: unquoted.toLowerCase() };
}

/** Parses what stands in the filter box. Never throws. */
export function parseFilter(text: string): FilterQuery {
  const parts: FilterPart[] = [];
  const problems: FilterProblem[] = [];
  for (const token of tokens(text)) {
    const negated = token.length > 1 && /^[-!]/.test(token);
    const condition = parseToken(negated ? token.slice(1) : token);
    if (typeof condition === 'string') problems.push({ part: token, message: condition });
    else if (condition.kind !== 'word' || condition.text !== '') parts.push({ negated, condition });
  }
  const needsStatistics = parts.some(
    ({ condition }) =>
      condition.kind === 'number' && condition.field !== 'bytes' && condition.field !== 'elements',
  );
  return { parts, problems, needsStatistics };
}
