import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, demo, json, run, temporaryFolder } from './cliRun';

const work = temporaryFolder();
const figures = ['mse', 'sqnr', 'maxAbs', 'cosine', 'meanAbs'] as const;
// biome-ignore lint/suspicious/noExplicitAny: rows of a JSON document.
type Rows = any[];

describe('quantize --errors later', () => {
  it('tells no figure, and compare gives those of a run that measures', () => {
    const usual: Rows = json('quantize', demo, '--scheme', 'nf4', '--out', path.join(work, 'usual')).document
      .tensors;
    const { status, document } = json(
      ...['quantize', demo, '--scheme', 'nf4', '--errors', 'later', '--out', path.join(work, 'later')],
    );
    expect(status).toBe(0);
    const left = (document.tensors as Rows).filter(({ isUnmeasured }) => isUnmeasured);
    expect(left.length).toBeGreaterThan(20);
    for (const row of left) expect(figures.filter((figure) => figure in row)).toEqual([]);
    const compared: Rows = json('compare', demo, document.open).document.tensors;
    for (const { name } of left) {
      const [want, got] = [usual, compared].map((rows) => rows.find((row) => row.name === name));
      for (const figure of figures) expect(got[figure]).toBe(want[figure]);
    }
  });

  it('says so, and how to measure, in a line for the shell', () => {
    const out = path.join(work, "a model's output");
    const { status, stdout } = run('quantize', demo, '--scheme', 'nf4', '--errors', 'later', '--out', out);
    expect(status).toBe(0);
    expect(stdout).toMatch(/q_proj\.weight +BF16 +NF4 +\d+ +not measured\n/);
    expect(stdout).not.toContain('NaN');
    const [, command] = /^The errors of \d+ tensors were not measured\. To measure: tensor-loupe (.+)$/m.exec(
      stdout,
    )!;
    if (process.platform === 'win32') return;
    const told = execFileSync('/bin/sh', ['-c', `"${process.execPath}" "${cli}" ${command} --json`], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    expect((JSON.parse(told).tensors as Rows).every(({ state }) => state !== 'unreadable')).toBe(true);
  });

  it('takes no other word', () => {
    expect(run('quantize', demo, '--scheme', 'nf4', '--errors', 'never')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--errors takes writing, later; "never" is none of them.'),
    });
  });
});
