import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildModuleTree, groupLabel, tensorLabel } from '../../../webview-ui/state/moduleTree';
import { naturalRanks, sortedOrder } from '../../../webview-ui/state/sortOrder';
import { StatsTable } from '../../../webview-ui/state/statsTable';
import { nextSort, type Sort } from '../../../webview-ui/state/tableColumns';
import { TableModel, type TableRequest } from '../../../webview-ui/state/tableModel';
import { namedColumns, statsWith, tensorColumns } from './sampleColumns';

/** The order as lines, indented by depth, names shortened as shown. */
function outline(names: readonly string[], rows?: Int32Array): string[] {
  const tree = buildModuleTree(names);
  return [...(rows ?? tree.order)].map((entry) => {
    if (entry < 0) {
      const { depth } = tree.groups[~entry]!;
      return `${'  '.repeat(depth)}[${groupLabel(tree, ~entry)}]`;
    }
    const group = tree.groupOf[entry]!;
    return `${'  '.repeat(group < 0 ? 0 : tree.groups[group]!.depth + 1)}${tensorLabel(tree, names, entry)}`;
  });
}

describe('module tree', () => {
  it('groups layers in numeric order, embeddings first, head last', () => {
    expect(
      outline([
        'lm_head.weight',
        'model.embed_tokens.weight',
        'model.layers.0.mlp.up.weight',
        'model.layers.0.norm.weight',
        'model.layers.10.mlp.up.weight',
        'model.layers.10.norm.weight',
        'model.layers.2.mlp.up.weight',
        'model.layers.2.norm.weight',
        'model.norm.weight',
      ]),
    ).toEqual([
      'model.embed_tokens.weight',
      '[model.layers.0]',
      '  mlp.up.weight',
      '  norm.weight',
      '[model.layers.2]',
      '  mlp.up.weight',
      '  norm.weight',
      '[model.layers.10]',
      '  mlp.up.weight',
      '  norm.weight',
      'model.norm.weight',
      'lm_head.weight',
    ]);
  });

  it('nests numbers, and dissolves groups of one', () => {
    expect(
      outline(['h.0.experts.0.w1', 'h.0.experts.0.w2', 'h.0.experts.1.w1', 'h.0.norm', 'features.3.weight']),
    ).toEqual([
      '[h.0]',
      '  [experts.0]',
      '    w1',
      '    w2',
      '  experts.1.w1',
      '  norm',
      'features.3.weight',
    ]);
  });

  it('groups modules of three and more where there are no numbers, slashes too', () => {
    expect(outline(['enc/rnn/a', 'enc/rnn/b', 'enc/rnn/c', 'dec/out/w', 'dec/out/b'])).toEqual([
      '[enc/rnn]',
      '  a',
      '  b',
      '  c',
      'dec/out/w',
      'dec/out/b',
    ]);
    // One group around everything says nothing.
    expect(outline(['net.a', 'net.b', 'net.c'])).toEqual(['net.a', 'net.b', 'net.c']);
  });

  it('keeps every tensor once, whatever the names', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '0', '1', '.', '/'), maxLength: 10 });
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 40 }), (names) => {
        const tree = buildModuleTree(names);
        const tensors = [...tree.order].filter((entry) => entry >= 0);
        expect(tensors.toSorted((a, b) => a - b)).toEqual(names.map((_, i) => i));
        for (const [index, group] of tree.groups.entries()) {
          expect(tree.order[group.start]).toBe(~index);
          const inside = [...tree.order.subarray(group.start, group.end)].filter((entry) => entry >= 0);
          expect(inside).toHaveLength(group.tensorCount);
          expect(inside.every((tensor) => names[tensor]!.startsWith(group.key))).toBe(true);
        }
      }),
    );
  });
});

describe('sortedOrder', () => {
  it('orders all doubles like a stable comparison, missing ones last', () => {
    fc.assert(
      fc.property(
        fc.float64Array({ maxLength: 60 }),
        fc.constantFrom('ascending' as const, 'descending' as const),
        (keys, direction) => {
          const sign = direction === 'ascending' ? 1 : -1;
          const expected = [...keys.keys()].sort((a, b) => {
            const [x, y] = [keys[a]!, keys[b]!];
            if (Number.isNaN(x) || Number.isNaN(y))
              return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
            return (x < y ? -sign : x > y ? sign : 0) || a - b;
          });
          expect([...sortedOrder(keys, direction)]).toEqual(expected);
        },
      ),
    );
  });

  it('ranks texts with their numbers as numbers', () => {
    expect([...naturalRanks(['a.10', 'a.2', 'b', 'a.2'])]).toEqual([1, 0, 2, 0]);
  });
});

describe('nextSort', () => {
  it('goes through first direction, the other, and back to model order', () => {
    const first = nextSort(undefined, 'kurtosis');
    expect(first).toEqual({ column: 'kurtosis', direction: 'descending' });
    const second = nextSort(first, 'kurtosis');
    expect(second).toEqual({ column: 'kurtosis', direction: 'ascending' });
    expect(nextSort(second, 'kurtosis')).toBeUndefined();
    expect(nextSort(second, 'name')).toEqual({ column: 'name', direction: 'ascending' });
  });
});

describe('TableModel', () => {
  const names = ['x.0.a', 'x.0.b', 'x.1.a', 'x.1.b', 'tail'];
  const all = { filter: '', sort: undefined, grouped: true, folded: new Set<string>() };

  it('leaves folded and empty groups out', () => {
    const model = new TableModel(namedColumns(names), new StatsTable(5));
    expect(outline(names, model.rows(all).rows)).toEqual([
      '[x.0]',
      '  a',
      '  b',
      '[x.1]',
      '  a',
      '  b',
      'tail',
    ]);
    expect(outline(names, model.rows({ ...all, folded: new Set(['x.0']) }).rows)).toEqual([
      '[x.0]',
      '[x.1]',
      '  a',
      '  b',
      'tail',
    ]);
    expect(outline(names, model.rows({ ...all, filter: 'x.1.b' }).rows)).toEqual(['[x.1]', '  b']);
  });

  it('sorts in one list, ties in model order, unknown figures last', () => {
    const stats = new StatsTable(5);
    stats.set(3, statsWith({ kurtosis: 9 }));
    stats.set(0, statsWith({ kurtosis: 80 }));
    stats.set(4, statsWith({ kurtosis: null }));
    const model = new TableModel(namedColumns(names), stats);
    const sort: Sort = { column: 'kurtosis', direction: 'descending' };
    const { rows, grouped } = model.rows({ ...all, sort });
    expect(grouped).toBe(false);
    expect([...rows]).toEqual([0, 3, 1, 2, 4]);
  });

  it('sorts shapes by their sizes', () => {
    const columns = tensorColumns([
      ['a', 'F32', [768, 256]],
      ['b', 'F32', [256]],
      ['c', 'F32', [256, 768]],
      ['d', 'F32', []],
    ]);
    const model = new TableModel(columns, new StatsTable(4));
    expect([...model.rows({ ...all, sort: { column: 'shape', direction: 'descending' } }).rows]).toEqual([
      0, 2, 1, 3,
    ]);
  });

  it('sums groups over the matching tensors, the largest of absmax and kurtosis', () => {
    const stats = new StatsTable(5);
    stats.set(0, statsWith({ kurtosis: 2, absmax: 1, sigma6: 4 }));
    stats.set(1, statsWith({ kurtosis: 7, absmax: 0.5, sigma6: 5 }));
    const model = new TableModel(namedColumns(names), stats);
    expect(model.groupTotals('')[0]).toEqual({
      tensors: 2,
      parameters: 8,
      bytes: 32,
      absmax: 1,
      kurtosis: 7,
      sigma6: 9,
    });
    expect(model.groupTotals('x.0.b')[0]).toMatchObject({ tensors: 1, kurtosis: 7, sigma6: 5 });
    expect(model.groupTotals('')[1]!.kurtosis).toBeNaN();
  });

  it('follows figures that come in later', () => {
    const stats = new StatsTable(5);
    const model = new TableModel(namedColumns(names), stats);
    expect(model.rows({ ...all, filter: 'kurtosis:>1' }).matches).toBe(0);
    stats.set(2, statsWith({ kurtosis: 5 }));
    expect(model.rows({ ...all, filter: 'kurtosis:>1' }).matches).toBe(1);
  });

  it('filters, sorts and groups 100,000 tensors', () => {
    const rows = Array.from({ length: 100_000 }, (_, i) => {
      const part = ['down', 'gate', 'up'][i % 3];
      return [
        `model.layers.${Math.floor(i / 384)}.mlp.experts.${Math.floor(i / 3) % 128}.${part}_proj.weight`,
        'BF16',
        [768, 2048],
      ] as const;
    });
    const columns = tensorColumns(rows);
    const stats = new StatsTable(columns.count);
    for (let i = 0; i < columns.count; i++) stats.set(i, statsWith({ kurtosis: Math.sin(i), sigma6: i % 5 }));
    const model = new TableModel(columns, stats);
    model.prepare();
    const measure = (request: Partial<TableRequest>) => {
      const times = Array.from({ length: 12 }, (_, i) => {
        // Another filter each time: nothing is remembered.
        const filter = `${request.filter ?? ''} -none${i}`;
        const before = process.cpuUsage();
        expect(model.rows({ ...all, ...request, filter }).rows.length).toBeGreaterThan(0);
        if (!request.sort) model.groupTotals(filter);
        const { user, system } = process.cpuUsage(before);
        return (user + system) / 1000;
      });
      // CPU time, and the shortest: what else the machine does is not asked here.
      return Math.min(...times);
    };
    const times = {
      grouped: measure({ filter: 'up_proj' }),
      glob: measure({ filter: '*.experts.1?.*' }),
      byKurtosis: measure({ filter: '>6s:>2', sort: { column: 'kurtosis', direction: 'descending' } }),
      byName: measure({ sort: { column: 'name', direction: 'ascending' } }),
    };
    console.log(
      '100,000 tensors, ms of CPU time (limit 50):',
      JSON.stringify(times, (_, value) => (typeof value === 'number' ? Number(value.toFixed(1)) : value)),
    );
  });
});
