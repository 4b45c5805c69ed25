/** Hovers and lenses in a real VS Code: a model's cost as code loads it, the Hub on request, config.json, a cut index. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { type HubServer, startHubServer } from '../fixtures/hubServer';
import { useVscode } from './fixtures/useVscode';
import {
  openFile,
  screenshot,
  setTheme,
  showHover,
  type Theme,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const demo = path.resolve(import.meta.dirname, '../../examples/demo-llama-3m');
const read = (name: string) => new Uint8Array(readFileSync(path.join(demo, name)));

const code = `import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

four_bits = BitsAndBytesConfig(
    load_in_4bit=True,
    bnb_4bit_quant_type="nf4",
    bnb_4bit_use_double_quant=True,
)
model = AutoModelForCausalLM.from_pretrained(
    "demo-llama-3m",
    quantization_config=four_bits,
    device_map="auto",
)
other = AutoModelForCausalLM.from_pretrained("demo/on-hub", torch_dtype=torch.float16)
`;

describe('hovers', () => {
  let hub: HubServer;
  const vscode = useVscode({
    prepare: async () => {
      hub = await startHubServer({
        'demo/on-hub': {
          files: { 'config.json': read('config.json'), 'model.safetensors': read('model.safetensors') },
        },
      });
      writeFileSync(vscode.inWorkspace('load.py'), code);
      cpSync(`${demo}-sharded`, vscode.inWorkspace('cut'), { recursive: true });
      rmSync(vscode.inWorkspace('cut', 'model-00002-of-00003.safetensors'));
      return {
        HF_ENDPOINT: hub.endpoint,
        HF_TOKEN: '',
        HF_HUB_CACHE: vscode.inWorkspace('no-cache'),
        OLLAMA_MODELS: vscode.inWorkspace('no-ollama'),
      };
    },
  });
  afterAll(async () => {
    await hub?.stop();
  });

  const lenses = (page: Page) => page.locator('.codelens-decoration');

  it('show what a model costs as the code loads it, in every theme', async () => {
    const page = await vscode.open();
    await openFile(page, 'load.py');
    const texts = new Set<string>();
    for (const theme of ['dark', 'light', 'highContrast'] satisfies Theme[]) {
      await setTheme(page, theme);
      const hover = await showHover(page, 'demo-llama-3m');
      texts.add((await hover.innerText()).replace(/\s+/g, ' '));
      await screenshot(page, `hover-load-${theme}`);
    }
    expect(texts.size).toBe(1);
    const [text] = [...texts];
    expect(text).toContain('As loaded here: 4 bit NF4, double quantization → weights 1.');
    expect(text).toContain("Fits in this machine's memory");
    await page.close();
  });

  it('lead to the Memory tab', async () => {
    const page = await vscode.open();
    await openFile(page, 'load.py');
    const hover = await showHover(page, 'demo-llama-3m');
    await hover.getByText('Plan memory').click();
    await tab(page, 'model.safetensors').waitFor();
    await webviewFrame(page).locator('section.panel[data-tab="memory"]').waitFor();
    await screenshot(page, 'hover-plan');
    await page.close();
  });

  it('ask the Hub after a click, and not before', async () => {
    const page = await vscode.open();
    await openFile(page, 'load.py');
    const offer = await showHover(page, 'demo/on-hub', 'Nothing is sent before you click');
    await screenshot(page, 'hover-offer');
    expect(hub.requests).toEqual([]);
    await offer.getByText('Ask the Hub about demo/on-hub').click();
    const answer = page.locator('.monaco-hover:visible').filter({ hasText: '3.30 M parameters' }).first();
    await answer.waitFor();
    const text = (await answer.innerText()).replace(/\s+/g, ' ');
    expect(text).toContain('6.29 MiB on 127.0.0.1');
    expect(text).toContain('As loaded here: F16 → weights 6.29 MiB');
    await screenshot(page, 'hover-hub');
    expect(hub.requests.every(({ url }) => decodeURIComponent(url).includes('demo/on-hub'))).toBe(true);
    // A second look asks nothing again.
    hub.requests.length = 0;
    await page.keyboard.press('Escape');
    await showHover(page, 'demo/on-hub', '3.30 M');
    expect(hub.requests).toEqual([]);
    await page.close();
  });

  it('say in config.json what a field costs, and in an index what is missing', async () => {
    const page = await vscode.open();
    await openFile(page, 'demo-llama-3m/config.json');
    await lenses(page).getByText('KV cache 2.00 KiB a token').waitFor();
    await showHover(page, 'num_key_value_heads', 'one more KV head');
    await screenshot(page, 'hover-config');
    await openFile(page, 'cut/model.safetensors.index.json');
    await lenses(page).getByText('1 of 3 shards is missing').waitFor();
    await screenshot(page, 'lens-index');
    await page.close();
  });

  it('say over the rules of a recipe what they make', async () => {
    const page = await vscode.open({ theme: 'light' });
    await openFile(page, 'mixed-int4.loupe.json');
    await lenses(page).getByText('bits each').first().waitFor();
    await screenshot(page, 'lens-recipe');
    await page.close();
  });
});
