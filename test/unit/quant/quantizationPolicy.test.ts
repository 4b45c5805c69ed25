import { describe, expect, it } from 'vitest';
import { decide, moduleOf } from '../../../src/quant/quantizationPolicy';
import { demoModels } from '../stats/demoModels';

const matrix = (name: string, shape: readonly number[] = [64, 64], dtype = 'BF16') => ({
  name,
  dtype,
  shape,
});

describe('the quantization policy', () => {
  const quantized = [
    'model.layers.0.self_attn.q_proj.weight',
    'model.layers.11.mlp.gate_proj.weight',
    'model.layers.3.mlp.experts.7.down_proj.weight',
    'model.layers.3.mlp.shared_expert.gate_proj.weight',
    'transformer.h.0.attn.c_attn.weight',
    'bert.encoder.layer.0.attention.output.dense.weight',
    'blk.0.attn_q.weight',
    'blk.0.ffn_gate.weight',
    'blk.0.attn_output.weight',
    'distilbert.transformer.layer.0.ffn.lin1.weight',
    'gpt_neox.layers.0.mlp.dense_h_to_4h.weight',
  ];
  it.each(quantized)('quantizes %s', (name) => {
    expect(decide(matrix(name), { pure: false })).toEqual({ quantize: true });
  });

  const kept: readonly [string, string, boolean, (readonly number[])?, string?][] = [
    ['model.embed_tokens.weight', 'embedding', false],
    ['transformer.wte.weight', 'embedding', false],
    ['transformer.wpe.weight', 'embedding', false],
    ['bert.embeddings.word_embeddings.weight', 'embedding', false],
    ['bert.embeddings.position_embeddings.weight', 'embedding', false],
    ['gpt_neox.embed_in.weight', 'embedding', false],
    ['token_embd.weight', 'embedding', false],
    ['shared.weight', 'embedding', false],
    ['lm_head.weight', 'output head', true],
    ['output.weight', 'output head', true],
    ['score.weight', 'output head', true],
    ['classifier.weight', 'output head', true],
    ['model.layers.0.mlp.gate.weight', 'router', true],
    ['model.layers.0.block_sparse_moe.gate.weight', 'router', true],
    ['model.layers.0.mlp.router.weight', 'router', true],
    ['model.layers.0.mlp.shared_expert_gate.weight', 'router', true],
    ['blk.0.ffn_gate_inp.weight', 'router', true],
    ['model.norm.weight', 'normalization', false, [64]],
    ['model.layers.0.input_layernorm.weight', 'normalization', false, [64]],
    ['blk.0.attn_norm.weight', 'normalization', false, [64]],
    ['transformer.h.0.ln_1.weight', 'normalization', false, [64]],
    ['transformer.h.0.attn.c_attn.bias', 'bias', false, [64]],
    ['model.layers.0.self_attn.rotary_emb.inv_freq', 'fewer than two', false, [64]],
    ['a.conv1.weight', 'convolution', false, [8, 8, 3, 3]],
    ['backbone.layers.0.mixer.conv1d.weight', 'convolution', false, [8, 1, 4]],
    ['model.layers.0.mlp.experts.gate_up_proj.weight', 'more than two', false, [8, 64, 64]],
    ['model.layers.0.mlp.experts.gate_up_proj', 'not the weight', false],
    ['blk.0.attn_q.weight', 'Q8_0', false, [64, 64], 'Q8_0'],
    ['model.layers.0.self_attn.q_proj.weight', 'INT8', false, [64, 64], 'INT8'],
    ['model.layers.0.self_attn.q_proj.weight', 'F64', false, [64, 64], 'F64'],
    ['model.layers.0.self_attn.q_proj.weight', 'empty', false, [0, 64]],
  ];
  it.each(kept)('keeps %s: %s', (name, reason, linear, shape, dtype) => {
    const decision = decide(matrix(name, shape, dtype), { pure: false });
    expect(decision).toEqual({ quantize: false, reason: expect.stringContaining(reason), linear });
  });

  it('quantizes the output head, but nothing else more, when pure', () => {
    for (const [name, reason, , shape, dtype] of kept) {
      expect(decide(matrix(name, shape, dtype), { pure: true }).quantize, name).toBe(
        reason === 'output head',
      );
    }
  });

  it('keeps the Conv1D weights of GPT-2', () => {
    const decision = decide(matrix('transformer.h.0.attn.c_attn.weight'), {
      pure: false,
      modelType: 'gpt2',
    });
    expect(decision).toMatchObject({ quantize: false, linear: false });
  });

  it('takes the 28 projections of the demo model', () => {
    const names = [...demoModels[0]!.tensors()]
      .filter(([name, tensor]) => decide({ name, ...tensor }, { pure: false }).quantize)
      .map(([name]) => name);
    expect(names.length).toBe(28);
    expect(names.every((name) => name.endsWith('_proj.weight'))).toBe(true);
    expect(moduleOf(names[0]!)).toBe(names[0]!.slice(0, -7));
  });
});
