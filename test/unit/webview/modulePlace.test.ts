import { describe, expect, it } from 'vitest';
import { modulePlace, modulePlaces } from '../../../webview-ui/state/modulePlace';

/**
 * Names as the published checkpoints have them, and what the architecture's own code says that they are.
 * [name, stack, layer, label, expert]
 */
type Row = readonly [name: string, stack: string, layer: string, label: string, expert?: number];

const families: Readonly<Record<string, readonly Row[]>> = {
  'Hugging Face LLaMA, Mistral, Qwen2': [
    ['model.layers.12.self_attn.q_proj.weight', 'model.layers', '12', 'q'],
    ['model.layers.12.self_attn.k_proj.bias', 'model.layers', '12', 'k bias'],
    ['model.layers.0.self_attn.v_proj.weight', 'model.layers', '0', 'v'],
    ['model.layers.0.self_attn.o_proj.weight', 'model.layers', '0', 'o'],
    ['model.layers.0.mlp.gate_proj.weight', 'model.layers', '0', 'gate'],
    ['model.layers.0.mlp.up_proj.weight', 'model.layers', '0', 'up'],
    ['model.layers.0.mlp.down_proj.weight', 'model.layers', '0', 'down'],
    ['model.layers.0.input_layernorm.weight', 'model.layers', '0', 'attn norm'],
    ['model.layers.0.post_attention_layernorm.weight', 'model.layers', '0', 'post-attn norm'],
    ['model.embed_tokens.weight', '', '', 'model.embed_tokens'],
    ['model.norm.weight', '', '', 'model.norm'],
    ['lm_head.weight', '', '', 'lm_head'],
  ],
  'LLaMA as Meta released it': [
    ['layers.3.attention.wq.weight', 'layers', '3', 'q'],
    ['layers.3.attention.wk.weight', 'layers', '3', 'k'],
    ['layers.3.attention.wv.weight', 'layers', '3', 'v'],
    ['layers.3.attention.wo.weight', 'layers', '3', 'o'],
    ['layers.3.feed_forward.w1.weight', 'layers', '3', 'gate'],
    ['layers.3.feed_forward.w2.weight', 'layers', '3', 'down'],
    ['layers.3.feed_forward.w3.weight', 'layers', '3', 'up'],
    ['layers.3.attention_norm.weight', 'layers', '3', 'attn norm'],
    ['layers.3.ffn_norm.weight', 'layers', '3', 'ffn norm'],
    ['tok_embeddings.weight', '', '', 'tok_embeddings'],
  ],
  'Gemma 2 and 3': [
    ['model.layers.1.pre_feedforward_layernorm.weight', 'model.layers', '1', 'ffn norm'],
    ['model.layers.1.post_feedforward_layernorm.weight', 'model.layers', '1', 'post-ffn norm'],
    ['model.layers.1.self_attn.q_norm.weight', 'model.layers', '1', 'q norm'],
  ],
  'Phi-2 and Phi-3': [
    ['model.layers.0.self_attn.dense.weight', 'model.layers', '0', 'o'],
    ['model.layers.0.mlp.fc1.weight', 'model.layers', '0', 'up'],
    ['model.layers.0.mlp.fc2.weight', 'model.layers', '0', 'down'],
    ['model.layers.0.self_attn.qkv_proj.weight', 'model.layers', '0', 'qkv'],
    ['model.layers.0.mlp.gate_up_proj.weight', 'model.layers', '0', 'gate up'],
  ],
  Mixtral: [
    ['model.layers.4.block_sparse_moe.gate.weight', 'model.layers', '4', 'router'],
    ['model.layers.4.block_sparse_moe.experts.7.w1.weight', 'model.layers', '4', 'experts gate', 7],
    ['model.layers.4.block_sparse_moe.experts.7.w2.weight', 'model.layers', '4', 'experts down', 7],
    ['model.layers.4.block_sparse_moe.experts.7.w3.weight', 'model.layers', '4', 'experts up', 7],
  ],
  'Qwen3 and Qwen2 MoE, DeepSeek': [
    ['model.layers.9.mlp.gate.weight', 'model.layers', '9', 'router'],
    ['model.layers.9.mlp.experts.127.gate_proj.weight', 'model.layers', '9', 'experts gate', 127],
    ['model.layers.9.mlp.shared_expert.up_proj.weight', 'model.layers', '9', 'shared up'],
    ['model.layers.9.mlp.shared_experts.down_proj.weight', 'model.layers', '9', 'shared down'],
    ['model.layers.9.mlp.shared_expert_gate.weight', 'model.layers', '9', 'shared router'],
    ['model.layers.9.self_attn.q_a_proj.weight', 'model.layers', '9', 'q a'],
    ['model.layers.9.self_attn.q_b_proj.weight', 'model.layers', '9', 'q b'],
    ['model.layers.9.self_attn.kv_a_proj_with_mqa.weight', 'model.layers', '9', 'kv a'],
    ['model.layers.9.self_attn.kv_b_proj.weight', 'model.layers', '9', 'kv b'],
    ['model.layers.9.self_attn.kv_a_layernorm.weight', 'model.layers', '9', 'kv a norm'],
  ],
  'gpt-oss': [
    ['model.layers.2.mlp.router.weight', 'model.layers', '2', 'router'],
    ['model.layers.2.mlp.experts.gate_up_proj', 'model.layers', '2', 'experts gate up'],
    ['model.layers.2.mlp.experts.down_proj', 'model.layers', '2', 'experts down'],
  ],
  'GPT-2': [
    ['h.3.attn.c_attn.weight', 'h', '3', 'qkv'],
    ['h.3.attn.c_proj.weight', 'h', '3', 'o'],
    ['transformer.h.3.mlp.c_fc.weight', 'transformer.h', '3', 'up'],
    ['transformer.h.3.mlp.c_proj.bias', 'transformer.h', '3', 'down bias'],
    ['h.3.ln_1.weight', 'h', '3', 'attn norm'],
    ['h.3.ln_2.bias', 'h', '3', 'ffn norm bias'],
    ['wte.weight', '', '', 'wte'],
    ['wpe.weight', '', '', 'wpe'],
  ],
  'Bloom, Falcon and GPT-NeoX': [
    ['transformer.h.0.self_attention.query_key_value.weight', 'transformer.h', '0', 'qkv'],
    ['transformer.h.0.self_attention.dense.weight', 'transformer.h', '0', 'o'],
    ['transformer.h.0.mlp.dense_h_to_4h.weight', 'transformer.h', '0', 'up'],
    ['transformer.h.0.mlp.dense_4h_to_h.weight', 'transformer.h', '0', 'down'],
    ['transformer.h.0.ln_attn.weight', 'transformer.h', '0', 'attn norm'],
    ['transformer.h.0.ln_mlp.weight', 'transformer.h', '0', 'ffn norm'],
    ['gpt_neox.layers.5.attention.query_key_value.weight', 'gpt_neox.layers', '5', 'qkv'],
    ['gpt_neox.layers.5.attention.dense.weight', 'gpt_neox.layers', '5', 'o'],
  ],
  OPT: [
    ['model.decoder.layers.7.self_attn.out_proj.weight', 'model.decoder.layers', '7', 'o'],
    ['model.decoder.layers.7.fc1.weight', 'model.decoder.layers', '7', 'up'],
    ['model.decoder.layers.7.fc2.weight', 'model.decoder.layers', '7', 'down'],
    ['model.decoder.layers.7.self_attn_layer_norm.weight', 'model.decoder.layers', '7', 'attn norm'],
    ['model.decoder.layers.7.final_layer_norm.weight', 'model.decoder.layers', '7', 'ffn norm'],
  ],
  'BERT and DistilBERT': [
    ['bert.encoder.layer.5.attention.self.query.weight', 'bert.encoder.layer', '5', 'q'],
    ['encoder.layer.5.attention.self.key.weight', 'encoder.layer', '5', 'k'],
    ['encoder.layer.5.attention.output.dense.weight', 'encoder.layer', '5', 'o'],
    ['encoder.layer.5.attention.output.LayerNorm.weight', 'encoder.layer', '5', 'attn norm'],
    ['encoder.layer.5.intermediate.dense.weight', 'encoder.layer', '5', 'up'],
    ['encoder.layer.5.output.dense.weight', 'encoder.layer', '5', 'down'],
    ['encoder.layer.5.output.LayerNorm.weight', 'encoder.layer', '5', 'ffn norm'],
    ['distilbert.transformer.layer.2.attention.q_lin.weight', 'distilbert.transformer.layer', '2', 'q'],
    ['distilbert.transformer.layer.2.attention.out_lin.weight', 'distilbert.transformer.layer', '2', 'o'],
    ['distilbert.transformer.layer.2.ffn.lin1.weight', 'distilbert.transformer.layer', '2', 'up'],
    ['distilbert.transformer.layer.2.ffn.lin2.weight', 'distilbert.transformer.layer', '2', 'down'],
  ],
  T5: [
    ['encoder.block.0.layer.0.SelfAttention.q.weight', 'encoder.block', '0', 'q'],
    ['encoder.block.0.layer.0.SelfAttention.o.weight', 'encoder.block', '0', 'o'],
    ['decoder.block.2.layer.1.EncDecAttention.k.weight', 'decoder.block', '2', 'cross k'],
    ['decoder.block.2.layer.1.EncDecAttention.o.weight', 'decoder.block', '2', 'cross o'],
    ['decoder.block.2.layer.2.DenseReluDense.wi_0.weight', 'decoder.block', '2', 'gate'],
    ['decoder.block.2.layer.2.DenseReluDense.wi_1.weight', 'decoder.block', '2', 'up'],
    ['encoder.block.2.layer.1.DenseReluDense.wo.weight', 'encoder.block', '2', 'down'],
    ['encoder.block.2.layer.1.DenseReluDense.wi.weight', 'encoder.block', '2', 'up'],
    ['encoder.block.2.layer.0.layer_norm.weight', 'encoder.block', '2', 'attn norm'],
    ['shared.weight', '', '', 'shared'],
  ],
  'Whisper and BART': [
    ['model.encoder.layers.0.self_attn.q_proj.weight', 'model.encoder.layers', '0', 'q'],
    ['model.decoder.layers.1.encoder_attn.v_proj.weight', 'model.decoder.layers', '1', 'cross v'],
    ['model.decoder.layers.1.encoder_attn.out_proj.weight', 'model.decoder.layers', '1', 'cross o'],
    ['model.decoder.layers.1.encoder_attn_layer_norm.weight', 'model.decoder.layers', '1', 'cross norm'],
  ],
  'ViT, CLIP and timm': [
    ['vit.encoder.layer.3.attention.attention.query.weight', 'vit.encoder.layer', '3', 'q'],
    ['vit.encoder.layer.3.attention.output.dense.weight', 'vit.encoder.layer', '3', 'o'],
    ['vit.encoder.layer.3.layernorm_before.weight', 'vit.encoder.layer', '3', 'attn norm'],
    ['vit.encoder.layer.3.layernorm_after.weight', 'vit.encoder.layer', '3', 'ffn norm'],
    ['blocks.3.attn.qkv.weight', 'blocks', '3', 'qkv'],
    ['blocks.3.attn.proj.weight', 'blocks', '3', 'o'],
    ['blocks.3.mlp.fc1.weight', 'blocks', '3', 'up'],
    ['visual.transformer.resblocks.3.attn.in_proj_weight', 'visual.transformer.resblocks', '3', 'qkv'],
    ['text_model.encoder.layers.0.self_attn.q_proj.weight', 'text_model.encoder.layers', '0', 'q'],
    ['vision_model.encoder.layers.0.layer_norm1.weight', 'vision_model.encoder.layers', '0', 'attn norm'],
    ['layers.2.blocks.1.attn.qkv.weight', 'layers', '2.blocks.1', 'qkv'],
  ],
  'Mamba and RWKV': [
    ['backbone.layers.0.mixer.in_proj.weight', 'backbone.layers', '0', 'ssm in'],
    ['backbone.layers.0.mixer.conv1d.weight', 'backbone.layers', '0', 'ssm conv'],
    ['backbone.layers.0.mixer.x_proj.weight', 'backbone.layers', '0', 'ssm x'],
    ['backbone.layers.0.mixer.dt_proj.weight', 'backbone.layers', '0', 'ssm dt'],
    ['backbone.layers.0.mixer.A_log', 'backbone.layers', '0', 'ssm A'],
    ['backbone.layers.0.mixer.D', 'backbone.layers', '0', 'ssm D'],
    ['backbone.layers.0.mixer.out_proj.weight', 'backbone.layers', '0', 'ssm out'],
    ['backbone.layers.0.norm.weight', 'backbone.layers', '0', 'norm'],
    ['blocks.4.att.receptance.weight', 'blocks', '4', 'receptance'],
    ['blocks.4.att.key.weight', 'blocks', '4', 'k'],
    ['blocks.4.ffn.key.weight', 'blocks', '4', 'up'],
    ['blocks.4.ffn.value.weight', 'blocks', '4', 'down'],
  ],
  'GGUF (llama.cpp)': [
    ['blk.7.attn_q.weight', 'blk', '7', 'q'],
    ['blk.7.attn_k.weight', 'blk', '7', 'k'],
    ['blk.7.attn_v.bias', 'blk', '7', 'v bias'],
    ['blk.7.attn_output.weight', 'blk', '7', 'o'],
    ['blk.7.attn_qkv.weight', 'blk', '7', 'qkv'],
    ['blk.7.ffn_gate.weight', 'blk', '7', 'gate'],
    ['blk.7.ffn_up.weight', 'blk', '7', 'up'],
    ['blk.7.ffn_down.weight', 'blk', '7', 'down'],
    ['blk.7.attn_norm.weight', 'blk', '7', 'attn norm'],
    ['blk.7.ffn_norm.weight', 'blk', '7', 'ffn norm'],
    ['blk.7.ffn_gate_inp.weight', 'blk', '7', 'router'],
    ['blk.7.ffn_gate_exps.weight', 'blk', '7', 'experts gate'],
    ['blk.7.ffn_down_exps.weight', 'blk', '7', 'experts down'],
    ['blk.7.ffn_up_shexp.weight', 'blk', '7', 'shared up'],
    ['blk.7.ssm_in.weight', 'blk', '7', 'ssm in'],
    ['blk.7.ssm_a', 'blk', '7', 'ssm A'],
    ['dec.blk.3.cross_attn_q.weight', 'dec.blk', '3', 'cross q'],
    ['enc.blk.3.attn_q.weight', 'enc.blk', '3', 'q'],
    ['token_embd.weight', '', '', 'token_embd'],
    ['output.weight', '', '', 'output'],
  ],
  'Stable Diffusion UNet (diffusers)': [
    [
      'down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q.weight',
      'down_blocks',
      '0.attentions.1.transformer_blocks.0',
      'q',
    ],
    [
      'down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0.weight',
      'down_blocks',
      '0.attentions.1.transformer_blocks.0',
      'o',
    ],
    [
      'up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_k.weight',
      'up_blocks',
      '3.attentions.2.transformer_blocks.0',
      'cross k',
    ],
    [
      'up_blocks.3.attentions.2.transformer_blocks.0.ff.net.0.proj.weight',
      'up_blocks',
      '3.attentions.2.transformer_blocks.0',
      'up',
    ],
    [
      'up_blocks.3.attentions.2.transformer_blocks.0.ff.net.2.weight',
      'up_blocks',
      '3.attentions.2.transformer_blocks.0',
      'down',
    ],
    ['down_blocks.2.resnets.0.conv1.weight', 'down_blocks', '2.resnets.0', 'conv1'],
    ['mid_block.resnets.1.norm1.weight', 'mid_block.resnets', '1', 'norm1'],
    ['conv_in.weight', '', '', 'conv_in'],
  ],
  'Stable Diffusion (original) and FLUX': [
    [
      'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_v.weight',
      'model.diffusion_model.input_blocks',
      '1.1.transformer_blocks.0',
      'v',
    ],
    [
      'model.diffusion_model.input_blocks.1.0.in_layers.2.weight',
      'model.diffusion_model.input_blocks',
      '1.0',
      'in_layers.2',
    ],
    ['transformer_blocks.5.attn.add_q_proj.weight', 'transformer_blocks', '5', 'add q'],
    ['single_transformer_blocks.5.proj_mlp.weight', 'single_transformer_blocks', '5', 'up'],
  ],
};

describe.each(Object.entries(families))('%s', (_family, rows) => {
  it.each(rows.map(([name, stack, layer, label, expert = -1]) => ({ name, stack, layer, label, expert })))(
    '$name',
    ({ name, stack, layer, label, expert }) => {
      const place = modulePlace(name);
      expect([place.stack, place.layer, place.label, place.expert]).toEqual([stack, layer, label, expert]);
    },
  );
});

describe('many names at once', () => {
  it('have the places that each has alone', () => {
    const names = Object.values(families).flatMap((rows) => rows.map(([name]) => name));
    // The same names with other numbers, which are recognised by their pattern.
    const others = names.map((name) => name.replace(/\d+/g, (digits) => String(Number(digits) + 3)));
    const strange = [
      '',
      '0',
      '0.1',
      '1.2.3',
      'x.1',
      'x.2',
      'x.1.net.0',
      'x.1.net.2',
      'x.1.2',
      'x.3.4',
      'a.#.b',
      'a.1.b',
    ];
    const all = [...names, ...others, ...strange];
    expect(modulePlaces(all)).toEqual(all.map(modulePlace));
  });
});

describe('any name', () => {
  it('has a place: empty, dots alone, digits alone, very deep', () => {
    for (const name of ['', '.', '...', '0', '1.2.3', 'weight', 'a..b', `${'x.1.'.repeat(2000)}weight`]) {
      const place = modulePlace(name);
      expect(typeof place.column).toBe('string');
      expect(place.expert).toBeGreaterThanOrEqual(-1);
    }
  });
});
