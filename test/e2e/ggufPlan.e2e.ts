/** What the dialog of GGUF types tells before anything is written, on the packed extension in a real VS Code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../src/formats/open';
import { denseCover, denseModel, newMatrix, oldMatrix } from '../unit/engine/gguf/ggufModels';
import { useVscode } from './fixtures/useVscode';
import {
  openFile,
  pick,
  pressButton,
  quickInput,
  quickRows,
  runCommand,
  screenshot,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

/** Bytes of all tensors of a file. */
async function readTensorBytes(file: string): Promise<number> {
  const { tensors } = await openCheckpoint(file);
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0);
}

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
  await quickRows(page).filter({ hasText: 'now' }).and(page.locator('.focused')).waitFor();
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

it('compares the types of a GGUF model tensor by tensor, and writes a GGUF file from the recipe that follows', async () => {
  const page = await vscode.open();
  await openFile(page, 'small.F16.gguf');
  const view = webviewFrame(page);
  await view.getByTestId('tab-sensitivity').click();
  await view.getByTestId('compare').click();
  await view.getByText('All figures are exact.').waitFor();
  await view.getByTestId('recipe-base').selectOption('q4_k none');
  await view.locator('[data-testid="recipe-figures"][data-plan="known"]').waitFor();
  const bytes = Number(await view.getByTestId('recipe-size').getAttribute('data-bytes'));
  await screenshot(page, 'gguf-sensitivity-dark');
  await pressButton(view.getByTestId('quantize-recipe'));
  const dialog = page.getByRole('dialog').filter({ hasText: 'Quantize with the recipe' });
  await dialog.getByText('a new file beside the model').waitFor();
  await pressButton(dialog.getByRole('button', { name: 'Quantize' }));
  await tab(page, 'small.q4_k.gguf').waitFor();
  const written = await readTensorBytes(vscode.inWorkspace('small.q4_k.gguf'));
  expect(written).toBe(bytes);
  await page.close();
});

it('shows an importance matrix of either form as a map and a table', async () => {
  writeFileSync(vscode.inWorkspace('calibration-imatrix.gguf'), newMatrix(denseCover));
  writeFileSync(vscode.inWorkspace('calibration-imatrix.dat'), oldMatrix(denseCover));
  const page = await vscode.open();
  for (const name of ['calibration-imatrix.gguf', 'calibration-imatrix.dat']) {
    await openFile(page, name);
    const view = webviewFrame(page);
    await view.getByText('How strong the inputs of 8 weights were, over 37 chunks of a text.raw').waitFor();
    await view.getByTestId('figure-map').focus();
    await page.keyboard.press('t');
    const row = view.locator('[role="row"][data-tensor="blk.1.attn_q.weight"]');
    // llama-imatrix's figures of the same numbers; see importanceStatistics.test.ts.
    await row.getByText('86.2 %').waitFor();
    await row.getByText('0.4083').waitFor();
    await screenshot(page, `${name.replace('.', '-')}-dark`);
  }
  await page.close();
});

it('is offered on the folder of a Hugging Face model, and on no other folder', async () => {
  mkdirSync(vscode.inWorkspace('plain'));
  const page = await vscode.open();
  const folder = (name: string) =>
    page.locator('.explorer-folders-view .monaco-list-row').filter({ hasText: name }).first();
  const menu = page.locator('.monaco-menu');
  const offer = menu.getByText('Convert to GGUF...');
  const openMenu = async (name: string) => {
    await folder(name).click({ button: 'right' });
    await menu.getByText('New File...').waitFor();
  };
  const closeMenu = async () => {
    await page.keyboard.press('Escape');
    await menu.waitFor({ state: 'detached' });
  };
  // A menu that is open does not change: the folders are known once the extension has looked for them.
  for (let attempt = 0; attempt < 60; attempt++) {
    await openMenu('demo-llama-3m-sharded');
    if ((await offer.count()) > 0) break;
    await closeMenu();
    await page.waitForTimeout(500);
  }
  await closeMenu();
  await openMenu('plain');
  expect(await offer.count()).toBe(0);
  await closeMenu();
  await openMenu('demo-llama-3m-sharded');
  await offer.waitFor();
  await screenshot(page, 'gguf-folder-menu-dark');
  await menu.getByText('Quantize to GGUF...').click();
  // Two keys from here: the usual type is the one that the list begins with, and the target is the first line.
  await quickRows(page).filter({ hasText: 'The usual choice' }).and(page.locator('.focused')).waitFor();
  await screenshot(page, 'gguf-folder-types-dark');
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: 'demo-llama-3m-sharded-Q4_K_M.gguf' }).first().waitFor();
  await page.keyboard.press('Enter');
  await tab(page, 'demo-llama-3m-sharded-Q4_K_M.gguf').waitFor();
  await page.close();
});
