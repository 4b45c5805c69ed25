/**
 * Preview, then decide, on the packed extension in a real VS Code: the map of schemes, a cell's pictures, a recipe with
 * its exact size, the recipe as a file, the quantization, its report beside another scheme, and the two files compared.
 * Figures are compared with the plain formulas and with the bytes that were written.
 */
import { readFileSync } from 'node:fs';
import type { FrameLocator, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { plainInt8, plainValues, readPlainSafetensors } from '../fixtures/plainSafetensors';
import { selectCell } from './fixtures/sensitivityMap';
import { useVscode } from './fixtures/useVscode';
import {
  answerFileDialog,
  openFile,
  pick,
  pressButton,
  quickInput,
  runCommand,
  screenshot,
  setTheme,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const vscode = useVscode();
const model = vscode.inWorkspace('demo-llama-3m/model.safetensors');
const down = 'model.layers.1.mlp.down_proj.weight';
const up = 'model.layers.1.mlp.up_proj.weight';

/** SQNR of a tensor as INT8 absmax per row, by the formula. */
function plainSqnr(name: string): number {
  const tensor = readPlainSafetensors(model).get(name)!;
  const [rows, columns] = tensor.shape as [number, number];
  return plainInt8(plainValues(tensor), rows, columns, 'int8-absmax', 'row').sqnr;
}

/** Bytes of all tensors of a file, from its header. */
function tensorBytes(file: string): number {
  return [...readPlainSafetensors(file).values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
}

const numberOf = async (view: FrameLocator, id: string, attribute: string) =>
  Number(await view.getByTestId(id).getAttribute(attribute));

/** Waits until the recipe's sizes are the engine's. */
const planned = (view: FrameLocator) =>
  view.locator('[data-testid="recipe-figures"][data-plan="known"]').waitFor();

async function figure(view: FrameLocator, name: string): Promise<number> {
  const entry = view.locator(`[data-testid="figure-table"] [data-figure="${name}"][data-value]`);
  await entry.waitFor();
  return Number(await entry.getAttribute('data-value'));
}

/** Types over the first place of a text in the editor that has the focus. */
async function retype(page: Page, text: string, by: string): Promise<void> {
  await page.keyboard.press('Control+f');
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await page.keyboard.type(by);
}

it('leads from the map over a recipe to the written file and its error', async () => {
  const page = await vscode.open();
  await openFile(page, 'demo-llama-3m/model.safetensors');
  const view = webviewFrame(page);
  await view.getByTestId('tab-sensitivity').click();
  await view.getByTestId('compare').click();
  // Larger tensors were sampled; then everything is read.
  await view.getByTestId('exact-all').click();
  await view.getByText('All figures are exact.').waitFor();
  const value = await selectCell(page, view, down, 'int8-absmax row');
  expect(Math.abs(value - plainSqnr(down))).toBeLessThan(1e-9);
  await view.getByTestId('scheme-range').waitFor();
  expect(await view.getByTestId('scheme-range').innerText()).toMatch(
    /97 % of the cells: [\d.]+ % of the values/,
  );
  await screenshot(page, 'sensitivity-dark');

  // NF4 and INT8 have no layout in common: it is said before anything is asked.
  await view.getByTestId('recipe-base').selectOption('nf4 block 64');
  await planned(view);
  const before = await numberOf(view, 'recipe-size', 'data-bytes');
  await view.getByTestId('use-kind').click();
  await view.getByTestId('recipe-refusal').waitFor();
  await screenshot(page, 'sensitivity-refused');
  expect(await view.getByTestId('quantize-recipe').getAttribute('disabled')).not.toBeNull();
  await view.getByTestId('recipe-base').selectOption('int4-absmax block 32');
  await view.getByTestId('recipe-refusal').waitFor({ state: 'detached' });
  await planned(view);
  const bytes = await numberOf(view, 'recipe-size', 'data-bytes');
  expect(bytes).toBeGreaterThan(before);
  const bits = await numberOf(view, 'recipe-bits', 'data-value');
  const sqnr = await numberOf(view, 'recipe-sqnr', 'data-value');

  const recipeFile = vscode.inWorkspace('mine.loupe.json');
  await pressButton(view.getByTestId('save-recipe'));
  await answerFileDialog(page, recipeFile, /\.loupe\.json$/);
  await tab(page, 'mine.loupe.json').waitFor();
  const recipe = JSON.parse(readFileSync(recipeFile, 'utf8'));
  expect(recipe.default).toEqual({ scheme: 'int4-absmax', granularity: 'block', blockSize: 32 });
  expect(recipe.rules).toEqual([
    expect.objectContaining({
      match: 'model.layers.*.mlp.down_proj.weight',
      choice: { scheme: 'int8-absmax', granularity: 'row' },
    }),
  ]);
  const lenses = page.locator('.codelens-decoration');
  await lenses.getByText(`${bits.toFixed(2)} bits per weight`).waitFor();

  // A pattern that matches nothing is a warning at its line.
  await retype(page, 'down_proj', 'sideways');
  await page.locator('.squiggly-warning').first().waitFor();
  await page.keyboard.press('F8');
  await page.getByText('No tensor of demo-llama-3m has a name like this.').first().waitFor();
  await screenshot(page, 'sensitivity-recipe');
  await page.keyboard.press('Escape');
  await retype(page, 'sideways', 'down_proj');
  await page.locator('.squiggly-warning').first().waitFor({ state: 'detached' });

  // The page's own button leads to the written file.
  await tab(page, 'model.safetensors').click();
  await view.getByTestId('recipe-figures').waitFor();
  await pressButton(view.getByTestId('quantize-recipe'));
  const dialog = page.locator('.monaco-dialog-box');
  await pressButton(dialog.getByRole('button', { name: 'Quantize', exact: true }));
  await expect.poll(() => tab(page, 'model.safetensors').count(), { timeout: 60_000 }).toBe(2);
  const output = vscode.inWorkspace('demo-llama-3m-int4-absmax-block-32-mixed/model.safetensors');
  expect(tensorBytes(output)).toBe(bytes);

  await runCommand(page, 'Tensor Loupe: Show Error Report');
  const report = webviewFrame(page);
  await report.locator(`[data-testid="error-map"] [data-tensor="${up}"]`).click();
  await report.getByTestId('compare').click();
  await pick(page, 'INT8 absmax per row', 'INT8 absmax per row');
  await report.getByTestId('figure-table').waitFor();
  expect(Math.abs((await figure(report, 'sqnr-2')) - plainSqnr(up))).toBeLessThan(1e-9);
  expect(await figure(report, 'sqnr')).toBeLessThan(await figure(report, 'sqnr-2'));
  await report.locator('[data-testid="pictures"][data-sides="2"][data-busy="false"]').waitFor();
  await screenshot(page, 'report-two-schemes');
  for (let step = 0; step < 12; step++) await report.getByTestId('pictures').press('+');
  await report.locator('[data-testid="pictures"][data-busy="false"]').waitFor();
  await page.waitForTimeout(500);
  await screenshot(page, 'report-two-schemes-near');
  expect(sqnr).toBeGreaterThan(await figure(report, 'sqnr'));
  await setTheme(page, 'light');
  await screenshot(page, 'report-two-schemes-light');
  await setTheme(page, 'highContrast');
  await screenshot(page, 'report-two-schemes-contrast');

  await tab(page, 'model.safetensors').first().click();
  await view.getByTestId('scheme-range').waitFor();
  await screenshot(page, 'sensitivity-contrast');
  await view.getByTestId('open-errors').click();
  await tab(page, 'Error: demo-llama-3m · INT8 absmax per row').waitFor();
  const single = webviewFrame(page).locator(`[data-testid="error-map"] [data-tensor="${down}"]`);
  expect(Number(await single.getAttribute('data-value'))).toBe(value);

  await tab(page, 'model.safetensors').first().click();
  await view.getByTestId('sensitivity-tab').waitFor();
  await runCommand(page, 'Tensor Loupe: Compare With...');
  await quickInput(page).getByText('Compare with').waitFor();
  await answerFileDialog(page, output, /\//);
  await tab(page, 'Compare:').waitFor();
  const compared = webviewFrame(page).locator(`[data-testid="error-map"] [data-tensor="${down}"]`);
  expect(Number(await compared.getAttribute('data-value'))).toBe(value);
  await screenshot(page, 'compare-contrast');
  await page.close();
});
