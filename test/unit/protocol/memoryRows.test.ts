import { describe, expect, it } from 'vitest';
import type { SchemeRow } from '../../../src/protocol/memoryApi';
import { idleText, shownRows } from '../../../src/protocol/memoryRows';

const row = (scheme: string, family: string, bytes: number, quantized: number): SchemeRow => ({
  scheme,
  label: scheme,
  family,
  bytes,
  bitsPerWeight: 8,
  quantized,
  refused: 0,
});
const table = [
  row('int4', 'integer', 4, 10),
  row('int8', 'integer', 8, 10),
  row('nf4', 'codebook', 16, 0),
  row('bf16', 'cast', 16, 0),
  row('q4_k', 'ggml', 5, 10),
];

describe('the rows that are shown', () => {
  it('leave out schemes that change nothing, but for casts, and put the largest first', () => {
    const { schemes, mixes, idle } = shownRows({ table, mixes: [] });
    expect(schemes.map(({ scheme }) => scheme)).toEqual(['bf16', 'int8', 'q4_k', 'int4']);
    expect(mixes).toEqual([]);
    expect(idle).toBe(1);
    expect(idleText(idle)).toContain('One scheme leaves every tensor as it is');
    expect(idleText(0)).toBeUndefined();
  });

  it('have mixes in the place of types where the model can be a GGUF file', () => {
    const mixed = [row('gguf:q4_k_m', 'ggml', 6, 10), row('gguf:q8_0', 'ggml', 9, 10)];
    const { schemes, mixes } = shownRows({ table, mixes: mixed });
    expect(schemes.map(({ scheme }) => scheme)).toEqual(['bf16', 'int8', 'int4']);
    expect(mixes.map(({ scheme }) => scheme)).toEqual(['gguf:q8_0', 'gguf:q4_k_m']);
  });
});
