/** Takes the pictures of README.md: the product itself on the demo models, in a dark and a light theme. */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { FrameLocator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { useVscode } from '../e2e/fixtures/useVscode';
import {
  notifications,
  openFile,
  pick,
  pressButton,
  quickInput,
  runCommand,
  showHover,
  type Theme,
  tab,
  webviewFrame,
} from '../e2e/fixtures/vscodeHost';
import { readPlainSafetensors } from '../fixtures/plainSafetensors';

const folder = path.resolve(import.meta.dirname, '../../media/pictures');
const size = { width: 1320, height: 860 };

/** A model of 1.6 GB made by repeating one of the demo's matrices: quantizing it takes long enough to be seen. */
function makeLargeModel(file: string): void {
  const demo = vscode.inWorkspace('demo-llama-3m/model.safetensors');
  const pattern = readPlainSafetensors(demo).get('model.layers.1.mlp.up_proj.weight')!.bytes;
  const [rows, columns] = [6144, 4096];
  const bytes = rows * columns * 2;
  const header: Record<string, unknown> = {};
  const names = Array.from({ length: 32 }, (_, layer) => `model.layers.${layer}.mlp.up_proj.weight`);
  for (const [index, name] of names.entries()) {
    header[name] = {
      dtype: 'BF16',
      shape: [rows, columns],
      data_offsets: [index * bytes, (index + 1) * bytes],
    };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const block = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += pattern.length) block.set(pattern.subarray(0, bytes - at), at);
  mkdirSync(path.dirname(file), { recursive: true });
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    num_hidden_layers: names.length,
    hidden_size: columns,
    intermediate_size: rows,
    torch_dtype: 'bfloat16',
  };
  writeFileSync(path.join(path.dirname(file), 'config.json'), JSON.stringify(config));
  const descriptor = openSync(file, 'w');
  writeSync(descriptor, Buffer.concat([length, text]));
  for (let index = 0; index < names.length; index++) writeSync(descriptor, block);
  closeSync(descriptor);
}

const vscode = useVscode({
  prepare: () => {
    mkdirSync(folder, { recursive: true });
    makeLargeModel(vscode.inWorkspace('large-model/model.safetensors'));
  },
  env: { TENSOR_LOUPE_WORKERS: '1' },
});

async function take(page: Page, name: string, theme: Theme): Promise<void> {
  await page.mouse.move(size.width / 2, 4);
  await page.waitForTimeout(700);
  await page.screenshot({ path: path.join(folder, `${name}-${theme}.png`), animations: 'disabled' });
}

/** The side bar is hidden: the pictures are of the editor. */
async function openAlone(theme: Theme, file: string): Promise<{ page: Page; view: FrameLocator }> {
  const page = await vscode.open({ theme, size });
  await openFile(page, file);
  await runCommand(page, 'View: Toggle Primary Side Bar Visibility');
  return { page, view: webviewFrame(page) };
}

/** Figures are kept from one opening to the next, so that there may be nothing to do, or nothing any more: a key does no harm then. */
async function analyzeAll(view: FrameLocator): Promise<void> {
  const button = view.locator('[data-testid="analyze-all"]');
  await button.waitFor();
  if (!/Analyzed/.test(await button.innerText())) await pressButton(button);
  await view.locator('[data-testid="analyze-all"]', { hasText: 'Analyzed' }).waitFor();
}

describe.each(['dark', 'light'] as const)('%s', (theme) => {
  it('the table and an outlier', async () => {
    const { page, view } = await openAlone(theme, 'demo-llama-3m-outliers/model.safetensors');
    await analyzeAll(view);
    await view.locator('[data-tensor="model.layers.0.self_attn.v_proj.weight"] [data-column="name"]').click();
    await view.locator('[data-testid="picture"]').waitFor();
    await page.waitForTimeout(1500);
    await take(page, 'tensors', theme);
    await page.close();
  });

  it('the map of outliers', async () => {
    const { page, view } = await openAlone(theme, 'demo-llama-3m-outliers/model.safetensors');
    await view.locator('[data-testid="tab-outliers"]').click();
    await analyzeAll(view);
    // The strongest of all, which the summary names.
    await view.locator('[data-testid="outlier-summary"] button').first().click();
    await view.locator('[data-testid="picture"]').waitFor();
    await page.waitForTimeout(1500);
    await take(page, 'outliers', theme);
    await page.close();
  });

  it('a tensor and one of its values', async () => {
    const { page, view } = await openAlone(theme, 'demo-llama-3m-outliers/model.safetensors');
    await view.locator('[data-testid="strip"]').waitFor();
    await runCommand(page, 'Tensor Loupe: View Tensor');
    const name = 'model.layers.0.mlp.up_proj.weight';
    await pick(page, name, name);
    await tab(page, 'up_proj').waitFor();
    const viewer = webviewFrame(page);
    await viewer.locator('[data-testid="matrix"]').waitFor();
    await runCommand(page, 'Tensor Loupe: Go to Index');
    await quickInput(page).locator('input').first().fill('17, 23');
    await page.keyboard.press('Enter');
    await viewer.locator('[data-testid="element-place"]', { hasText: '[17, 23]' }).waitFor();
    await page.waitForTimeout(1500);
    await take(page, 'viewer', theme);
    await page.close();
  });

  it('the map of errors by scheme', async () => {
    const { page, view } = await openAlone(theme, 'demo-llama-3m-outliers/model.safetensors');
    await view.locator('[data-testid="tab-sensitivity"]').click();
    await view.locator('[data-testid="compare"]').click();
    await view.locator('[data-testid="comparison"]').waitFor({ state: 'detached' });
    const map = view.locator('[data-testid="sensitivity-map"]');
    await map.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'Enter'])
      await page.keyboard.press(key);
    await view.locator('[data-testid="cell-figures"]').waitFor();
    await page.waitForTimeout(2500);
    await take(page, 'sensitivity', theme);
    await page.close();
  });

  it('the progress of a quantization', async () => {
    // It may have been finished before it was cancelled, and would not be replaced unasked.
    rmSync(vscode.inWorkspace('large-model-INT8-absmax-row'), { recursive: true, force: true });
    const { page } = await openAlone(theme, 'large-model/model.safetensors');
    await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
    await pick(page, 'INT8 absmax');
    await pick(page, 'Per row');
    await pick(page, 'CPU kernels');
    await pick(page, 'large-model-INT8');
    const progress = notifications(page).filter({ hasText: /large-model[\s\S]*\d %/ });
    await progress.waitFor();
    await page.waitForTimeout(500);
    await take(page, 'quantize', theme);
    await notifications(page)
      .getByRole('button', { name: /Cancel/ })
      .click();
    await expect.poll(() => notifications(page).count(), { timeout: 60_000 }).toBe(0);
    await page.close();
  });

  it('the report of errors', async () => {
    const { page, view } = await openAlone(theme, 'demo-llama-3m-outliers/model.safetensors');
    await view.locator('[data-testid="strip"]').waitFor();
    await runCommand(page, 'Tensor Loupe: Preview Quantization Error...');
    await pick(page, 'INT8 absmax');
    await pick(page, 'Per tensor');
    const report = page.locator('.tab', { hasText: 'Error:' });
    await report.waitFor();
    const page2 = webviewFrame(page);
    const cell = page2.locator(
      '[data-testid="error-map"] [data-tensor="model.layers.0.self_attn.v_proj.weight"]',
    );
    await cell.click();
    await page2.locator('[data-testid="pictures"][data-busy="false"]').waitFor();
    await page.waitForTimeout(1500);
    await take(page, 'report', theme);
    await page.close();
  });

  it('two schemes side by side', async () => {
    const { page, view } = await openAlone(theme, 'demo-llama-3m-outliers/model.safetensors');
    await view.locator('[data-testid="strip"]').waitFor();
    await runCommand(page, 'Tensor Loupe: Preview Quantization Error...');
    await pick(page, 'INT8 absmax');
    await pick(page, 'Per tensor');
    await page.locator('.tab', { hasText: 'Error:' }).waitFor();
    const report = webviewFrame(page);
    const name = 'model.layers.0.self_attn.v_proj.weight';
    await report.locator(`[data-testid="error-map"] [data-tensor="${name}"]`).click();
    await report.getByTestId('compare').click();
    await pick(page, 'INT8 absmax per row', 'INT8 absmax per row');
    await report.locator('[data-testid="pictures"][data-sides="2"][data-busy="false"]').waitFor();
    await page.waitForTimeout(1500);
    await take(page, 'side-by-side', theme);
    await page.close();
  });

  it('the memory of a model', async () => {
    const { page, view } = await openAlone(theme, 'demo-llama-3m/model.safetensors');
    await view.getByTestId('tab-memory').click();
    await view.getByTestId('memory-total').waitFor();
    await view.getByTestId('memory-add-device').selectOption('RTX 4090');
    await view.getByTestId('memory-add').click();
    await view.locator('[data-device="RTX 4090"]').waitFor();
    await page.waitForTimeout(1500);
    await take(page, 'memory', theme);
    await page.close();
  });

  it('the hover', async () => {
    const page = await vscode.open({ theme, size: { width: 980, height: 520 } });
    await openFile(page, 'run.py');
    await page.keyboard.press('Control+b');
    await showHover(page, 'demo-llama-3m-outliers');
    await page.screenshot({ path: path.join(folder, `hover-${theme}.png`), animations: 'disabled' });
    await page.close();
  });
});
