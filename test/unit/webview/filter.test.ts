import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyFilter, globMatcher } from '../../../webview-ui/state/filterMatch';
import { parseFilter } from '../../../webview-ui/state/filterQuery';
import { StatsTable } from '../../../webview-ui/state/statsTable';
import { statsWith, tensorColumns } from './sampleColumns';

const columns = tensorColumns([
  ['model.embed_tokens.weight', 'BF16', [288, 256]],
  ['model.layers.0.mlp.up_proj.weight', 'BF16', [768, 256]],
  ['model.layers.0.mlp.down_proj.weight', 'F16', [256, 768]],
  ['model.layers.10.input_layernorm.weight', 'F32', [256]],
  ['model.layers.10.mlp.up_proj.weight', 'Q4_0', [768, 256], 1],
]);
const lowerNames = columns.names.map((name) => name.toLowerCase());
const stats = new StatsTable(columns.count);
stats.set(1, statsWith({ kurtosis: 3, absmax: 0.4, sigma6: 0 }));
stats.set(2, statsWith({ kurtosis: 214.7, absmax: 3.39, sigma6: 512 }));
stats.set(3, null);

const found = (text: string) => {
  const { mask } = applyFilter(parseFilter(text), columns, lowerNames, stats);
  return [...mask].flatMap((match, i) => (match ? [i] : []));
};

describe('filter', () => {
  it.each([
    ['', [0, 1, 2, 3, 4]],
    ['up_proj', [1, 4]],
    ['MLP up', [1, 4]],
    ['"up_proj.weight"', [1, 4]],
    ['*.mlp.*.weight', [1, 2, 4]],
    ['model.layers.?.mlp.*', [1, 2]],
    ['name:layernorm', [3]],
    ['-mlp', [0, 3]],
    ['!*.weight', []],
    ['dtype:bf16', [0, 1]],
    ['dtype:bf16,f16', [0, 1, 2]],
    ['dtype:q*', [4]],
    ['-dtype:*f16', [3, 4]],
    ['shape:768', [1, 2, 4]],
    ['shape:256x768', [2]],
    ['shape:[768,256]', [1, 4]],
    ['shape:*x256', [0, 1, 4]],
    ['shard:2', [4]],
    ['bytes:>1e5', [0, 1, 2, 4]],
    ['bytes<2KiB', [3]],
    ['params:>=196,608', [1, 2, 4]],
    ['>6s:>0', [2]],
    ['>6σ>0', [2]],
    ['kurtosis>10', [2]],
    ['kurtosis:<10', [1]],
    ['absmax:>2', [2]],
    ['-kurtosis:>10', [1]],
  ])('%s', (text, expected) => {
    expect(parseFilter(text).problems).toEqual([]);
    expect(found(text)).toEqual(expected);
  });

  it('never takes a tensor without the figure, neither by a condition nor by its opposite', () => {
    expect(found('kurtosis:>0')).toEqual([1, 2]);
    expect(found('-kurtosis:>1000')).toEqual([1, 2]);
    expect(parseFilter('kurtosis:>0').needsStatistics).toBe(true);
    expect(parseFilter('bytes:>0').needsStatistics).toBe(false);
  });

  it.each([
    ['colour:red', 'unknown'],
    ['kurtosis:>many', 'no number'],
    ['kurtosis:>', 'lacks a number'],
    ['shape:big', 'no shape'],
    ['dtype:', 'wants a value'],
    ['shard:0', 'count from 1'],
    ['>10', 'compares nothing'],
  ])('reports %s and still applies the rest', (part, message) => {
    const query = parseFilter(`up_proj ${part}`);
    expect(query.problems).toHaveLength(1);
    expect(query.problems[0]!.part).toBe(part);
    expect(query.problems[0]!.message).toContain(message);
    expect(found(`up_proj ${part}`)).toEqual([1, 4]);
  });

  it('takes names of figures without a comparison as words', () => {
    expect(parseFilter('max').parts[0]!.condition).toEqual({ kind: 'word', text: 'max' });
  });

  it('parses anything without throwing', () => {
    fc.assert(fc.property(fc.string(), (text) => parseFilter(text).parts.length >= 0));
  });
});

describe('globMatcher', () => {
  it('agrees with the regular expression that it stands for', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 6 });
    fc.assert(
      fc.property(letters, pattern, (text, glob) => {
        const source = glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        expect(globMatcher(glob)(text)).toBe(new RegExp(`^${source}$`).test(text));
      }),
    );
  });

  it('takes no exponential time', () => {
    // With backtracking this would outlast the test's time limit by far.
    expect(globMatcher(`${'*a?'.repeat(30)}*b*a`)('a'.repeat(5000))).toBe(false);
  });
});
