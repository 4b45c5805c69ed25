import { describe, expect, it } from 'vitest';
import { cachePlan } from '../../../../src/estimate/cachePlan';
import { modelParameters } from '../../../../src/estimate/modelParameters';
import { type Config, describeCounts, llama } from './counts';

const openElm = (hidden: number, queries: readonly number[], multipliers: readonly number[]): Config => ({
  model_type: 'openelm',
  architectures: ['OpenELMForCausalLM'],
  model_dim: hidden,
  head_dim: 64,
  num_transformer_layers: queries.length,
  num_query_heads: queries,
  num_kv_heads: queries.map((heads) => heads / 4),
  ffn_multipliers: multipliers,
  ffn_dim_divisor: 256,
  vocab_size: 32000,
});
const times = (count: number, value: number): number[] => new Array<number>(count).fill(value);
const elm270 = openElm(
  1280,
  [...times(5, 12), ...times(7, 16), ...times(4, 20)],
  [0.5, 0.73, 0.97, 1.2, 1.43, 1.67, 1.9, 2.13, 2.37, 2.6, 2.83, 3.07, 3.3, 3.53, 3.77, 4],
);

describeCounts('layers that differ', [
  ['OpenELM-270M', elm270, 271_527_168],
  [
    'OpenELM-1.1B',
    openElm(
      2048,
      [...times(3, 16), ...times(7, 20), ...times(8, 24), ...times(6, 28), ...times(4, 32)],
      [
        0.5, 0.63, 0.76, 0.89, 1.02, 1.15, 1.28, 1.41, 1.54, 1.67, 1.8, 1.93, 2.06, 2.19, 2.31, 2.44, 2.57,
        2.7, 2.83, 2.96, 3.09, 3.22, 3.35, 3.48, 3.61, 3.74, 3.87, 4,
      ],
    ),
    1_079_891_456,
  ],
]);

const even = llama(4096, 14336, 32, 32, 4, 32000);
const keyHead = 2 * 4096 * 128;

describe('lists of figures, one a layer', () => {
  it('count as the figures of their layers', () => {
    const all = modelParameters(even).total;
    const same = { ...even, num_key_value_heads: times(32, 4), intermediate_size: times(32, 14336) };
    expect(modelParameters(same).total).toBe(all);
    // DeciLM: fewer heads in ten layers.
    const deci: Config = {
      ...even,
      model_type: 'deci',
      num_key_value_heads: undefined,
      num_key_value_heads_per_layer: [...times(22, 4), ...times(6, 2), ...times(4, 1)],
    };
    expect(modelParameters(deci).total).toBe(all - (6 * 2 + 4 * 3) * keyHead);
    expect(modelParameters(deci).certainty).toBe('exact');
    const narrow = { ...even, intermediate_size: [...times(31, 14336), 7168] };
    expect(modelParameters(narrow).total).toBe(all - 3 * 4096 * 7168);
  });

  it('tell the cache of each layer', () => {
    expect(cachePlan(elm270).groups).toMatchObject([
      { layers: 5, heads: 3, keyElements: 3 * 64 },
      { layers: 7, heads: 4 },
      { layers: 4, heads: 5 },
    ]);
    const lists = { ...even, num_key_value_heads: [...times(30, 4), 2, 0] };
    expect(cachePlan(lists).groups).toMatchObject([
      { kind: 'full', layers: 30, heads: 4, keyElements: 512 },
      { kind: 'full', layers: 1, heads: 2, keyElements: 256 },
    ]);
    const alike = { ...even, num_key_value_heads: times(32, 4) };
    expect(cachePlan(alike).groups).toEqual(cachePlan(even).groups);
  });

  it('are refused where they are not of all layers', () => {
    expect(() => modelParameters({ ...even, num_key_value_heads: [4, 4] })).toThrow(
      '"num_key_value_heads" should list a count for each of 32 layers, and has 2 entries.',
    );
    expect(() => modelParameters({ ...elm270, num_kv_heads: [3] })).toThrow('"num_kv_heads"');
  });

  it('of blocks leave out what a search has taken away', () => {
    const block = (attention: Config, ffn: Config) => ({ attention, ffn });
    const usual = block({ n_heads_in_group: 8 }, { ffn_mult: 5.25 });
    const blocks = [
      ...times(29, 0).map(() => usual),
      block({ no_op: true }, { ffn_mult: 5.25 }),
      block({ replace_with_linear: true }, { no_op: true }),
      block({ n_heads_in_group: 16 }, { replace_with_linear: true }),
    ];
    const searched: Config = {
      ...even,
      model_type: 'nemotron-nas',
      num_key_value_heads: undefined,
      block_configs: blocks,
    };
    // 2 x 5.25 x 4096 / 3 = 14,336, as Llama-3's width.
    const attention = 2 * 4096 * 4096 + 4 * keyHead;
    const feedForward = 3 * 4096 * 14336;
    const norm = 4096;
    const square = 4096 * 4096;
    const layers =
      29 * (attention + feedForward + 2 * norm) +
      (feedForward + norm) +
      (square + norm) +
      (attention - 2 * keyHead + square + 2 * norm);
    expect(modelParameters(searched).total).toBe(2 * 32000 * 4096 + norm + layers);
    expect(cachePlan(searched).groups).toMatchObject([
      { layers: 29, heads: 4 },
      { layers: 1, heads: 2 },
    ]);
  });
});
