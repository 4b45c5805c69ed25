/** Applies a parsed filter to all tensors at once. */
import type { TensorColumns } from '../../src/protocol/engineApi';
import type { Comparison, Condition, FilterQuery } from './filterQuery';
import type { StatsTable } from './statsTable';

/** Position of a piece in a text from `start` on, or -1; `?` in the piece stands for any character. */
function findPiece(text: string, piece: string, start: number): number {
  const wildcard = piece.indexOf('?');
  if (wildcard < 0) return text.indexOf(piece, start);
  const literal = piece.slice(0, wildcard);
  for (let at = start; at + piece.length <= text.length; at++) {
    at = text.indexOf(literal, at);
    if (at < 0 || at + piece.length > text.length) return -1;
    if (pieceAt(text, piece, at)) return at;
  }
  return -1;
}

function pieceAt(text: string, piece: string, at: number): boolean {
  if (at < 0 || at + piece.length > text.length) return false;
  for (let i = 0; i < piece.length; i++) {
    const code = piece.charCodeAt(i);
    if (code !== 63 /* ? */ && code !== text.charCodeAt(at + i)) return false;
  }
  return true;
}

/**
 * A test for whole texts against a pattern with `*` and `?`. The pieces between stars are looked for one
 * after another, each at its first place, so the time is at most text times pattern; a regular expression could
 * be made to take exponential time.
 */
export function globMatcher(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*');
  const first = pieces[0]!;
  if (pieces.length === 1) return (text) => text.length === first.length && pieceAt(text, first, 0);
  const last = pieces.at(-1)!;
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '');
  return (text) => {
    const end = text.length - last.length;
    if (end < first.length || !pieceAt(text, first, 0) || !pieceAt(text, last, end)) return false;
    let position = first.length;
    for (const piece of middle) {
      const at = findPiece(text, piece, position);
      if (at < 0) return false;
      position = at + piece.length;
    }
    return position <= end;
  };
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
    case 'glob': {
      const matches = globMatcher(condition.pattern);
      return (tensor) => matches(lowerNames[tensor]!);
    }
    case 'dtype': {
      const matchers = condition.patterns.map(globMatcher);
      const wanted = columns.dtypes.map((dtype) => matchers.some((matches) => matches(dtype.toLowerCase())));
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
