import { describe, expect, it } from 'vitest';
import { adapterParameters, layerActivations, trainingMemory } from '../../../src/estimate/training';

const billion = 1e9;
const mixed = {
  parameters: billion,
  trained: billion,
  optimizer: 'adamw',
  mixedPrecision: true,
  weightBytes: 2,
} as const;

describe('training', () => {
  it('takes 16 bytes a parameter with AdamW, in float32 and in mixed precision', () => {
    expect(trainingMemory(mixed).total).toBe(16 * billion);
    expect(trainingMemory({ ...mixed, mixedPrecision: false, weightBytes: 4 }).total).toBe(16 * billion);
  });

  it("divides by ZeRO's stages as its paper does", () => {
    // 7.5 billion parameters on 64 GPUs: 31.4, 16.6 and 1.9 GB (Rajbhandari et al., figure 1).
    const on64 = (zeroStage: 0 | 1 | 2 | 3) =>
      trainingMemory({ ...mixed, parameters: 7.5e9, trained: 7.5e9, ranks: 64, zeroStage }).total / 1e9;
    expect(on64(0)).toBe(120);
    expect(on64(1)).toBeCloseTo(31.4, 1);
    expect(on64(2)).toBeCloseTo(16.6, 1);
    expect(on64(3)).toBeCloseTo(1.9, 1);
  });

  it('keeps two bytes and a share of the scales with Adam in 8 bits', () => {
    expect(trainingMemory({ ...mixed, optimizer: 'adamw-8bit' }).optimizer).toBe((4 + 2 + 8 / 256) * billion);
  });

  it('trains few parameters with adapters', () => {
    const matrices = [{ shape: [4096, 4096], copies: 64 }];
    expect(adapterParameters(matrices, 8)).toBe(64 * 8 * 8192);
    const trained = adapterParameters(matrices, 8);
    expect(trainingMemory({ ...mixed, trained }).total).toBe(2 * billion + 14 * trained);
  });

  it('keeps activations by what is computed again', () => {
    const shape = { hidden: 4096, heads: 32 };
    const all = 2048 * 4 * 4096;
    expect(layerActivations(shape, 2048, 4, 'all')).toBe(all * (34 + (5 * 32 * 2048) / 4096));
    expect(layerActivations(shape, 2048, 4, 'flash')).toBe(34 * all);
    expect(layerActivations(shape, 2048, 4, 'checkpoint')).toBe(2 * all);
  });
});
