/** The Memory tab in a real VS Code: the packed engine's estimates, and a command line that gives the same numbers. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { FrameLocator, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MemoryEstimate } from '../../src/protocol/memoryApi';
import { f32Data, makeGguf } from '../fixtures/makeCheckpoint';
import { useVscode } from './fixtures/useVscode';
import { openFile, screenshot, setTheme, type Theme, webviewFrame } from './fixtures/vscodeHost';

const themes = ['dark', 'light', 'highContrast'] satisfies Theme[];
const matrix = (name: string, rows: number, columns: number) => ({
  name,
  dtype: 'F32',
  shape: [rows, columns],
  data: f32Data(new Array<number>(rows * columns).fill(0.5)),
});
/** Two layers of width 64 with two heads, one of keys and values. */
const gguf = () =>
  makeGguf({
    metadata: [
      { key: 'general.architecture', type: 'string', value: 'llama' },
      { key: 'llama.block_count', type: 'u32', value: 2 },
      { key: 'llama.context_length', type: 'u32', value: 8192 },
      { key: 'llama.embedding_length', type: 'u32', value: 64 },
      { key: 'llama.feed_forward_length', type: 'u32', value: 128 },
      { key: 'llama.attention.head_count', type: 'u32', value: 2 },
      { key: 'llama.attention.head_count_kv', type: 'u32', value: 1 },
      { key: 'llama.vocab_size', type: 'u32', value: 32 },
    ],
    tensors: [
      matrix('token_embd.weight', 32, 64),
      ...[0, 1].flatMap((layer) => [
        matrix(`blk.${layer}.attn_q.weight`, 64, 64),
        matrix(`blk.${layer}.ffn_down.weight`, 64, 128),
      ]),
    ],
  });

describe('the Memory tab in VS Code', () => {
  let page: Page;
  const vscode = useVscode({
    prepare: () => {
      const folder = join(vscode.folder, 'weights');
      mkdirSync(folder);
      writeFileSync(join(folder, 'small.gguf'), gguf());
      // The same weights with nothing beside them.
      copyFileSync(
        resolve('examples/demo-llama-3m-outliers/model.safetensors'),
        join(folder, 'alone.safetensors'),
      );
    },
  });
  beforeAll(async () => {
    page = await vscode.open();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  });

  const show = async (path: string): Promise<FrameLocator> => {
    await openFile(page, path);
    const view = webviewFrame(page);
    await view.getByTestId('tab-memory').click();
    await view.getByTestId('memory-total').waitFor();
    return view;
  };
  const total = (view: FrameLocator) =>
    view.getByTestId('memory-total').getAttribute('data-value').then(Number);
  const partOf = (view: FrameLocator, part: string) =>
    view
      .getByTestId('memory-parts')
      .locator(`[data-part="${part}"] [data-value]`)
      .getAttribute('data-value')
      .then(Number);

  it('gives the numbers that its command line gives', async () => {
    const view = await show('demo-llama-3m/model.safetensors');
    await view.getByTestId('memory-kv-dtype').selectOption('q8_0');
    await view.getByTestId('memory-context').fill('128');
    await view.getByTestId('memory-add-device').selectOption('RTX 4090');
    await view.locator('[name="count"]').fill('2');
    await view.getByTestId('memory-add').click();
    await view.locator('[data-device="2x RTX 4090"]').waitFor();
    await view.locator('[data-scheme="gguf:q4_k_m"] button').click();
    await view.locator('[data-scheme="gguf:q4_k_m"][aria-current="true"]').waitFor();
    await view.getByTestId('memory-copy').click();
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await expect.poll(clipboard).toContain('--dtype gguf:q4_k_m');
    const line = await clipboard();
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    expect(words[0]).toBe('tensor-loupe');
    const run = spawnSync(process.execPath, [resolve('dist/cli.js'), ...words.slice(1), '--json'], {
      encoding: 'utf8',
    });
    const estimate = JSON.parse(run.stdout) as MemoryEstimate;
    expect(estimate.setting).toMatchObject({ context: 128, kvDtype: 'q8_0', dtype: 'gguf:q4_k_m' });
    expect(await total(view)).toBe(estimate.total.bytes);
    expect(await partOf(view, 'weights')).toBe(estimate.weights.bytes);
    expect(await partOf(view, 'kvCache')).toBe(estimate.kvCache.bytes);
    expect(estimate.fits.map(({ label }) => label)).toContain('2x RTX 4090');
    for (const theme of themes) {
      await setTheme(page, theme);
      await page.waitForTimeout(300);
      await screenshot(page, `memory-${theme}`);
    }
    await setTheme(page, 'dark');
  });

  it('estimates a GGUF model by its metadata', async () => {
    const view = await show('weights/small.gguf');
    // One head of 32, keys and values, 2 bytes each, in two layers: 256 bytes a token, 4,096 tokens.
    expect(await partOf(view, 'kvCache')).toBe(256 * 4096);
    expect(await partOf(view, 'weights')).toBe(4 * (32 * 64 + 2 * (64 * 64 + 64 * 128)));
    await view.locator('[data-scheme="gguf:q8_0"]').waitFor();
    await screenshot(page, 'memory-gguf');
  });

  it('says what is not known of weights without a config.json, and trains them all the same', async () => {
    const view = await show('weights/alone.safetensors');
    await view.getByTestId('memory-notes').getByText('the cache is not counted').waitFor();
    expect(await view.getByTestId('memory-parts').innerText()).toContain('Total of what is known');
    await screenshot(page, 'memory-alone');
    await view.getByTestId('memory-mode-training').click();
    await expect.poll(() => view.getByTestId('memory-parts').innerText()).toContain('Gradients');
    await screenshot(page, 'memory-training');
  });
});
