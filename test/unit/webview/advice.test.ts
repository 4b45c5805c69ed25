import { describe, expect, it } from 'vitest';
import type { AxisStats, TensorStats } from '../../../src/protocol/engineApi';
import { adviceFor, channelWords, levelsLeft, telltaleAxis } from '../../../webview-ui/state/advice';

const axis = (count: number, outliers: number[], outlierEnergy: number, median: number): AxisStats => ({
  absmax: new Float32Array(count).fill(median),
  rms: new Float32Array(count),
  outliers,
  outlierEnergy,
  median,
});

const both = (rows: AxisStats, columns: AxisStats) => ({ rows, columns, int8Columns: [] });

function stats(more: Partial<TensorStats> = {}): TensorStats {
  return {
    name: 'layers.1.mlp.down_proj.weight',
    count: 196_608,
    min: -3.39,
    max: 3.28,
    mean: 0,
    std: 0.05,
    absmax: 3.39,
    skewness: 0,
    kurtosis: 1,
    rms: 0.05,
    crest: 67.8,
    entropy: 10,
    nan: 0,
    inf: 0,
    posInf: 0,
    negInf: 0,
    zeros: 0,
    denormals: 0,
    top: [],
    outliers: { sigma3: 10, sigma6: 0 },
    percentiles: { '0.1': -0.3, '1': -0.1, '50': 0, '99': 0.1, '99.9': 0.3 },
    histogram: null,
    ...more,
  };
}

const subject = { name: 'layers.1.mlp.down_proj.weight', dtype: 'BF16', shape: [256, 768] };

describe('levelsLeft', () => {
  it('is 127 median / absmax, rounded', () => {
    expect(levelsLeft({ median: 0.8275 }, 3.39)).toBe(31);
    expect(levelsLeft({ median: 1 }, 1)).toBe(127);
    expect(levelsLeft({ median: 0 }, 0)).toBe(0);
  });
});

describe('telltaleAxis', () => {
  it('is the axis whose outliers carry more energy', () => {
    const channels = (rows: AxisStats, columns: AxisStats) => ({ channels: both(rows, columns) });
    expect(telltaleAxis(channels(axis(4, [1], 0.4, 1), axis(4, [2], 0.2, 1)))).toBe('rows');
    expect(telltaleAxis(channels(axis(4, [], 0, 1), axis(4, [2], 0.2, 1)))).toBe('columns');
    // Energy without outliers says nothing.
    expect(telltaleAxis(channels(axis(4, [], 0.9, 1), axis(4, [], 0, 1)))).toBe('columns');
    expect(telltaleAxis({})).toBe('columns');
  });
});

describe('channelWords', () => {
  it('speaks of inputs and outputs for a linear layer only', () => {
    expect(channelWords(subject).columns[1]).toBe('input channels');
    expect(channelWords({ name: 'model.embed_tokens.weight', shape: [288, 256] }).rows[1]).toBe('rows');
    expect(channelWords({ name: 'conv.weight', shape: [8, 3, 3, 3] }).columns[0]).toBe('column');
  });
});

describe('adviceFor', () => {
  it('names outlier columns, their energy and the levels that they leave; per-row scales do not help', () => {
    const advice = adviceFor(
      stats({ channels: both(axis(256, [], 0, 0.8), axis(768, [117, 530], 0.38, 0.8275)) }),
      subject,
    );
    expect(advice).toEqual({
      tone: 'warning',
      text: 'Two input channels hold 38 % of the energy. Per-tensor INT8 would leave 31 of 127 levels for the other 766: choose a block scheme; per-row scales cross the same columns.',
    });
  });

  it('recommends per-row scales for an outlier row', () => {
    const advice = adviceFor(
      stats({ channels: both(axis(256, [9], 0.955, 0.03), axis(768, [], 0, 0.8)) }),
      subject,
    );
    expect(advice?.text).toBe(
      'One output channel holds 96 % of the energy. Per-tensor INT8 would leave 1 of 127 levels for the other 255: choose per-row or a block scheme.',
    );
  });

  it('says first what makes a tensor useless', () => {
    const channels = both(axis(256, [9], 0.9, 0.03), axis(768, [], 0, 0.8));
    expect(adviceFor(stats({ nan: 1, channels }), subject)?.text).toContain('1 NaN value:');
    expect(adviceFor(stats({ nan: 3, inf: 2 }), subject)?.text).toContain('3 NaN and 2 infinite values');
    expect(adviceFor(stats({ absmax: 0, min: 0, max: 0 }), subject)?.text).toBe('Every value is zero.');
  });

  it('leaves vectors and integers alone', () => {
    expect(adviceFor(stats(), { ...subject, shape: [256] })?.tone).toBe('plain');
    expect(adviceFor(stats(), { ...subject, shape: [1, 256] })?.text).toContain('vectors');
    expect(adviceFor(stats(), { ...subject, dtype: 'Q8_0' })?.text).toContain('Q8_0 already');
  });

  it('tells scattered outliers from none', () => {
    const quiet = both(axis(256, [], 0, 2.5), axis(768, [], 0, 2.5));
    const scattered = adviceFor(
      stats({ channels: quiet, kurtosis: 20, outliers: { sigma3: 99, sigma6: 12 } }),
      subject,
    );
    expect(scattered?.tone).toBe('warning');
    expect(scattered?.text).toContain('12 values lie beyond 6 σ');
    expect(adviceFor(stats({ channels: quiet }), subject)?.text).toContain(
      'uses 94 of 127 levels: per-tensor will do',
    );
    const uneven = both(axis(256, [], 0, 0.5), axis(768, [], 0, 0.5));
    expect(adviceFor(stats({ channels: uneven }), subject)?.text).toContain('prefer per-row');
  });

  it('adds what LLM.int8() would do, denormals, and how far out the largest value is', () => {
    const quiet = both(axis(256, [], 0, 2.5), axis(768, [], 0, 2.5));
    const summary = { rows: 0, columns: 2, rowEnergy: 0, columnEnergy: 0.4, int8Columns: 2 };
    const text = (more: Partial<TensorStats>) =>
      adviceFor(stats({ channels: quiet, ...more }), subject)?.text;
    expect(text({ outlierChannels: summary })).toMatch(
      /LLM\.int8\(\) would keep 2 of 768 input channels in 16 bits\.$/,
    );
    expect(text({ denormals: 19_661 })).toMatch(
      /10 % of the values are denormal: hardware that flushes them makes them 0\.$/,
    );
    // One in 10,000 is not worth a sentence.
    expect(text({ denormals: 19 })).not.toContain('denormal');
    const scattered = { kurtosis: 20, outliers: { sigma3: 99, sigma6: 12 } };
    expect(text({ ...scattered, crest: 67.8 })).toContain('the largest 68 times the RMS');
    expect(text({ ...scattered, crest: 12 })).not.toContain('RMS');
  });
});
