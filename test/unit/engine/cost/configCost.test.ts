/** Expected figures are worked out by hand from the formulas of shared facts: attention 2 d H h + 2 d K h, gated 3 d f. */
import { describe, expect, it } from 'vitest';
import { configCostJob } from '../../../../src/engine/cost/configCostJob';
import { knownFields } from '../../../../src/engine/cost/fieldCosts';
import { gpt2, llama3 } from '../../../support/modelConfigs';

type Config = Readonly<Record<string, unknown>>;
const ask = (config: Config, ...field: string[]) =>
  configCostJob({ text: JSON.stringify(config), ...(field.length > 0 ? { field } : {}) });

const d = 4096;
const f = 14336;

describe('the lens', () => {
  it('counts parameters, bytes and cache as published', () => {
    const cost = ask(llama3);
    expect(cost.parameters).toBe(8_030_261_248);
    expect(cost.bytes).toBe(16_060_522_496);
    expect(cost.dtype).toBe('BF16');
    expect(cost.cache).toEqual({ bytesPerToken: 131_072, bytesPerLateToken: 131_072, dtype: 'f16' });
    expect(cost.contexts).toEqual([
      { tokens: 4096, bytes: 4096 * 131_072 },
      { tokens: 8192, bytes: 2 ** 30 },
    ]);
  });

  it('refuses what is no model', () => {
    expect(() => ask({ name: 'app' })).toThrow(/cannot be counted/);
    expect(() => configCostJob({ text: '[1]' })).toThrow(/no JSON object/);
    expect(() => configCostJob({ text: '{"a":'.repeat(200) })).toThrow(/nests/);
  });
});

describe('fields', () => {
  it('says what one more layer costs', () => {
    const layer = 2 * d * d + 2 * d * 1024 + 3 * d * f + 2 * d;
    expect(ask(llama3, 'num_hidden_layers').field).toEqual([
      { label: 'one more layer', parameters: layer, bytes: 2 * layer, bytesPerToken: 4096 },
    ]);
  });

  it('grows lists of layers with the layers', () => {
    const config = { ...llama3, layer_types: Array(32).fill('sliding_attention'), sliding_window: 1024 };
    expect(ask(config, 'num_hidden_layers').field[0]).toMatchObject({ bytesPerToken: 4096 });
  });

  it('says what a wider feed-forward costs', () => {
    const each = 3 * d * 32;
    expect(ask(llama3, 'intermediate_size').field).toEqual([
      { label: '128 wider', parameters: 128 * each, bytes: 256 * each, bytesPerToken: 0 },
      { label: '1,024 wider', parameters: 1024 * each, bytes: 2048 * each, bytesPerToken: 0 },
    ]);
  });

  it('says what KV heads cost', () => {
    const { field, fieldNotes } = ask(llama3, 'num_key_value_heads');
    expect(field[0]).toEqual({
      label: 'one more KV head',
      parameters: 2 * d * 128 * 32,
      bytes: 4 * d * 128 * 32,
      bytesPerToken: 2 * 32 * 128 * 2,
    });
    expect(field.slice(1).map(({ label, bytesPerToken }) => [label, bytesPerToken])).toEqual([
      ['with 1 (MQA)', 16_384],
      ['with 4', 65_536],
      ['with 8', 131_072],
      ['with 16', 262_144],
      ['with 32 (MHA)', 524_288],
    ]);
    expect(fieldNotes).toEqual(['4 query heads share each KV head.']);
  });

  it('says what the vocabulary and the head cost', () => {
    expect(ask(llama3, 'vocab_size').field[0]).toMatchObject({ parameters: 2 * 1000 * d });
    const tied = { ...llama3, tie_word_embeddings: false };
    expect(ask(tied, 'tie_word_embeddings').field).toEqual([
      {
        label: 'with the embedding as the head',
        parameters: -128_256 * d,
        bytes: -2 * 128_256 * d,
        bytesPerToken: 0,
      },
    ]);
  });

  it('says what the hidden size costs, by a step that its heads divide', () => {
    const { field } = ask(gpt2, 'n_embd');
    // 12 heads of 64: 128 / 12 rounds to 11.
    expect(field[0]?.label).toBe('132 wider');
    const size = (width: number) =>
      (50257 + 1024) * width + 12 * (12 * width * width + 13 * width) + 2 * width;
    expect(field[0]?.parameters).toBe(size(900) - size(768));
    expect(ask({ ...llama3, head_dim: 128 }, 'hidden_size').field[0]?.label).toBe('128 wider');
  });

  it('says what the context costs', () => {
    expect(ask(llama3, 'max_position_embeddings')).toMatchObject({
      field: [],
      fieldNotes: ['The cache of 8,192 tokens takes 1.00 GiB in F16, a sequence.'],
    });
    expect(ask(gpt2, 'n_positions').field[0]).toMatchObject({ parameters: 1024 * 768 });
  });

  it('says what a window saves', () => {
    const config = {
      ...llama3,
      model_type: 'mistral',
      sliding_window: 4096,
      max_position_embeddings: 32_768,
    };
    // transformers keeps one token less than the window.
    expect(4095 * 131_072).toBe(536_739_840);
    expect(ask(config, 'sliding_window').fieldNotes).toEqual([
      '32 layers look back over 4,096 tokens.',
      'At 32,768 tokens the cache takes 512 MiB in F16; without the window 4.00 GiB.',
    ]);
    expect(ask({ ...llama3, sliding_window: 4096 }, 'sliding_window').fieldNotes).toEqual([
      'No layer of this model uses the window.',
    ]);
  });

  it('says what experts cost', () => {
    const mixtral = {
      ...llama3,
      model_type: 'mixtral',
      vocab_size: 32_000,
      num_local_experts: 8,
      num_experts_per_tok: 2,
    };
    expect(ask(mixtral).parameters).toBe(46_702_792_704);
    expect(ask(mixtral, 'num_local_experts').field[0]?.parameters).toBe(32 * (3 * d * f + d));
    // 2 of 8 experts: 12,879,925,248 of 46,702,792,704 parameters (2 * 3 d f a layer, and all that is no expert).
    const active = 46_702_792_704 - 6 * 3 * d * f * 32;
    const percent = ((100 * active) / 46_702_792_704).toPrecision(3);
    expect(ask(mixtral, 'num_experts_per_tok').fieldNotes[0]).toContain(`2 of 8 experts: ${percent} %`);
  });

  it('says what types and quantization make of it', () => {
    const rows = ask(llama3, 'torch_dtype').field;
    expect(rows.map(({ label, bytes }) => [label, bytes]).slice(0, 2)).toEqual([
      ['in F32', 4 * 8_030_261_248],
      ['in BF16 or F16', 2 * 8_030_261_248],
    ]);
    const kept = 2 * 128_256 * d + 65 * d;
    const linear = 8_030_261_248 - kept;
    // Four bits a value and one float32 scale for 64 of them; norms, embedding and head stay.
    const nf4 = rows.at(-1)!;
    expect(nf4.label).toBe('in 4 bit (NF4)');
    expect(nf4.bytes / (linear * (4.5 / 8) + 2 * kept)).toBeCloseTo(1, 4);
    const gptq = { ...llama3, quantization_config: { quant_method: 'gptq', bits: 4, group_size: 128 } };
    const found = ask(gptq, 'quantization_config', 'bits').field[0]!;
    expect(found.label).toBe('in 4 bit (GPTQ, groups of 128)');
    expect(found.bytes).toBeLessThan(linear * (4.3 / 8) + 2 * kept);
    expect(found.bytes).toBeGreaterThan(linear / 2 + 2 * kept);
    const other = { ...llama3, quantization_config: { quant_method: 'x"y' } };
    expect(ask(other, 'quantization_config').fieldNotes).toEqual([
      'How this method stores weights is not known here.',
    ]);
  });

  it('finds fields in nested configurations', () => {
    const nested = { model_type: 'unknown-vision', text_config: llama3 };
    const { field } = ask(nested, 'text_config', 'vocab_size');
    expect(field[0]).toMatchObject({ label: '1,000 more tokens', parameters: 2000 * d });
  });

  it('answers for every field without throwing, whatever its value', () => {
    const values = [0, 1, -1, 1.5, null, 'x', true, [], {}, 2 ** 40];
    for (const name of knownFields) {
      for (const value of values) {
        const config = { ...llama3, [name]: value };
        try {
          ask(config, name);
        } catch (thrown) {
          expect((thrown as Error).name, `${name} ${value}`).toBe('LoupeError');
        }
      }
      expect(ask(llama3, 'constructor', name).field).toEqual([]);
    }
  });
});
