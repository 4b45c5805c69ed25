import { describe, expect, it } from 'vitest';
import { cachePlan } from '../../../src/estimate/cachePlan';
import { type CacheSetting, kvCache } from '../../../src/estimate/kvCache';
import { llama3, mistral, qwen7 } from '../../support/modelConfigs';

const mebi = 2 ** 20;
const deepseekV3 = {
  model_type: 'deepseek_v3',
  num_hidden_layers: 61,
  num_attention_heads: 128,
  kv_lora_rank: 512,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
};
const cache = (config: Readonly<Record<string, unknown>>, setting: Partial<CacheSetting> = {}) =>
  kvCache(cachePlan(config), {
    runtime: 'llama.cpp',
    context: 8192,
    batch: 1,
    keyDtype: 'f16',
    ...setting,
  });

describe('the cache of keys and values', () => {
  it("equals llama.cpp's buffers in published logs", () => {
    // Llama-3-8B at 8192; Llama-3.1-8B at 2048 and 512; Mistral-7B at 2048 and 32768; Qwen2.5-7B at 4096: docs/estimates.md.
    expect(cache(llama3).bytes).toBe(1024 * mebi);
    expect(cache(llama3, { context: 2048 }).bytes).toBe(256 * mebi);
    expect(cache(llama3, { context: 512 }).bytes).toBe(64 * mebi);
    const windowed = { ...mistral, sliding_window: 4096 };
    expect(cache(windowed, { context: 2048 }).bytes).toBe(256 * mebi);
    expect(cache(windowed, { context: 32768 }).bytes).toBe(4096 * mebi);
    expect(cache(qwen7, { context: 4096 }).bytes).toBe(224 * mebi);
  });

  it('counts a token of Llama-3-8B as 131,072 bytes', () => {
    expect(cache(llama3).bytesPerToken).toBe(131_072);
  });

  it('keeps the latent of MLA once, and heads expanded where transformers does', () => {
    expect(cache(deepseekV3).bytesPerToken).toBe(70_272);
    expect(cache(deepseekV3, { runtime: 'vllm' }).bytesPerToken).toBe(70_272);
    expect(cache(deepseekV3, { runtime: 'transformers' }).bytesPerToken).toBe(4_997_120);
  });

  it("takes blocks of ggml's types with their scales", () => {
    expect(cache(llama3, { keyDtype: 'q8_0' }).bytes).toBe((1024 * mebi * 34) / 64);
    expect(cache(llama3, { keyDtype: 'q8_0', valueDtype: 'q4_0' }).bytes).toBe((512 * mebi * (34 + 18)) / 64);
    expect(() => cache(llama3, { keyDtype: 'q4_k' })).toThrow('A cache has no type "q4_k"');
  });

  it('keeps windows by the rule of each runtime', () => {
    const gemma2 = {
      model_type: 'gemma2',
      hidden_size: 2304,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      head_dim: 256,
      sliding_window: 4096,
    };
    const each = 4 * 256 * 2 * 2;
    // 13 layers in full, 13 with window + ubatch cells.
    expect(cache(gemma2, { context: 8192 }).bytes).toBe(13 * each * 8192 + 13 * each * (4096 + 512));
    expect(cache(gemma2, { context: 8192, runtime: 'transformers' }).bytes).toBe(
      13 * each * 8192 + 13 * each * 4095,
    );
    expect(cache(gemma2, { context: 8192, runtime: 'vllm' }).bytes).toBe(
      13 * each * 8192 + 13 * each * (Math.ceil((4095 + 2048) / 16) + 1) * 16,
    );
    expect(cache(gemma2).bytesPerLateToken).toBe(13 * each);
  });

  it('takes five of six layers of Gemma 3, and the layers that layer_types lists', () => {
    const gemma3 = {
      model_type: 'gemma3_text',
      hidden_size: 1152,
      num_hidden_layers: 26,
      num_attention_heads: 4,
      num_key_value_heads: 1,
      head_dim: 256,
      sliding_window: 512,
    };
    expect(cachePlan(gemma3).groups).toMatchObject([
      { kind: 'full', layers: 4 },
      { kind: 'sliding', layers: 22, window: 512 },
    ]);
    const oss = {
      model_type: 'gpt_oss',
      hidden_size: 2880,
      num_hidden_layers: 36,
      num_attention_heads: 64,
      num_key_value_heads: 8,
      head_dim: 64,
      sliding_window: 128,
      layer_types: Array.from({ length: 36 }, (_, at) =>
        at % 2 === 0 ? 'sliding_attention' : 'full_attention',
      ),
    };
    // vLLM's log of gpt-oss-120b: 5.38 GiB for 78,384 tokens, 73,728 bytes a token over all layers.
    expect(cache(oss).bytesPerToken).toBe(73_728);
    expect(cachePlan(oss).groups).toMatchObject([
      { kind: 'full', layers: 18 },
      { kind: 'sliding', layers: 18, window: 128 },
    ]);
  });

  it('takes three of four layers of Llama 4, whose positions begin anew every 8,192 tokens', () => {
    const scout = {
      model_type: 'llama4',
      text_config: {
        model_type: 'llama4_text',
        hidden_size: 5120,
        num_hidden_layers: 48,
        num_attention_heads: 40,
        num_key_value_heads: 8,
        head_dim: 128,
        attention_chunk_size: 8192,
      },
    };
    const each = 2 * 8 * 128 * 2;
    const all = cache(scout, { runtime: 'transformers', context: 32768 });
    expect(all.bytes).toBe(each * (12 * 32768 + 36 * 8191));
    expect(cache(scout, { context: 32768 }).bytes).toBe(each * (12 * 32768 + 36 * (8192 + 512)));
    const types = Array.from({ length: 48 }, (_, at) =>
      at % 4 === 3 ? 'full_attention' : 'chunked_attention',
    );
    const listed = { ...scout, text_config: { ...scout.text_config, layer_types: types } };
    expect(cache(listed, { runtime: 'transformers', context: 32768 }).bytes).toBe(all.bytes);
  });

  it('keeps the tails of short convolutions, and keys and values in six of sixteen layers of LFM2', () => {
    const lfm = {
      model_type: 'lfm2',
      hidden_size: 2048,
      num_hidden_layers: 16,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      conv_L_cache: 3,
      layer_types: Array.from({ length: 16 }, (_, at) =>
        [2, 5, 8, 10, 12, 14].includes(at) ? 'full_attention' : 'conv',
      ),
    };
    const { bytes, bytesPerToken } = cache(lfm, { runtime: 'transformers', context: 1000 });
    expect(bytesPerToken).toBe(6 * 2 * 8 * 64 * 2);
    expect(bytes).toBe(1000 * 6 * 2 * 8 * 64 * 2 + 10 * 2 * 2048 * 4);
  });

  it('leaves out the layers of Gemma 3n that use keys and values of others', () => {
    const types = Array.from({ length: 35 }, (_, at) =>
      at % 5 === 4 ? 'full_attention' : 'sliding_attention',
    );
    const gemma = {
      model_type: 'gemma3n_text',
      hidden_size: 2048,
      intermediate_size: types.map(() => 16384),
      num_hidden_layers: 35,
      num_attention_heads: 8,
      num_key_value_heads: 2,
      head_dim: 256,
      num_kv_shared_layers: 15,
      sliding_window: 512,
      layer_types: types,
    };
    const each = 2 * 2 * 256 * 2;
    // Of 20 layers, each fifth keeps everything.
    const { bytes } = cache(gemma, { runtime: 'transformers', context: 4096 });
    expect(bytes).toBe(each * (4 * 4096 + 16 * 511));
  });

  it('reads the heads of configs that name them otherwise', () => {
    const dbrx = {
      model_type: 'dbrx',
      d_model: 6144,
      n_heads: 48,
      n_layers: 40,
      attn_config: { kv_n_heads: 8 },
    };
    expect(cache(dbrx).bytesPerToken).toBe(40 * 2 * 8 * 128 * 2);
    const glm = {
      model_type: 'chatglm',
      hidden_size: 4096,
      num_layers: 28,
      num_attention_heads: 32,
      multi_query_group_num: 2,
      kv_channels: 128,
    };
    expect(cache(glm).bytesPerToken).toBe(28 * 2 * 2 * 128 * 2);
    const plain = { model_type: 'deepseek_vl_v2', hidden_size: 1280, num_hidden_layers: 12, v_head_dim: 0 };
    const heads = { num_attention_heads: 10, num_key_value_heads: 10, kv_lora_rank: null };
    expect(cache({ ...plain, ...heads }).bytesPerToken).toBe(12 * 2 * 1280 * 2);
  });

  it("equals whisper.cpp's buffers for attention across", () => {
    const whisper = (width: number, layers: number) => ({
      model_type: 'whisper',
      d_model: width,
      decoder_layers: layers,
      max_source_positions: 1500,
    });
    // Logs of whisper.cpp, in 10^6 bytes: base 18.87, medium 150.99 across, of 1,500 tokens padded to 1,536.
    const across = (config: Record<string, unknown>) =>
      cache(config, { context: 448 }).parts.find(({ kind }) => kind === 'cross')!.bytes / 1e6;
    expect(across(whisper(512, 6))).toBeCloseTo(18.87, 2);
    expect(across(whisper(1024, 24))).toBeCloseTo(150.99, 1);
  });

  it('keeps a state of fixed size for Mamba, and nothing for BERT', () => {
    const mamba = {
      model_type: 'mamba',
      hidden_size: 2048,
      num_hidden_layers: 48,
      state_size: 16,
      conv_kernel: 4,
    };
    expect(cache(mamba, { context: 100 }).bytes).toBe(cache(mamba, { context: 100_000 }).bytes);
    expect(cache(mamba).bytes).toBe(48 * (3 * 4096 + 16 * 4096) * 4);
    expect(cache({ model_type: 'bert' }).bytes).toBe(0);
  });

  it('gives each of several sequences its room', () => {
    expect(cache(llama3, { batch: 4, context: 2000 }).bytes).toBe(4 * 256 * mebi);
  });
});
