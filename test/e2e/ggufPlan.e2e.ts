/** What the dialog of GGUF types tells before anything is written, on the packed extension in a real VS Code. */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { denseModel } from '../unit/engine/ggufModels';
import { useVscode } from './fixtures/useVscode';
import {
  openFile,
  pick,
  quickInput,
  quickRows,
  runCommand,
  screenshot,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const vscode = useVscode({ settings: { 'tensorLoupe.backend': 'cpu' } });
writeFileSync(vscode.inWorkspace('small.F16.gguf'), denseModel());

it('shows the mean error of each type, and leaves the line alone that somebody has moved to', async () => {
  const page = await vscode.open();
  await openFile(page, 'small.F16.gguf');
  await webviewFrame(page).locator('[data-testid="dtypes"]').first().waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  const row = (name: string) => quickRows(page).filter({ hasText: new RegExp(`^${name}`) });
  const focused = page.locator('.quick-input-widget .monaco-list-row.focused');
  await row('Q4_K_M').and(page.locator('.focused')).waitFor();
  await page.keyboard.press('ArrowUp');
  await row('Q5_K_S').and(page.locator('.focused')).waitFor();
  for (const name of ['Q8_0', 'Q6_K', 'Q5_K_M', 'Q4_K_M'])
    await row(name)
      .filter({ hasText: / % \(\d+\.\d dB\)/ })
      .first()
      .waitFor();
  expect(await focused.innerText()).toContain('Q5_K_S');
  await screenshot(page, 'gguf-errors-dark');
  await page.keyboard.press('Escape');
  await page.close();
});

it('lets one change the type of a tensor, and of all that a pattern matches, before the file is written', async () => {
  const page = await vscode.open();
  await openFile(page, 'small.F16.gguf');
  await webviewFrame(page).locator('[data-testid="dtypes"]').first().waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  await quickRows(page).filter({ hasText: 'bits per weight' }).first().waitFor();
  await pick(page, /^Q4_K_M/);
  await pick(page, 'Show what each tensor becomes');
  await quickRows(page).filter({ hasText: 'Use this plan' }).filter({ hasText: 'error' }).waitFor();
  await screenshot(page, 'gguf-plan-dark');

  await pick(page, 'blk.1.attn_output.weight', 'attn_output');
  await quickRows(page)
    .filter({ hasText: /^Q8_0.*error/ })
    .waitFor();
  await screenshot(page, 'gguf-plan-types-dark');
  await pick(page, /^Q8_0/);
  const changed = quickRows(page)
    .filter({ hasText: 'blk.1.attn_output.weight' })
    .filter({ hasText: 'F16 → Q8_0' });
  await changed.waitFor();
  await screenshot(page, 'gguf-plan-changed-dark');

  await pick(page, 'Change tensors by a pattern');
  await quickInput(page).getByText('a glob such as', { exact: false }).waitFor();
  const input = quickInput(page).locator('input').first();
  await input.fill('/nothing/');
  await quickInput(page).getByText('No tensor has such a name yet.').waitFor();
  await input.fill('blk.*.ffn_*.weight');
  await quickInput(page)
    .getByText(/Matches blk\.0\.ffn_\w+\.weight and 5 more\./)
    .waitFor();
  await screenshot(page, 'gguf-plan-pattern-dark');
  await page.keyboard.press('Enter');
  await pick(page, /^Q5_0/);
  await quickRows(page).filter({ hasText: '7 changed by you' }).waitFor();
  await quickRows(page).filter({ hasText: 'Use this plan' }).and(page.locator('.focused')).waitFor();
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: '2 changes by you' }).waitFor();
  await page.keyboard.press('Enter');

  await tab(page, 'small.Q4_K_M.gguf').waitFor();
  const view = webviewFrame(page);
  const typeOf = (name: string) => view.locator(`[role="row"][data-tensor="${name}"]`);
  await typeOf('blk.1.attn_output.weight').filter({ hasText: 'Q8_0' }).waitFor();
  await typeOf('blk.0.attn_output.weight').filter({ hasText: 'Q4_K' }).waitFor();
  for (const name of ['ffn_down', 'ffn_gate', 'ffn_up'])
    await typeOf(`blk.1.${name}.weight`).filter({ hasText: 'Q5_0' }).waitFor();
  await screenshot(page, 'gguf-plan-written-dark');
  await page.close();
});
