import { describe, expect, it } from 'vitest';
import {
  initialMemory,
  memoryRequest,
  mostDevices,
  nearestStep,
  restoreMemory,
  sliderSteps,
} from '../../../webview-ui/state/memoryState';

describe('the state of the Memory tab', () => {
  it('comes back as it was', () => {
    const state = {
      ...initialMemory,
      mode: 'training',
      context: 5000,
      dtype: 'gguf:q4_k_m',
      valueDtype: 'q4_0',
      devices: ['2x RTX 4090', 'ram'],
      method: 'qlora',
      zeroStage: 3,
      ranks: 8,
      flashAttention: false,
    } as const;
    expect(restoreMemory(JSON.parse(JSON.stringify(state)))).toEqual(state);
  });

  it.each([undefined, null, 'text', [], { context: -1, batch: 1.5, ranks: 1e9, zeroStage: 7, devices: [1] }])(
    'falls back from %j',
    (saved) => {
      expect(restoreMemory(saved)).toEqual(initialMemory);
    },
  );

  it('keeps a bounded number of devices, each once', () => {
    const devices = ['ram', 'ram', ...Array.from({ length: 50 }, (_, at) => `${at + 1}GB`)];
    const restored = restoreMemory({ devices }).devices!;
    expect(restored).toHaveLength(mostDevices);
    expect(restored.slice(0, 2)).toEqual(['ram', '1GB']);
  });

  it('asks for use or training, each with what it depends on', () => {
    expect(memoryRequest(initialMemory, ['ram'])).toEqual({
      context: undefined,
      batch: 1,
      devices: ['ram'],
      runtime: 'llama.cpp',
      kvDtype: 'f16',
      valueDtype: undefined,
      dtype: undefined,
    });
    const training = { ...initialMemory, mode: 'training', dtype: 'nf4', zeroStage: 2 } as const;
    expect(memoryRequest(training, []).dtype).toBeUndefined();
    expect(memoryRequest(training, []).training).toEqual({
      method: 'full',
      optimizer: 'adamw',
      precision: 'mixed',
      ranks: 1,
      checkpointing: false,
    });
    expect(memoryRequest({ ...training, ranks: 4, method: 'lora' }, []).training).toMatchObject({
      zeroStage: 2,
      loraRank: 16,
    });
  });
});

describe("a slider's places", () => {
  it('are powers of two and their middles, and the end', () => {
    expect(sliderSteps(256, 5000)).toEqual([256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 5000]);
    expect(sliderSteps(1, 4)).toEqual([1, 2, 3, 4]);
    expect(sliderSteps(1, 1)).toEqual([1]);
  });

  it('are found by ratio', () => {
    const steps = sliderSteps(256, 4096);
    expect(steps[nearestStep(steps, 1024)]).toBe(1024);
    expect(steps[nearestStep(steps, 1250)]).toBe(1024);
    expect(steps[nearestStep(steps, 1270)]).toBe(1536);
    expect(steps[nearestStep(steps, 1_000_000)]).toBe(4096);
  });
});
