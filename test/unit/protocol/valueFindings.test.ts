import { describe, expect, it } from 'vitest';
import { limitFindings, valueFindings } from '../../../src/protocol/valueFindings';

const place = { name: 'model.norm.weight', file: '/m/model.safetensors', byteOffset: 4096 };
const figures = (change: object) => ({ nan: 0, inf: 0, zeros: 3, count: 8, ...change });

describe('findings of values', () => {
  it('says nothing of ordinary and of empty tensors', () => {
    expect(valueFindings(figures({}), place)).toEqual([]);
    expect(valueFindings(figures({ zeros: 0, count: 0 }), place)).toEqual([]);
  });

  it('counts NaN as an error and infinities as a warning, with their place', () => {
    const found = valueFindings(figures({ nan: 1, inf: 1200 }), place);
    expect(found).toEqual([
      {
        severity: 'error',
        code: 'nan-values',
        message: '1 value of tensor "model.norm.weight" is NaN, of 8.',
        file: place.file,
        tensor: place.name,
        byteOffset: 4096,
      },
      {
        severity: 'warning',
        code: 'inf-values',
        message: '1,200 values of tensor "model.norm.weight" are infinite, of 8.',
        file: place.file,
        tensor: place.name,
        byteOffset: 4096,
      },
    ]);
  });

  it('blames the scale of a quantized tensor, and of no plain one', () => {
    for (const dtype of ['Q8_0', 'Q4_K', 'IQ4_NL', 'TQ1_0', 'MXFP4', 'NVFP4', 'INT8']) {
      const found = valueFindings(figures({ nan: 1, inf: 31 }), { ...place, dtype });
      expect(found.map(({ severity, code }) => [severity, code])).toEqual([['error', 'scale-overflow']]);
      expect(found[0]?.message).toContain('32 values');
      expect(found[0]?.message).toContain(dtype);
    }
    for (const dtype of ['F32', 'BF16', 'I8', 'F8_E4M3', undefined]) {
      const found = valueFindings(figures({ nan: 1, inf: 31 }), { ...place, dtype });
      expect(found.map(({ code }) => code)).toEqual(['nan-values', 'inf-values']);
    }
  });

  it('warns of a tensor of zeros, a scalar too, and not of one that also holds NaN', () => {
    expect(valueFindings(figures({ zeros: 8 }), place).map(({ severity, code }) => [severity, code])).toEqual(
      [['warning', 'all-zero']],
    );
    expect(valueFindings(figures({ zeros: 1, count: 1 }), place)[0]?.message).toBe(
      'The only value of tensor "model.norm.weight" is zero.',
    );
    expect(valueFindings(figures({ zeros: 7, nan: 1 }), place).map(({ code }) => code)).toEqual([
      'nan-values',
    ]);
  });

  it('keeps hostile names on one line', () => {
    const [found] = valueFindings(figures({ nan: 2 }), { name: `a\n<b>${'x'.repeat(500)}` });
    expect(found?.message).toMatch(/^2 values of tensor "a\\n<b>x+…" are NaN/);
    expect(found!.message.length).toBeLessThan(200);
  });

  it('sums up beyond fifty of a code', () => {
    const many = Array.from({ length: 120 }, (_, i) =>
      valueFindings(figures({ nan: 1, inf: i < 3 ? 1 : 0 }), { ...place, name: `t${i}` }),
    ).flat();
    const kept = limitFindings(many);
    expect(kept).toHaveLength(54);
    expect(kept.filter(({ code }) => code === 'inf-values')).toHaveLength(3);
    expect(kept.at(-1)?.message).toBe('70 more findings of this kind are left out.');
    expect(kept.at(-1)?.severity).toBe('error');
  });
});
