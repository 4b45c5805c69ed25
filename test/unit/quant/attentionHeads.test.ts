import { describe, expect, it } from 'vitest';
import { choiceForHeads, hasHeadRows, headSizeOf } from '../../../src/quant/pruning/attentionHeads';
import { resolveRecipe } from '../../../src/quant/recipe';
import type { SchemeChoice } from '../../../src/quant/types';

const weight = (name: string) => ({ name, dtype: 'F32', shape: [64, 64] });

describe('pruning by heads', () => {
  it('knows the projections whose rows are heads by their names in several libraries', () => {
    const layer = 'model.layers.0';
    for (const name of [
      `${layer}.self_attn.q_proj`,
      `${layer}.self_attn.k_proj`,
      `${layer}.self_attn.kv_b_proj`,
      `${layer}.self_attn.qkv_proj`,
      'encoder.block.0.layer.0.SelfAttention.q',
      'bert.encoder.layer.0.attention.self.query',
      'transformer.layer.0.attention.v_lin',
      'gpt_neox.layers.0.attention.query_key_value',
      'blk.0.attn_k',
      'layers.0.attention.wv',
    ])
      expect([name, hasHeadRows(`${name}.weight`)]).toEqual([name, true]);
    for (const name of [
      // Columns are heads there.
      `${layer}.self_attn.o_proj`,
      'blk.0.attn_output',
      // Ranks, no heads.
      `${layer}.self_attn.q_a_proj`,
      `${layer}.self_attn.kv_a_proj_with_mqa`,
      `${layer}.mlp.up_proj`,
      `${layer}.mlp.experts.0.w1`,
    ])
      expect([name, hasHeadRows(`${name}.weight`)]).toEqual([name, false]);
  });

  const alone: SchemeChoice = { scheme: 'prune-heads', granularity: 'none', headSize: 8 };
  const before: SchemeChoice = {
    scheme: 'int8-absmax',
    granularity: 'row',
    prune: 'heads',
    headSize: 8,
    ratio: 0.25,
  };

  it('leaves weights without heads alone, which a scheme after it quantizes all the same', () => {
    expect(choiceForHeads(alone, 'a.q_proj.weight')).toBe(alone);
    expect(choiceForHeads(alone, 'a.up_proj.weight')).toBeUndefined();
    expect(choiceForHeads(before, 'a.q_proj.weight')).toBe(before);
    expect(choiceForHeads(before, 'a.up_proj.weight')).toEqual({ scheme: 'int8-absmax', granularity: 'row' });
  });

  it('is what a rule says of the tensors that it names, whatever they are called', () => {
    const tensors = ['a.q_proj', 'a.up_proj', 'b.up_proj'].map((name) => weight(`${name}.weight`));
    const rules = [{ match: 'b.*.weight', choice: alone }];
    const { tensors: found } = resolveRecipe({ version: 1, default: alone, rules }, tensors, 'llama');
    expect(found).toEqual([
      { choice: alone, rule: undefined },
      { choice: undefined, rule: undefined, reason: 'kept: its rows are no attention heads', linear: true },
      { choice: alone, rule: 0 },
    ]);
  });
});

describe('the rows of a head', () => {
  // Figures of published configs: Llama 3.2 1B, Gemma 3 4B (text_config), GPT-2, Qwen3 0.6B as GGUF, DeepSeek V2 Lite.
  it('are what the config or the metadata tell, before hidden size by heads', () => {
    const llama = { head_dim: 64, hidden_size: 2048, num_attention_heads: 32 };
    expect(headSizeOf({ config: llama, architecture: { hiddenSize: 2048, heads: 32 } })).toBe(64);
    const gemma = { text_config: { head_dim: 256, hidden_size: 2560, num_attention_heads: 8 } };
    expect(headSizeOf({ config: gemma, architecture: { hiddenSize: 2560, heads: 8 } })).toBe(256);
    expect(headSizeOf({ config: {}, architecture: { hiddenSize: 768, heads: 12 } })).toBe(64);
    const metadata = [{ key: 'qwen3.attention.key_length', value: 128 }];
    const architecture = { name: 'qwen3', hiddenSize: 1024, heads: 16 };
    expect(headSizeOf({ metadata, architecture })).toBe(128);
    expect(headSizeOf({ metadata, architecture: { ...architecture, name: 'llama' } })).toBe(64);
  });

  it('are not made up where nothing tells them, or where there are several sizes', () => {
    const sizes = { hiddenSize: 2048, heads: 16 };
    expect(headSizeOf({ config: { kv_lora_rank: 512 }, architecture: sizes })).toBeUndefined();
    const metadata = [{ key: 'deepseek2.attention.kv_lora_rank', value: 512 }];
    expect(headSizeOf({ metadata, architecture: { name: 'deepseek2', ...sizes } })).toBeUndefined();
    for (const model of [{}, { config: { head_dim: -4 } }, { architecture: { hiddenSize: 100, heads: 0 } }])
      expect(headSizeOf(model)).toBeUndefined();
    expect(headSizeOf({ config: { text_config: null, head_dim: '64' } })).toBeUndefined();
  });
});
