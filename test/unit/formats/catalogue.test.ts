import { describe, expect, it } from 'vitest';
import { toBrief, toCatalogue } from '../../../src/engine/catalogue';
import type { Checkpoint } from '../../../src/formats/checkpoint';
import { weightMemory } from '../../../src/formats/weightMemory';

const checkpoint: Checkpoint = {
  format: 'safetensors',
  name: 'm',
  path: '/m/model.safetensors',
  folder: '/m',
  files: [{ path: '/m/model.safetensors', bytes: 100, mtimeMs: 5 }],
  tensors: [
    { name: 'a', dtype: 'F32', shape: [3], file: 0, byteOffset: 10, bytes: 12, elements: 3 },
    { name: '__proto__', dtype: 'BF16', shape: [], file: 0, byteOffset: 22, bytes: 2, elements: 1 },
    {
      name: 'c',
      dtype: 'F32',
      shape: [2, 5],
      file: 0,
      byteOffset: 24,
      bytes: 40,
      elements: 10,
      unreadable: 'short',
    },
  ],
  metadata: [],
  findings: [
    { severity: 'error', code: 'truncated-data', message: 'x' },
    { severity: 'info', code: 'y', message: 'y' },
  ],
};

describe('toCatalogue', () => {
  it('lays the tensors out in columns', () => {
    const { tensors, parameters, bytes } = toCatalogue(checkpoint);
    expect(tensors.names).toEqual(['a', '__proto__', 'c']);
    expect([...tensors.dtype].map((i) => tensors.dtypes[i])).toEqual(['F32', 'BF16', 'F32']);
    expect([...tensors.shapes]).toEqual([3, 2, 5]);
    expect([...tensors.shapeEnd]).toEqual([1, 1, 3]);
    expect([...tensors.byteOffset]).toEqual([10, 22, 24]);
    expect(tensors.unreadable).toEqual([{ index: 2, reason: 'short' }]);
    expect([parameters, bytes]).toEqual([14, 54]);
  });

  it("changes its generation with a file's size or time", () => {
    const generation = (bytes: number, mtimeMs: number) =>
      toCatalogue({ ...checkpoint, files: [{ path: '/m/model.safetensors', bytes, mtimeMs }] }).generation;
    expect(generation(100, 5)).toBe(toCatalogue(checkpoint).generation);
    expect(new Set([generation(100, 5), generation(101, 5), generation(100, 6)]).size).toBe(3);
  });
});

it('toBrief sums up by dtype, the largest first', () => {
  const brief = toBrief(checkpoint);
  expect(brief.dtypes).toEqual([
    { dtype: 'F32', tensors: 2, parameters: 13, bytes: 52 },
    { dtype: 'BF16', tensors: 1, parameters: 1, bytes: 2 },
  ]);
  expect(brief).toMatchObject({ errors: 1, warnings: 0, fileCount: 1 });
});

it('weightMemory rounds INT4 up for each tensor', () => {
  expect(weightMemory([3, 1, 10])).toEqual([
    { label: 'F32', bytes: 56 },
    { label: 'F16/BF16', bytes: 28 },
    { label: 'INT8', bytes: 14 },
    { label: 'INT4', bytes: 2 + 1 + 5 },
  ]);
});
