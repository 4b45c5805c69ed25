/** The order of the report's table. */
import type { TensorError } from '../../../src/protocol/engineApi';
import { isQuantized, type Metric, metricNamed, metrics } from './metrics';

export interface TableOrder {
  /** A metric's name, `name` or `bytes`. */
  readonly column: string;
  readonly descending: boolean;
}

const names = new Intl.Collator(undefined, { numeric: true });

/**
 * Indices into rows, sorted, also by a metric that is `more` than those of reports; kept tensors have no error and come last either way,
 * and before them those whose figure is not known.
 */
export function orderRows(rows: readonly TensorError[], order: TableOrder, more?: Metric): number[] {
  const known = metrics.some(({ name }) => name === order.column);
  const byMetric = more?.name === order.column ? more : metricNamed(known ? order.column : 'sqnr');
  const compare = (one: TensorError, other: TensorError): number => {
    if (order.column === 'name') return names.compare(one.name, other.name);
    if (order.column === 'bytes') return one.bytes - other.bytes;
    const [a, b] = [byMetric.value(one), byMetric.value(other)];
    // Two infinities differ by NaN, not by 0.
    return a === b ? 0 : a - b;
  };
  const sign = order.descending ? -1 : 1;
  const byName = order.column === 'name' || order.column === 'bytes';
  return [...rows.keys()].sort((i, j) => {
    const [one, other] = [rows[i]!, rows[j]!];
    if (!byName) {
      const kept = Number(!isQuantized(one)) - Number(!isQuantized(other));
      if (kept !== 0) return kept;
      const [a, b] = [byMetric.value(one), byMetric.value(other)];
      const unknown = Number(Number.isNaN(a)) - Number(Number.isNaN(b));
      if (unknown !== 0 || Number.isNaN(a)) return unknown || i - j;
    }
    return sign * compare(one, other) || i - j;
  });
}

/** The order after a click on a column's header: worst first, then the other way round. */
export function clickHeader(order: TableOrder, column: string): TableOrder {
  if (order.column === column) return { column, descending: !order.descending };
  const metric = metrics.find(({ name }) => name === column);
  // Of a metric beside these, as of most, the largest is the worst.
  return { column, descending: metric ? metric.better === 'low' : column === 'bytes' || column === 'kl' };
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
