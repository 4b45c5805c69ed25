/** Applies a parsed filter to all tensors at once. */
import type { TensorColumns } from '../../src/protocol/engineApi';
import type { Comparison, Condition, FilterQuery } from './filterQuery';
import type { StatsTable } from './statsTable';

/**
 * Whether a whole text matches a pattern with `*` and `?`. Greedy with one point of return, so the time
 * is at most text times pattern; a regular expression could be made to take exponential time.
 */
export function matchesGlob(text: string, pattern: string): boolean {
  let t = 0;
  let p = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      starAt = p++;
      resumeAt = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      t = ++resumeAt;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

function compares(value: number, comparison: Comparison, other: number): boolean {
  switch (comparison) {
    case '<':
      return value < other;
    case '<=':
      return value <= other;
    case '>':
      return value > other;
    case '>=':
      return value >= other;
    case '=':
      return value === other;
  }
}

type Predicate = (tensor: number) => boolean;

function shapePredicate(columns: TensorColumns, wanted: readonly (number | null)[]): Predicate {
  const { shapes, shapeEnd } = columns;
  const startOf = (tensor: number) => (tensor === 0 ? 0 : shapeEnd[tensor - 1]!);
  if (wanted.length === 1 && wanted[0] !== null) {
    return (tensor) => {
      for (let d = startOf(tensor); d < shapeEnd[tensor]!; d++) if (shapes[d] === wanted[0]) return true;
      return false;
    };
  }
  return (tensor) => {
    const start = startOf(tensor);
    if (shapeEnd[tensor]! - start !== wanted.length) return false;
    return wanted.every((dimension, d) => dimension === null || shapes[start + d] === dimension);
  };
}

function predicateFor(
  condition: Condition,
  columns: TensorColumns,
  lowerNames: readonly string[],
  stats: StatsTable,
): Predicate {
  switch (condition.kind) {
    case 'word':
      return (tensor) => lowerNames[tensor]!.includes(condition.text);
    case 'glob':
      return (tensor) => matchesGlob(lowerNames[tensor]!, condition.pattern);
    case 'dtype': {
      const wanted = columns.dtypes.map((dtype) =>
        condition.patterns.some((pattern) => matchesGlob(dtype.toLowerCase(), pattern)),
      );
      return (tensor) => wanted[columns.dtype[tensor]!]!;
    }
    case 'shape':
      return shapePredicate(columns, condition.dimensions);
    case 'shard':
      return (tensor) => columns.file[tensor] === condition.shard - 1;
    case 'number': {
      const { field, comparison, value } = condition;
      const values =
        field === 'bytes' ? columns.bytes : field === 'elements' ? columns.elements : stats.column(field);
      return (tensor) => compares(values[tensor]!, comparison, value);
    }
  }
}

export interface FilterResult {
  /** 1 for the tensors that match. */
  readonly mask: Uint8Array;
  readonly matches: number;
}

/** The tensors that match every part. A tensor without the figure that a part asks for never matches it. */
export function applyFilter(
  query: FilterQuery,
  columns: TensorColumns,
  lowerNames: readonly string[],
  stats: StatsTable,
): FilterResult {
  const mask = new Uint8Array(columns.count).fill(1);
  for (const { condition, negated } of query.parts) {
    const predicate = predicateFor(condition, columns, lowerNames, stats);
    const asksFigure =
      condition.kind === 'number' && condition.field !== 'bytes' && condition.field !== 'elements';
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] === 0) continue;
      if (asksFigure && stats.knowledge(i) !== 'known') mask[i] = 0;
      else if (predicate(i) === negated) mask[i] = 0;
    }
  }
  let matches = 0;
  for (let i = 0; i < mask.length; i++) matches += mask[i]!;
  return { mask, matches };
}
