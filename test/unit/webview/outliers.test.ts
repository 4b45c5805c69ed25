import { describe, expect, it } from 'vitest';
import { compactNumber } from '../../../webview-ui/state/compactNumber';
import { parseFilter } from '../../../webview-ui/state/filterQuery';
import { buildModuleMap, type MapGroup } from '../../../webview-ui/state/moduleMap';
import {
  cellFigure,
  placeOn,
  rangeOf,
  type StatisticId,
  statisticOf,
  statistics,
} from '../../../webview-ui/state/outlierStatistics';
import { outlierSummary } from '../../../webview-ui/state/outlierSummary';
import { StatsTable } from '../../../webview-ui/state/statsTable';
import { TableModel } from '../../../webview-ui/state/tableModel';
import { initialViewState, restoreViewState } from '../../../webview-ui/state/viewState';
import { isCell, lineAt, mapGeometry, neighbour } from '../../../webview-ui/views/moduleMap/mapGeometry';
import { rowHeight } from '../../../webview-ui/views/moduleMap/mapMeasures';
import { statsWith, tensorColumns } from './sampleColumns';

const columns = tensorColumns([
  ['model.layers.0.mlp.up_proj.weight', 'BF16', [8, 4]],
  ['model.layers.0.mlp.down_proj.weight', 'BF16', [4, 8]],
  ['model.layers.0.input_layernorm.weight', 'BF16', [4]],
  ['model.layers.1.mlp.up_proj.weight', 'BF16', [8, 4]],
  ['model.layers.1.mlp.down_proj.weight', 'BF16', [4, 8]],
]);

function filled(): StatsTable {
  const stats = new StatsTable(5);
  const channels = { rows: 0, columns: 0, rowEnergy: 0, columnEnergy: 0, int8Columns: 0 };
  stats.set(0, { ...statsWith({ kurtosis: 1, absmax: 0.5 }), outlierChannels: channels });
  stats.set(1, {
    ...statsWith({ kurtosis: 312, absmax: 20, sigma6: 7 }),
    skewness: -2,
    crest: 60,
    outlierChannels: { rows: 0, columns: 3, rowEnergy: 0, columnEnergy: 0.38, int8Columns: 2 },
  });
  stats.set(2, {
    ...statsWith({ kurtosis: 40, absmax: 16 }),
    crest: 9,
    outlierChannels: { rows: 0, columns: 1, rowEnergy: 0, columnEnergy: 0.9, int8Columns: 1 },
  });
  stats.set(3, null);
  return stats;
}

describe('compactNumber', () => {
  it.each([
    [0, '0'],
    [0.00003, '3e−5'],
    [0.0194, '0.019'],
    [-0.5, '−0.5'],
    [4.72, '4.7'],
    [5, '5'],
    [99.96, '100'],
    [312.4, '312'],
    [1170, '1.2k'],
    [12_345, '12k'],
    [999_960, '1M'],
    [3.2e12, '3200G'],
    [3.4e38, '3e38'],
    [Number.NaN, '–'],
    [Infinity, '∞'],
  ])('%s is %s', (value, text) => {
    expect(compactNumber(value)).toBe(text);
    expect(text.length).toBeLessThanOrEqual(6);
  });
});

describe('the statistics of the map', () => {
  const place = (id: StatisticId, values: readonly number[], value: number) =>
    placeOn(statisticOf(id), rangeOf(statisticOf(id), values)!, value);

  it('place values on the colour map by their scale', () => {
    // Logarithms: 1, 10, 100 are evenly spaced.
    expect(place('absmax', [1, 100], 10)).toBeCloseTo(0.5, 12);
    // log(1 + x): 0, 9, 99.
    expect(place('kurtosis', [2, 99], 9)).toBeCloseTo(0.5, 12);
    expect(place('kurtosis', [-1.2, 99], -1.2)).toBe(0);
    expect(place('energy', [0.2, 0.8], 0.4)).toBeCloseTo(0.5, 12);
    expect(place('skewness', [-1, 4], 0)).toBe(0.5);
    expect(place('skewness', [-1, 4], -4)).toBe(0);
    expect(place('absmax', [0, 1, 100], 0)).toBe(0);
    expect(place('absmax', [3], 3)).toBe(0);
    expect(Number.isNaN(place('absmax', [1, 2], Number.NaN))).toBe(true);
    expect(rangeOf(statisticOf('kurtosis'), [Number.NaN])).toBeUndefined();
  });

  it('say when values lie below the legend', () => {
    expect(rangeOf(statisticOf('kurtosis'), [-1.2, 5])).toEqual({ min: 0, max: 5, isCut: true });
    expect(rangeOf(statisticOf('absmax'), [0, 2, 5])).toEqual({ min: 2, max: 5, isCut: true });
    // Nothing stands out, and nothing is to look as if it did.
    expect(rangeOf(statisticOf('kurtosis'), [-1.2, -0.2])).toEqual({ min: 0, max: 1, isCut: true });
    expect(rangeOf(statisticOf('nonFinite'), [0, 0])).toEqual({ min: 0, max: 1, isCut: false });
    expect(rangeOf(statisticOf('skewness'), [-3, 1])).toEqual({ min: -3, max: 3, isCut: false });
  });

  it('sum a cell of several tensors up by the largest', () => {
    const stats = filled();
    const of = (id: StatisticId, tensors: readonly number[]) =>
      cellFigure(statisticOf(id), stats, columns.elements, tensors);
    expect(of('kurtosis', [0, 1, 2, 3, 4])).toEqual({ value: 312, tensor: 1, unknown: 1, unreadable: 1 });
    expect(of('skewness', [0, 1])).toMatchObject({ value: -2, tensor: 1 });
    expect(of('energy', [1, 2])).toMatchObject({ value: 0.9, tensor: 2 });
    expect(of('channels', [1, 2])).toMatchObject({ value: 3, tensor: 1 });
    expect(of('kurtosis', [4])).toEqual({ value: Number.NaN, tensor: 4, unknown: 1, unreadable: 0 });
  });

  it('tell the share of NaN and infinities', () => {
    const stats = new StatsTable(1);
    stats.set(0, { ...statsWith({}), nan: 3, inf: 1 });
    expect(statisticOf('nonFinite').value(stats, 0, 16)).toBe(0.25);
    expect(new Set(statistics.map(({ id }) => id)).size).toBe(10);
  });
});

describe('the summary', () => {
  const words = (stats: StatsTable) =>
    outlierSummary(columns, stats).map(({ text, tensor, detail }) =>
      [text, tensor === undefined ? '' : columns.names[tensor], detail ?? ''].filter(Boolean).join(' | '),
    );

  it('names what stands out', () => {
    expect(words(filled())).toEqual([
      '1 of 2 matrices has outlier channels; the strongest: | model.layers.0.mlp.down_proj.weight | 3 columns with 38 % of the energy',
      'Highest kurtosis: | model.layers.0.mlp.down_proj.weight | 312.0',
      '1 matrix has columns that LLM.int8() would keep in 16 bits.',
      '1 vector scales single channels far beyond the others, most in | model.layers.0.input_layernorm.weight',
    ]);
  });

  it('says that nothing does, that values are broken, and nothing of what is not known', () => {
    const quiet = new StatsTable(5);
    expect(words(quiet)).toEqual([]);
    const channels = { rows: 0, columns: 0, rowEnergy: 0, columnEnergy: 0, int8Columns: 0 };
    quiet.set(0, { ...statsWith({ kurtosis: 0.1 }), outlierChannels: channels });
    expect(words(quiet)[0]).toBe('None of 1 matrix has outlier channels.');
    quiet.set(1, { ...statsWith({}), nan: 2 });
    expect(words(quiet)[0]).toBe(
      '1 tensor holds NaN or infinite values, the first of them | model.layers.0.mlp.down_proj.weight',
    );
  });
});

describe('the new figures in the filter', () => {
  const matches = (text: string) => {
    const model = new TableModel(columns, filled());
    const { rows } = model.rows({ filter: text, sort: undefined, grouped: false, folded: new Set() });
    return [...rows];
  };

  it.each([
    ['crest:>10', [1]],
    ['crest:>5', [1, 2]],
    ['skew:<-1', [1]],
    ['skewness<0', [1]],
    ['columnOutliers:>0', [1, 2]],
    ['rowOutliers:>0', []],
    ['columnEnergy:>0.5', [2]],
    ['int8Columns:>=2', [1]],
    ['int8:1', [2]],
    ['denormals:0', [0, 1, 2]],
    ['-crest:>10', [0, 2]],
  ])('%s', (text, tensors) => {
    expect(parseFilter(text).problems).toEqual([]);
    expect(matches(text)).toEqual(tensors);
  });
});

describe('the saved state', () => {
  it('keeps the statistic, the view, what is open and the extra columns; drops what it does not know', () => {
    const outliers = {
      statistic: 'crest',
      view: 'table',
      open: ['model.layers.0'],
      sort: { column: 'absmax', direction: 'ascending' },
    } as const;
    expect(restoreViewState({ outliers, extraColumns: ['crest', 'nowhere'], tab: 'outliers' })).toMatchObject(
      {
        outliers,
        extraColumns: ['crest'],
        tab: 'outliers',
      },
    );
    for (const broken of [null, 7, { statistic: 'nowhere', view: 1, open: [1], sort: { column: 'x' } }]) {
      expect(restoreViewState({ outliers: broken }).outliers).toEqual(initialViewState.outliers);
    }
  });

  it('keeps figures of a table through saving', () => {
    const copy = new StatsTable(5);
    copy.restore(JSON.parse(JSON.stringify(filled().save())));
    expect(copy.get(1, 'columnEnergy')).toBe(0.38);
    expect(copy.get(1, 'crest')).toBe(60);
    expect(Number.isNaN(copy.get(0, 'crest'))).toBe(true);
    expect(copy.knowledge(3)).toBe('unreadable');
    // Rows of an older version have other figures.
    copy.restore([[4, 1, 0, 0]]);
    expect(copy.knowledge(4)).toBe('unknown');
  });
});

describe('the geometry of the map', () => {
  const { groups } = buildModuleMap([
    'model.embed_tokens.weight',
    ...[0, 1, 2].flatMap((layer) => [
      `model.layers.${layer}.self_attn.q_proj.weight`,
      // Layer 1 has no down projection: a hole.
      ...(layer === 1 ? [] : [`model.layers.${layer}.mlp.down_proj.weight`]),
    ]),
    'lm_head.weight',
  ]);
  const geometry = mapGeometry(groups, new Set(), 800, (text) => text.length * 6);
  const nameless = (list: readonly MapGroup[]) => list.map(({ label }) => label);

  it('lays lines out without gaps or overlaps that would lose a row', () => {
    expect(nameless(groups)).toEqual(['Embeddings', 'model.layers', 'Outside of layers']);
    const kinds = geometry.lines.map(({ kind, row }) => (kind === 'row' ? row!.label : kind));
    expect(kinds).toEqual([
      'header',
      'model.embed_tokens',
      'header',
      'all',
      '0',
      '1',
      '2',
      'header',
      'lm_head',
    ]);
    for (let index = 1; index < geometry.lines.length; index++) {
      const before = geometry.lines[index - 1]!;
      expect(geometry.lines[index]!.top).toBeGreaterThanOrEqual(before.top + before.height);
    }
    for (const [index, { top }] of geometry.lines.entries()) {
      expect(lineAt(geometry, top)).toBe(index);
      expect(lineAt(geometry, top + rowHeight - 1)).toBe(index);
    }
    expect(lineAt(geometry, -5)).toBe(0);
    expect(lineAt(geometry, 1e9)).toBe(geometry.lines.length - 1);
  });

  it('moves over holes and headers', () => {
    const layer0 = { line: 4, column: 1 };
    expect(isCell(geometry, groups, layer0)).toBe(true);
    expect(isCell(geometry, groups, { line: 5, column: 1 })).toBe(false);
    // Below the hole: the nearest cell of that row.
    expect(neighbour(geometry, groups, layer0, 1, 0)).toEqual({ line: 5, column: 0 });
    expect(neighbour(geometry, groups, { line: 5, column: 0 }, 0, 1)).toEqual({ line: 5, column: 2 });
    expect(neighbour(geometry, groups, { line: 3, column: 0 }, -1, 0)).toEqual({ line: 1, column: 0 });
    expect(neighbour(geometry, groups, { line: 6, column: 2 }, 1, 0)).toEqual({ line: 8, column: 0 });
    expect(neighbour(geometry, groups, { line: 1, column: 0 }, -1, 0)).toEqual({ line: 1, column: 0 });
  });

  it('keeps cells wide enough to be hit, whatever the width', () => {
    for (const width of [0, 200, 600, 5000]) {
      const { cellWidth, labelWidth } = mapGeometry(groups, new Set(), width, (text) => text.length * 6);
      expect(cellWidth).toBeGreaterThanOrEqual(34);
      expect(labelWidth).toBeGreaterThan(0);
    }
  });
});
