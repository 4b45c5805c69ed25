/** The config.json that a quantization writes beside the weights. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SchemeChoice } from '../../../../src/quant/types';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { plainValues, readPlainSafetensors } from '../../../fixtures/plainSafetensors';
import { request, startEngine, temporaryFolder, writeModel } from '../support';
import { schemeSources } from './schemeSources';

const engine = startEngine();
const folder = temporaryFolder();

/** The config.json that a quantization writes beside the model. */
async function configOf(
  choice: SchemeChoice,
  dtype: 'F32' | 'BF16' = 'BF16',
): Promise<Record<string, unknown>> {
  const out = join(folder, `config-${Object.values(choice).join('-')}`);
  await engine.call('quantize', request(schemeSources[dtype], out, choice));
  return JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
}

describe('config.json', () => {
  const weights = (config: Record<string, unknown>) => {
    const { format, config_groups } = config.quantization_config as {
      format: string;
      config_groups: { group_0: { weights: unknown } };
    };
    return [format, config_groups.group_0.weights];
  };

  it('describes INT4 groups and FP8 channels as the variants of layouts.md', async () => {
    const group = {
      num_bits: 4,
      type: 'int',
      symmetric: true,
      strategy: 'group',
      group_size: 128,
      dynamic: false,
    };
    expect(weights(await configOf({ scheme: 'int4-absmax', granularity: 'block' }))).toEqual([
      'pack-quantized',
      group,
    ]);
    const channel = { num_bits: 8, type: 'float', symmetric: true, strategy: 'channel', dynamic: false };
    expect(weights(await configOf({ scheme: 'f8-e4m3', granularity: 'row' }))).toEqual([
      'float-quantized',
      channel,
    ]);
    const nv = {
      num_bits: 4,
      type: 'float',
      symmetric: true,
      strategy: 'tensor_group',
      group_size: 16,
      dynamic: false,
    };
    expect(weights(await configOf({ scheme: 'nvfp4', granularity: 'block' }))).toEqual([
      'nvfp4-pack-quantized',
      nv,
    ]);
  });

  it('describes bitsandbytes with its options, and what is skipped', async () => {
    const { quantization_config } = await configOf({
      scheme: 'nf4',
      granularity: 'block',
      doubleQuant: true,
    });
    expect(quantization_config).toEqual({
      quant_method: 'bitsandbytes',
      load_in_4bit: true,
      load_in_8bit: false,
      bnb_4bit_quant_type: 'nf4',
      bnb_4bit_use_double_quant: true,
      bnb_4bit_compute_dtype: 'bfloat16',
      bnb_4bit_quant_storage: 'uint8',
      llm_int8_skip_modules: [],
    });
  });

  it('of a cast model names the new type, and says nothing of a quantization', async () => {
    const path = writeModel(join(folder, 'typed', 'model.safetensors'), [
      { name: 'model.norm.weight', dtype: 'F32', shape: [4], data: f32Data([1, 2, 3, 4.0001]) },
      { name: 'steps', dtype: 'I32', shape: [1], data: new Uint8Array(4) },
    ]);
    writeFileSync(
      join(folder, 'typed', 'config.json'),
      '{"model_type": "llama", "rope_theta": 10000.0, "torch_dtype": "float32"}',
    );
    const out = join(folder, 'typed-bf16');
    const report = await engine.call('quantize', request(path, out, { scheme: 'bf16', granularity: 'none' }));
    expect(report.tensors.map(({ to, note }) => [to, note])).toEqual([
      ['BF16', undefined],
      ['I32', 'kept: I32 is not a float type that is cast'],
    ]);
    expect(readFileSync(join(out, 'config.json'), 'utf8')).toBe(
      '{"model_type": "llama", "rope_theta": 10000.0, "torch_dtype": "bfloat16"}',
    );
    const written = readPlainSafetensors(report.open).get('model.norm.weight')!;
    expect([written.dtype, written.shape, [...plainValues(written)]]).toEqual(['BF16', [4], [1, 2, 3, 4]]);
  });
});
