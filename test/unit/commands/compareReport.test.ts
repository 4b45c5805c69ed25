import { describe, expect, it } from 'vitest';
import { comparisonReport } from '../../../src/commands/compareReport';
import type { ComparedTensor } from '../../../src/protocol/engineApi';

const tensor = (name: string, state: ComparedTensor['state'], more: Partial<ComparedTensor> = {}) => ({
  name,
  state,
  from: 'BF16',
  to: 'BF16',
  bytes: 8,
  mse: 0,
  sqnr: null,
  maxAbs: 0,
  cosine: 1,
  meanAbs: 0,
  ...more,
});

const one = { path: '/a/model.safetensors', name: 'a', bytes: 100 };
const other = { path: '/b/model.safetensors', name: 'b', bytes: 60 };

describe('comparisonReport', () => {
  it('has a row for every tensor whose values were compared, and warns of the others', () => {
    const report = comparisonReport(
      one,
      other,
      {
        tensors: [
          tensor('same', 'identical'),
          tensor('changed', 'different', { sqnr: 30, mse: 0.5 }),
          tensor('cut', 'reshaped', { note: 'of another shape' }),
        ],
        onlyInFirst: ['w', 'x', 'y', 'z'],
        onlyInSecond: [],
      },
      1.5,
    );
    expect(report).toMatchObject({
      source: one.path,
      open: other.path,
      outputs: [other.path],
      label: 'b',
      comparison: true,
      bytesBefore: 100,
      bytesAfter: 60,
      seconds: 1.5,
    });
    expect(report.tensors.map(({ name, note }) => [name, note])).toEqual([
      ['same', 'the same values'],
      ['changed', undefined],
    ]);
    expect(report.tensors[0]).not.toHaveProperty('state');
    expect(report.warnings).toEqual([
      'Of another shape in the second checkpoint: cut.',
      'Only in a: w, x, y and 1 more.',
    ]);
  });
});
