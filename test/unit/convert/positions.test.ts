import { describe, expect, it } from 'vitest';
import { config, convert, type Json, making, plain } from './madeUp';

/** Keys about positions that a model of this config gets, without the architecture before them. */
async function keys(more: Json, architecture = 'llama'): Promise<Json> {
  const made = plain(await convert({ config: { ...config, max_position_embeddings: 128, ...more } }));
  return Object.fromEntries(
    [...made]
      .filter(([key]) => key.startsWith(`${architecture}.rope.`) && !key.endsWith('.dimension_count'))
      .map(([key, value]) => [key.slice(architecture.length + 6), value]),
  );
}
const qwen = { model_type: 'qwen2' };

describe('positions', () => {
  // What llama.cpp's converter (0.5.0) writes of such configs, which transformers 5 saved.
  it.each([
    ['plain', { rope_type: 'default', rope_theta: 5e5 }, { freq_base: 5e5 }],
    [
      'linear',
      { rope_type: 'linear', factor: 4, rope_theta: 1e4 },
      { 'scaling.type': 'linear', 'scaling.factor': 4, freq_base: 1e4 },
    ],
    [
      'yarn',
      {
        rope_type: 'yarn',
        factor: 4,
        rope_theta: 5e4,
        original_max_position_embeddings: 32,
        beta_fast: 32,
        beta_slow: 1,
      },
      {
        'scaling.type': 'yarn',
        'scaling.factor': 4,
        'scaling.original_context_length': 32,
        'scaling.yarn_beta_fast': 32,
        'scaling.yarn_beta_slow': 1,
        freq_base: 5e4,
      },
    ],
    ['dynamic', { rope_type: 'dynamic', factor: 2, rope_theta: 1e4 }, { freq_base: 1e4 }],
    [
      'of pictures too',
      { rope_type: 'default', rope_theta: 1e6, mrope_section: [2, 3, 3] },
      { dimension_sections: [2, 3, 3, 0], freq_base: 1e6 },
    ],
  ])('that are %s are told as llama.cpp reads them', async (_, rope, expected) => {
    expect(await keys({ ...qwen, rope_parameters: rope }, 'qwen2')).toEqual(expected);
    // Older configs have the base beside, and another name for the kind.
    const { rope_theta, rope_type, ...rest } = rope;
    const older = { ...qwen, rope_theta, rope_scaling: { ...rest, type: rope_type } };
    expect(await keys(older, 'qwen2')).toEqual(expected);
  });

  it('that grow with the text are told as plain, with a warning for long texts', async () => {
    const scaled = {
      ...config,
      max_position_embeddings: 4096,
      rope_scaling: { type: 'dynamic', factor: 2 },
    };
    const { warnings } = await convert({ config: scaled });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('texts of more than 4096 tokens');
    expect((await convert({})).warnings).toEqual([]);
  });

  it('of a stretched yarn begin at the whole context where nothing else is stated', async () => {
    const made = await keys({ rope_scaling: { type: 'yarn', factor: 2 } });
    expect(made['scaling.original_context_length']).toBe(128);
  });

  it('of a llama with lists of factors have them as tensors', async () => {
    const rope = {
      rope_type: 'longrope',
      rope_theta: 1e4,
      original_max_position_embeddings: 32,
      long_factor: [1, 3],
      short_factor: [1, 1.5],
    };
    const long = { ...config, max_position_embeddings: 128, rope_parameters: rope };
    const model = await convert({ config: long });
    expect(making(model, 'rope_factors_long.weight')).toMatchObject({ values: Float32Array.of(1, 3) });
    expect(making(model, 'rope_factors_short.weight')).toMatchObject({ values: Float32Array.of(1, 1.5) });
    // transformers, _compute_longrope_parameters: sqrt(1 + ln(128 / 32) / ln(32)).
    expect(await keys(long)).toEqual({
      'scaling.type': 'longrope',
      'scaling.original_context_length': 32,
      'scaling.attn_factor': Math.sqrt(1.4),
      freq_base: 1e4,
    });
    const short = { ...long, rope_parameters: { ...rope, long_factor: [1] } };
    await expect(convert({ config: short })).rejects.toThrow(
      '1 factors of positions for long and 2 for short',
    );
  });

  it("have Llama 3.1's factors to the last bit", async () => {
    // Computed by torch as llama.cpp's converter does: heads of 32, factor 8, 1 to 4 times 64 tokens, base 500,000.
    const factors = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
    const rope_parameters = { rope_type: 'llama3', rope_theta: 5e5, factor: 8, ...factors };
    const made = making(
      await convert({ config: { ...config, head_dim: 32, rope_parameters } }),
      'rope_freqs.weight',
    );
    const expected = [1, 1, 2.4422595500946045, ...new Array(13).fill(8)];
    expect(made?.kind === 'given' && [...made.values]).toEqual(expected);
  });

  it.each([
    [{ ...config, rope_scaling: { type: 'spiral' } }, '"spiral". Known: linear, yarn, dynamic, llama3'],
    [{ ...config, ...qwen, rope_scaling: { type: 'llama3', factor: 8 } }, '"llama3". Known: linear, yarn'],
    [
      { ...config, ...qwen, rope_scaling: { type: 'longrope' } },
      'take the scaling out of a copy of config.json',
    ],
  ])('that llama.cpp cannot be told of are refused', async (scaled, message) => {
    await expect(convert({ config: scaled })).rejects.toThrow(message);
  });
});

describe('layers that see a window', () => {
  const gemma = (model_type: string, layers: number, more: Json) =>
    convert({
      config: {
        ...config,
        ...{ model_type, num_hidden_layers: layers, max_position_embeddings: 64, sliding_window: 16 },
        ...more,
      },
    }).then((model) => {
      const keys = plain(model);
      const of = (name: string) => keys.get(`${model_type}.attention.sliding_window${name}`);
      return of('_pattern') ?? of('');
    });
  const kinds = (pattern: string) =>
    [...pattern].map((letter) => (letter === 's' ? 'sliding_attention' : 'full_attention'));

  it('are named where they are not those that llama.cpp takes for granted', async () => {
    expect(await gemma('gemma3', 7, { layer_types: kinds('sssssfs') })).toBe(16);
    expect(await gemma('gemma3', 7, { sliding_window_pattern: 6 })).toBe(16);
    expect(await gemma('gemma3', 3, { layer_types: kinds('sfs') })).toEqual([true, false, true]);
    expect(await gemma('gemma3', 4, { sliding_window_pattern: 2 })).toEqual([true, false, true, false]);
    expect(await gemma('gemma2', 4, { layer_types: kinds('sfsf') })).toBe(16);
    // Without any such layer: no window, and where llama.cpp always has one, the context.
    expect(await gemma('gemma3', 2, { layer_types: kinds('ff') })).toBeUndefined();
    expect(await gemma('gemma3', 2, { sliding_window_pattern: 1 })).toBeUndefined();
    expect(await gemma('gemma2', 2, { layer_types: kinds('ff') })).toBe(64);
    await expect(gemma('gemma3', 3, { layer_types: kinds('s') })).rejects.toThrow('the kinds of 1 layers');
  });

  it('are told of where llama.cpp has none', async () => {
    const windowed = { ...config, max_position_embeddings: 64, sliding_window: 16 };
    expect((await convert({ config: windowed })).warnings[0]).toContain('the last 16 tokens only');
    const unused = { ...windowed, ...qwen, use_sliding_window: false };
    expect((await convert({ config: unused })).warnings).toEqual([]);
  });
});
