/** Configs that leave out what their classes fill in. */
import { describe, expect, it } from 'vitest';
import { modelParameters } from '../../../../src/estimate/modelParameters';
import { type CountCase, llama } from './counts';

/** A family's defaults are those of the model after which it was made. */
const bare: readonly CountCase[] = [
  ['bert', { architectures: ['BertModel'] }, 109_482_240],
  ['distilbert', {}, 66_362_880],
  ['t5', {}, 60_506_624],
  ['whisper', {}, 37_760_640],
  ['mistral', {}, 7_241_732_096],
  ['mixtral', {}, 46_702_792_704],
  ['opt', {}, 125_239_296],
  ['gpt_neox', {}, 20_554_567_680],
  ['llama', {}, 6_738_415_616],
  ['bloom', { hidden_size: 4096, n_layer: 30, n_head: 32 }, 7_069_016_064],
];

describe('configs of nothing but their family', () => {
  it.each(bare)('%s', (family, rest, count) => {
    expect(modelParameters({ model_type: family, ...rest }).total).toBe(count);
  });

  it('takes null for what the class makes of it', () => {
    const config = llama(4096, 14336, 32, 32, 8, 32000, { model_type: 'mistral' });
    const { num_key_value_heads: _, ...without } = config;
    expect(modelParameters(without).total).toBe(7_241_732_096);
    const all = modelParameters({ ...config, num_key_value_heads: null });
    expect(all.total).toBe(7_241_732_096 + 32 * 2 * 4096 * (4096 - 1024));
  });
});
