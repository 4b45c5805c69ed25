/**
 * From an importance matrix to a GGUF file of types that need one, on the packed extension in a real VS Code: the matrix is picked,
 * columns appear, a recipe of IQ types is saved and written, and the errors are those that the map told.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../src/formats/open';
import { fileHash } from '../fixtures/fileHash';
import { denseModel, newMatrix } from '../unit/engine/gguf/ggufModels';
import { selectCell } from './fixtures/sensitivityMap';
import { useVscode } from './fixtures/useVscode';
import {
  answerFileDialog,
  openFile,
  pick,
  pressButton,
  quickInput,
  quickRows,
  runCommand,
  screenshot,
  setTheme,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const vscode = useVscode({ settings: { 'tensorLoupe.backend': 'cpu' } });
const matrix = vscode.inWorkspace('calibration-imatrix.gguf');
const modules = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
// All of the demo model but its embedding and its head, as llama-imatrix makes them.
writeFileSync(
  matrix,
  newMatrix(
    [0, 1, 2, 3].flatMap((block) =>
      modules.map((name) => [`blk.${block}.${name}.weight`, name === 'ffn_down' ? 768 : 256, 1] as const),
    ),
  ),
);
const down = 'model.layers.1.mlp.down_proj.weight';

it('leads from a matrix over its columns and a recipe to a file with the errors that were told', async () => {
  const page = await vscode.open();
  await openFile(page, 'demo-llama-3m/model.safetensors');
  const view = webviewFrame(page);
  await view.getByTestId('tab-sensitivity').click();
  await pressButton(view.getByTestId('choose-matrix'));
  await quickInput(page).getByText('calibration-imatrix.gguf').first().waitFor();
  await screenshot(page, 'matrix-pick-dark');
  await pick(page, 'calibration-imatrix.gguf');
  await view
    .getByTestId('matrix-cover')
    .getByText("GGUF's types are weighed in 28 of 30 matrices, not model.embed_tokens.weight and 1 more.")
    .waitFor();
  await view.getByTestId('compare').click();
  await view.getByTestId('exact-all').click();
  await view.getByText('All figures are exact.').waitFor();
  const value = await selectCell(page, view, down, 'iq2_xxs none');
  await view.getByTestId('cell-weighing').getByText('Weighed by calibration-imatrix.gguf').waitFor();
  await view.getByTestId('scheme-range').waitFor();
  await screenshot(page, 'matrix-dark');
  await setTheme(page, 'light');
  await screenshot(page, 'matrix-light');
  await setTheme(page, 'highContrast');
  await screenshot(page, 'matrix-contrast');

  await pressButton(view.getByTestId('open-errors'));
  await tab(page, 'Error: demo-llama-3m · IQ2_XXS').waitFor();
  const single = webviewFrame(page).locator(`[data-testid="error-map"] [data-tensor="${down}"]`);
  expect(Number(await single.getAttribute('data-value'))).toBe(value);
  await tab(page, 'model.safetensors').first().click();
  await view.getByTestId('sensitivity-tab').waitFor();

  await view.getByTestId('recipe-base').selectOption('iq3_s none');
  await view.getByTestId('use-kind').click();
  await view.locator('[data-testid="recipe-figures"][data-plan="known"]').waitFor();
  await view.getByTestId('recipe-matrix').waitFor();
  const bytes = Number(await view.getByTestId('recipe-size').getAttribute('data-bytes'));
  const recipeFile = vscode.inWorkspace('weighed.loupe.json');
  await pressButton(view.getByTestId('save-recipe'));
  await answerFileDialog(page, recipeFile, /\.loupe\.json$/);
  await tab(page, 'weighed.loupe.json').waitFor();
  expect(JSON.parse(readFileSync(recipeFile, 'utf8')).imatrix).toEqual({
    file: 'calibration-imatrix.gguf',
    sha256: fileHash(matrix),
  });
  await page.locator('.codelens-decoration').getByText('bits per weight').first().waitFor();
  expect(await page.locator('.squiggly-error').count()).toBe(0);
  await screenshot(page, 'matrix-recipe-contrast');
  // The recipe alone leads to the file too: it knows its matrix.
  await runCommand(page, 'Tensor Loupe: Quantize with Recipe...');
  await tab(page, '.gguf').waitFor({ timeout: 60_000 });
  const written = vscode.inWorkspace('demo-llama-3m-iq3_s-mixed.gguf');
  const { tensors, metadata } = await openCheckpoint(written);
  expect(tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)).toBe(bytes);
  expect(tensors.filter(({ dtype }) => dtype === 'IQ2_XXS').map(({ name }) => name)).toEqual(
    [0, 1, 2, 3].map((block) => `blk.${block}.ffn_down.weight`),
  );
  expect(metadata.find(({ key }) => key === 'quantize.imatrix.file')?.value).toBe('calibration-imatrix.gguf');

  await tab(page, 'model.safetensors').first().click();
  await view.getByTestId('sensitivity-tab').waitFor();
  await runCommand(page, 'Tensor Loupe: Compare With...');
  await quickInput(page).getByText('Compare with').waitFor();
  await answerFileDialog(page, written, /\//);
  await tab(page, 'Compare:').waitFor();
  const compared = webviewFrame(page).locator(
    '[data-testid="error-map"] [data-tensor="blk.1.ffn_down.weight"]',
  );
  expect(Number(await compared.getAttribute('data-value'))).toBe(value);

  // Without the matrix its columns go.
  await tab(page, 'model.safetensors').first().click();
  await pressButton(view.getByTestId('drop-matrix'));
  await view.getByTestId('matrix-problem').waitFor();
  await view.getByTestId('exact-all').waitFor();
  await view.locator('[data-testid="recipe-figures"][data-plan="known"]').waitFor();
  expect(await view.getByTestId('recipe-base').inputValue()).toBe('iq3_s none');
  await screenshot(page, 'matrix-dropped-contrast');
  await page.close();
});

it('asks for the matrix where a type of the dialog needs one, and measures the types anew with it', async () => {
  writeFileSync(vscode.inWorkspace('small.F16.gguf'), denseModel());
  writeFileSync(
    vscode.inWorkspace('small-imatrix.gguf'),
    newMatrix(
      [0, 1].flatMap((block) => modules.map((name) => [`blk.${block}.${name}.weight`, 256, 1] as const)),
    ),
  );
  const page = await vscode.open();
  await openFile(page, 'small.F16.gguf');
  await webviewFrame(page).getByTestId('tab-tensors').waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  const row = (name: string) =>
    quickRows(page)
      .filter({ hasText: new RegExp(`^\\s*${name}`) })
      .first();
  await quickInput(page).locator('input').first().fill('IQ2_XXS');
  await row('IQ2_XXS').filter({ hasText: 'needs an importance matrix' }).waitFor();
  await pick(page, /^\s*IQ2_XXS/);
  await row('Weigh by an importance matrix').filter({ hasText: 'IQ2_XXS needs one' }).waitFor();
  await screenshot(page, 'matrix-needed-dark');
  await page.keyboard.press('Enter');
  await pick(page, 'small-imatrix.gguf');
  // Back at the types, which are weighed now.
  await quickInput(page).locator('input').first().fill('IQ2_XXS');
  await row('IQ2_XXS')
    .filter({ hasText: / % \(\d+\.\d dB\)/ })
    .waitFor();
  await screenshot(page, 'matrix-types-dark');
  await pick(page, /^\s*IQ2_XXS/);
  await row('small.IQ2_XXS.gguf').or(row('small-IQ2_XXS.gguf')).waitFor();
  await page.keyboard.press('Enter');
  await tab(page, 'IQ2_XXS.gguf').waitFor();
  await screenshot(page, 'matrix-written-dark');
  await page.close();
});
