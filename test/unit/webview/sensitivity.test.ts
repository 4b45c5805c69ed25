/** The pure parts of the Sensitivity tab: cells, totals, recipes against the engine's own resolution, places and colours. */
import { describe, expect, it } from 'vitest';
import type { SensitivityCell } from '../../../src/protocol/engineApi';
import { exactPattern } from '../../../src/protocol/exactPattern';
import { resolveChoice } from '../../../src/quant/choice';
import { resolveRecipe } from '../../../src/quant/recipe';
import { checkedRecipe } from '../../../src/quant/recipeFile';
import { offerKey, offersWithHeads, schemeOffers, usualOffers } from '../../../src/quant/schemeOffers';
import { schemeOffersFor } from '../../../src/quant/writable';
import { buildModuleMap } from '../../../webview-ui/state/moduleMap';
import {
  DraftPlaces,
  draftPicks,
  patternsOf,
  type RecipeDraft,
  recipeFrom,
  withoutRule,
  withRule,
} from '../../../webview-ui/state/recipeDraft';
import { cellSentence, rowCell } from '../../../webview-ui/state/rowCells';
import { SensitivityCells } from '../../../webview-ui/state/sensitivityCells';
import { metricOf, metricRange, metrics, placeOf } from '../../../webview-ui/state/sensitivityMetrics';
import { sensitivityRows, shownRows } from '../../../webview-ui/state/sensitivityRows';
import { initialSensitivity, restoreSensitivity } from '../../../webview-ui/state/sensitivityState';
import { modelTotal } from '../../../webview-ui/state/sensitivityTotals';
import {
  firstRowFrom,
  placeAfter,
  rowAt,
  sensitivityGeometry,
} from '../../../webview-ui/views/sensitivity/sensitivityGeometry';

function cell(tensor: number, more: Partial<SensitivityCell> = {}): SensitivityCell {
  return {
    tensor,
    choice: 0,
    state: 'quantized',
    to: 'INT8',
    bytes: 100,
    bitsPerWeight: 8,
    mse: 0.01,
    relative: 0.1,
    sqnr: 20,
    maxAbs: 0.5,
    cosine: 0.99,
    meanAbs: 0.05,
    kl: 0.001,
    ...more,
  };
}

const sample = { values: 10, of: 100, sqnrLow: 19, sqnrHigh: 21 };

describe('cells', () => {
  it('keep what is exact over a later sample, and count both', () => {
    const cells = new SensitivityCells(3);
    cells.take(['a', 'b'], [cell(0, { sampled: sample }), cell(1, { sqnr: null }), cell(0, { choice: 1 })]);
    expect([cells.known('a'), cells.sampled('a'), cells.known('b')]).toEqual([2, 1, 1]);
    expect(cells.get('a', 1)!.sqnr).toBe(Number.POSITIVE_INFINITY);
    cells.take(['a'], [cell(0, { mse: 0.02 }), cell(1, { mse: 7, sampled: sample })]);
    expect([cells.get('a', 0)!.mse, cells.get('a', 1)!.mse, cells.sampled('a')]).toEqual([0.02, 0.01, 0]);
    expect(cells.missing('a')).toEqual([2]);
    // Places that the model does not have are nothing.
    cells.take(['a'], [cell(3), cell(-1), cell(0, { choice: 5 })]);
    expect(cells.known('a')).toBe(2);
  });

  it('come back from plain data as they were; what does not fit is left out', () => {
    const cells = new SensitivityCells(2);
    cells.take(['a'], [cell(0, { sampled: sample, note: 'why' }), cell(1, { state: 'kept', sqnr: null })]);
    const back = new SensitivityCells(2);
    back.restore([...JSON.parse(JSON.stringify(cells.save())), ['a', 9], 'x', null, ['a', 0, 1, 'I', 'n']]);
    for (const tensor of [0, 1]) expect(back.get('a', tensor)).toEqual(cells.get('a', tensor));
    expect(back.sampled('a')).toBe(1);
  });
});

describe('totals', () => {
  it('weigh tensors by their values: SQNR is all signal over all noise', () => {
    const cells = new SensitivityCells(4);
    // Tensor 0: mean square 1, noise 0.01 of 100 values; tensor 1: mean square 4, noise 1 of 300; tensor 2 kept; 3 unknown.
    cells.take(
      ['a'],
      [
        cell(0, { mse: 0.01, relative: 0.1, bytes: 50 }),
        cell(1, { mse: 1, relative: 0.5, bytes: 150, sampled: sample }),
        cell(2, { state: 'kept', mse: 0, relative: 0, sqnr: null, bytes: 40 }),
      ],
    );
    const sizes = { count: 4, bytes: [200, 600, 40, 60], elements: [100, 300, 20, 30] };
    const total = modelTotal(cells, sizes, ['a'], () => 'a');
    expect(total).toMatchObject({
      bytes: 300,
      quantized: 2,
      kept: 1,
      failed: 0,
      unknown: 1,
      isSampled: true,
    });
    expect(total.bitsPerWeight).toBeCloseTo((8 * 300) / 450, 12);
    expect(total.mse).toBeCloseTo((100 * 0.01 + 300) / 400, 12);
    expect(total.sqnr).toBeCloseTo(10 * Math.log10((100 + 1200) / (1 + 300)), 10);
    const kept = modelTotal(cells, sizes, ['a'], () => 'keep');
    expect([kept.bytes, kept.kept, kept.sqnr]).toEqual([900, 4, Number.NaN]);
  });

  it('take the signal of a tensor without error from another scheme', () => {
    const cells = new SensitivityCells(1);
    cells.take(['exact', 'a'], [cell(0, { mse: 0, relative: 0, sqnr: null }), cell(0, { choice: 1 })]);
    const sizes = { count: 1, bytes: [200], elements: [100] };
    expect(modelTotal(cells, sizes, ['exact', 'a'], () => 'exact').sqnr).toBe(Number.POSITIVE_INFINITY);
  });
});

const layers = [0, 1, 10];
const modules = ['self_attn.q_proj', 'self_attn.k_proj', 'mlp.experts.0.up_proj', 'mlp.experts.1.up_proj'];
const names = [
  'model.embed_tokens.weight',
  ...layers.flatMap((layer) => [
    ...modules.map((module) => `model.layers.${layer}.${module}.weight`),
    `model.layers.${layer}.input_layernorm.weight`,
  ]),
  'lm_head.weight',
];
const shapes = names.map((name) => (/norm/.test(name) ? [64] : [64, 64]));
const policyTensors = names.map((name, at) => ({ name, dtype: 'BF16', shape: shapes[at]! }));
const rows = sensitivityRows(buildModuleMap(names), names);
const places = new DraftPlaces(names, rows);
const int8 = schemeOffers.find(({ key }) => key === 'int8-absmax row')!;
const int4 = schemeOffers.find(({ key }) => key === 'int4-absmax block 32')!;
const offers = new Map([int8, int4].map((offer) => [offer.key, offer]));
/** What the engine says of every tensor: the schemes' own keep-lists. */
const compared = new SensitivityCells(names.length);
for (const offer of offers.values()) {
  const { tensors } = resolveRecipe({ version: 1, default: offer.choice, rules: [] }, policyTensors, 'llama');
  compared.take(
    [offer.key],
    tensors.map(({ choice }, tensor) => cell(tensor, { state: choice ? 'quantized' : 'kept' })),
  );
}

describe('rows', () => {
  it('hold every tensor once, kinds within their layers, experts folded', () => {
    expect(rows.flatMap(({ tensors }) => tensors).sort((a, b) => a - b)).toEqual([...names.keys()]);
    const first = rows.filter(({ layer }) => layer === 'model.layers.0');
    expect(first.map(({ label, tensors }) => [label, tensors.length])).toEqual([
      ['q', 1],
      ['k', 1],
      ['experts up', 2],
      [expect.stringContaining('norm'), 1],
    ]);
    const open = new Set([first[2]!.key]);
    const shown = shownRows(first, open, ({ tensors }) => shapes[tensors[0]!]!.length > 1);
    expect(shown.map(({ label }) => label)).toEqual(['q', 'k', 'experts up', 'expert 0', 'expert 1']);
  });
});

describe('a recipe', () => {
  const tensor = (name: string) => names.indexOf(name);
  const q1 = tensor('model.layers.1.self_attn.q_proj.weight');
  const rule = (scope: 'tensor' | 'layer' | 'kind', at: number, choice: string) => ({
    scope,
    target: places.target(scope, at),
    choice,
  });

  /** What the engine makes of the saved file. */
  const resolved = (draft: RecipeDraft) => {
    const recipe = checkedRecipe(recipeFrom(draft, places, compared, offers, 'test'));
    const answer = resolveRecipe(recipe, policyTensors, 'llama');
    expect(answer.rules.every(({ matches }) => matches)).toBe(true);
    return answer.tensors.map(({ choice }) => (choice ? offerKey(choice) : 'keep'));
  };
  /** The same by the page: a scheme that keeps a tensor keeps it. */
  const picked = (draft: RecipeDraft) => {
    const pick = draftPicks(draft, places, compared);
    return names.map((_, at) => {
      const key = pick(at);
      return key === 'keep' || compared.stateOf(key, at) === 'kept' ? 'keep' : key;
    });
  };

  it.each<[string, RecipeDraft]>([
    ['without rules', { base: int4.key, rules: [] }],
    ['that keeps all', { base: 'keep', rules: [] }],
    ['for a tensor', { base: int4.key, rules: [rule('tensor', q1, int8.key)] }],
    ['that keeps a tensor', { base: int4.key, rules: [rule('tensor', q1, 'keep')] }],
    ['for a layer', { base: int4.key, rules: [rule('layer', q1, int8.key)] }],
    ['that keeps a layer', { base: int4.key, rules: [rule('layer', q1, 'keep')] }],
    ['for a kind', { base: int4.key, rules: [rule('kind', q1, int8.key)] }],
    [
      'for experts',
      {
        base: 'keep',
        rules: [rule('kind', tensor('model.layers.0.mlp.experts.0.up_proj.weight'), int8.key)],
      },
    ],
    [
      'with all of them, the newest first',
      {
        base: int4.key,
        rules: [rule('tensor', q1, int4.key), rule('layer', q1, int8.key), rule('kind', q1, 'keep')],
      },
    ],
  ])('%s means the same to the engine', (_, draft) => {
    expect(resolved(draft)).toEqual(picked(draft));
  });

  it('names a kind by one pattern, and replaces rules for the same', () => {
    const draft = withRule({ base: int4.key, rules: [] }, rule('kind', q1, int8.key));
    expect(recipeFrom(draft, places, compared, offers, 'test').rules).toEqual([
      { match: 'model.layers.*.self_attn.q_proj.weight', choice: int8.choice, note: 'kind: q' },
    ]);
    const changed = withRule(draft, rule('kind', q1, 'keep'));
    expect(changed.rules).toEqual([rule('kind', q1, 'keep')]);
    expect(withoutRule(changed, rule('kind', q1, int8.key)).rules).toEqual([]);
  });

  it('makes patterns that catch nothing else', () => {
    const all = ['a.0.w', 'a.1.w', 'a.x.w', 'b.0.w', 'b.1.w', 'a*b.w'];
    // "a.*.w" would catch a.x.w too.
    expect(patternsOf(['a.0.w', 'a.1.w'], all)).toEqual(['a.0.w', 'a.1.w']);
    expect(patternsOf(['b.0.w', 'b.1.w'], all)).toEqual(['b.*.w']);
    expect(exactPattern('a*b.w')).toBe('/^a\\*b\\.w$/');
  });
});

describe('metrics', () => {
  it('run from the worst to the best, whichever way they count', () => {
    const cells = new SensitivityCells(3);
    cells.take(
      ['a'],
      [cell(0, { mse: 1e-6, sqnr: 60 }), cell(1, { mse: 1e-2, sqnr: 20 }), cell(2, { mse: 0, sqnr: null })],
    );
    for (const metric of [metricOf('sqnr'), metricOf('mse')]) {
      const range = metricRange(cells, ['a'], metric);
      const at = [0, 1, 2].map((tensor) => placeOf(metric, range, cells.figure('a', tensor, metric.id)));
      expect(at).toEqual([1, 0, 1]);
    }
    // Four powers of ten: the middle one is halfway.
    expect(placeOf(metricOf('mse'), { worst: 1e-2, best: 1e-6 }, 1e-4)).toBeCloseTo(0.5, 12);
    expect(metricRange(cells, ['unknown'], metrics[0]!)).toBeUndefined();
  });

  it('show the worst of several, and why a tensor is kept', () => {
    const row = rows.find(({ tensors }) => tensors.length === 2)!;
    const cells = new SensitivityCells(names.length);
    const [one, two] = row.tensors as [number, number];
    cells.take(['a'], [cell(one, { sqnr: 30 }), cell(two, { sqnr: 10, sampled: sample })]);
    const sqnr = metricOf('sqnr');
    expect(rowCell(cells, row, 'a', sqnr, undefined)).toMatchObject({ tensor: two, value: 10 });
    const words = { what: 'w', scheme: 'INT8', metric: sqnr };
    expect(cellSentence(cells.get('a', two), words)).toBe(
      'w, INT8: SQNR 10.0 dB, 8 bits a weight, sampled, 10 of 100 values, SQNR within 19.0 to 21.0 dB at 95 %',
    );
    expect(cellSentence(undefined, words)).toBe('w, INT8: not compared yet');
    cells.take(['a'], [cell(one, { state: 'kept', note: 'kept: router' })]);
    expect(cellSentence(cells.get('a', one), words)).toBe('w, INT8: kept: router');
  });
});

describe('the map', () => {
  it('finds rows by their place, over the gaps between layers', () => {
    const geometry = sensitivityGeometry({
      rows,
      heads: ['A', 'B'],
      available: 700,
      measure: (text) => text.length * 6,
    });
    for (const at of rows.keys()) expect(rowAt(geometry, geometry.tops[at]! + 10)).toBe(at);
    expect(rowAt(geometry, -1)).toBe(-1);
    expect(rowAt(geometry, geometry.tops[1]! - 1)).toBe(-1);
    expect(firstRowFrom(geometry, geometry.tops[2]! + 1)).toBe(2);
    expect(firstRowFrom(geometry, geometry.height)).toBe(rows.length);
  });

  it('keeps the cursor within it', () => {
    const key = (name: string, ctrlKey = false) => ({ key: name, ctrlKey });
    const from = { row: 1, column: 1 };
    expect(placeAfter(key('PageDown'), from, 5, 2, 10)).toEqual({ row: 4, column: 1 });
    expect(placeAfter(key('ArrowRight'), from, 5, 2, 10)).toEqual(from);
    expect(placeAfter(key('Home', true), from, 5, 2, 10)).toEqual({ row: 0, column: 1 });
    expect(placeAfter(key('x'), from, 5, 2, 10)).toBeUndefined();
  });
});

describe('offers', () => {
  it('are choices that exist, each with a key of its own', () => {
    for (const { choice } of schemeOffers) expect(() => resolveChoice(choice)).not.toThrow();
    expect(new Set(schemeOffers.map(({ key }) => key)).size).toBe(schemeOffers.length);
  });

  it('are the same with pruning by heads beside them, of whatever size', () => {
    for (const size of [1, 80, 96, 257]) {
      const withHeads = schemeOffersFor('safetensors', offersWithHeads(size));
      const [heads, ...none] = withHeads.filter(({ choice }) => choice.headSize !== undefined);
      expect([heads!.key, none]).toEqual(['prune-heads none', []]);
      expect(heads!.detail).not.toContain('Cannot be written');
      expect(withHeads.filter((offer) => offer !== heads)).toEqual(schemeOffersFor('safetensors'));
    }
  });

  it('fit the model: no blocks that do not divide its rows', () => {
    expect(usualOffers([4096, 11008])).toContain('int4-absmax block 128');
    expect(usualOffers([96])).not.toContain('int4-absmax block 128');
    expect(usualOffers([96])).toContain('int4-absmax block 32');
    expect(usualOffers([50])).toEqual(['int8-absmax row', 'f8-e4m3 row']);
    const keys = new Set(schemeOffers.map(({ key }) => key));
    for (const key of usualOffers([4096])) expect(keys).toContain(key);
  });
});

describe('the saved state', () => {
  it('comes back, and falls back to the start where it does not fit', () => {
    const state = {
      ...initialSensitivity,
      schemes: ['a'],
      metric: 'kl' as const,
      view: 'table' as const,
      selected: { row: 'r', tensor: 't', scheme: 'a' },
      rules: [{ scope: 'layer' as const, target: 'x', choice: 'keep' }],
    };
    expect(restoreSensitivity(JSON.parse(JSON.stringify(state)))).toEqual(state);
    for (const broken of [undefined, 1, 'x', [], { rules: [1, {}], metric: 'x', schemes: [2], saved: 3 }])
      expect(restoreSensitivity(broken)).toEqual(initialSensitivity);
  });
});
