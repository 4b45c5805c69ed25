import { describe, expect, it } from 'vitest';
import { estimateMemory } from '../../../src/estimate/memoryEstimate';
import { sourceFromConfig } from '../../../src/estimate/memorySource';
import { stateBytesOf } from '../../../src/estimate/training';
import type { MemoryRequest, TrainingRequest } from '../../../src/estimate/types';
import { llama3 } from '../../support/modelConfigs';

const parameters = 8_030_261_248;
const source = sourceFromConfig(llama3);
const trained = (training: TrainingRequest, request: MemoryRequest = {}) =>
  estimateMemory(source, { context: 512, ...request, training }).training!;

describe('an estimate of training', () => {
  it('takes 16 bytes a parameter in full, in mixed precision as in float32', () => {
    for (const precision of ['mixed', 'f32'] as const) {
      const { weights, gradients, optimizer } = trained({ method: 'full', precision });
      expect(weights.bytes + gradients.bytes + optimizer.bytes).toBe(16 * parameters);
    }
  });

  it('counts the adapters that peft counts', () => {
    // "trainable params: 41,943,040" is what peft prints of Llama-3-8B with r=16 on all linear layers.
    const lora = trained({ method: 'lora', loraRank: 16 });
    expect(lora.trained).toBe(41_943_040);
    expect(lora.weights.bytes).toBe(2 * (parameters + lora.trained));
    expect(lora.gradients.bytes).toBe(2 * lora.trained);
    expect(lora.optimizer.bytes).toBe(12 * lora.trained);
  });

  it('holds the base of QLoRA as NF4 is written', () => {
    const qlora = trained({ method: 'qlora' });
    const nf4 = estimateMemory(source, {}).table.find(({ scheme }) => scheme === 'nf4')!;
    expect(qlora.weights.bytes).toBe(nf4.bytes + 2 * qlora.trained);
    expect(qlora.optimizer.bytes).toBe(12 * qlora.trained);
  });

  it('divides by what ZeRO divides', () => {
    const on8 = (zeroStage: 0 | 1 | 2 | 3) => trained({ method: 'full', ranks: 8, zeroStage });
    expect(on8(0).optimizer.bytes).toBe(12 * parameters);
    expect(on8(1).optimizer.bytes).toBe(1.5 * parameters);
    expect(on8(1).gradients.bytes).toBe(2 * parameters);
    expect(on8(2).gradients.bytes).toBe(parameters / 4);
    expect(on8(2).weights.bytes).toBe(2 * parameters);
    expect(on8(3).weights.bytes).toBe(parameters / 4);
  });

  it('keeps activations of all layers, or of one when the others are computed again', () => {
    const logits = 8 * 512 * 128_256;
    const layer = 34 * 512 * 4096;
    expect(trained({ method: 'full' }).activations.bytes).toBe(32 * layer + logits);
    const again = trained({ method: 'full', checkpointing: true });
    expect(again.activations.bytes).toBe(32 * 2 * 512 * 4096 + layer + logits);
    const eager = trained({ method: 'full' }, { flashAttention: false });
    expect(eager.activations.bytes).toBe(32 * (layer + 5 * 32 * 512 ** 2) + logits);
    expect(eager.activations.certainty).toBe('approximate');
  });

  it('fits one rank on one GPU, and finds the longest sequence', () => {
    const gpus = [{ name: 'A', memoryBytes: 80 * 2 ** 30 }];
    const devices = [{ label: 'A', kind: 'gpu', gpus }] as const;
    const fitOf = (training: TrainingRequest, request: MemoryRequest = {}) =>
      estimateMemory(source, { context: 512, ...request, devices, training }).fits[0]!;
    expect(fitOf({ method: 'full' }).verdict).toBe('no');
    expect(fitOf({ method: 'full', ranks: 8, zeroStage: 3 }).verdict).toBe('fits');
    const qlora = fitOf({ method: 'qlora' });
    expect(qlora.verdict).toBe('fits');
    expect(fitOf({ method: 'qlora' }, { context: qlora.largestContext }).verdict).not.toBe('no');
    expect(qlora.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(
      qlora.neededBytes + qlora.memoryBytes - qlora.roomBytes,
    );
  });

  it('refuses ranks that do not exist', () => {
    expect(() => trained({ method: 'full', ranks: 0 })).toThrow('The number of GPUs should be');
    expect(() => trained({ method: 'lora', loraRank: 1.5 })).toThrow('The rank of the adapters should be');
  });
});

describe("an optimizer's states", () => {
  const matrix = { shape: [4096, 1024], copies: 2 };
  const vector = { shape: [4096], copies: 1 };
  it('are of each element, of blocks with scales, or of rows and columns', () => {
    expect(stateBytesOf([matrix], 'adamw')).toBe(2 * 8 * 4096 * 1024);
    // Two bytes an element and two float32 scales a block of 256.
    expect(stateBytesOf([matrix], 'adamw-8bit')).toBe(2 * (2 + 8 / 256) * 4096 * 1024);
    expect(stateBytesOf([matrix, vector], 'adafactor')).toBe(2 * 4 * (4096 + 1024) + 4 * 4096);
    expect(stateBytesOf([matrix], 'sgd')).toBe(0);
  });

  it('of small tensors stay in float32 with Adam in 8 bits', () => {
    expect(stateBytesOf([{ shape: [4095], copies: 1 }], 'adamw-8bit')).toBe(8 * 4095);
    expect(stateBytesOf([vector], 'adamw-8bit')).toBe(2 * 4096 + 8 * 16);
  });
});
