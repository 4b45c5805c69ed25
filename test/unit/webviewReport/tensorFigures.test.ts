import { describe, expect, it } from 'vitest';
import type { TensorError } from '../../../src/protocol/engineApi';
import { tableCsv, tableMarkdown } from '../../../webview-ui/views/report/tableText';
import { figureDifference, tensorFigures } from '../../../webview-ui/views/report/tensorFigures';

const row = (more: Partial<TensorError> = {}): TensorError => ({
  name: 'model.layers.0.mlp.up_proj.weight',
  from: 'BF16',
  to: 'INT8',
  bytes: 1000,
  mse: 0.25,
  sqnr: 20,
  maxAbs: 2,
  cosine: 0.99,
  meanAbs: 0.5,
  ...more,
});

describe('tensorFigures', () => {
  it('gives relative error, bits per weight and size beside the metrics', () => {
    const figures = new Map(tensorFigures(row(), 800, 0.125).map((each) => [each.name, each.value]));
    // 20 dB are a tenth of the amplitude; 8 * 1000 bits for 800 weights.
    expect(figures.get('relative')).toBeCloseTo(0.1, 12);
    expect(figures.get('bitsPerWeight')).toBe(10);
    expect([figures.get('size'), figures.get('kl'), figures.get('sqnr')]).toEqual([1000, 0.125, 20]);
    const exact = tensorFigures(row({ sqnr: null }), 800, undefined);
    expect(exact.find(({ name }) => name === 'relative')!.value).toBe(0);
    expect(exact.find(({ name }) => name === 'kl')!.value).toBeUndefined();
  });
});

describe('figureDifference', () => {
  const between = (name: string, first: Partial<TensorError>, second: Partial<TensorError>) => {
    const of = (more: Partial<TensorError>) =>
      tensorFigures(row(more), 800, 0).find((each) => each.name === name)!;
    return figureDifference(of(first), of(second));
  };

  it('is in dB for SQNR, a ratio for errors and sizes, and says which is better', () => {
    expect(between('sqnr', {}, { sqnr: 26 })).toEqual({ text: '+6.0 dB', verdict: 'better' });
    expect(between('sqnr', {}, { sqnr: 14 })).toEqual({ text: '\u22126.0 dB', verdict: 'worse' });
    expect(between('mse', {}, { mse: 0.5 })).toEqual({ text: '× 2', verdict: 'worse' });
    expect(between('size', {}, { bytes: 500 })).toEqual({ text: '× 0.5', verdict: 'better' });
    expect(between('cosine', {}, { cosine: 0.995 })).toEqual({ text: '+0.00500', verdict: 'better' });
    expect(between('maxAbs', {}, {})).toEqual({ text: 'equal', verdict: 'equal' });
    expect(between('mse', { mse: 0 }, {})).toEqual({ text: '', verdict: 'worse' });
    expect(between('sqnr', {}, { sqnr: null })).toEqual({ text: '', verdict: 'better' });
  });
});

describe('the table as text', () => {
  const rows = [
    row(),
    row({ name: '=cmd|x', sqnr: null, mse: 0 }),
    row({ name: 'a,"b"', to: 'BF16', sqnr: null, note: 'kept: norm' }),
  ];

  it('is CSV with every digit, quoted, and without formulas', () => {
    const lines = tableCsv(rows).split('\r\n');
    expect(lines[0]).toBe('tensor,from,to,bytes,sqnr,mse,maxAbs,cosine,meanAbs,relative,note');
    expect(lines[1]).toBe('model.layers.0.mlp.up_proj.weight,BF16,INT8,1000,20,0.25,2,0.99,0.5,0.1,');
    expect(lines[2]).toMatch(/^'=cmd\|x,BF16,INT8,1000,exact,0,/);
    expect(lines[3]).toBe('"a,""b""",BF16,BF16,1000,,,,,,,kept: norm');
    expect(lines[4]).toBe('');
  });

  it('is a Markdown table whose names are text', () => {
    const lines = tableMarkdown([row({ name: '[x](y) <b>|' })])
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^\| \\\[x\\\]\\\(y\\\) \\<b\\>\\\| \| BF16 /);
    expect(new Set(lines.slice(0, 2).map((line) => line.split(' | ').length)).size).toBe(1);
  });
});
