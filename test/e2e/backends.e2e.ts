/** Compute backends in a real VS Code: choosing one, the page, and CUDA's files from a registry of our own. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, expect, it } from 'vitest';
import { makeZip } from '../fixtures/makeZip';
import { useVscode } from './fixtures/useVscode';
import { notifications, pick, quickRows, runCommand, screenshot, webviewFrame } from './fixtures/vscodeHost';

/** Two files that are no libraries, in a package of the registry's form. */
const folder = 'runtimes/linux-x64/native';
const packed = Buffer.from(
  makeZip([
    { name: `${folder}/libonnxruntime_providers_cuda.so`, data: Buffer.from('no library'), deflated: true },
    { name: `${folder}/libonnxruntime_providers_shared.so`, data: Buffer.from('none either') },
  ]),
);
const hash = createHash('sha512').update(packed).digest();
const requests: string[] = [];
const registry = createServer((request, response) => {
  const url = request.url ?? '';
  requests.push(url);
  const version = /(\d+\.\d+\.\d+)/.exec(url)?.[1];
  if (url.includes('registration')) {
    const catalogEntry = `http://${request.headers.host}/catalog/${version}.json`;
    response.end(JSON.stringify({ catalogEntry }));
  } else if (url.includes('catalog')) {
    const id = 'Microsoft.ML.OnnxRuntime.Gpu.Linux';
    const published = { packageHash: hash.toString('base64'), packageHashAlgorithm: 'SHA512' };
    response.end(JSON.stringify({ id, version, ...published, packageSize: packed.length }));
  } else response.end(packed);
});

const vscode = useVscode({
  prepare: async () => {
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
    const { port } = registry.address() as AddressInfo;
    return { TENSOR_LOUPE_NUGET_ENDPOINT: `http://127.0.0.1:${port}` };
  },
});

afterAll(async () => {
  registry.closeAllConnections();
  registry.close();
});

const dialog = (page: Page) => page.locator('.monaco-dialog-box');

it('a backend is chosen, measured and looked at', async () => {
  const page = await vscode.open({ theme: 'dark' });
  await runCommand(page, 'Tensor Loupe: Select Compute Backend');
  await quickRows(page).filter({ hasText: 'CPU kernels' }).first().waitFor({ timeout: 60_000 });
  await screenshot(page, 'backends-select');
  await pick(page, 'Compute Backends and GPUs', 'Compute Backends and GPUs');
  const frame = webviewFrame(page);
  const row = (name: string) => frame.locator(`tr[data-backend="${name}"]`);
  await row('cpu').waitFor({ timeout: 60_000 });
  await frame.getByTestId('measure').click();
  await expect.poll(() => row('cpu').locator('.fill').count(), { timeout: 120_000 }).toBe(1);
  await row('cpu').getByRole('button', { name: 'Use CPU kernels' }).click();
  await row('cpu').getByTestId('chosen').waitFor();
  await frame.getByTestId('pick-gpu').click();
  await pick(page, /^L4/, 'L4');
  await expect.poll(() => frame.getByTestId('gpu').locator('h3').textContent()).toBe('L4');
  await expect.poll(() => frame.getByTestId('advice').textContent()).toContain('F8 E4M3 per row');
  await screenshot(page, 'backends-page-dark');
  await row('auto').getByRole('button', { name: 'Use Automatic' }).click();
  await row('auto').getByTestId('chosen').waitFor();
  expect(requests).toEqual([]);
  await page.close();
});

it("CUDA's files come after two questions, checked, and go again", async () => {
  const page = await vscode.open({ theme: 'light' });
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log('Skipped: the files of CUDA are for Linux on x64.');
    return;
  }
  await runCommand(page, 'Tensor Loupe: Install CUDA Provider Files...');
  await dialog(page).getByText('Nothing was sent yet').waitFor();
  await screenshot(page, 'backends-cuda-first');
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
  expect(requests).toEqual([]);

  await runCommand(page, 'Tensor Loupe: Install CUDA Provider Files...');
  await dialog(page).getByRole('button', { name: 'Ask for Size and Hash' }).click();
  const published = hash.toString('hex');
  await dialog(page).getByText(published.slice(0, 64)).waitFor();
  await dialog(page).getByText(published.slice(64)).waitFor();
  expect(requests).toHaveLength(2);
  await screenshot(page, 'backends-cuda-second');
  await dialog(page).getByRole('button', { name: 'Download and Install' }).click();
  await notifications(page)
    .filter({ hasText: 'is installed, but cannot be used yet' })
    .waitFor({ timeout: 60_000 });
  expect(requests).toHaveLength(3);

  await runCommand(page, 'Tensor Loupe: Compute Backends and GPUs');
  const frame = webviewFrame(page);
  await frame.getByTestId('remove-cuda').click({ timeout: 60_000 });
  await dialog(page).getByRole('button', { name: 'Remove', exact: true }).click();
  await frame.getByTestId('install-cuda').waitFor({ timeout: 60_000 });
  await screenshot(page, 'backends-page-light');
  await page.close();
});
