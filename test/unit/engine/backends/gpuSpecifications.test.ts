/** What GPUs run natively. Expected values are the makers' tables, cited in docs/backends.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gpuArchitectures } from '../../../../src/engine/backends/gpus/architectures';
import { gpuModels } from '../../../../src/engine/backends/gpus/models';
import {
  adviceFor,
  gpuSpecifications,
  modelNamed,
  specificationOf,
} from '../../../../src/engine/backends/gpus/specifications';
import type { NumberKind } from '../../../../src/protocol/backendApi';
import { resolveChoice } from '../../../../src/quant/choice';
import { schemeNamed } from '../../../../src/quant/schemes';

const nvidia = (code: string, name = 'NVIDIA Something New') =>
  specificationOf({ name, vendor: 'nvidia', code });

const matrixKinds = (code: string): NumberKind[] => {
  const support = nvidia(code).architecture!.support;
  return (Object.keys(support) as NumberKind[]).filter((kind) => support[kind] === 'matrix');
};

describe('what NVIDIA architectures multiply in matrix units', () => {
  // Transformer Engine's support matrix: BF16 from 8.0, FP8 from 8.9, block-scaled FP4 from 10.0. SYCL's joint_matrix:
  // F16 from sm_70, INT8 from sm_72, BF16 from sm_80.
  it.each([
    ['sm_52', []],
    ['sm_61', []],
    ['sm_70', ['f16']],
    ['sm_72', ['f16', 'int8']],
    ['sm_75', ['f16', 'int8']],
    ['sm_80', ['f16', 'bf16', 'int8']],
    ['sm_86', ['f16', 'bf16', 'int8']],
    ['sm_89', ['f16', 'bf16', 'int8', 'fp8']],
    ['sm_90', ['f16', 'bf16', 'int8', 'fp8']],
    ['sm_100', ['f16', 'bf16', 'int8', 'fp8', 'fp4']],
    ['sm_120', ['f16', 'bf16', 'int8', 'fp8', 'fp4']],
  ])('%s: %j', (code, kinds) => {
    expect(matrixKinds(code)).toEqual(kinds);
  });
});

describe('the scheme that follows', () => {
  it.each([
    ['sm_100', ['nvfp4', 'f8-e4m3']],
    ['sm_90', ['f8-e4m3', 'int4-absmax']],
    ['sm_80', ['int8-absmax', 'int4-absmax']],
    ['sm_75', ['int8-absmax', 'int4-absmax', 'f16']],
    ['sm_70', ['int4-absmax', 'f16']],
  ])('of %s begins with the smallest kind that it multiplies: %j', (code, schemes) => {
    expect(nvidia(code).schemes.map(({ choice }) => choice.scheme)).toEqual(schemes);
  });

  it("is MXFP4 on AMD's CDNA 4 and FP8 on CDNA 3", () => {
    const first = (code: string) =>
      specificationOf({ name: 'AMD', vendor: 'amd', code }).schemes[0]!.choice.scheme;
    expect(first('gfx950')).toBe('mxfp4');
    expect(first('gfx942')).toBe('f8-e4m3');
    expect(first('gfx90a')).toBe('int8-absmax');
  });

  it('is always one that exists, with a reason', () => {
    for (const architecture of gpuArchitectures) {
      const advice = adviceFor(architecture);
      expect(advice.length, architecture.id).toBeGreaterThan(0);
      for (const { choice, label, why } of advice) {
        expect(() => resolveChoice(choice)).not.toThrow();
        expect(label.startsWith(schemeNamed(choice.scheme).label), label).toBe(true);
        expect(why).toMatch(/\.$/);
      }
    }
  });
});

describe('a name', () => {
  it.each([
    ['NVIDIA A100-SXM4-80GB', 'A100'],
    ['NVIDIA H100 80GB HBM3', 'H100'],
    ['NVIDIA L4', 'L4'],
    ['NVIDIA L40S', 'L40S'],
    ['Tesla T4', 'Tesla T4'],
    ['NVIDIA GeForce RTX 3070 Laptop GPU', 'GeForce RTX 3070'],
    ['NVIDIA GeForce RTX 4080 SUPER', 'GeForce RTX 4080'],
    ['NVIDIA RTX 6000 Ada Generation', 'RTX 6000 Ada Generation'],
    ['Quadro RTX 6000', 'Quadro RTX 6000'],
    ['NVIDIA RTX A6000', 'RTX A6000'],
    ['NVIDIA RTX PRO 6000 Blackwell Workstation Edition', 'RTX PRO 6000 Blackwell'],
  ])('%s means %s', (name, model) => {
    expect(modelNamed(name, 'nvidia')?.name).toBe(model);
  });

  it.each([
    ['AMD Radeon RX 7900 XTX', 'amd', 'Radeon RX 7900 XTX'],
    ['AMD Instinct MI300X', 'amd', 'Instinct MI300X'],
    ['AMD Radeon 780M Graphics', 'amd', 'Radeon 780M'],
    ['Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]', 'amd', 'Radeon RX 7900 XT'],
    ['DG2 [Arc A770]', 'intel', 'Arc A770'],
    ['Intel(R) Arc(TM) A770 Graphics', 'intel', 'Arc A770'],
    ['Intel(R) Iris(R) Xe Graphics', 'intel', 'Iris Xe Graphics'],
    ['Apple M1 Pro', 'apple', 'M1 Pro'],
    ['Apple M5', 'apple', 'M5'],
  ] as const)('%s of %s means %s', (name, vendor, model) => {
    expect(modelNamed(name, vendor)?.name).toBe(model);
  });

  it('that is not known gives no architecture and no advice, and the driver’s word comes before it', () => {
    for (const name of ['NVIDIA RTX A1000', 'NVIDIA L4000', 'NVIDIA H1000', 'NVIDIA', 'NVIDIA B20']) {
      expect(specificationOf({ name, vendor: 'nvidia' })).toMatchObject({ knownBy: 'none', schemes: [] });
    }
    // A code that the table does not have is a newer GPU, whatever its name sounds like.
    expect(nvidia('sm_140', 'NVIDIA L4')).toMatchObject({ knownBy: 'none', architecture: undefined });
    expect(nvidia('sm_89').knownBy).toBe('driver');
    expect(specificationOf({ name: 'NVIDIA L4', vendor: 'nvidia' })).toMatchObject({
      knownBy: 'name',
      architecture: { codes: ['sm_89'] },
    });
  });
});

it('lists models of known architectures, each found by its own name, and sources that the documentation has', () => {
  const ids = new Set(gpuArchitectures.map(({ id }) => id));
  expect(ids.size).toBe(gpuArchitectures.length);
  for (const { architecture, name, vendor, memoryGiB } of gpuModels) {
    expect(ids, name).toContain(architecture);
    expect(modelNamed(name, vendor)?.architecture, name).toBe(architecture);
    expect(memoryGiB === undefined || memoryGiB >= 0, name).toBe(true);
  }
  const { here, others } = gpuSpecifications([]);
  expect(here).toEqual([]);
  expect(others).toHaveLength(gpuModels.length);
  const documented = readFileSync(new URL('../../../../docs/backends.md', import.meta.url), 'utf8');
  for (const key of new Set(gpuArchitectures.flatMap(({ sources }) => sources))) {
    expect(documented).toContain(`\`${key}\``);
  }
});
