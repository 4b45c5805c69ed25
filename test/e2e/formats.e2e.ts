/** Every format in the real editor: what it holds is on the page, figures are true, and faults are named. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TensorProto_DataType } from 'onnx-buf';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { bf16Data, f32Data, i32Data, makeGguf, makeSafetensors } from '../fixtures/makeCheckpoint';
import { makeNpy } from '../fixtures/makeNumpy';
import { makeOnnx, rawTensor } from '../fixtures/makeOnnx';
import { dictOf, op, tensorOf } from '../fixtures/makePickle';
import { makePytorchZip } from '../fixtures/makePytorch';
import { makeZip } from '../fixtures/makeZip';
import { useVscode } from './fixtures/useVscode';
import {
  notifications,
  openFile,
  pick,
  quickInput,
  quickRows,
  runCommand,
  screenshot,
  webviewFrame,
} from './fixtures/vscodeHost';

let page: Page;

/** 64 x 96 values that no test could meet by accident, and figures computed here. */
const [rows, columns] = [64, 96];
const values = Float32Array.from({ length: rows * columns }, (_, i) =>
  Math.fround(Math.sin(i * 0.7) * (i % 31 === 0 ? 4 : 1)),
);
const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
const data = f32Data(values);

const file = (...parts: string[]) => vscode.inWorkspace(...parts);
const put = (name: string, content: Uint8Array | string) => {
  mkdirSync(path.dirname(file(name)), { recursive: true });
  writeFileSync(file(name), content);
};

const vscode = useVscode({
  prepare: () => {
    const tensor = {
      storage: 'FloatStorage',
      key: '0',
      storageLength: values.length,
      shape: [rows, columns],
    };
    put(
      'net.onnx',
      makeOnnx({
        name: 'net',
        node: [
          { opType: 'MatMul', input: ['x', 'layer.weight'], output: ['h'], name: 'm' },
          { opType: 'Relu', input: ['h'], output: ['y'], name: 'r' },
        ],
        initializer: [
          rawTensor('layer.weight', TensorProto_DataType.FLOAT, [rows, columns], Uint8Array.from(data)),
        ],
      }),
    );
    put('state.pt', makePytorchZip(dictOf([['layer.weight', tensorOf(tensor)]]), { 0: data }));
    put(
      'evil.pt',
      makePytorchZip(
        dictOf([
          ['layer.weight', tensorOf(tensor)],
          ['trap', [...op.global('posix.system'), ...op.text('true'), ...op.tuple1, ...op.reduce]],
        ]),
        { 0: data },
      ),
    );
    put('arrays.npz', makeZip([{ name: 'layer.weight.npy', data: makeNpy('<f4', [rows, columns], data) }]));
    put('array.npy', makeNpy('<f4', [rows, columns], data));
    put(
      'tiny.gguf',
      makeGguf({
        metadata: [
          { key: 'general.architecture', type: 'string', value: 'llama' },
          { key: 'tokenizer.ggml.model', type: 'string', value: 'gpt2' },
          {
            key: 'tokenizer.ggml.tokens',
            type: '[string]',
            value: Array.from({ length: 1000 }, (_, i) => `token-${i}`),
          },
          {
            key: 'tokenizer.chat_template',
            type: 'string',
            value: '{% for m in messages %}<img src=x>{{ m }}{% endfor %}',
          },
        ],
        tensors: [{ name: 'blk.0.attn_q.weight', dtype: 'F32', shape: [rows, columns], data }],
      }),
    );
    put(
      'gptq/model.safetensors',
      makeSafetensors([
        {
          name: 'model.layers.0.q_proj.qweight',
          dtype: 'I32',
          shape: [16, 64],
          data: i32Data(new Array(1024).fill(7)),
        },
        {
          name: 'model.layers.0.q_proj.qzeros',
          dtype: 'I32',
          shape: [1, 8],
          data: i32Data(new Array(8).fill(7)),
        },
        { name: 'model.layers.0.q_proj.scales', dtype: 'F16', shape: [1, 64], data: new Uint8Array(128) },
        {
          name: 'model.layers.0.q_proj.g_idx',
          dtype: 'I32',
          shape: [128],
          data: i32Data(new Array(128).fill(0)),
        },
      ]),
    );
    put(
      'gptq/config.json',
      JSON.stringify({ quantization_config: { quant_method: 'gptq', bits: 4, group_size: 128 } }),
    );
    const bad = [1, Number.NaN, 3, Number.POSITIVE_INFINITY];
    put(
      'bad-values.safetensors',
      makeSafetensors([{ name: 'w', dtype: 'BF16', shape: [4], data: bf16Data(bad) }]),
    );
    mkdirSync(file('half'), { recursive: true });
    for (const name of [
      'model.safetensors.index.json',
      'model-00001-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
    ]) {
      copyFileSync(file('demo-llama-3m-sharded', name), file('half', name));
    }
    writeFileSync(
      file('short.safetensors'),
      readFileSync(file('demo-llama-3m/model.safetensors')).subarray(0, -1000),
    );
  },
});

beforeAll(async () => {
  page = await vscode.open();
});

/** Opens a file alone and gives its page. */
async function open(name: string) {
  await runCommand(page, 'View: Close All Editors');
  await page.locator('.tab').first().waitFor({ state: 'detached' });
  await openFile(page, name);
  const view = webviewFrame(page);
  await view.locator('[data-testid="strip"]').waitFor();
  return view;
}

describe('each format opens, and its values are read', () => {
  it.each([
    ['net.onnx', 'layer.weight'],
    ['state.pt', 'layer.weight'],
    ['arrays.npz', 'layer.weight'],
    ['array.npy', 'array'],
    ['tiny.gguf', 'blk.0.attn_q.weight'],
  ])('%s', async (name, tensor) => {
    const view = await open(name);
    const row = view.locator(`[role="row"][data-tensor="${tensor}"]`);
    await row.waitFor();
    expect(await row.locator('[data-column="shape"]').innerText()).toContain(`${rows} × ${columns}`);
    await row.click();
    const figure = view.locator(`[data-testid="details"][data-selected="${tensor}"] [data-figure="mean"]`);
    await figure.waitFor();
    const shown = Number(await figure.getAttribute('data-value'));
    expect(Math.abs(shown - mean)).toBeLessThanOrEqual(1e-9 * Math.abs(mean));
    await view.locator('[data-testid="picture"]').waitFor();
    await page.waitForTimeout(500);
    await screenshot(page, `format-${name.replace('.', '-')}`);
  });

  it('an ONNX graph has a tab of its own', async () => {
    const view = await open('net.onnx');
    await view.locator('[data-testid="tab-graph"]').click();
    await view.getByText('MatMul', { exact: true }).first().waitFor();
    await screenshot(page, 'format-onnx-graph');
  });

  it('an ONNX graph is offered the schemes that it can hold, and is written dequantized for others, with the reason', async () => {
    await open('net.onnx');
    await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
    const input = quickInput(page).locator('input[type="text"]').first();
    await quickRows(page).filter({ hasText: 'INT4 absmax' }).first().waitFor();
    await screenshot(page, 'onnx-schemes');
    await input.fill('MXFP4');
    await quickRows(page).filter({ hasText: 'no operator for MXFP4' }).first().waitFor();
    await screenshot(page, 'onnx-schemes-dequantized');
    await page.keyboard.press('Enter');
    await quickRows(page).filter({ hasText: 'Output: dequantized values' }).waitFor();
    await pick(page, /Per block of 32/);
    await pick(page, /^CPU/);
    await pick(page, 'net-MXFP4-block32-fake.onnx');
    const show = notifications(page).getByRole('button', { name: 'Show Error Report' });
    await show.waitFor();
    expect(existsSync(file('net-MXFP4-block32-fake.onnx'))).toBe(true);
  });

  it('a GGUF tokenizer has a tab, and its chat template stays text', async () => {
    const view = await open('tiny.gguf');
    await view.locator('[data-testid="tab-tokenizer"]').click();
    await view.getByText('token-3', { exact: true }).first().waitFor();
    expect(await view.locator('body').innerText()).toContain('<img src=x>');
    expect(await view.locator('img[src="x"]').count()).toBe(0);
    await screenshot(page, 'format-gguf-tokenizer');
  });

  it('GPTQ pieces are one logical weight', async () => {
    const view = await open('gptq/model.safetensors');
    const row = view.locator('[role="row"][data-tensor="model.layers.0.q_proj.weight"]');
    await row.waitFor();
    expect(await row.locator('[data-column="shape"]').innerText()).toContain('64 × 128');
    expect(await view.locator('[data-testid="strip"]').innerText()).toMatch(/GPTQ/i);
    await row.click();
    await view.locator('[data-testid="pieces"]').waitFor();
    await screenshot(page, 'format-gptq');
  });
});

describe('what is wrong is named', () => {
  it.each([
    ['evil.pt', 'posix.system'],
    ['short.safetensors', 'model.norm.weight|lm_head.weight|end|byte'],
    ['half/model.safetensors.index.json', 'model-00002-of-00003.safetensors'],
  ])('%s', async (name, named) => {
    const view = await open(
      name === 'half/model.safetensors.index.json' ? 'half/model-00001-of-00003.safetensors' : name,
    );
    await view.locator('[data-testid="findings-button"]').click();
    const findings = view.locator('[data-testid="findings"]');
    await findings.waitFor();
    expect(await findings.innerText()).toMatch(new RegExp(named));
    await screenshot(page, `finding-${name.replace(/[^a-z]+/g, '-')}`);
  });

  it('NaN and infinity after analysis', async () => {
    const view = await open('bad-values.safetensors');
    await view.locator('[data-testid="analyze-all"]').click();
    await view.locator('[data-testid="findings-button"]').click();
    const findings = view.locator('[data-testid="findings"]');
    await findings.waitFor();
    expect(await findings.innerText()).toMatch(/NaN/);
    await screenshot(page, 'finding-nan');
  });
});
