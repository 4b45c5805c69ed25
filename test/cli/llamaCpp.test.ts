/** GGUF files of ours, loaded and run by llama.cpp itself. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedPath } from '../fixtures/shared';

const root = path.resolve(import.meta.dirname, '../..');
const client = path.join(root, '.cache/llama-cpp/node_modules/node-llama-cpp/dist/index.js');
const isThere = existsSync(client);
if (!isThere)
  console.log('Skipped: llama.cpp is not installed; `npm test` does that on Linux with an x86-64 processor.');

interface Answer {
  readonly type: string;
  /** Probability of each token behind the last one. */
  readonly last: readonly (readonly [token: number, probability: number])[];
  readonly meanNats: number;
  readonly text: string;
}

let work: string;
beforeAll(() => {
  work = mkdtempSync(path.join(tmpdir(), 'loupe-llama-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

function quantize(model: string, scheme: string): string {
  // The option says that a GGUF file is meant.
  const args = ['quantize', model, '--scheme', scheme, '--leave-output-tensor', '--json'];
  const result = spawnSync(process.execPath, [path.join(root, 'dist/cli.js'), ...args], { encoding: 'utf8' });
  expect(result.status, result.stdout + result.stderr).toBe(0);
  return JSON.parse(result.stdout).outputs[0];
}

/** What llama.cpp makes of the tokens in each of the files. */
function evaluate(models: readonly string[], tokens: readonly number[]): Answer[] {
  const script = path.join(root, 'test/llamaCpp/lastProbabilities.mjs');
  const result = spawnSync(process.execPath, [script, client], {
    input: JSON.stringify({ models, tokens }),
    encoding: 'utf8',
    timeout: 150_000,
  });
  expect(result.status, result.stderr).toBe(0);
  return JSON.parse(result.stdout.trim().split('\n').at(-1)!);
}

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / sum);
}

/** Of tests on a machine that has other work too. */
const patience = 180_000;

describe.skipIf(!isThere)('llama.cpp', () => {
  it("computes PyTorch's probabilities with the demo model that was converted", { timeout: patience }, () => {
    const truth = JSON.parse(
      readFileSync(path.join(root, 'test/fixtures/demo-llama-3m-truth/truth.json'), 'utf8'),
    ).golden_logits;
    const folder = path.join(work, 'demo');
    cpSync(path.join(root, 'examples/demo-llama-3m'), folder, { recursive: true });
    const files = ['bf16', 'q8_0', 'q4_k_m'].map((scheme) => quantize(folder, scheme));
    const [bf16, q8, q4] = evaluate(files, truth.input_ids);
    const expected = softmax(truth.runs['demo-llama-3m/BF16'].last_logits);
    // llama.cpp rounds activations to the weights' type: 8 bits of a mantissa.
    for (const [token, probability] of bf16!.last)
      expect(Math.abs(probability - expected[token]!), `token ${token}`).toBeLessThan(0.01);
    expect(bf16!.text).toBe('Once upon a time');
    expect(q4!.type).toContain('Q4_K - Medium');
    // What quantizing costs, in nats a byte: little, and more with fewer bits.
    expect(Math.abs(q8!.meanNats - bf16!.meanNats)).toBeLessThan(0.01);
    expect(Math.abs(q4!.meanNats - bf16!.meanNats)).toBeLessThan(0.05);
  });

  const stories = sharedPath('models/stories260K');
  it.skipIf(!stories)(
    "computes the published logits with a model of sentencepiece's tokenizer",
    { timeout: patience },
    () => {
      const golden = JSON.parse(readFileSync(path.join(stories!, 'golden_logits.json'), 'utf8'));
      const folder = path.join(work, 'stories');
      cpSync(path.join(stories!, 'hf-f32'), folder, { recursive: true });
      const [f32, q8] = evaluate([quantize(folder, 'f32'), quantize(folder, 'q8_0')], golden.ids);
      const expected = softmax(golden.last_logits_f32);
      for (const [token, probability] of f32!.last)
        expect(Math.abs(probability - expected[token]!), `token ${token}`).toBeLessThan(0.001);
      expect(golden.prompt.startsWith(f32!.text.trim())).toBe(true);
      expect(Math.abs(q8!.meanNats - f32!.meanNats)).toBeLessThan(0.02);
    },
  );
});
