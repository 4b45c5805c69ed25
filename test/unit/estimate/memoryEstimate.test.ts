import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { estimateMemory } from '../../../src/estimate/memoryEstimate';
import { sourceFromConfig } from '../../../src/estimate/memorySource';
import { llama3 } from '../../support/modelConfigs';

describe('the estimate from a config alone', () => {
  it('adds its parts, each with its certainty', () => {
    const estimate = estimateMemory(sourceFromConfig(llama3), { runtime: 'llama.cpp', context: 8192 });
    expect(estimate.parameters).toBe(8_030_261_248);
    expect(estimate.weights).toMatchObject({ bytes: 2 * 8_030_261_248, certainty: 'exact' });
    expect(estimate.weights.byDtype).toEqual({ BF16: 2 * 8_030_261_248 });
    expect(estimate.kvCache).toMatchObject({ bytes: 2 ** 30, bytesPerToken: 131_072, certainty: 'stated' });
    const { weights, kvCache, activations, buffers, total } = estimate;
    expect(total.bytes).toBe(weights.bytes + kvCache.bytes + activations.bytes + buffers.bytes);
    expect(total.low).toBeLessThan(total.bytes);
    expect(total.high).toBeGreaterThan(total.bytes);
  });

  it("equals vLLM's weights of Llama-3-8B: 14.96 GiB", () => {
    expect(estimateMemory(sourceFromConfig(llama3), {}).weights.bytes / 2 ** 30).toBeCloseTo(14.96, 2);
  });

  it('counts weights under a scheme with scales, and keeps embeddings and head', () => {
    const { weights, table } = estimateMemory(sourceFromConfig(llama3), { dtype: 'int8-absmax' });
    const linear = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336);
    // A 16-bit scale a row: q and o 4,096 rows, k and v 1,024, gate and up 14,336, down 4,096.
    const rows = 32 * (2 * 4096 + 2 * 1024 + 2 * 14336 + 4096);
    const kept = 2 * (8_030_261_248 - linear);
    // compressed-tensors also writes each matrix's shape, two numbers of 64 bits.
    const shapes = 32 * 7 * 16;
    expect(weights.bytes).toBe(linear + 2 * rows + shapes + kept);
    expect(table.find(({ scheme }) => scheme === 'bf16')!.bytes).toBe(2 * 8_030_261_248);
  });

  it.each([
    ['iq2_xxs', 66],
    ['iq2_xs', 74],
    ['iq1_s', 50],
    ['iq2_s', 82],
  ])('knows what %s takes, which only an importance matrix lets write: %i bytes of 256', (scheme, bytes) => {
    const { table } = estimateMemory(sourceFromConfig(llama3), {});
    const norms = 65 * 4096;
    const row = table.find((each) => each.scheme === scheme)!;
    expect(row).toMatchObject({ bytes: ((8_030_261_248 - norms) * bytes) / 256 + 2 * norms, refused: 0 });
  });

  it('takes the shorter of 4,096 and the longest context, and tells of a longer one', () => {
    expect(estimateMemory(sourceFromConfig(llama3), {}).setting.context).toBe(4096);
    const short = sourceFromConfig({ ...llama3, max_position_embeddings: 2048 });
    expect(estimateMemory(short, {}).setting.context).toBe(2048);
    expect(estimateMemory(short, { context: 3000 }).notes).toContain(
      'The model was made for 2048 tokens at most.',
    );
  });

  it('refuses settings that do not exist', () => {
    const source = sourceFromConfig(llama3);
    expect(() => estimateMemory(source, { context: 0 })).toThrow('The context should be a whole number');
    expect(() => estimateMemory(source, { dtype: 'int9' })).toThrow('Weights cannot be loaded as "int9"');
    expect(() => estimateMemory(source, { kvDtype: 'int4' })).toThrow('A cache has no type "int4"');
  });

  it('says when the config names no type', () => {
    const { torch_dtype: _, ...rest } = llama3;
    const { weights, notes } = estimateMemory(sourceFromConfig(rest), {});
    expect(weights.bytes).toBe(4 * 8_030_261_248);
    expect(notes).toContain('The config names no type: weights are counted in F32.');
  });

  it("counts the demo model's parameters as its file has them", () => {
    const folder = path.resolve('examples/demo-llama-3m-outliers');
    const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
    const header = readFileSync(path.join(folder, 'model.safetensors'));
    const length = Number(header.readBigUInt64LE(0));
    const { __metadata__, ...tensors } = JSON.parse(header.subarray(8, 8 + length).toString('utf8'));
    const elements = (Object.values(tensors) as { shape: number[] }[]).reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    expect(estimateMemory(sourceFromConfig(config), {}).parameters).toBe(elements);
  });
});
