/** What a hover reads of long and hostile documents. */
import { describe, expect, it } from 'vitest';
import { codeMention } from '../../../src/hover/codeMention';
import { type CodeToken, codeTokens } from '../../../src/hover/codeTokens';
import { mentionAt } from '../../../src/hover/mentionAt';
import { hub } from './mentionSupport';

/** The tokens, with a count of how often one is looked at. */
const counted = (tokens: readonly CodeToken[], reads: { count: number }): readonly CodeToken[] =>
  new Proxy(tokens, {
    get(target, key) {
      if (typeof key === 'string' && /^\d/.test(key)) reads.count++;
      return Reflect.get(target, key);
    },
  });

describe('bounds', () => {
  it('reads few lines of a long document', () => {
    const read = new Set<number>();
    const found = mentionAt({
      text: (line) => {
        read.add(line);
        return line < 0 || line >= 5000 ? undefined : 'x = load("org/some-model")';
      },
      line: 2500,
      column: 12,
      language: 'python',
      fileName: 'a.py',
    });
    expect(found?.text).toBe(hub);
    expect(read.size).toBeLessThanOrEqual(101);
  });

  it('comes to an end on hostile lines', () => {
    const hostile = [
      '('.repeat(10_000),
      '"'.repeat(9_999),
      '-'.repeat(10_000),
      `'a`.repeat(5000),
      '#'.repeat(10_000),
    ];

    let slowestMs = 0;
    for (const line of [...hostile, ...hostile.map((text) => `x = "${text}`), '\\'.repeat(10_000)]) {
      for (const language of ['python', 'shellscript', 'yaml', 'markdown', 'typescript']) {
        const started = performance.now();
        const found = mentionAt({
          text: (at) => (at === 0 ? line : undefined),
          line: 0,
          column: 5000,
          language,
          fileName: 'x',
        });
        slowestMs = Math.max(slowestMs, performance.now() - started);
        expect(found?.kind ?? 'path').toBe('path');
      }
    }
    console.log(`the slowest hostile line took ${slowestMs.toFixed(1)} ms`);
  });

  it.each([
    ['variables in a string', ',a=', `load.from_pretrained(f"${'{a}'.repeat(160)}")`],
    ['brackets and variables', '(,a=', `load.from_pretrained(f"${'{a}'.repeat(160)}")`],
    ['arguments', ',a=a', `;load.from_pretrained("org/some-model"${',dtype=a'.repeat(400)})`],
    ['spread dictionaries', ',a={b:a', `;load.from_pretrained("org/some-model"${',**a'.repeat(600)})`],
  ])('looks names up in one go: %s', (_, unit, call) => {
    const line = unit.repeat(Math.floor((10_000 - call.length) / unit.length)) + call;
    const reads = { count: 0 };
    const tokens = counted(codeTokens({ first: 0, lines: [line] }, '#'), reads);
    const index = tokens.findLastIndex(({ kind }) => kind === 'string');
    reads.count = 0;
    codeMention(tokens, index);
    // To look through all tokens for each of 160 names would be more.
    console.log(`${line.length} characters: ${reads.count} reads of ${tokens.length} tokens`);
    expect(reads.count).toBeLessThan(100 * tokens.length);
  });

  it('does not take a line of ten megabytes apart', () => {
    const line = `x = "${'a/b",'.repeat(2_000_000)}`;
    const mention = mentionAt({
      text: (at) => (at === 0 ? line : undefined),
      line: 0,
      column: 6,
      language: 'python',
      fileName: 'x',
    });
    expect(mention).toBeUndefined();
  });
});
