import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { peaks } from '../../../webview-ui/draw/channelPlot';
import { dtypeShares } from '../../../webview-ui/state/dtypeShares';
import {
  countInWords,
  formatBytes,
  formatDecimal,
  formatExactBytes,
  formatNumber,
  formatParameters,
  formatSeconds,
  formatShape,
  formatShare,
} from '../../../webview-ui/state/format';
import { filterMetadata, jsonRows, metadataSections } from '../../../webview-ui/state/metadataRows';
import { StatsTable } from '../../../webview-ui/state/statsTable';
import { initialViewState, restoreViewState } from '../../../webview-ui/state/viewState';
import { maximumContentHeight, rowWindow, scrollTopFor } from '../../../webview-ui/state/virtualWindow';
import { everyLayer } from '../../../webview-ui/views/tensorList/rowMenu';
import { statsWith, tensorColumns } from './sampleColumns';

describe('format', () => {
  it.each([
    [0, '0'],
    [0.038194, '0.03819'],
    [-3.3906, '−3.391'],
    [-0.00006484, '−6.484e−5'],
    [12_345.6, '12,346'],
    [1.5e9, '1.500e9'],
    [Number.NaN, 'NaN'],
    [-Infinity, '−∞'],
  ])('number %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it.each([
    [256, '256'],
    [65_536, '65.5 K'],
    [999_949, '999.9 K'],
    [999_999, '1.00 M'],
    [3_295_488, '3.30 M'],
    [157_286_400_000, '157.3 B'],
  ])('parameters %s', (value, text) => {
    expect(formatParameters(value)).toBe(text);
  });

  it('writes sizes in binary units, and exactly', () => {
    expect(formatBytes(1023)).toBe('1,023 B');
    expect(formatBytes(393_216)).toBe('384 KiB');
    expect(formatBytes(6_590_976)).toBe('6.29 MiB');
    expect(formatExactBytes(1)).toBe('1 byte');
    expect(formatExactBytes(1_204_736)).toBe('1,204,736 bytes');
  });

  it('never calls a part the whole', () => {
    expect(formatShare(1)).toBe('100 %');
    expect(formatShare(0.9999)).toBe('> 99.9 %');
    expect(formatShare(0.997)).toBe('99.7 %');
    expect(formatShare(0.38)).toBe('38 %');
    expect(formatShare(0.024)).toBe('2.4 %');
    expect(formatShare(0.0004)).toBe('< 0.1 %');
    expect(formatShare(0)).toBe('0 %');
  });

  it('writes the rest', () => {
    expect(formatDecimal(214.68)).toBe('214.7');
    expect(formatDecimal(-0.01)).toBe('0.0');
    expect(formatDecimal(12_345.6)).toBe('12,346');
    expect(formatShape([256, 768])).toBe('256 × 768');
    expect(formatShape([])).toBe('scalar');
    expect(formatSeconds(240)).toBe('4 min');
    expect(countInWords(2, true)).toBe('Two');
    expect(countInWords(12, true)).toBe('12');
  });
});

describe('virtual window', () => {
  const geometry = { rowCount: 1000, rowHeight: 22, viewportHeight: 220 };

  it('draws the rows on screen and a few around them', () => {
    expect(rowWindow(0, geometry)).toEqual({ first: 0, end: 14, top: 0, contentHeight: 22_000 });
    const middle = rowWindow(2211, geometry);
    expect(middle).toMatchObject({ first: 96, end: 115, top: 96 * 22 });
    expect(rowWindow(1e9, geometry).end).toBe(1000);
  });

  it('covers the viewport at every position, also of lists higher than a browser allows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (rowCount, at) => {
          const list = { rowCount, rowHeight: 22, viewportHeight: 600 };
          const content = Math.min(rowCount * 22, maximumContentHeight);
          const scrollTop = at * Math.max(0, content - 600);
          const { first, end, top, contentHeight } = rowWindow(scrollTop, list);
          expect(contentHeight).toBe(content);
          expect(top).toBeLessThanOrEqual(scrollTop + 1e-6);
          expect(top + (end - first) * 22).toBeGreaterThanOrEqual(
            Math.min(scrollTop + 600, content) - 22 - 1e-6,
          );
        },
      ),
    );
  });

  it('reaches the last row of a list higher than a browser allows', () => {
    const list = { rowCount: 1_290_000, rowHeight: 22, viewportHeight: 600 };
    const scrollTop = scrollTopFor(list.rowCount - 1, 0, list);
    expect(scrollTop).toBeCloseTo(maximumContentHeight - 600, 3);
    expect(rowWindow(scrollTop, list).end).toBe(list.rowCount);
    expect(scrollTopFor(0, scrollTop, list)).toBe(0);
  });

  it('moves no further than it must', () => {
    expect(scrollTopFor(5, 0, geometry)).toBe(0);
    expect(scrollTopFor(10, 0, geometry)).toBe(22);
    expect(scrollTopFor(3, 500, geometry)).toBe(66);
  });
});

describe('saved state', () => {
  it('comes back as it was', () => {
    const state = {
      ...initialViewState,
      tab: 'memory' as const,
      selected: 'a.b',
      filter: 'x',
      sort: { column: 'bytes' as const, direction: 'ascending' as const },
      folded: ['layers.0'],
      hiddenColumns: ['share' as const],
      scrollTop: 440,
    };
    expect(restoreViewState(JSON.parse(JSON.stringify(state)))).toEqual(state);
  });

  it('falls back where something does not fit', () => {
    expect(restoreViewState(undefined)).toEqual(initialViewState);
    expect(
      restoreViewState({
        tab: 'elsewhere',
        sort: { column: 'colour' },
        folded: [1],
        scrollTop: -3,
        hiddenColumns: ['name'],
      }),
    ).toEqual(initialViewState);
  });

  it('keeps statistics, unreadable tensors too', () => {
    const stats = new StatsTable(3);
    stats.set(0, statsWith({ kurtosis: 1.25, absmax: 2, sigma6: 3 }));
    stats.set(2, null);
    const again = new StatsTable(3);
    again.restore(JSON.parse(JSON.stringify(stats.save())));
    expect(again.known).toBe(2);
    expect(again.get(0, 'kurtosis')).toBe(1.25);
    expect(again.get(0, 'mean')).toBeNaN();
    expect([0, 1, 2].map((tensor) => again.knowledge(tensor))).toEqual(['known', 'unknown', 'unreadable']);
    again.restore([[7, 1], ['x' as never]]);
    expect(again.known).toBe(2);
  });
});

describe('metadata', () => {
  const sections = metadataSections('gguf', [
    { key: 'general.name', type: 'string', value: 'demo' },
    { key: 'tokens', type: '[string]', value: { type: 'string', length: 32_000, head: ['<s>', 'a'] } },
    { key: 'short', type: '[u32]', value: { type: 'u32', length: 2, head: [1, 2] } },
  ]);

  it('shows long arrays by their heads, to be paged through, and opens objects', () => {
    expect(sections[0]!.rows.map((row) => [row.value, row.pagedLength])).toEqual([
      ['demo', undefined],
      ['32,000 items: "<s>", "a", …', 32_000],
      ['[1, 2]', undefined],
    ]);
    const rows = jsonRows({ rope: { factor: 8, kind: 'linear' }, list: [1, 2], nothing: null, empty: {} });
    expect(rows.map((row) => [row.key, row.type, row.value])).toEqual([
      ['rope.factor', 'number', '8'],
      ['rope.kind', 'string', 'linear'],
      ['list', 'array', '1, 2'],
      ['nothing', 'null', 'null'],
      ['empty', 'object', '{}'],
    ]);
  });

  it('finds words anywhere, all of them', () => {
    expect(filterMetadata(sections[0]!.rows, 'STRING demo').map((row) => row.key)).toEqual(['general.name']);
    expect(filterMetadata(sections[0]!.rows, ' ')).toHaveLength(3);
  });
});

describe('dtype shares', () => {
  it('sums by dtype, largest first', () => {
    const shares = dtypeShares(
      tensorColumns([
        ['a', 'F32', [4]],
        ['b', 'BF16', [24]],
        ['c', 'F32', [0]],
      ]),
    );
    expect(shares).toEqual([
      { dtype: 'BF16', tensors: 1, parameters: 24, bytes: 48, share: 0.75 },
      { dtype: 'F32', tensors: 2, parameters: 4, bytes: 16, share: 0.25 },
    ]);
  });
});

describe('peaks', () => {
  it('loses no maximum, with more or fewer pixels than channels', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 50 }),
        fc.integer({ min: 1, max: 80 }),
        (values, pixels) => {
          expect(Math.max(...peaks(Float32Array.from(values), pixels))).toBe(
            Math.max(...Float32Array.from(values)),
          );
        },
      ),
    );
    expect([...peaks(Float32Array.from([1, 9, 2, 3]), 2)]).toEqual([9, 3]);
  });
});

describe('everyLayer', () => {
  it('leaves whole numbers open, and digits inside of words alone', () => {
    expect(everyLayer('model.layers.12.mlp.experts.3.w1.weight')).toBe(
      'model.layers.*.mlp.experts.*.w1.weight',
    );
    expect(everyLayer('conv1.weight')).toBe('conv1.weight');
  });
});
