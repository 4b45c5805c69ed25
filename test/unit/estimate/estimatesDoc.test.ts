import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { estimateCases, estimateTable } from '../../support/estimateCases';

const file = 'docs/estimates.md';
const [begin, end] = ['<!-- cases -->\n', '\n<!-- end of cases -->'];

it('lists every published case in docs/estimates.md with what is computed now', () => {
  const text = readFileSync(file, 'utf8');
  const before = text.slice(0, text.indexOf(begin) + begin.length);
  const after = text.slice(text.indexOf(end));
  const made = before + estimateTable() + after;
  // UPDATE_DOCS=1 writes the table anew after a formula has changed.
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, made);
  else expect(text).toBe(made);
});

it('is off by less than two percent, rounding of what was published included', () => {
  for (const { what, published, ours } of estimateCases)
    expect(Math.abs(ours / published - 1), what).toBeLessThan(0.02);
});
