import { describe, expect, it } from 'vitest';
import {
  closestFloatType,
  figureText,
  fileTypeItems,
  floatFileTypes,
  measureTypes,
  noGgufItem,
  planItems,
  planTypes,
  targetItems,
  usualType,
} from '../../../src/commands/ggufMenu';
import { LoupeError } from '../../../src/errors';
import type { GgufError, QuantizeReport } from '../../../src/protocol/engineApi';
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
      return type === iq2 ? plan({ lacksMatrix: true }) : plan();
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

  it('shows errors as they come in, the usual type first and slow ones last, and why there is none', async () => {
    const [iq3, q2, iq4] = [named('IQ3_S'), named('Q2_K'), named('IQ4_NL')];
    const plans = new Map<GgufFileType, QuantizeReport | LoupeError>([
      [iq3, plan()],
      [iq2, plan({ lacksMatrix: true })],
      [iq4, plan()],
      [f16, plan()],
      [q2, new LoupeError('refused', 'its rows are odd')],
      [usualType, plan()],
    ]);
    const error = (relative: number): GgufError => ({
      ...{ relative, sqnr: relative === 0 ? null : -20 * Math.log10(relative) },
      ...{ sampled: relative > 0, tensors: [] },
    });
    const asked: string[] = [];
    const told: number[] = [];
    const measured = async (type: GgufFileType) => {
      asked.push(type.name);
      if (type === iq4) throw new LoupeError('non-finite', 'x.weight holds NaN');
      return error(type === f16 ? 0 : type === iq3 ? 0.25 : 0.0721);
    };
    let items = fileTypeItems([...plans.keys()], plans);
    const { signal } = new AbortController();
    const tell: Parameters<typeof measureTypes>[2] = (errors) => {
      told.push(errors.size);
      items = fileTypeItems([...plans.keys()], plans, errors);
    };
    await measureTypes(plans, measured, tell, signal);
    expect(asked).toEqual(['Q4_K_M', 'IQ4_NL', 'F16', 'IQ3_S']);
    expect(told).toEqual([1, 2, 3, 4]);
    const ends = items.map(({ description = '' }) => description.replace('2.00 MiB (25 % of now) · ', ''));
    expect(ends).toEqual([
      '4.85 bits per weight · error 25 % (12.0 dB), sampled',
      '4.85 bits per weight · needs an importance matrix',
      '4.85 bits per weight · cannot be measured: x.weight holds NaN',
      '4.85 bits per weight · no error',
      'not for this model: its rows are odd',
      '4.85 bits per weight · error 7.2 % (22.8 dB), sampled',
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

  it('asks for the matrix first where a type cannot be written without one', () => {
    const blind = plan({ lacksMatrix: true, warnings: ['IQ2_M needs one.'] });
    const items = targetItems(blind, iq2, undefined);
    expect(items.map(({ value }) => value)).toEqual(['matrix', 'plan']);
    expect(items[0]!.description).toBe('IQ2_M needs one');
    expect(items[1]!.detail).toBe('3 tensors');
    expect(targetItems(plan(), iq2, '/m/wiki.dat').map(({ value }) => value)).toEqual([
      ...['default', 'other', 'plan', 'no matrix'],
    ]);
  });

  it('gives errors two digits, whatever these are', () => {
    const texts = [0.06, 0.0654, 0.114, 0.0999].map((relative) => figureText({ relative, sqnr: 20 }));
    expect(texts).toEqual([
      ...['error 6.0 % (20.0 dB)', 'error 6.5 % (20.0 dB)'],
      ...['error 11 % (20.0 dB)', 'error 10 % (20.0 dB)'],
    ]);
  });

  it('lists what each tensor becomes', () => {
    expect(planItems(plan()).map(({ label, description }) => `${label}: ${description}`)).toEqual([
      'blk.0.attn_v.weight: BF16 → Q6_K · 26.3 KiB',
      'output_norm.weight: F32 · 1.00 KiB',
      'blk.0.attn_v.weight: BF16 → Q6_K · 26.3 KiB',
    ]);
  });
});
