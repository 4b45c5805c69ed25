/** What a hover reads of long and hostile documents. */
import { describe, expect, it } from 'vitest';
import { mentionAt } from '../../../src/hover/mentionAt';
import { hub } from './mentionSupport';

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
