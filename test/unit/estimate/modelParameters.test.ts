import { describe, expect, it } from 'vitest';
import { modelParameters } from '../../../src/estimate/modelParameters';
import { llama } from './parameters/counts';

describe('the parameters of a config', () => {
  it('counts an unknown family as one like Llama, and says so', () => {
    const { total, certainty, notes } = modelParameters({
      ...llama(4096, 14336, 32, 32, 8, 128256),
      model_type: 'newest',
    });
    expect(total).toBe(8_030_261_248);
    expect(certainty).toBe('approximate');
    expect(notes).toEqual(['model_type "newest" is not known: counted as if it were built like Llama.']);
  });

  it('counts an unknown one of a known line as one of that line', () => {
    const later = { ...llama(3584, 18944, 28, 28, 4, 152064), model_type: 'qwen2_5_vl', vision_config: {} };
    const { total, notes } = modelParameters(later);
    // Qwen2.5-7B, whose biases Llama does not have.
    expect(total).toBe(7_615_616_512);
    expect(notes).toEqual([
      'What "vision_config" describes is not counted.',
      'model_type "qwen2_5_vl" is not known: counted as if it were built like qwen2.',
    ]);
    const phi = { ...llama(5120, 17920, 40, 40, 10, 100352), model_type: 'phi4mm' };
    expect(modelParameters(phi).total).toBe(14_659_507_200);
  });

  it('counts the language model of several towers', () => {
    const text = { ...llama(5120, 32768, 40, 32, 8, 131072), model_type: 'mistral', head_dim: 128 };
    const { total, certainty, notes } = modelParameters({ model_type: 'mistral3', text_config: text });
    expect(total).toBe(23_572_403_200);
    expect(certainty).toBe('approximate');
    expect(notes[0]).toContain('only its language model, mistral, is counted');
  });

  it('names the figure that is missing or is none', () => {
    expect(() => modelParameters({ model_type: 'llama', hidden_size: 8 })).toThrow(
      'The config says nothing of "num_attention_heads".',
    );
    const config = { ...llama(4096, 14336, 32, 32, 8, 128256), vocab_size: '128k' };
    expect(() => modelParameters(config)).toThrow(
      '"vocab_size" should be a whole number from 0 to 2^31, and is "128k".',
    );
    expect(() => modelParameters({ model_type: 'unheard-of' })).toThrow('says nothing of');
  });

  it('does not loop by what a config claims', () => {
    const huge = llama(2 ** 31, 2 ** 31, 2 ** 31, 1, 1, 2 ** 31);
    expect(() => modelParameters(huge)).toThrow('more than 2^53');
  });
});
