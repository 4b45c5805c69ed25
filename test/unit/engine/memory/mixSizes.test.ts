/** Sizes under GGUF's mixes, of models that are not there. */
import { describe, expect, it } from 'vitest';
import { configMixSizes } from '../../../../src/engine/memory/mixSizes';
import { llama } from '../../estimate/parameters/counts';

const MiB = 2 ** 20;
const bytesOf = (config: Readonly<Record<string, unknown>>, mix: string) =>
  configMixSizes({
    ...config,
    torch_dtype: 'bfloat16',
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
  }).sizes.find(({ label }) => label === mix)?.bytes;

describe('the mixes of a config alone', () => {
  it('are those of Qwen2.5-7B as llama.cpp loads it: 4168.09 MiB and 292.36 MiB', () => {
    const qwen = { ...llama(3584, 18944, 28, 28, 4, 152064), model_type: 'qwen2', rope_theta: 1e6 };
    const bytes = bytesOf(qwen, 'Q4_K_M')!;
    expect(bytes / MiB).toBeCloseTo(4168.09 + 292.36, 1);
  });

  it('are those of Llama-3-8B: 4.58 GiB and 7.95 GiB', () => {
    const config = llama(4096, 14336, 32, 32, 8, 128256, { rms_norm_eps: 1e-5, rope_theta: 5e5 });
    expect(bytesOf(config, 'Q4_K_M')! / 2 ** 30).toBeCloseTo(4.58, 2);
    expect(bytesOf(config, 'Q8_0')! / 2 ** 30).toBeCloseTo(7.95, 2);
  });

  it('are told to be missing where layers differ, or a family is not known', () => {
    const uneven = llama(4096, 14336, 32, 32, 8, 128256, {
      intermediate_size: Array.from({ length: 32 }, (_, at) => 1024 * (1 + (at % 2))),
    });
    expect(configMixSizes(uneven)).toEqual({
      sizes: [],
      reason: 'They are known where all layers of a config are built alike.',
    });
    expect(configMixSizes({ ...llama(4096, 14336, 32, 32, 8, 32000), model_type: 'newest' }).sizes).toEqual(
      [],
    );
  });

  it('do not loop by what a config claims', () => {
    expect(configMixSizes(llama(64, 64, 2 ** 30, 1, 1, 64)).sizes).toEqual([]);
  });
});
