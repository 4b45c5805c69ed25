/** What commands say of a faulty model: the file, the tensor and the byte, and nothing that steers a terminal. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32Data, makeSafetensors } from '../fixtures/makeCheckpoint';
import { demo, json, run, temporaryFolder } from './cliRun';

const folder = temporaryFolder();
const short = path.join(folder, 'short.safetensors');
const whole = readFileSync(path.join(demo, 'model.safetensors'));
writeFileSync(short, whole.subarray(0, -1000));
const told = `incomplete: 1 of 39 tensors.\n  file ${short}, byte ${whole.length - 1000}\n`;

describe('a file that ends early', () => {
  it.each([
    ['error', ['--scheme', 'int8-absmax', '--tensor', '*.0.*.q_proj.weight']],
    ['sensitivity', ['--schemes', 'int8-absmax', '--tensor', '*.0.*.q_proj.weight']],
    ['compare', [short]],
  ] as const)('is the reason that %s gives for its exit code beside what it could do', (command, more) => {
    const { status, stdout, stderr } = run(command, short, ...more);
    expect(status).toBe(3);
    expect(stdout).toContain('q_proj');
    expect(stderr).toContain(told);
    const { status: same } = json(command, short, ...more);
    expect(same).toBe(3);
  });

  it('is not told again by commands that list findings', () => {
    const { status, stdout, stderr } = run('inspect', short);
    expect([status, stderr]).toEqual([3, '']);
    expect(stdout).toContain('truncated-data');
  });
});

it('spells out what a name would send to a terminal', () => {
  const name = 'a\u001b]0;title\u0007.q_proj.weight';
  const file = path.join(folder, 'evil.safetensors');
  const data = f32Data([1, 2, Number.NaN, 4]);
  writeFileSync(file, makeSafetensors([{ name, dtype: 'F32', shape: [2, 2], data }]));
  const { status, stderr } = run('error', file, '--scheme', 'int8-absmax');
  expect(status).toBe(3);
  expect(stderr).toContain('holds NaN at row 1, column 0');
  expect(stderr).toMatch(/byte \d+/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});
