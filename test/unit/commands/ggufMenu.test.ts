import { describe, expect, it } from 'vitest';
import {
  closestFloatType,
  fileTypeItems,
  floatFileTypes,
  noGgufItem,
  planItems,
  planTypes,
  targetItems,
  usualType,
} from '../../../src/commands/ggufMenu';
import { LoupeError } from '../../../src/errors';
import type { QuantizeReport } from '../../../src/protocol/engineApi';
import { type GgufFileType, ggufFileTypes } from '../../../src/quant/gguf/fileTypes';

const named = (name: string) => ggufFileTypes.find((type) => type.name === name)!;
const [f16, iq2] = [named('F16'), named('IQ2_M')];
const row = { name: 'blk.0.attn_v.weight', from: 'BF16', to: 'Q6_K', bytes: 26880, note: '' };
const plan = (more: Partial<QuantizeReport> = {}) =>
  ({
    open: '/models/demo-Q4_K_M.gguf',
    bytesBefore: 8 * 2 ** 20,
    bytesAfter: 2 * 2 ** 20,
    bitsPerWeight: 4.848,
    tensors: [row, { ...row, name: 'output_norm.weight', from: 'F32', to: 'F32', bytes: 1024 }, { ...row }],
    ...more,
  }) as unknown as QuantizeReport;

describe('the menu of GGUF types', () => {
  it('shows all at once, and sizes and reasons as soon as they are known', async () => {
    const types = [usualType, iq2, named('Q2_K'), f16];
    expect(fileTypeItems(types).map(({ label, description }) => [label, description])).toEqual([
      ['Q4_K_M', undefined],
      ['IQ2_M', undefined],
      ['Q2_K', undefined],
      ['F16', undefined],
    ]);
    const asked: string[] = [];
    const planned = async (type: GgufFileType) => {
      asked.push(type.name);
      if (type.name === 'Q2_K') throw new LoupeError('refused', 'its rows are odd');
      return type === iq2 ? plan({ warnings: ['x.weight needs an importance matrix'] }) : plan();
    };
    const plans = await planTypes(types, planned, new AbortController().signal);
    expect(asked).toEqual(['F16', 'Q4_K_M', 'IQ2_M', 'Q2_K']);
    expect(fileTypeItems(types, plans).map(({ value, description }) => [value.name, description])).toEqual([
      ['Q4_K_M', '2.00 MiB (25 % of now) · 4.85 bits per weight'],
      ['IQ2_M', '2.00 MiB (25 % of now) · 4.85 bits per weight · needs an importance matrix'],
      ['Q2_K', 'not for this model: its rows are odd'],
      ['F16', '2.00 MiB (25 % of now) · 4.85 bits per weight'],
    ]);
  });

  it('is one line with the reason where no GGUF file can be made, found after a single plan', async () => {
    let asked = 0;
    const refuse = async () => {
      asked++;
      throw new LoupeError('unsupported', 'There is no config.json beside the weights.');
    };
    const plans = planTypes(ggufFileTypes, refuse, new AbortController().signal);
    const error = await plans.catch((thrown) => thrown);
    expect(asked).toBe(1);
    expect(noGgufItem(error)).toMatchObject({
      detail: 'There is no config.json beside the weights.',
      alwaysShow: true,
      refused: true,
    });
  });

  it('plans no further once it is closed', async () => {
    const closed = new AbortController();
    let asked = 0;
    const closeAtThird = async () => {
      asked++;
      if (asked === 3) closed.abort();
      return plan();
    };
    await planTypes(ggufFileTypes, closeAtThird, closed.signal);
    expect(asked).toBe(3);
  });

  it('offers for a conversion the three types of floats, and begins with what the model has', () => {
    expect(floatFileTypes.map(({ name }) => name)).toEqual(['F16', 'BF16', 'F32']);
    const count = (dtype: string, parameters: number) => ({ dtype, parameters, tensors: 1, bytes: 0 });
    expect(closestFloatType([count('F32', 10), count('BF16', 1000)]).name).toBe('BF16');
    expect(closestFloatType([count('F32', 10)]).name).toBe('F32');
    expect(closestFloatType([count('Q4_K', 10), count('F32', 1)]).name).toBe('F16');
    expect(closestFloatType([]).name).toBe('F16');
  });
});

describe('the last step', () => {
  it('has the target first, so that Enter writes, and the plan and the matrix behind it', () => {
    const items = targetItems(plan(), usualType, undefined);
    expect(items.map(({ value }) => value)).toEqual(['default', 'other', 'plan', 'matrix']);
    expect(items[0]).toMatchObject({ label: 'demo-Q4_K_M.gguf', description: '/models' });
    expect(items[2]).toMatchObject({ description: '2 Q6_K, 1 F32', detail: '3 tensors' });
    expect(targetItems(plan(), usualType, '/m/wiki.dat').at(-1)).toMatchObject({
      value: 'no matrix',
      description: 'wiki.dat',
    });
    expect(targetItems(plan(), f16, undefined).map(({ value }) => value)).not.toContain('matrix');
  });

  it('lists what each tensor becomes', () => {
    expect(planItems(plan()).map(({ label, description }) => `${label}: ${description}`)).toEqual([
      'blk.0.attn_v.weight: BF16 → Q6_K · 26.3 KiB',
      'output_norm.weight: F32 · 1.00 KiB',
      'blk.0.attn_v.weight: BF16 → Q6_K · 26.3 KiB',
    ]);
  });
});
