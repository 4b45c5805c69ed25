/** Errors that the setting leaves for later: the report says so, measures them when asked, and keeps them. */
import { expect, it } from 'vitest';
import { plainInt8, plainValues, readPlainSafetensors } from '../fixtures/plainSafetensors';
import { useVscode } from './fixtures/useVscode';
import {
  notifications,
  openFile,
  pick,
  pressButton,
  quickRows,
  runCommand,
  screenshot,
  webviewFrame,
} from './fixtures/vscodeHost';

const vscode = useVscode({ settings: { 'tensorLoupe.measureErrors': 'later' } });

it('writes without measuring, and measures from the error report, which keeps the figures', async () => {
  const page = await vscode.open();
  await openFile(page, 'demo-llama-3m/model.safetensors');
  await webviewFrame(page).locator('[data-testid="strip"]').waitFor();
  await runCommand(page, 'Tensor Loupe: Quantize Checkpoint...');
  await pick(page, 'INT8 absmax');
  await pick(page, 'Per row');
  await pick(page, 'CPU kernels');
  const folder = 'demo-llama-3m-INT8-absmax-row';
  await quickRows(page).filter({ hasText: folder }).first().waitFor();
  await pick(page, folder);
  const show = notifications(page).getByRole('button', { name: 'Show Error Report' });
  await show.waitFor();
  expect(await notifications(page).filter({ hasText: 'Errors were not measured' }).count()).toBeGreaterThan(
    0,
  );
  await pressButton(show);

  const report = webviewFrame(page);
  await report.getByTestId('unmeasured').waitFor();
  const cells = report.locator('[data-testid="error-map"] [data-tensor]');
  await cells.first().waitFor();
  expect(await report.locator('[data-testid="error-map"] [data-value]').count()).toBe(0);
  await screenshot(page, 'report-unmeasured-dark');
  await report.getByTestId('measure').click();
  await report.locator('[data-figure="mean-sqnr"]').waitFor();
  expect(await report.getByTestId('unmeasured').count()).toBe(0);
  await screenshot(page, 'report-measured-later-dark');

  const figures = async () =>
    new Map(
      await report
        .locator('[data-testid="error-map"] [data-tensor][data-value]')
        .evaluateAll((all) =>
          all.map(
            (cell) => [cell.getAttribute('data-tensor')!, Number(cell.getAttribute('data-value'))] as const,
          ),
        ),
    );
  const measured = await figures();
  expect(measured.size).toBe(28);
  const source = readPlainSafetensors(vscode.inWorkspace('demo-llama-3m/model.safetensors'));
  for (const [name, sqnr] of measured) {
    const tensor = source.get(name)!;
    const [rows, columns] = tensor.shape as [number, number];
    const own = plainInt8(plainValues(tensor), rows, columns, 'int8-absmax', 'row');
    expect(Math.abs(sqnr - own.sqnr), `${name}: ${sqnr} dB, by the formula ${own.sqnr} dB`).toBeLessThan(
      1e-9,
    );
  }

  // Closed and shown again, it has them still.
  await runCommand(page, 'View: Close Editor');
  await runCommand(page, 'Tensor Loupe: Show Error Report');
  await report.locator('[data-figure="mean-sqnr"]').waitFor();
  expect(await figures()).toEqual(measured);
  await page.close();
});
