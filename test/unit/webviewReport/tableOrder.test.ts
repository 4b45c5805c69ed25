import { describe, expect, it } from 'vitest';
import type { TensorError } from '../../../src/protocol/engineApi';
import { metrics } from '../../../webview-ui/views/report/metrics';
import { clickHeader, commonPrefix, orderRows } from '../../../webview-ui/views/report/tableOrder';

const row = (name: string, sqnr: number | null, to = 'INT8'): TensorError => ({
  name,
  from: 'F32',
  to,
  bytes: name.length,
  mse: sqnr === null ? 0 : 10 ** (-sqnr / 10),
  sqnr,
  maxAbs: 0,
  cosine: 1,
  meanAbs: 0,
});
const rows = [
  row('l.10.q', 30),
  row('l.2.q', 10),
  row('norm', null, 'F32'),
  row('exact', null),
  row('l.2.k', 10),
];

describe('orderRows', () => {
  it('puts kept tensors last either way, exact copies best, and equal ones in the order of the file', () => {
    expect(orderRows(rows, { column: 'sqnr', descending: false })).toEqual([1, 4, 0, 3, 2]);
    expect(orderRows(rows, { column: 'sqnr', descending: true })).toEqual([3, 0, 1, 4, 2]);
  });

  it('sorts names with their numbers as numbers', () => {
    const order = orderRows(rows, { column: 'name', descending: false }).map((index) => rows[index]!.name);
    expect(order).toEqual(['exact', 'l.2.k', 'l.2.q', 'l.10.q', 'norm']);
  });

  it('knows of one metric more, and puts rows whose figure is not known behind the others', () => {
    const known = new Map([
      ['l.10.q', 0.5],
      ['exact', 0],
    ]);
    const more = {
      ...metrics[1]!,
      name: 'kl',
      value: (each: TensorError) => known.get(each.name) ?? Number.NaN,
    } as const;
    expect(orderRows(rows, { column: 'kl', descending: true }, more)).toEqual([0, 3, 1, 4, 2]);
    expect(orderRows(rows, { column: 'kl', descending: false }, more)).toEqual([3, 0, 1, 4, 2]);
    expect(clickHeader({ column: 'name', descending: false }, 'kl').descending).toBe(true);
  });

  it('takes SQNR for a column that does not exist', () => {
    expect(orderRows(rows, { column: 'gone', descending: false })[0]).toBe(1);
  });
});

it('clickHeader starts with the worst and then turns round', () => {
  const bySqnr = clickHeader({ column: 'name', descending: false }, 'sqnr');
  expect(bySqnr).toEqual({ column: 'sqnr', descending: false });
  expect(clickHeader(bySqnr, 'sqnr')).toEqual({ column: 'sqnr', descending: true });
  expect(clickHeader(bySqnr, 'mse')).toEqual({ column: 'mse', descending: true });
});

it('commonPrefix ends at a dot', () => {
  expect(commonPrefix(['model.layers.0.q', 'model.layers.10.q'])).toBe('model.layers.');
  expect(commonPrefix(['model.a', 'lm_head'])).toBe('');
  expect(commonPrefix(['model.layers.0.q'])).toBe('');
  expect(commonPrefix(['a.b', 'a.b'])).toBe('a.');
  expect(commonPrefix([])).toBe('');
});
