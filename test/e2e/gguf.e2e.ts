/** GGUF models, and those that become one, on the packed extension in a real VS Code: its types with sizes, the plan, writing, the result, and its errors. */
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { denseModel } from '../unit/engine/gguf/ggufModels';
import { useVscode } from './fixtures/useVscode';
import {
  notifications,
  openFile,
  pick,
  quickInput,
  quickRows,
  runCommand,
  screenshot,
  setTheme,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const vscode = useVscode({
  prepare: () => {
    writeFileSync(vscode.inWorkspace('small.F16.gguf'), denseModel());
    const demo = path.resolve(import.meta.dirname, '../../examples/demo-llama-3m');
    cpSync(demo, vscode.inWorkspace('converted'), { recursive: true });
    copyFileSync(path.join(demo, 'model.safetensors'), vscode.inWorkspace('alone.safetensors'));
  },
  settings: { 'tensorLoupe.backend': 'cpu' },
});

it('becomes a smaller one in a few keystrokes, as llama-quantize would write it', async () => {
  const page = await vscode.open();
  await openFile(page, 'small.F16.gguf');
  await webviewFrame(page).locator('[role="grid"], [data-testid="dtypes"]').first().waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  await quickRows(page)
    .filter({ hasText: 'Q4_K_M' })
    .filter({ hasText: 'bits per weight' })
    .first()
    .waitFor();
  await screenshot(page, 'gguf-types-dark');
  await pick(page, /^Q4_K_M/);
  await quickRows(page).filter({ hasText: 'small.Q4_K_M.gguf' }).first().waitFor();
  await screenshot(page, 'gguf-target-dark');
  await pick(page, /Show what each tensor becomes/);
  await quickRows(page).filter({ hasText: 'blk.0.attn_v.weight' }).first().waitFor();
  await screenshot(page, 'gguf-plan-dark');
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: 'small.Q4_K_M.gguf' }).first().waitFor();
  expect(await quickInput(page).isVisible()).toBe(true);
  await page.keyboard.press('Enter');

  const show = notifications(page).getByRole('button', { name: 'Show Error Report' });
  await show.waitFor();
  const written = readFileSync(vscode.inWorkspace('small.Q4_K_M.gguf'));
  // What llama-quantize makes of the same model; see ggufQuantize.test.ts.
  expect(createHash('sha256').update(written).digest('hex')).toBe(
    '4ce647c6503885919e9a61cdcfc7555c048a98d143da1233a8c79a3f72c9af17',
  );
  expect(await tab(page, 'small.Q4_K_M.gguf').count()).toBe(1);
  await screenshot(page, 'gguf-result-dark');
  await show.click();
  await webviewFrame(page).locator('[data-testid="error-map"] [data-value]').first().waitFor();
  await screenshot(page, 'gguf-report-dark');
  await page.close();
});

it('comes from a Hugging Face folder by typing a type and Enter twice, with the tensors that llama.cpp reads', async () => {
  const page = await vscode.open();
  await openFile(page, 'converted/model.safetensors');
  await webviewFrame(page).locator('[role="grid"], [data-testid="dtypes"]').first().waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  await quickRows(page).filter({ hasText: 'INT8 absmax' }).first().waitFor();
  await quickInput(page).locator('input').first().fill('gguf');
  await quickRows(page).filter({ hasText: 'GGUF: Nearly lossless' }).waitFor();
  await screenshot(page, 'gguf-among-schemes-dark');
  await quickInput(page).locator('input').first().fill('q4_k_m');
  const found = quickRows(page).filter({ hasText: 'The usual choice' });
  await found.and(page.locator('.focused')).waitFor();
  await found.filter({ hasText: 'bits per weight' }).waitFor();
  await screenshot(page, 'gguf-from-safetensors-dark');
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: 'converted-Q4_K_M.gguf' }).first().waitFor();
  await screenshot(page, 'gguf-from-safetensors-target-dark');
  await page.keyboard.press('Enter');

  await tab(page, 'converted-Q4_K_M.gguf').waitFor();
  const written = readFileSync(vscode.inWorkspace('converted-Q4_K_M.gguf'));
  expect(written.toString('latin1', 0, 4)).toBe('GGUF');
  const view = webviewFrame(page);
  await view.locator('[role="row"][data-tensor="blk.0.attn_v.weight"]').waitFor();
  // Half of attn_v and ffn_down are in Q6_K, vectors in F32.
  for (const type of ['Q4_K', 'Q6_K', 'F32'])
    await view.locator('[data-testid="dtypes"]', { hasText: type }).waitFor();
  await screenshot(page, 'gguf-from-safetensors-result-dark');

  await openFile(page, 'alone.safetensors');
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  await quickRows(page).filter({ hasText: 'INT8 absmax' }).first().waitFor();
  await quickInput(page).locator('input').first().fill('q4_k_m');
  await quickRows(page).filter({ hasText: 'There is no config.json beside the weights' }).waitFor();
  expect(await quickRows(page).filter({ hasText: 'The usual choice' }).count()).toBe(0);
  await screenshot(page, 'gguf-refused-dark');
  await page.keyboard.press('Escape');

  await openFile(page, 'converted/model.safetensors');
  await runCommand(page, 'Tensor Loupe: Convert to GGUF...');
  await quickRows(page).filter({ hasText: 'bits per weight' }).nth(2).waitFor();
  await screenshot(page, 'gguf-convert-dark');
  // The model is in BF16, and so the row that it begins with.
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: 'converted-BF16.gguf' }).first().waitFor();
  await page.keyboard.press('Enter');
  await tab(page, 'converted-BF16.gguf').waitFor();
  await page.close();
});

it('that is quantized already asks first, and nothing is left when one says no', async () => {
  const page = await vscode.open();
  await setTheme(page, 'light');
  const before = readdirSync(vscode.folder);
  await openFile(page, 'small.Q4_K_M.gguf');
  await webviewFrame(page).locator('[data-testid="dtypes"]').first().waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  const dialog = page.getByRole('dialog').filter({ hasText: 'is quantized already' });
  await dialog.waitFor();
  await screenshot(page, 'gguf-again-light');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(existsSync(vscode.inWorkspace('small.Q4_K_M.gguf'))).toBe(true);
  expect(readdirSync(vscode.folder)).toEqual(before);
  await page.close();
});

it('takes changes of its metadata from a list, and a chat template from a text editor', async () => {
  const page = await vscode.open();
  writeFileSync(vscode.inWorkspace('edited.gguf'), denseModel());
  const before = readFileSync(vscode.inWorkspace('edited.gguf'));
  await openFile(page, 'edited.gguf');
  await webviewFrame(page).locator('[data-testid="dtypes"]').first().waitFor();

  await runCommand(page, 'Tensor Loupe: Edit GGUF Metadata...');
  await pick(page, 'llama.context_length');
  await pick(page, 'Change the value');
  const input = quickInput(page).locator('input').first();
  await quickInput(page).getByText('A number (u32)').waitFor();
  await input.fill('-1');
  await quickInput(page).getByText('u32 goes from 0 to 4294967295.').waitFor();
  await screenshot(page, 'gguf-edit-value-dark');
  await input.fill('4096');
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: 'Write the change' }).first().waitFor();
  await screenshot(page, 'gguf-edit-list-dark');
  await pick(page, 'Write the change');
  await notifications(page).filter({ hasText: 'in place' }).first().waitFor();
  const after = readFileSync(vscode.inWorkspace('edited.gguf'));
  expect(after).toHaveLength(before.length);
  expect([...after.keys()].filter((at) => after[at] !== before[at])).toHaveLength(2);

  await runCommand(page, 'Tensor Loupe: Edit Chat Template of GGUF');
  await tab(page, 'tokenizer.chat_template.jinja').waitFor();
  await page.keyboard.type('{{ messages[0].content }}');
  await screenshot(page, 'gguf-edit-template-dark');
  await page.keyboard.press('Control+S');
  await expect
    .poll(() => readFileSync(vscode.inWorkspace('edited.gguf')).includes('{{ messages[0].content }}'), {
      timeout: 30_000,
    })
    .toBe(true);
  // The data moved behind the longer header, and are the same.
  const data = before.subarray(before.length - 900_000);
  expect(readFileSync(vscode.inWorkspace('edited.gguf')).subarray(-900_000).equals(data)).toBe(true);
  await screenshot(page, 'gguf-edit-saved-dark');
  await page.close();
});
