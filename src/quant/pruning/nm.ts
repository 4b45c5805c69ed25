import type { Band, Setting } from '../scheme';
import type { Pruning } from './pruning';

/**
 * N:M pruning (Mishra et al. 2021, arXiv 2104.08378, for 2:4): of every M consecutive values of a row the N of
 * largest magnitude stay, on ties the first ones; a shorter group at a row's end keeps up to N.
 */
export function pruneNm({ choice, columns }: Setting): Pruning {
  const keep = choice.keep ?? 2;
  const of = choice.of ?? 4;
  return {
    unit: columns % of === 0 ? of : columns,
    surveys: [],
    apply({ first, values }: Band) {
      const result = new Float32Array(values.length);
      const order: number[] = [];
      for (let at = 0; at < values.length; ) {
        const column = (first + at) % columns;
        const end = Math.min(at + of, at + columns - column, values.length);
        order.length = 0;
        for (let i = at; i < end; i++) order.push(i);
        order.sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!) || a - b);
        for (const i of order.slice(0, keep)) result[i] = values[i]!;
        at = end;
      }
      return { first, values: result };
    },
    rule: () => ({ kind: 'ranks', keep, of }),
  };
}
