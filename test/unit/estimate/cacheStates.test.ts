import { describe, expect, it } from 'vitest';
import { type CacheGroup, cachePlan } from '../../../src/estimate/cachePlan';
import { configFromGguf } from '../../../src/estimate/ggufConfig';
import { kvCache } from '../../../src/estimate/kvCache';
import { llama3 } from '../../support/modelConfigs';

const statesOf = (config: Readonly<Record<string, unknown>>) =>
  cachePlan(config).groups.filter(
    (group): group is Extract<CacheGroup, { kind: 'state' }> => group.kind === 'state',
  );
const attending = (config: Readonly<Record<string, unknown>>) =>
  cachePlan(config)
    .groups.filter(({ kind }) => kind === 'full')
    .reduce((sum, { layers }) => sum + layers, 0);
/** llama.cpp's state: the convolution's tail, and the state itself (llama-hparams.cpp, n_embd_r and n_embd_s). */
const state = (inner: number, width: number, groups: number, convolution = 4): number =>
  (convolution - 1) * (inner + 2 * groups * width) + width * inner;

describe('layers that keep a state', () => {
  const jamba = {
    ...llama3,
    model_type: 'jamba',
    num_experts: 16,
    mamba_d_state: 16,
    mamba_d_conv: 4,
    mamba_expand: 2,
    attn_layer_period: 8,
    attn_layer_offset: 4,
  };

  it('are seven of eight in Jamba, and all in Mamba', () => {
    expect(statesOf(jamba)).toEqual([{ kind: 'state', layers: 28, elements: state(8192, 16, 0) }]);
    expect(attending(jamba)).toBe(4);
    const mamba2 = {
      model_type: 'mamba2',
      hidden_size: 4096,
      num_hidden_layers: 64,
      num_heads: 128,
      n_groups: 8,
      state_size: 128,
    };
    expect(statesOf(mamba2)).toEqual([{ kind: 'state', layers: 64, elements: state(8192, 128, 8) }]);
    const falcon = {
      model_type: 'falcon_mamba',
      hidden_size: 4096,
      intermediate_size: 8192,
      num_hidden_layers: 64,
      state_size: 16,
    };
    expect(statesOf(falcon)).toEqual([{ kind: 'state', layers: 64, elements: state(8192, 16, 0) }]);
    expect(attending(falcon)).toBe(0);
  });

  it('do not grow with the context, while the others do', () => {
    const bytes = (context: number) =>
      kvCache(cachePlan(jamba), { runtime: 'llama.cpp', context, batch: 1, keyDtype: 'f16' });
    const [short, long] = [bytes(256), bytes(2560)];
    const stateBytes = 28 * 4 * state(8192, 16, 0);
    expect(short.parts.find(({ kind }) => kind === 'state')!.bytes).toBe(stateBytes);
    expect(long.bytes - stateBytes).toBe(10 * (short.bytes - stateBytes));
  });

  it('are told in several ways', () => {
    const types = (name: string) =>
      Array.from({ length: 32 }, (_, at) => (at % 4 === 3 ? 'attention' : name));
    const heads = {
      mamba_n_heads: 128,
      mamba_d_head: 64,
      mamba_d_state: 256,
      mamba_n_groups: 1,
      mamba_d_conv: 4,
    };
    const granite = { ...llama3, model_type: 'granitemoehybrid', layer_types: types('mamba'), ...heads };
    expect(statesOf(granite)).toEqual([{ kind: 'state', layers: 24, elements: state(8192, 256, 1) }]);
    const bamba = { ...llama3, model_type: 'bamba', attn_layer_indices: [9, 18, 27], ...heads };
    expect(statesOf(bamba)).toEqual([{ kind: 'state', layers: 29, elements: state(8192, 256, 1) }]);
    expect(attending(bamba)).toBe(3);
    const nemotron = {
      ...llama3,
      model_type: 'nemotron_h',
      num_hidden_layers: 8,
      hybrid_override_pattern: 'M-M-M*-M',
      mamba_num_heads: 128,
      mamba_head_dim: 64,
      ssm_state_size: 128,
      n_groups: 8,
      conv_kernel: 4,
    };
    expect(statesOf(nemotron)).toEqual([{ kind: 'state', layers: 4, elements: state(8192, 128, 8) }]);
    expect(attending(nemotron)).toBe(1);
    const qwen = {
      ...llama3,
      model_type: 'qwen3_next',
      num_hidden_layers: 48,
      full_attention_interval: 4,
      linear_num_key_heads: 16,
      linear_num_value_heads: 32,
      linear_key_head_dim: 128,
      linear_value_head_dim: 128,
      linear_conv_kernel_dim: 4,
    };
    expect(attending(qwen)).toBe(12);
    // vLLM's gated delta net: (k - 1)(2 h_k n_k + h_v n_v) + n_v h_v h_k.
    expect(statesOf(qwen)).toEqual([
      { kind: 'state', layers: 36, elements: 3 * (2 * 128 * 16 + 128 * 32) + 32 * 128 * 128 },
    ]);
  });

  it("follow from GGUF's lists of heads, in which 0 is a layer without attention", () => {
    const kv = Array.from({ length: 8 }, (_, at) => (at === 4 ? 8 : 0));
    const entry = (key: string, value: number) => ({ key: `jamba.${key}`, type: 'u32', value });
    const config = configFromGguf([
      { key: 'general.architecture', type: 'string', value: 'jamba' },
      entry('block_count', 8),
      entry('embedding_length', 4096),
      entry('feed_forward_length', 14336),
      entry('attention.head_count', 32),
      { key: 'jamba.attention.head_count_kv', type: '[i32]', value: { type: 'i32', length: 8, head: kv } },
      entry('ssm.conv_kernel', 4),
      entry('ssm.inner_size', 8192),
      entry('ssm.state_size', 16),
    ])!;
    expect(cachePlan(config).groups).toEqual([
      { kind: 'full', layers: 1, heads: 8, keyElements: 1024, valueElements: 1024 },
      { kind: 'state', layers: 7, elements: state(8192, 16, 0) },
    ]);
  });
});

it('counts attention across in BART once', () => {
  const bart = { model_type: 'bart', d_model: 1024, decoder_layers: 12, max_position_embeddings: 1024 };
  const { parts } = kvCache(cachePlan(bart), {
    runtime: 'transformers',
    context: 100,
    batch: 1,
    keyDtype: 'f16',
  });
  expect(parts.find(({ kind }) => kind === 'cross')!.bytes).toBe(2 * 12 * 1024 * 1024 * 2);
  expect(parts.find(({ kind }) => kind === 'full')!.bytes).toBe(2 * 12 * 100 * 1024 * 2);
});
