import { describe, expect, it } from 'vitest';
import { inspectJson, inspectText } from '../../../src/cli/output';
import { toCatalogue } from '../../../src/engine/catalogue';
import type { Checkpoint, TensorInfo } from '../../../src/formats/checkpoint';

const span = { name: 'w.qweight', dtype: 'I32', shape: [4, 8], file: 0, byteOffset: 64, bytes: 128 };
const weight: TensorInfo = {
  name: 'w.weight',
  dtype: 'INT4',
  shape: [8, 32],
  file: 0,
  byteOffset: 64,
  bytes: 144,
  elements: 256,
  unreadable: 'Its GPTQ codes cannot be read: its scales are I16.',
  pieces: { layout: 'GPTQ', bits: 4, bitsPerWeight: 4.5, parts: [{ role: 'codes', span }] },
};
const checkpoint: Checkpoint = {
  format: 'safetensors',
  name: 'm',
  path: '/m/model.safetensors',
  folder: '/m',
  files: [{ path: '/m/model.safetensors', bytes: 208, mtimeMs: 0 }],
  tensors: [weight],
  metadata: [],
  quantization: { method: 'GPTQ', bits: 4, bitsPerWeight: 4.5, weights: 1 },
  findings: [],
};

describe('inspect of a quantized model', () => {
  it('gives the logical weight, its pieces and the method as JSON', () => {
    expect(inspectJson(toCatalogue(checkpoint))).toMatchObject({
      parameters: 256,
      quantization: checkpoint.quantization,
      tensors: [{ name: 'w.weight', shape: [8, 32], unreadable: weight.unreadable, pieces: weight.pieces }],
    });
    const { quantization: _, ...plain } = checkpoint;
    expect(inspectJson(toCatalogue(plain))).toMatchObject({ quantization: null });
  });

  it('names the method and the bits a weight costs as text', () => {
    expect(inspectText(toCatalogue(checkpoint))).toContain(
      'quantized: GPTQ in 1 of 1 tensors, 4.50 bits a weight',
    );
  });
});
