import { describe, expect, it } from 'vitest';
import { namesakes, sortedModels } from '../../../src/editor/models/modelOrder';
import {
  bitsBadge,
  briefText,
  dtypeText,
  modelDescription,
  modelTooltip,
} from '../../../src/editor/models/modelTexts';
import type { CheckpointBrief } from '../../../src/protocol/engineApi';
import type { LocalModel } from '../../../src/protocol/modelsApi';

/** [type, parameters, bytes] of each type, the largest first. */
function brief(...types: readonly (readonly [string, number, number])[]): CheckpointBrief {
  const sum = (place: 1 | 2) => types.reduce((all, type) => all + type[place], 0);
  return {
    format: 'safetensors',
    name: 'tiny',
    path: '/w/tiny/model.safetensors',
    fileCount: 1,
    architecture: { name: 'LlamaForCausalLM', layers: 22, contextLength: 2048 },
    parameters: sum(1),
    bytes: sum(2),
    dtypes: types.map(([dtype, parameters, bytes]) => ({ dtype, tensors: 3, parameters, bytes })),
    memory: [],
    errors: 0,
    warnings: 0,
  };
}

const model = (name: string, bytes: number, more: Partial<LocalModel> = {}): LocalModel => ({
  ...{ path: `/w/${name}/model.safetensors`, name, files: [`/w/${name}/model.safetensors`] },
  ...{ place: 'workspace', bytes, mtimeMs: 0, missing: 0 },
  ...more,
});

const grouped = (value: number) => value.toLocaleString();
const tiny = brief(['BF16', 1_100_048_384, 2_200_096_768]);

describe('texts of a model', () => {
  it('name the types that hold most bytes', () => {
    expect(dtypeText(tiny)).toBe('BF16');
    expect(dtypeText(brief(['Q4_K', 900, 500], ['Q6_K', 100, 80], ['F32', 1, 4]))).toBe('Q4_K + Q6_K');
    expect(dtypeText(brief(['BF16', 1000, 2000], ['F32', 1, 4]))).toBe('BF16');
    expect(dtypeText(brief())).toBe('');
  });

  it('are short in the Explorer and in the list', () => {
    expect(briefText(tiny)).toBe('1.10 B BF16, 2.05 GiB');
    expect(modelDescription(model('tiny', 2_200_119_864), { brief: tiny })).toBe(
      '2.05 GiB · 1.10 B BF16 · LlamaForCausalLM',
    );
    expect(modelDescription(model('tiny', 1024), undefined)).toBe('1.00 KiB');
    expect(modelDescription(model('tiny', 1024), { refusal: 'The file is empty.' })).toBe(
      '1.00 KiB · cannot be read',
    );
  });

  it('tell the rest in the tooltip', () => {
    const lines = modelTooltip(model('tiny', 2_200_119_864, { missing: 1, files: ['a', 'b', 'c'] }), {
      brief: { ...tiny, errors: 1 },
    }).split('\n');
    expect(lines.slice(0, 2)).toEqual(['tiny', `LlamaForCausalLM, 22 layers, context ${grouped(2048)}`]);
    expect(lines).toContain('BF16: 2.05 GiB in 3 tensors');
    expect(lines).toContain('1 fault in the files');
    expect(lines).toContain(`2.05 GiB on disk (${grouped(2_200_119_864)} bytes) in 2 files`);
    expect(lines).toContain('1 file is missing');
    expect(lines.at(-1)).toBe('/w/tiny/model.safetensors');
    expect(modelTooltip(model('x', 1), { refusal: 'Why.' })).toContain('Cannot be read: Why.');
  });

  it.each([
    ['F32', 4, '32'],
    ['BF16', 2, '16'],
    ['Q8_0', 34 / 32, '8b'],
    ['Q4_K', 144 / 256, '4b'],
    ['IQ2_XXS', 66 / 256, '2b'],
    ['TQ1_0', 54 / 256, '1b'],
  ])('give %s a badge of its bits', (dtype, bytes, badge) => {
    expect(bitsBadge(brief([dtype, 25_600, 25_600 * bytes]))).toBe(badge);
  });

  it('give no badge to what has no values', () => {
    expect(bitsBadge(brief())).toBeUndefined();
    expect(bitsBadge(brief(['F32', 0, 0]))).toBeUndefined();
  });
});

describe('the order of models', () => {
  const models = [model('b10', 5), model('b9', 5), model('a', 9)];
  const names = (sorted: readonly LocalModel[]) => sorted.map(({ name }) => name);

  it('is by size or by name', () => {
    expect(names(sortedModels(models, 'size'))).toEqual(['a', 'b9', 'b10']);
    expect(names(sortedModels(models, 'name'))).toEqual(['a', 'b9', 'b10']);
    expect(names(sortedModels([model('z', 9), model('y', 1)], 'size'))).toEqual(['z', 'y']);
    expect(names(sortedModels([model('z', 9), model('y', 1)], 'name'))).toEqual(['y', 'z']);
  });

  it('tells namesakes apart', () => {
    const other = model('a', 1, { path: '/elsewhere' });
    expect([...namesakes([...models, other])]).toEqual(['/w/a/model.safetensors', '/elsewhere']);
  });
});
