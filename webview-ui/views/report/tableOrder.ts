/** The order of the report's table. */
import type { TensorError } from '../../../src/protocol/engineApi';
import { isQuantized, metricNamed, metrics } from './metrics';

export interface TableOrder {
  /** A metric's name, `name` or `bytes`. */
  readonly column: string;
  readonly descending: boolean;
}

const names = new Intl.Collator(undefined, { numeric: true });

/** Indices into rows, sorted; kept tensors have no error and come last either way. */
export function orderRows(rows: readonly TensorError[], order: TableOrder): number[] {
  const known = metrics.some(({ name }) => name === order.column);
  const compare = (one: TensorError, other: TensorError): number => {
    if (order.column === 'name') return names.compare(one.name, other.name);
    if (order.column === 'bytes') return one.bytes - other.bytes;
    const metric = metricNamed(known ? order.column : 'sqnr');
    const [a, b] = [metric.value(one), metric.value(other)];
    // Two infinities differ by NaN, not by 0.
    return a === b ? 0 : a - b;
  };
  const sign = order.descending ? -1 : 1;
  const byName = order.column === 'name' || order.column === 'bytes';
  return [...rows.keys()].sort((a, b) => {
    const [one, other] = [rows[a]!, rows[b]!];
    if (!byName) {
      const kept = Number(!isQuantized(one)) - Number(!isQuantized(other));
      if (kept !== 0) return kept;
    }
    return sign * compare(one, other) || a - b;
  });
}

/** The order after a click on a column's header: worst first, then the other way round. */
export function clickHeader(order: TableOrder, column: string): TableOrder {
  if (order.column === column) return { column, descending: !order.descending };
  const metric = metrics.find(({ name }) => name === column);
  return { column, descending: metric ? metric.better === 'low' : column === 'bytes' };
}

/** What all names start with, up to and with a dot; empty for one name. Left out of the table's rows. */
export function commonPrefix(names: readonly string[]): string {
  const [first = '', ...others] = names;
  if (others.length === 0) return '';
  let length = first.length;
  for (const name of others) {
    let same = 0;
    while (same < length && name[same] === first[same]) same++;
    length = same;
  }
  return first.slice(0, first.lastIndexOf('.', length - 1) + 1);
}
