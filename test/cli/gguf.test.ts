/** GGUF on the built command line: a mix, its plan, joining and cutting, and changing metadata. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { denseCover, denseModel, newMatrix, oldMatrix } from '../unit/engine/gguf/ggufModels';

const root = path.resolve(import.meta.dirname, '../..');
let work: string;
const file = (name: string): string => path.join(work, name);

beforeAll(() => {
  work = mkdtempSync(path.join(tmpdir(), 'loupe-cli-gguf-'));
  writeFileSync(file('small.F16.gguf'), denseModel());
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const run = (...args: string[]) =>
  spawnSync(process.execPath, [path.join(root, 'dist/cli.js'), ...args], {
    encoding: 'utf8',
    timeout: 120_000,
  });
const sha256 = (name: string): string =>
  createHash('sha256')
    .update(readFileSync(file(name)))
    .digest('hex');

it('writes a mix beside the model, with the bytes of llama-quantize', () => {
  const plan = run('quantize', file('small.F16.gguf'), '--scheme', 'q4_k_m', '--dry-run');
  expect(plan.stdout).toMatch(/^blk\.1\.attn_v\.weight +F16 +Q6_K +53760$/m);
  expect(plan.stdout).toContain('4.83 bits per weight in Q4_K_M');
  expect(existsSync(file('small.Q4_K_M.gguf'))).toBe(false);
  const { status, stdout } = run('quantize', file('small.F16.gguf'), '--scheme', 'q4_k_m', '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ scheme: 'q4_k_m', outputs: [file('small.Q4_K_M.gguf')] });
  // See ggufQuantize.test.ts.
  expect(sha256('small.Q4_K_M.gguf')).toBe(
    '4ce647c6503885919e9a61cdcfc7555c048a98d143da1233a8c79a3f72c9af17',
  );
});

it('refuses to quantize twice unless told to', () => {
  const again = run('quantize', file('small.Q4_K_M.gguf'), '--scheme', 'q4_0');
  expect(again.status).toBe(3);
  expect(again.stderr).toContain('--allow-requantize');
});

it('cuts a file and joins the parts', () => {
  const cut = ['--scheme', 'copy', '--max-shard-size', '1MB', '--out', file('cut.gguf')];
  expect(run('quantize', file('small.F16.gguf'), ...cut).status).toBe(0);
  const first = file('cut-00001-of-00002.gguf');
  expect(run('quantize', first, '--scheme', 'copy', '--out', file('joined.gguf')).status).toBe(0);
  expect(sha256('joined.gguf')).toBe(sha256('small.F16.gguf'));
});

it('changes metadata and tells how', () => {
  const args = ['edit-metadata', file('joined.gguf'), '--set', 'llama.context_length=4096'];
  expect(run(...args).stdout).toContain('llama.context_length: changed\nDone in place');
  const { stdout } = run('edit-metadata', file('joined.gguf'), '--name', 'x'.repeat(99), '--json');
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ inPlace: false, changes: ['general.name: changed'] });
  expect(report.dataSha256).toMatch(/^[0-9a-f]{64}$/);
  const { metadata } = JSON.parse(run('inspect', file('joined.gguf'), '--json').stdout);
  expect(metadata).toMatchObject({ 'general.name': 'x'.repeat(99), 'llama.context_length': 4096 });
  expect(run('edit-metadata', file('joined.gguf'), '--remove', 'nothing').status).toBe(3);
  expect(run('edit-metadata', file('joined.gguf'), '--remove', 'nothing*').stderr).toContain(
    'No key begins with "nothing"',
  );
  expect(run('edit-metadata', file('joined.gguf'), '--remove', '*').stderr).toContain(
    'All keys at once are not removed',
  );
});

it('takes the ending of the output for what is written of a Hugging Face folder', () => {
  const folder = path.join(root, 'examples/demo-llama-3m');
  const { status } = run('quantize', folder, '--scheme', 'f16', '--out', file('demo.gguf'));
  expect(status).toBe(0);
  expect(readFileSync(file('demo.gguf')).subarray(0, 4).toString()).toBe('GGUF');
});

it('leaves no option aside that a mix has no place for', () => {
  const options = ['--prune', 'magnitude', '--ratio', '0.5', '--dry-run'];
  const { status, stderr } = run('quantize', file('small.F16.gguf'), '--scheme', 'q4_k_m', ...options);
  expect([status, stderr]).toEqual([
    3,
    expect.stringContaining('Pruned and dequantized copies are not written as GGUF.'),
  ]);
});

it('shows the statistics of an importance matrix in place of its tensors', () => {
  writeFileSync(file('imatrix.gguf'), newMatrix(denseCover));
  writeFileSync(file('imatrix.dat'), oldMatrix(denseCover));
  for (const [name, counted] of [
    ['imatrix.gguf', 'tokens'],
    ['imatrix.dat', 'chunks'],
  ] as const) {
    const { status, stdout } = run('inspect', file(name));
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Importance matrix of 8 weights, from 37 chunks of a text\.raw/);
    // llama-imatrix's figures of the same numbers; see importanceStatistics.test.ts.
    expect(stdout).toMatch(
      /^blk\.1\.attn_q\.weight .* 96\.48 % +256 +6\.8983 +86\.23 % +19\.14 % +0\.4083 /m,
    );
    expect(stdout).toMatch(new RegExp(`CosSim +${counted}`));
  }
  const { weights, layers } = JSON.parse(run('inspect', file('imatrix.gguf'), '--json').stdout).importance;
  expect([weights.length, layers.length]).toEqual([8, 2]);
});
