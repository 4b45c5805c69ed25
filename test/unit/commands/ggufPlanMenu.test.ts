import { describe, expect, it } from 'vitest';
import { alike, PlanLines, TypeLines, withTypeRule } from '../../../src/commands/ggufPlanMenu';
import type { GgufError, QuantizeReport } from '../../../src/protocol/engineApi';

const tensor = (name: string, to: string, note = '') => ({ name, from: 'F16', to, bytes: 2048, note });
const plan = {
  bytesAfter: 3 * 2 ** 20,
  bitsPerWeight: 4.5,
  tensors: [
    tensor('output_norm.weight', 'F16', 'kept: normalization'),
    tensor('blk.0.attn_v.weight', 'Q6_K', 'not computed: dry run'),
    tensor('blk.1.attn_v.weight', 'Q8_0', 'not computed: dry run'),
  ],
} as unknown as QuantizeReport;

describe('the plan as a list', () => {
  it('begins with the whole and the ways to change many, and says of each tensor what it becomes and costs', () => {
    const lines = new PlanLines();
    const error: GgufError = {
      ...{ relative: 0.0721, sqnr: 22.84, sampled: true },
      tensors: [{ name: 'blk.0.attn_v.weight', to: 'Q6_K', relative: 0.018, sqnr: 34.9 }],
    };
    const items = lines.items(plan, [], new Set(), error);
    expect(items.map(({ label, description }) => [label, description])).toEqual([
      ['Use this plan', '3.00 MiB · 4.50 bits per weight · error 7.2 % (22.8 dB), sampled'],
      ['Change tensors by a pattern...', undefined],
      ['output_norm.weight', 'F16 · 2.00 KiB · kept: normalization'],
      ['blk.0.attn_v.weight', 'F16 → Q6_K · 2.00 KiB · error 1.8 % (34.9 dB)'],
      ['blk.1.attn_v.weight', 'F16 → Q8_0 · 2.00 KiB'],
    ]);
    // The list finds a line again by its value.
    const again = lines.items(plan, [], new Set());
    expect(again.map(({ value }, i) => value === items[i]!.value)).not.toContain(false);
  });

  it('has what was changed above the rest, and a way back', () => {
    const changed = new Set(['blk.1.attn_v.weight']);
    const rules = [{ pattern: 'blk.1.attn_v.weight', type: 'Q8_0' }];
    const items = new PlanLines().items(plan, rules, changed);
    expect(items.map(({ label, description = '' }) => `${label}: ${description}`).slice(2)).toEqual([
      'Undo all changes: blk.1.attn_v.weight → Q8_0',
      'Changed by you: ',
      'blk.1.attn_v.weight: F16 → Q8_0 · 2.00 KiB',
      'As the mix has them: ',
      'output_norm.weight: F16 · 2.00 KiB · kept: normalization',
      'blk.0.attn_v.weight: F16 → Q6_K · 2.00 KiB',
    ]);
  });
});

describe('the types that tensors could have', () => {
  const choices = {
    tensors: ['blk.0.attn_v.weight', 'blk.1.attn_v.weight'],
    choices: [
      { type: 'Q8_0', bytes: 4096, unfit: 0 },
      { type: 'Q6_K', bytes: 2048, unfit: 1 },
      { type: 'IQ1_S', bytes: 0, unfit: 0, refused: 'needs an importance matrix, which is not given' },
    ],
  };

  it('come with sizes, errors and reasons, and what the tensors have now is active', () => {
    const lines = new TypeLines(choices, 'Q6_K', true, { pattern: 'blk.*.attn_v.weight', count: 2 });
    const items = lines.items(new Map([['Q6_K', 'error 1.8 % (34.9 dB)']]));
    expect(items.map(({ label, description }) => [label, description])).toEqual([
      ['All 2 of blk.*.attn_v.weight...', 'this tensor in every layer'],
      ['Leave it to the mix', undefined],
      ['Q8_0', '4.00 KiB'],
      ['Q6_K', '2.00 KiB · error 1.8 % (34.9 dB) · 1 of 2 get another type · now'],
      ['IQ1_S', 'not here: needs an importance matrix, which is not given'],
    ]);
    expect(items.map(({ refused = false }) => refused)).toEqual([false, false, false, false, true]);
    expect(lines.active).toBe(items[3]!.value);
    expect(lines.items()[0]!.value).toBe(items[0]!.value);
  });

  it('may be asked for of all layers, where there are several', () => {
    const names = [...plan.tensors.map(({ name }) => name), 'blk.1.attn_v.bias', 'blk.0.x.attn_v.weight'];
    expect(alike('blk.0.attn_v.weight', names)).toEqual({ pattern: 'blk.*.attn_v.weight', count: 2 });
    expect(alike('blk.1.attn_v.bias', names)).toBeUndefined();
    expect(alike('output_norm.weight', names)).toBeUndefined();
  });

  it('become rules of which the newest comes first and replaces one for the same names', () => {
    const one = withTypeRule([], 'a', 'Q8_0');
    const two = withTypeRule(one, 'b', 'Q6_K');
    expect(withTypeRule(two, 'a', 'F16')).toEqual([
      { pattern: 'a', type: 'F16' },
      { pattern: 'b', type: 'Q6_K' },
    ]);
    expect(withTypeRule(two, 'b', undefined)).toEqual(one);
  });
});
