/** A model on the Hub, from the command to the page, against a server of our own that speaks the Hub's API. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HubServer, startHubServer } from '../fixtures/hubServer';
import { f32Data, makeGguf } from '../fixtures/makeCheckpoint';
import { useVscode } from './fixtures/useVscode';
import {
  notifications,
  pick,
  quickInput,
  quickRows,
  reloadWindow,
  runCommand,
  screenshot,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const demo = path.resolve(import.meta.dirname, '../../examples/demo-llama-3m');
const read = (name: string) => new Uint8Array(readFileSync(path.join(demo, name)));
const gguf = makeGguf({
  metadata: [{ key: 'general.architecture', type: 'string', value: 'llama' }],
  tensors: [
    { name: 'token_embd.weight', dtype: 'F32', shape: [2, 4096], data: f32Data(new Float32Array(8192)) },
  ],
});

describe('a model on the Hub', () => {
  let hub: HubServer;
  let page: Page;

  const vscode = useVscode({
    prepare: async () => {
      hub = await startHubServer({
        'demo/llama-3m': {
          files: {
            'README.md': new TextEncoder().encode('A demo.'),
            'config.json': read('config.json'),
            'model.safetensors': read('model.safetensors'),
            'llama-3m-F32.gguf': gguf,
          },
        },
        'demo/gated': { files: { 'model.safetensors': read('model.safetensors') }, token: 'hf_right' },
      });
      return { HF_ENDPOINT: hub.endpoint, HF_TOKEN: '' };
    },
  });

  beforeAll(async () => {
    page = await vscode.open();
  });

  afterAll(async () => {
    await hub?.stop();
  });

  async function ask(reference: string): Promise<void> {
    await runCommand(page, 'Tensor Loupe: Open Model from Hugging Face Hub...');
    const input = quickInput(page).locator('input').first();
    await quickInput(page).getByText('Only headers are read').waitFor();
    await input.fill(reference);
    await page.keyboard.press('Enter');
  }

  it('shows its catalogue from headers alone', async () => {
    expect(hub.requests).toEqual([]);
    await ask('demo/llama-3m');
    await quickRows(page).filter({ hasText: 'model.safetensors' }).waitFor();
    await screenshot(page, 'hub-pick');
    expect(await quickRows(page).allInnerTexts()).toEqual([
      expect.stringMatching(/model\.safetensors[\s\S]*safetensors · 6\.\d+ MiB/),
      expect.stringMatching(/llama-3m-F32\.gguf[\s\S]*F32 · 3\d\.?\d* KiB/),
    ]);
    await pick(page, 'model.safetensors');
    await tab(page, 'model.safetensors').waitFor();
    const view = webviewFrame(page);
    await view.getByText('model.embed_tokens.weight').first().waitFor();
    const notice = view.getByTestId('notice');
    expect(await notice.innerText()).toContain('Headers of demo/llama-3m at main, read from 127.0.0.1');
    await view.locator('[role="row"][data-tensor]').first().click();
    await view.getByText('The values are on the Hub; download the model').nth(1).waitFor();
    await screenshot(page, 'hub-model');
    const headerBytes = 8 + Number(readFileSync(path.join(demo, 'model.safetensors')).readBigUInt64LE(0));
    const configBytes = read('config.json').length;
    expect(hub.fileBytesSent()).toBeLessThanOrEqual(headerBytes + 65_536 + configBytes);
    expect(hub.requests.every(({ url }) => decodeURIComponent(url).includes('demo/llama-3m'))).toBe(true);
  });

  it('does not quantize it, and says why', async () => {
    await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
    await notifications(page).filter({ hasText: 'The values are on the Hub' }).first().waitFor();
    await runCommand(page, 'Notifications: Clear All Notifications');
  });

  it('asks for nothing when the window comes back', async () => {
    hub.requests.length = 0;
    await reloadWindow(page);
    const view = webviewFrame(page);
    await view.getByText('which is not asked by itself').waitFor({ timeout: 120_000 });
    await screenshot(page, 'hub-restored');
    expect(hub.requests).toEqual([]);
    await view.getByTestId('retry').click();
    await view.getByText('model.embed_tokens.weight').first().waitFor();
    expect(hub.requests.length).toBeGreaterThan(0);
  });

  it('tells that a gated model needs a token, and opens it with one', async () => {
    await ask('demo/gated');
    await notifications(page).filter({ hasText: 'demo/gated needs a token' }).first().waitFor();
    await screenshot(page, 'hub-gated');
    await runCommand(page, 'Notifications: Clear All Notifications');
    await runCommand(page, 'Tensor Loupe: Set Hugging Face Token...');
    await quickInput(page).getByText('Kept in the keychain').waitFor();
    await quickInput(page).locator('input').first().fill('hf_right');
    await page.keyboard.press('Enter');
    await page.getByText('The token for 127.0.0.1').first().waitFor();
    hub.requests.length = 0;
    await ask('demo/gated');
    await pick(page, 'model.safetensors');
    await webviewFrame(page).getByText('Headers of demo/gated').waitFor();
    const sent = new Set(hub.requests.map(({ server, authorization }) => `${server} ${authorization}`));
    expect([...sent].sort()).toEqual(['hub Bearer hf_right', 'storage undefined']);
  });
});
