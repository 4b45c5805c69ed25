import { LoupeError } from '../../errors';
import { remembering } from '../remembering';
import type { Band, Knowledge, Setting, Survey } from '../scheme';
import { addTo } from '../surveys';
import { defaultRatio, type Pruning } from './pruning';

/** Groups of a weight at most: every worker holds a sum for each. */
const mostGroups = 2 ** 24;

/**
 * Structured pruning (Li et al. 2017, arXiv 1608.08710, with the L2 norm): whole rows, columns or attention heads
 * become 0, the floor(count * ratio) of smallest norm, on ties the first ones. A head is `headSize` rows.
 */
export function pruneStructured(
  { choice, rows, columns }: Setting,
  method: 'rows' | 'columns' | 'heads',
): Pruning {
  const headSize = method === 'heads' ? choice.headSize! : 1;
  if (rows % headSize !== 0) {
    throw new LoupeError('refused', `${rows} rows are no whole number of heads of ${headSize} rows.`);
  }
  const groups = method === 'columns' ? columns : rows / headSize;
  if (groups > mostGroups)
    throw new LoupeError('unsupported', `${groups} ${method} are too many to be pruned by norm.`);
  const perGroup = columns * headSize;
  const groupOf =
    method === 'columns'
      ? (index: number) => index % columns
      : (index: number) => Math.floor(index / perGroup);
  const norms: Survey = {
    start: () => new Float64Array(groups),
    add(state, { first, values }) {
      for (let i = 0; i < values.length; i++) state[groupOf(first + i)]! += values[i]! * values[i]!;
    },
    merge: addTo,
  };
  const pruned = remembering((known: Knowledge) => {
    const squares = known[0]!;
    const order = Array.from(squares.keys()).sort((a, b) => squares[a]! - squares[b]! || a - b);
    const mask = new Uint8Array(groups);
    for (const group of order.slice(0, Math.floor(groups * (choice.ratio ?? defaultRatio)))) mask[group] = 1;
    return mask;
  });
  return {
    unit: 1,
    surveys: [norms],
    apply({ first, values }: Band, known) {
      const mask = pruned(known);
      return { first, values: values.map((value, i) => (mask[groupOf(first + i)] === 1 ? 0 : value)) };
    },
    rule: (known) =>
      method === 'columns'
        ? { kind: 'columns', pruned: pruned(known) }
        : { kind: 'rows', pruned: pruned(known), rows: headSize },
  };
}
