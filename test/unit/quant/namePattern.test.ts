import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../../src/quant/namePattern';

const plenty = () => ({ steps: 1e9 });
const matches = (pattern: string, name: string) => compilePattern(pattern).test(name, plenty());

describe('a glob', () => {
  it.each([
    ['model.layers.0.mlp.up_proj.weight', 'model.layers.0.mlp.up_proj.weight', true],
    ['*.weight', 'lm_head.weight', true],
    ['*.weight', 'model.norm.weight', false],
    ['**.weight', 'model.norm.weight', true],
    ['model.layers.*.mlp.*', 'model.layers.10.mlp.gate', true],
    ['model.layers.*.mlp.*', 'model.layers.10.mlp.gate.weight', false],
    ['model.layers.*.mlp.**', 'model.layers.10.mlp.gate.weight', true],
    ['layers.?.weight', 'layers.7.weight', true],
    ['layers.?.weight', 'layers.17.weight', false],
    ['layers.?.weight', 'layers...weight', false],
    ['**q_proj**', 'a.q_proj.weight', true],
    ['q_proj', 'a.q_proj.weight', false],
    ['a+b(c)[d]', 'a+b(c)[d]', true],
    ['a.b', 'axb', false],
    ['*', '', true],
    ['\u{1f600}?', '\u{1f600}\u{1f601}', true],
  ])('%s on %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });
});

describe('an expression', () => {
  it.each([
    ['/q_proj/', 'a.q_proj.weight', true],
    ['/^q_proj/', 'a.q_proj.weight', false],
    [String.raw`/layers\.(0|1)\./`, 'model.layers.1.mlp', true],
    [String.raw`/layers\.(0|1)\./`, 'model.layers.10.mlp', false],
    [String.raw`/\.(?:k|v)_proj\.weight$/`, 'model.k_proj.weight', true],
    [String.raw`/layers\.[1-3]?\d\./`, 'layers.27.', true],
    [String.raw`/^\D{3}\d{2,3}$/`, 'abc1234', false],
    [String.raw`/^\D{3}\d{2,3}$/`, 'abc123', true],
    ['/^$/', '', true],
    ['/x{0}y|^z$/', 'y', true],
    [String.raw`/[\d.-]+$/`, 'a-', true],
    [String.raw`/^[^\w]$/`, '.', true],
  ])('%s on %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  it('finds what the same expression finds in JavaScript', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      String.raw`\.`,
      '[a-c]',
      String.raw`\w`,
      String.raw`\D`,
    );
    const repeated = fc
      .tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,}', '{0,2}', '*?'))
      .map((parts) => parts.join(''));
    const sequence = fc.array(repeated, { maxLength: 4 }).map((parts) => parts.join(''));
    const either = fc.array(sequence, { minLength: 1, maxLength: 3 }).map((parts) => `(${parts.join('|')})`);
    const whole = fc
      .tuple(
        fc.constantFrom('', '^'),
        fc.array(
          fc.oneof(
            sequence,
            either,
            either.map((group) => `${group}*`),
          ),
          { minLength: 1, maxLength: 3 },
        ),
        fc.constantFrom('', '$'),
      )
      .map(([start, items, end]) => `${start}${items.join('')}${end}`)
      .filter((source) => source !== '');
    fc.assert(
      fc.property(
        whole,
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '1'), maxLength: 12 }),
        (source, name) => {
          expect(matches(`/${source}/`, name), source).toBe(new RegExp(source, 's').test(name));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['/(/', /not closed/],
    ['/a)/', /no opening/],
    ['/a**/', /repetition is repeated/],
    ['/*a/', /nothing/],
    ['/(?=a)/', /look-around/],
    ['/(?<n>a)/', /look-around/],
    [String.raw`/(a)\1/`, /not known/],
    [String.raw`/\bword/`, /not known/],
    ['/[/', /not closed/],
    ['/[b-a]/', /ends before/],
    ['/a{3,2}/', /ends before/],
    ['/a{/', /count/],
    ['/a/i', /flags/],
    ['/', /slash/],
    ['', /empty/],
    ['/((a{1000}){1000}){1000}/', /states/],
    [`/${'('.repeat(600)}/`, /characters/],
  ])('refuses %s', (pattern, reason) => {
    expect(() => compilePattern(pattern)).toThrow(reason);
  });

  it('takes steps in proportion to the name where backtracking would explode', () => {
    const pattern = compilePattern('/^(a+)+$/');
    const steps = (length: number) => {
      const work = plenty();
      expect(pattern.test(`${'a'.repeat(length)}!`, work)).toBe(false);
      return 1e9 - work.steps;
    };
    // 2^40 ways to split forty letters; an automaton has a handful of states a letter.
    expect(steps(40)).toBeLessThan(40 * 20);
    expect(steps(4000)).toBeLessThan(4000 * 20);
  });

  it('stops where the work is used up', () => {
    const work = { steps: 10 };
    expect(compilePattern('**b').test('a'.repeat(100), work)).toBe(false);
    expect(work.steps).toBe(-1);
  });
});
