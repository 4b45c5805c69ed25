/** The dialog's further options and the size of files, down to what is written, and the report's map by divergence. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { useVscode } from './fixtures/useVscode';
import {
  notifications,
  openFile,
  pick,
  pressButton,
  quickInput,
  quickRows,
  runCommand,
  screenshot,
  webviewFrame,
} from './fixtures/vscodeHost';

const vscode = useVscode();

it('takes options and a size of files, and shows the divergence of each tensor', async () => {
  const page = await vscode.open();
  await openFile(page, 'demo-llama-3m/model.safetensors');
  await webviewFrame(page).locator('[data-testid="strip"]').waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  await pick(page, /^INT4 zero-point/);
  await pick(page, 'More options...');
  await pick(page, /^Scale/);
  await quickRows(page).filter({ hasText: 'Half-quadratic' }).waitFor();
  await screenshot(page, 'quantize-option-scale-dark');
  await pick(page, 'Of least squared error');
  await pick(page, 'Prune first');
  await pick(page, 'The smallest weights');
  const input = quickInput(page).locator('input').first();
  await quickInput(page).getByText('Share that becomes 0').waitFor();
  await input.fill('130%');
  await quickInput(page).getByText('Type a share of 0 to 1').waitFor();
  await input.fill('30%');
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: 'magnitude, 30 %' }).waitFor();
  await screenshot(page, 'quantize-options-dark');
  await pick(page, 'Done');
  await quickRows(page).filter({ hasText: 'Scale: of least squared error' }).waitFor();
  await screenshot(page, 'quantize-granularity-dark');
  await pick(page, /Per block of 64/);
  await pick(page, /^CPU/);
  await pick(page, 'Files as the model has them');
  await quickRows(page).filter({ hasText: 'At most 5 GB' }).waitFor();
  await screenshot(page, 'quantize-file-sizes-dark');
  await pick(page, 'Another size...');
  await quickInput(page).getByText('Largest size of a file: GB').waitFor();
  await input.fill('500KB');
  await quickInput(page).getByText('Files have at least 1 MB.').waitFor();
  await input.fill('1MB');
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: 'Files of 1 MB at most' }).waitFor();
  await screenshot(page, 'quantize-target-dark');
  await pick(page, 'demo-llama-3m-INT4-zeropoint-block64-mse-pruned-magnitude-0.3');

  const out = vscode.inWorkspace('demo-llama-3m-INT4-zeropoint-block64-mse-pruned-magnitude-0.3');
  const show = notifications(page).getByRole('button', { name: 'Show Error Report' });
  await show.waitFor();
  expect(existsSync(out)).toBe(true);
  const shards = readdirSync(out).filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name));
  expect(shards.length).toBeGreaterThan(1);
  const { quantization_config } = JSON.parse(readFileSync(`${out}/config.json`, 'utf8'));
  expect(quantization_config.config_groups.group_0.weights).toMatchObject({ num_bits: 4, group_size: 64 });

  await pressButton(show);
  const report = webviewFrame(page);
  await report.locator('[data-testid="error-map"]').waitFor();
  await report.getByTestId('metric').click();
  await report.getByTestId('metric').locator('li.option', { hasText: 'KL' }).click();
  const cells = report.locator('[role=gridcell][data-value]');
  await expect
    .poll(async () => {
      const values = await cells.evaluateAll((all) =>
        all.map((each) => Number((each as HTMLElement).dataset.value)),
      );
      return values.length > 0 && values.every((value) => value > 0);
    })
    .toBe(true);
  await screenshot(page, 'report-divergence-dark');
  await page.close();
});

it('prunes attention heads of the size that the model tells, before it quantizes', async () => {
  const page = await vscode.open();
  await openFile(page, 'demo-llama-3m/model.safetensors');
  await webviewFrame(page).locator('[data-testid="strip"]').waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  await pick(page, /^INT8 absmax/);
  await pick(page, 'More options...');
  await pick(page, 'Prune first');
  await quickRows(page).filter({ hasText: 'Whole attention heads' }).waitFor();
  await screenshot(page, 'quantize-option-prune-dark');
  await pick(page, 'Whole attention heads');
  await quickInput(page).getByText('Share that becomes 0').waitFor();
  await quickInput(page).locator('input').first().fill('25%');
  await page.keyboard.press('Enter');
  await quickRows(page)
    .filter({ hasText: /Rows of a head.*32/ })
    .waitFor();
  await screenshot(page, 'quantize-option-heads-dark');
  await pick(page, 'Done');
  await pick(page, /^Per row/);
  await pick(page, /^CPU/);
  await pick(page, 'demo-llama-3m-INT8-absmax-row-pruned-heads-0.25');
  const show = notifications(page).getByRole('button', { name: 'Show Error Report' });
  await show.waitFor();
  await pressButton(show);
  const report = webviewFrame(page);
  await report.locator('[data-testid="error-map"] [data-value]').first().waitFor();
  await screenshot(page, 'report-heads-dark');
  const sqnrOf = async (part: string) =>
    Number(
      await report
        .locator(`[data-testid="error-map"] [data-tensor="model.layers.0.${part}.weight"]`)
        .getAttribute('data-value'),
    );
  // A quarter of the heads is gone, which what has no heads does not feel.
  expect(await sqnrOf('self_attn.q_proj')).toBeLessThan(20);
  expect(await sqnrOf('mlp.up_proj')).toBeGreaterThan(30);
  await page.close();
});
