/** The tabs beside the tensors, the Problems panel and a file that goes away, in a real VS Code. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TensorProto_DataType } from 'onnx-buf';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { f32Data, makeGguf, makeSafetensors } from '../fixtures/makeCheckpoint';
import { makeOnnx, rawTensor } from '../fixtures/makeOnnx';
import { useVscode } from './fixtures/useVscode';
import { openFile, runCommand, screenshot, setTheme, type Theme, webviewFrame } from './fixtures/vscodeHost';

const themes = ['dark', 'light', 'highContrast'] satisfies Theme[];
const vector = (name: string, values: readonly number[]) => ({
  name,
  dtype: 'F32',
  shape: [values.length],
  data: f32Data(values),
});
const template =
  "{%- for message in messages %}\n    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n";
const tokenCount = 20_000;

function vocabulary(): Uint8Array {
  const tokens = Array.from({ length: tokenCount }, (_, i) =>
    i === 0 ? '<unk>' : i === 1 ? '<s>' : i === 2 ? '</s>' : i === 3 ? '\n' : `▁word${i}`,
  );
  return makeGguf({
    metadata: [
      { key: 'general.architecture', type: 'string', value: 'llama' },
      { key: 'general.name', type: 'string', value: 'A vocabulary' },
      { key: 'llama.context_length', type: 'u32', value: 4096 },
      { key: 'tokenizer.ggml.model', type: 'string', value: 'llama' },
      { key: 'tokenizer.ggml.pre', type: 'string', value: 'default' },
      { key: 'tokenizer.ggml.tokens', type: '[string]', value: tokens },
      { key: 'tokenizer.ggml.scores', type: '[f32]', value: tokens.map((_, i) => -i) },
      { key: 'tokenizer.ggml.token_type', type: '[i32]', value: tokens.map((_, i) => (i < 3 ? 3 : 1)) },
      { key: 'tokenizer.ggml.bos_token_id', type: 'u32', value: 1 },
      { key: 'tokenizer.ggml.eos_token_id', type: 'u32', value: 2 },
      { key: 'tokenizer.ggml.padding_token_id', type: 'u32', value: tokenCount - 1 },
      { key: 'tokenizer.ggml.add_bos_token', type: 'bool', value: true },
      { key: 'tokenizer.chat_template', type: 'string', value: template },
    ],
    tensors: [vector('token_embd.weight', new Array<number>(64).fill(0.5))],
  });
}

const graph = () =>
  makeOnnx({
    name: 'classifier',
    initializer: [
      rawTensor('w', TensorProto_DataType.FLOAT, [2, 2], new Uint8Array(16)),
      rawTensor('w_q', TensorProto_DataType.INT8, [4], new Uint8Array(4)),
      rawTensor('w_s', TensorProto_DataType.FLOAT, [], new Uint8Array(4)),
    ],
    input: [{ name: 'x' }],
    output: [{ name: 'y' }],
    node: [
      { opType: 'DequantizeLinear', input: ['w_q', 'w_s'], output: ['d'] },
      ...Array.from({ length: 12 }, (_, i) => ({
        opType: i % 3 === 0 ? 'Add' : 'MatMul',
        input: ['x', 'w'],
        output: [`n${i}`],
      })),
    ],
  });

describe('the tabs of a checkpoint in VS Code', () => {
  let page: Page;

  const vscode = useVscode({
    prepare: () => {
      const folder = join(vscode.folder, 'made');
      mkdirSync(folder);
      writeFileSync(join(folder, 'vocabulary.gguf'), vocabulary());
      writeFileSync(join(folder, 'graph.onnx'), graph());
      const broken = makeSafetensors([
        vector('model.norm.weight', [0, 0, 0, 0]),
        vector('lm_head.weight', [1, Number.NaN, 3, 4]),
        vector('model.layers.0.mlp.up_proj.weight', [1, Number.POSITIVE_INFINITY, 3, 4]),
        vector('model.layers.0.mlp.down_proj.weight', new Array<number>(64).fill(1)),
      ]);
      writeFileSync(join(folder, 'broken.safetensors'), broken.slice(0, -40));
    },
  });

  beforeAll(async () => {
    page = await vscode.open();
  });

  /** Pictures of what is open in each theme, and at 700 pixels. */
  async function pictures(name: string): Promise<void> {
    for (const theme of themes) {
      await setTheme(page, theme);
      await page.waitForTimeout(300);
      await screenshot(page, `${name}-${theme}`);
    }
    await setTheme(page, 'dark');
    await page.setViewportSize({ width: 700, height: 800 });
    await page.waitForTimeout(500);
    await screenshot(page, `${name}-700`);
    await page.setViewportSize({ width: 1440, height: 900 });
  }

  it('shows the tokenizer, its template and every token', async () => {
    await openFile(page, 'made/vocabulary.gguf');
    const view = webviewFrame(page);
    await view.getByTestId('tab-tokenizer').click();
    await view
      .getByTestId('special-tokens')
      .getByText(`▁word${tokenCount - 1}`)
      .waitFor();
    expect(await view.getByTestId('chat-template').innerText()).toBe(template);
    await view.getByTestId('array-search').locator('input').fill('word1999');
    await view.getByTestId('array-status').getByText('11 of 20,000').waitFor();
    await pictures('tokenizer');
    await view.getByTestId('tab-metadata').click();
    await view.locator('tr[data-key="tokenizer.ggml.scores"] summary').click();
    await view.locator('tr[data-key="tokenizer.ggml.scores"] .array-row[data-index="5"]').waitFor();
    await screenshot(page, 'metadata-array');
  });

  it('shows the JSON files beside the weights', async () => {
    await openFile(page, 'demo-llama-3m/model.safetensors');
    const view = webviewFrame(page);
    await view.getByTestId('tab-config').click();
    await view.getByText('config.json').first().waitFor();
    await pictures('config');
    await view.getByTestId('tab-tokenizer').click();
    await view.getByTestId('array-search').locator('input').fill('bos');
    await view.locator('.array-row[data-index="256"]').getByText('<|bos|>').waitFor();
    await view.getByText('258 tokens').waitFor();
    await screenshot(page, 'tokenizer-folder');
  });

  it('shows the graph of an ONNX model', async () => {
    await openFile(page, 'made/graph.onnx');
    const view = webviewFrame(page);
    await view.getByTestId('tab-graph').click();
    expect(await view.locator('[data-operator]').first().getAttribute('data-operator')).toBe('MatMul');
    await pictures('graph');
  });

  it('shows findings of headers and values, on the page and in the Problems panel', async () => {
    await openFile(page, 'made/broken.safetensors');
    const view = webviewFrame(page);
    await view.getByTestId('tab-findings').click();
    await view.getByTestId('findings-analyze').click();
    await view.locator('[data-code="nan-values"]').waitFor();
    expect(await view.locator('.findings li').count()).toBe(4);
    await view.getByRole('button', { name: 'Show in Problems' }).click();
    const markers = page.locator('.markers-panel');
    await markers.getByText('truncated-data').first().waitFor();
    await markers.getByText('nan-values').first().waitFor();
    await pictures('findings');
  });

  it('keeps other editors and the export one click away', async () => {
    await page.getByRole('button', { name: 'More Actions...' }).last().click();
    for (const item of [
      'Export Tensor List...',
      // VS Code's own.
      'Reopen Editor With',
      'Open as Text',
      'Open as Hex',
      'Reveal in Explorer',
    ]) {
      await page.locator('.monaco-menu').getByText(item).first().waitFor();
    }
    await screenshot(page, 'title-menu');
    await page.locator('.monaco-menu').getByText('Open as Hex', { exact: true }).click();
    await page.getByText('Opening as hex needs the extension').first().waitFor();
    await screenshot(page, 'open-as-hex');
    await runCommand(page, 'Notifications: Clear All Notifications');
  });

  it('opens the documentation of a finding from the page', async () => {
    const view = webviewFrame(page);
    await view.locator('[data-code="nan-values"]').getByTestId('finding-help').click();
    await page.locator('.tab').filter({ hasText: 'findings.md' }).waitFor();
    await page.waitForTimeout(1000);
    await screenshot(page, 'finding-help');
    await runCommand(page, 'View: Close Editor');
  });

  it('says that an open file went away, and that it changed', async () => {
    const path = join(vscode.folder, 'made', 'broken.safetensors');
    rmSync(path);
    const view = webviewFrame(page);
    await view.getByTestId('notice').getByText('no longer on disk').waitFor();
    await screenshot(page, 'notice-deleted');
    writeFileSync(path, makeSafetensors([vector('a', [1, 2])]));
    await view.getByTestId('notice').getByText('changed on disk').waitFor();
    await view.getByTestId('reload').click();
    await view.getByTestId('tab-findings').waitFor({ state: 'detached' });
    expect(await view.getByTestId('notice').count()).toBe(0);
  });
});
