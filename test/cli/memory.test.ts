/** `memory` of the built command line. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedPath } from '../fixtures/shared';
import { gpt2 } from '../support/modelConfigs';

const root = path.resolve(import.meta.dirname, '../..');
const demo = path.join(root, 'examples/demo-llama-3m-outliers');
let work: string;
beforeAll(() => {
  work = mkdtempSync(path.join(tmpdir(), 'loupe-memory-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

function run(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [path.join(root, 'dist/cli.js'), 'memory', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

// biome-ignore lint/suspicious/noExplicitAny: the document is checked field by field.
const json = (...args: string[]): any => JSON.parse(run(...args, '--json').stdout);

describe('memory', () => {
  it("gives a checkpoint's exact bytes, and its cache by the config beside it", () => {
    const estimate = json(demo, '--context', '1k', '--kv-dtype', 'F16');
    const file = path.join(demo, 'model.safetensors');
    // The file but for its header: eight bytes of length and the JSON.
    expect(estimate.weights.bytes).toBeLessThan(statSync(file).size);
    expect(estimate.weights.bytes).toBe(estimate.weights.byDtype.BF16);
    expect(estimate.weights.bytes).toBe(2 * estimate.parameters);
    const config = json('--config', path.join(demo, 'config.json'), '--context', '1024');
    expect(estimate.kvCache).toEqual(config.kvCache);
    expect(estimate.parameters).toBe(config.parameters);
    expect(estimate.table).toEqual(config.table);
  });

  it('has every field of the contract', () => {
    const estimate = json(demo);
    for (const name of ['weights', 'activations', 'buffers', 'total'])
      expect(estimate[name].bytes, name).toBeTypeOf('number');
    expect(estimate.kvCache.bytesPerToken).toBeGreaterThan(0);
    expect(estimate.table.map(({ scheme }: { scheme: string }) => scheme)).toContain('int8-absmax');
  });

  it('gives the sizes that quantizing plans, scheme by scheme', () => {
    const { table } = json(demo);
    for (const scheme of ['int8-absmax', 'nf4', 'f16', 'mxfp4']) {
      const args = [
        path.join(root, 'dist/cli.js'),
        'quantize',
        demo,
        '--scheme',
        scheme,
        '--dry-run',
        '--json',
      ];
      const plan = JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout);
      const planned = plan.tensors.reduce((sum: number, { bytes }: { bytes: number }) => sum + bytes, 0);
      expect(table.find((row: { scheme: string }) => row.scheme === scheme).bytes, scheme).toBe(planned);
    }
  });

  it('prints a table with bounds', () => {
    const { stdout, status } = run(demo, '--runtime', 'llama.cpp');
    expect(status).toBe(0);
    expect(stdout).toContain('llama.cpp, ');
    expect(stdout).toMatch(/weights +\S+ MiB +exact/);
    expect(stdout).toMatch(/KV cache +\S+ \S+ +\S+ \S+ to \S+ \S+ +\S+ \S+ a token in f16/);
  });

  it('tells whether the model fits, and refuses a GPU that it does not know', () => {
    const { fit } = json(demo, '--fit', '24GB', '--fit', 'RTX 4090', '--runtime', 'llama.cpp');
    expect(fit.gpus.map(({ memoryBytes }: { memoryBytes: number }) => memoryBytes / 2 ** 30)).toEqual([
      24, 24,
    ]);
    expect(fit).toMatchObject({ verdict: 'fits', largestContext: 256 });
    expect(run(demo, '--fit', 'Voodoo 2').stderr).toContain('There is no GPU "Voodoo 2" in the list');
  });

  it('marks every scheme and mix for each set of devices, and the sizes of mixes are those that quantizing plans', () => {
    const { fits, table, mixes } = json(demo, '--on', '2x RTX 4090', '--on', 'ram=8GB', '--runtime', 'vllm');
    expect(fits.map(({ label }: { label: string }) => label)).toEqual(['2x RTX 4090', 'ram=8GB']);
    for (const row of [...table, ...mixes]) expect(row.fits, row.scheme).toHaveLength(2);
    for (const mix of ['q4_k_m', 'q3_k_l', 'q5_k_s']) {
      const args = [path.join(root, 'dist/cli.js'), 'quantize', demo, '--scheme', mix, '--dry-run', '--json'];
      const gguf = path.join(work, `${mix}.gguf`);
      const plan = JSON.parse(
        spawnSync(process.execPath, [...args, '--out', gguf], { encoding: 'utf8' }).stdout,
      );
      const planned = plan.tensors.reduce((sum: number, { bytes }: { bytes: number }) => sum + bytes, 0);
      const row = mixes.find(({ scheme }: { scheme: string }) => scheme === `gguf:${mix}`);
      expect(row.bytes, mix).toBe(planned);
      expect(json(demo, '--dtype', `gguf:${mix}`).weights.bytes).toBe(planned);
    }
  });

  it('estimates training', () => {
    const { training, parameters } = json(demo, '--train', 'full', '--gpus', '2', '--zero', '3');
    expect(training.weights.bytes).toBe(parameters);
    expect(training.optimizer.bytes).toBe(6 * parameters);
    const lora = run(demo, '--train', 'lora', '--checkpointing', '--on', '24GB');
    expect(lora.status).toBe(0);
    expect(lora.stdout).toMatch(/LoRA with adamw, \S+ K of rank 16 learn, one GPU, checkpointing/);
    expect(lora.stdout).toMatch(/optimizer +\S+ MiB/);
    expect(run(demo, '--zero', '2').stderr).toContain('--zero goes with --train.');
    expect(run(demo, '--train', 'half').stderr).toContain('--train takes full, lora, qlora');
  });

  it('tells what transformers reports of GPT-2: 510,342,192 bytes, and 176,527,896 under LLM.int8()', () => {
    const config = path.join(work, 'gpt2.json');
    writeFileSync(config, JSON.stringify({ ...gpt2, torch_dtype: 'float32' }));
    expect(json('--config', config).footprint).toMatchObject({ f32: 510_342_192, int8: 176_527_896 });
  });

  it('names what is wrong with a config or an option', () => {
    const config = path.join(work, 'config.json');
    writeFileSync(config, '{"model_type": "llama", "hidden_size": -1}');
    const { error } = json('--config', config);
    expect(error).toMatchObject({ code: 'malformed', file: config });
    expect(error.message).toContain('"hidden_size" should be a whole number');
    expect(run(demo, '--context', 'long').stderr).toContain('--context takes a whole number');
    expect(run(demo, '--runtime', 'tgi').stderr).toContain('--runtime takes transformers, llama.cpp, vllm');
    expect(run(demo, '--config', config).stderr).toContain('not both');
  });

  const gguf = sharedPath('models/demo-llama-3m.f16.gguf');
  it.skipIf(!gguf)("takes a GGUF's figures from its metadata", () => {
    const estimate = json(gguf!, '--runtime', 'llama.cpp');
    const folder = json(sharedPath('models/demo-llama-3m')!, '--runtime', 'llama.cpp');
    expect(estimate.kvCache).toEqual(folder.kvCache);
    expect(estimate.activations).toEqual(folder.activations);
  });
});
