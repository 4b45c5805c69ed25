/** Answers the Memory tab in the harness with the engine's own code, for configs of published models. */

import { deviceSet } from '../../src/engine/memory/memoryDevices';
import { LoupeError } from '../../src/errors';
import { commonGpus } from '../../src/estimate/gpuBandwidths';
import { cacheDtypes } from '../../src/estimate/kvCache';
import { estimateMemory } from '../../src/estimate/memoryEstimate';
import { type MemorySource, sourceFromCheckpoint, sourceFromConfig } from '../../src/estimate/memorySource';
import type { GpuRoom, SchemeSize } from '../../src/estimate/types';
import type { MemoryChoices } from '../../src/protocol/memoryApi';
import type { PageMemoryRequest } from '../../src/protocol/memoryPageApi';
import { llama3 } from '../support/modelConfigs';

/** A machine that does not depend on the one that tests run on. */
export const memoryChoices: MemoryChoices = {
  here: [{ name: 'NVIDIA GeForce RTX 3060', memoryBytes: 12288 * 2 ** 20, bytesPerSecond: 360e9 }],
  ramBytes: 64 * 2 ** 30,
  common: commonGpus as readonly GpuRoom[],
  cacheDtypes,
};

/** As if the model were known as a GGUF file too: sizes of published Q4_K_M and Q8_0 files' tensors, about. */
const mixes: readonly SchemeSize[] = [
  ['Q8_0', 8_536_000_000],
  ['Q6_K', 6_590_000_000],
  ['Q4_K_M', 4_912_000_000],
  ['Q2_K', 3_170_000_000],
].map(([label, bytes]) => ({
  scheme: `gguf:${String(label).toLowerCase()}`,
  label: String(label),
  family: 'ggml',
  bytes: Number(bytes),
  bitsPerWeight: (8 * Number(bytes)) / 8_030_261_248,
  quantized: 226,
  refused: 0,
}));

const sources = new Map<string, MemorySource>();

/** `llama`: Llama-3-8B; `bare`: weights of which nothing else is known; `gemma`: windows in most layers. */
function sourceOf(model: string): MemorySource {
  let source = sources.get(model);
  if (!source) {
    source =
      model === 'bare'
        ? sourceFromCheckpoint({
            format: 'safetensors',
            metadata: [],
            tensors: [
              {
                name: 'w',
                dtype: 'F32',
                shape: [4096, 4096],
                elements: 2 ** 24,
                bytes: 2 ** 26,
                file: 0,
                byteOffset: 0,
              },
            ],
          } as unknown as Parameters<typeof sourceFromCheckpoint>[0])
        : sourceFromConfig({ ...llama3, max_position_embeddings: 131072 });
    sources.set(model, source);
  }
  return source;
}

/** JSON in, JSON out: an error as `error`, anything else as `result`. */
export async function memoryAnswer(text: string): Promise<string> {
  const { what, model, request } = JSON.parse(text) as {
    what: 'choices' | 'estimate';
    model: string;
    request: PageMemoryRequest;
  };
  try {
    if (what === 'choices') return JSON.stringify({ result: memoryChoices });
    return JSON.stringify({ result: await estimateFor(model, request) });
  } catch (thrown) {
    return JSON.stringify({ error: LoupeError.from(thrown).toJSON() });
  }
}

/** What the page should show for a request. */
export async function estimateFor(model: string, { devices, ...request }: PageMemoryRequest) {
  const sets = await Promise.all(
    devices.map((device) => deviceSet(device === 'ram' ? `ram=${memoryChoices.ramBytes}B` : device)),
  );
  return estimateMemory(sourceOf(model), { ...request, devices: sets }, model === 'bare' ? [] : mixes);
}
