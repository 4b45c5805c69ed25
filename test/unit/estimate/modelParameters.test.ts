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
    const later = { ...llama(3584, 18944, 28, 28, 4, 152064), model_type: 'qwen2_omni', vision_config: {} };
    const { total, notes } = modelParameters(later);
    // Qwen2.5-7B, whose biases Llama does not have.
    expect(total).toBe(7_615_616_512);
    expect(notes).toEqual([
      'What "vision_config" describes is not counted.',
      'model_type "qwen2_omni" is not known: counted as if it were built like qwen2.',
    ]);
    const phi = { ...llama(5120, 17920, 40, 40, 10, 100352), model_type: 'phi4mm' };
    expect(modelParameters(phi).total).toBe(14_659_507_200);
  });

  it('counts the language model of several towers', () => {
    const text = { ...llama(5120, 32768, 40, 32, 8, 131072), model_type: 'mistral', head_dim: 128 };
    const { total, certainty, notes } = modelParameters({ model_type: 'newest', text_config: text });
    expect(total).toBe(23_572_403_200);
    expect(certainty).toBe('approximate');
    expect(notes[0]).toContain('only its language model, mistral, is counted');
  });

  it('counts the experts of an unknown mixture, and not as the dense family whose name it begins with', () => {
    const mixture = {
      ...llama(4096, 14336, 32, 32, 8, 32000),
      model_type: 'llama_moe_of_tomorrow',
      num_experts: 8,
      num_experts_per_tok: 2,
    };
    const { total, certainty, notes } = modelParameters(mixture);
    // Mixtral-8x7B, which is just that.
    expect(total).toBe(46_702_792_704);
    expect(certainty).toBe('approximate');
    expect(notes).toEqual([
      'model_type "llama_moe_of_tomorrow" is not known: counted as if it were built like Llama with 8 experts.',
    ]);
  });

  it('counts an unknown one with latents as DeepSeek', () => {
    // Mistral Small 4, by its card of 119 billion parameters, 6.5 of which are active.
    const { total, notes } = modelParameters({
      ...llama(4096, 12288, 36, 32, 32, 131072),
      ...{
        first_k_dense_replace: 0,
        moe_intermediate_size: 2048,
        n_routed_experts: 128,
        n_shared_experts: 1,
      },
      ...{
        q_lora_rank: 1024,
        kv_lora_rank: 256,
        qk_nope_head_dim: 64,
        qk_rope_head_dim: 64,
        v_head_dim: 128,
      },
      ...{ model_type: 'latent-of-tomorrow' },
    });
    expect(Math.round(total / 1e9)).toBe(119);
    expect(notes.join()).toContain('built like deepseek_v3');
  });

  it('counts experts of several towers as none rather than fail', () => {
    const listed = {
      ...llama(4096, 14336, 32, 32, 8, 128256),
      model_type: 'newest',
      moe_num_experts: [64, 64],
    };
    expect(modelParameters(listed).total).toBe(8_030_261_248);
  });

  it('counts an unknown encoder as one like BERT, and figures under other names', () => {
    const bert = {
      model_type: 'bertish-of-ours',
      architectures: ['OurModel'],
      hidden_size: 768,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      intermediate_size: 3072,
      vocab_size: 30522,
      max_position_embeddings: 512,
      type_vocab_size: 2,
    };
    expect(modelParameters({ ...bert, model_type: 'ours' }).total).toBe(109_482_240);
    expect(modelParameters({ ...bert, model_type: 'ours' }).notes[0]).toContain('built like BERT');
    const renamed = {
      d_model: 4096,
      n_layers: 32,
      n_heads: 32,
      ffn_hidden_size: 11008,
      padded_vocab_size: 32000,
    };
    expect(modelParameters({ model_type: 'renamed', ...renamed }).total).toBe(6_738_415_616);
  });

  it('counts a tower of a family that is known', () => {
    const { total, notes } = modelParameters({
      model_type: 'looks',
      text_config: llama(4096, 11008, 32, 32, 32, 32000),
      vision_config: {
        model_type: 'clip_vision_model',
        hidden_size: 1024,
        intermediate_size: 4096,
        num_attention_heads: 16,
        num_hidden_layers: 24,
        image_size: 224,
        patch_size: 14,
      },
    });
    // Llama-2-7B, and the vision tower of CLIP ViT-L/14.
    expect(total).toBe(6_738_415_616 + 303_179_776);
    expect(notes).toEqual([
      'model_type "looks" is not known: its towers are counted, what joins them is not.',
    ]);
  });

  it('fills in what a config leaves out as its class does, and says so', () => {
    const { total, certainty, notes } = modelParameters({ model_type: 'gpt2' });
    expect(total).toBe(124_439_808);
    expect(certainty).toBe('exact');
    expect(notes).toEqual([
      'The config leaves out n_positions, n_embd, n_layer, n_head: as transformers fills them in.',
    ]);
  });

  it('falls back where the language model within a known family is not known', () => {
    const text = { ...llama(4096, 14336, 32, 32, 8, 128256), model_type: 'newest' };
    const { total, certainty, notes } = modelParameters({ model_type: 'llava', text_config: text });
    expect(total).toBe(8_030_261_248);
    expect(certainty).toBe('approximate');
    expect(notes.join()).toContain('built like Llama, its language model alone');
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

  it.each(['llava', 'llava_next', 'mistral3'])('ends for a %s within itself', (model_type) => {
    const text = llama(4096, 14336, 32, 32, 8, 128256);
    // The first LLaVA states the language model's figures beside its own.
    const flat = modelParameters({ ...text, model_type });
    expect(flat).toMatchObject({ total: 8_030_261_248, certainty: 'approximate' });
    expect(() => modelParameters({ model_type, text_config: { ...text, model_type } })).toThrow(
      `The language model "${model_type}" is not known.`,
    );
  });

  it('does not loop by what a config claims', () => {
    const huge = llama(2 ** 31, 2 ** 31, 2 ** 31, 1, 1, 2 ** 31);
    expect(() => modelParameters(huge)).toThrow('more than 2^53');
  });
});
