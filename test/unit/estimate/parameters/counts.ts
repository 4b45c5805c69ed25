/** Published configurations, shortened to the figures that decide, and counts of parameters that were published for them. */
import { describe, expect, it } from 'vitest';
import { modelParameters } from '../../../../src/estimate/modelParameters';

export type Config = Readonly<Record<string, unknown>>;
/** Name, config, and the count in the model's card or in the metadata of its file. */
export type CountCase = readonly [name: string, config: Config, count: number];

/** As llama's configs have it; `more` last. */
export const llama = (
  hidden: number,
  width: number,
  layers: number,
  heads: number,
  kv: number,
  vocabulary: number,
  more: Config = {},
): Config => ({
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_size: hidden,
  intermediate_size: width,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: kv,
  vocab_size: vocabulary,
  ...more,
});

/** Holds each config to its published count, which is to be known exactly. */
export function describeCounts(what: string, cases: readonly CountCase[]): void {
  describe(`the parameters of ${what}`, () => {
    it.each(cases)('%s', (_, config, count) => {
      const counted = modelParameters(config);
      expect(counted.total).toBe(count);
      expect(counted.certainty).toBe('exact');
    });
  });
}
