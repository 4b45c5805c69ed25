import { describe, expect, it } from 'vitest';
import { estimateMemory } from '../../../src/estimate/memoryEstimate';
import { sourceFromConfig } from '../../../src/estimate/memorySource';
import { deepSeekV3, gptOss20b, llama3 } from '../../support/modelConfigs';

const weightsOf = (config: Readonly<Record<string, unknown>>) => estimateMemory(sourceFromConfig(config), {});

describe('weights of a config that says how they are quantized', () => {
  it('are those of gpt-oss-20b: 13,761,264,768 bytes in the index of its files', () => {
    const { weights, parameters, notes, table } = weightsOf({
      ...gptOss20b,
      torch_dtype: 'bfloat16',
      quantization_config: {
        quant_method: 'mxfp4',
        modules_to_not_convert: ['model.layers.*.self_attn', 'lm_head'],
      },
    });
    expect(weights.bytes).toBe(13_761_264_768);
    expect(Object.keys(weights.byDtype)).toEqual(['MXFP4', 'BF16']);
    expect(parameters).toBe(20_914_757_184);
    expect(notes).toContain('Weights are counted as quantization_config says that they are stored: mxfp4.');
    // Schemes go by the values.
    expect(table.find(({ scheme }) => scheme === 'bf16')!.bytes).toBe(2 * 20_914_757_184);
  });

  it('are those of DeepSeek-V3: a byte each, and a float32 a tile', () => {
    const { weights } = weightsOf({
      ...deepSeekV3,
      torch_dtype: 'bfloat16',
      quantization_config: { quant_method: 'fp8', fmt: 'e4m3', weight_block_size: [128, 128] },
    });
    // 41,540,496 scales are in its files, one of the 62 layers of which is not counted here: a 59th of the sparse ones.
    const scales = (weights.byDtype.F8_E4M3! - countOfFloat8) / 4;
    expect(scales).toBeGreaterThan((41_540_496 * 58) / 59.5);
    expect(scales).toBeLessThan(41_540_496);
  });

  it('of GPTQ and AWQ have scales and zero points a group', () => {
    const quantized = (quant_method: string) =>
      weightsOf({ ...llama3, quantization_config: { quant_method, bits: 4, group_size: 128 } }).weights.bytes;
    const linear = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336);
    const others = 2 * (8_030_261_248 - linear);
    const grid = (linear / 128) * (2 + 0.5);
    expect(quantized('awq')).toBe(linear / 2 + grid + others);
    // GPTQ: also 32 bits for each column.
    expect(quantized('gptq')).toBe(linear / 2 + grid + others + 4 * 32 * (6 * 4096 + 14336));
  });

  it('of MLX in 3 bits are those of Qwen2.5-14B: 6,463,203,328 bytes in the index of its files', () => {
    const { weights, notes } = weightsOf({
      ...llama3,
      model_type: 'qwen2',
      hidden_size: 5120,
      intermediate_size: 13824,
      num_hidden_layers: 48,
      num_attention_heads: 40,
      num_key_value_heads: 8,
      vocab_size: 152064,
      quantization: { group_size: 64, bits: 3 },
      quantization_config: { group_size: 64, bits: 3 },
    });
    expect(weights.bytes).toBe(6_463_203_328);
    expect(notes).toContain(
      'Weights are counted as quantization_config says that they are stored: MLX, 3 bits.',
    );
  });

  const linear = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336);
  const rows = 32 * (3 * 4096 + 2 * 1024 + 2 * 14336);
  const others = 2 * (8_030_261_248 - linear);

  it('of compressed-tensors have scales a row or a group, and shapes where codes are packed', () => {
    const under = (format: string, weights: object) =>
      weightsOf({
        ...llama3,
        quantization_config: {
          quant_method: 'compressed-tensors',
          format,
          ignore: ['lm_head'],
          config_groups: { group_0: { targets: ['Linear'], weights } },
        },
      }).weights.bytes;
    const int4 = { num_bits: 4, type: 'int', strategy: 'group', group_size: 128, symmetric: true };
    expect(under('pack-quantized', int4)).toBe(linear / 2 + (2 * linear) / 128 + 32 * 7 * 16 + others);
    const float8 = { num_bits: 8, type: 'float', strategy: 'channel', symmetric: true };
    expect(under('float-quantized', float8)).toBe(linear + 2 * rows + others);
    const nvfp4 = { num_bits: 4, type: 'float', strategy: 'tensor_group', group_size: 16, symmetric: true };
    expect(under('nvfp4-pack-quantized', nvfp4)).toBe(linear / 2 + linear / 16 + 32 * 7 * 4 + others);
  });

  it('of bitsandbytes are NF4 or FP4 in blocks of 64, or rows of 8 bits', () => {
    const under = (config: object) =>
      weightsOf({ ...llama3, quantization_config: { quant_method: 'bitsandbytes', ...config } }).weights
        .bytes;
    // 4 bits and a float32 for each 64, a table of 16, and what else its state says.
    const nf4 = under({ load_in_4bit: true, bnb_4bit_quant_type: 'nf4' });
    expect((nf4 - others) / linear).toBeGreaterThan(0.5 + 4 / 64);
    expect((nf4 - others) / linear).toBeLessThan(0.5 + 4 / 64 + 0.0001);
    // 8 bits for each 64, and a float32 for each 256 of those.
    const twice = under({ load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true });
    expect((twice - others) / linear).toBeCloseTo(4.127 / 8, 4);
    // A float32 a row, and a byte a matrix that names the format (SCB and weight_format).
    expect(under({ load_in_8bit: true })).toBe(linear + 4 * rows + 32 * 7 + others);
    expect(under({})).toBe(2 * 8_030_261_248);
  });

  it('leave out layers that are named one by one, if all of them are', () => {
    const skipping = (layers: number) =>
      weightsOf({
        ...llama3,
        quantization_config: {
          quant_method: 'fp8',
          ignored_layers: Array.from({ length: layers }, (_, at) => `model.layers.${at}.self_attn`),
        },
      }).weights.bytes;
    const attention = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024);
    expect(skipping(32) - skipping(0)).toBe(attention - 32 * 4 * 4);
    expect(skipping(31)).toBe(skipping(0));
  });

  it('are counted as they were before where the method is not known', () => {
    const { weights, notes } = weightsOf({
      ...llama3,
      quantization_config: { quant_method: 'newest', bits: 3 },
    });
    expect(weights.bytes).toBe(2 * 8_030_261_248);
    expect(notes.join()).toContain('quantization_config names "newest", whose sizes are not known here');
    expect(weightsOf({ ...llama3, quantization_config: 'fp8' }).weights.bytes).toBe(2 * 8_030_261_248);
  });

  it('leave out what they say is left out', () => {
    const skipping = (names: unknown) =>
      weightsOf({ ...llama3, quantization_config: { quant_method: 'fp8', modules_to_not_convert: names } })
        .weights.bytes;
    const attention = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024);
    expect(skipping(['self_attn']) - skipping([])).toBe(attention - 32 * 4 * 4);
    expect(skipping(['(((']) - skipping('none')).toBe(0);
  });
});

/** Values of DeepSeek-V3's matrices in attention, feed-forwards and experts. */
const attention = 7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168;
const sparse = 3 * 7168 * 2048 * 257;
const countOfFloat8 = 61 * attention + 3 * 3 * 7168 * 18432 + 58 * sparse;
