/** The histogram of a tensor in a real browser: bins by key and pointer, zoom, sigmas, overlay. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { madeUpModel } from '../../webview-ui/dev/models/madeUpModel';
import { repositoryRoot } from './checkpointHarness';
import { executable, pagesForTests } from './testPages';

/** Pictures of what was tested, to be looked at. */
const pictures = path.join(repositoryRoot, 'test-results/histogram');

/** The one tensor of the made-up model with outlier columns. */
const down = 'model.layers.1.mlp.down_proj.weight';

describe.skipIf(!executable)('the histogram', () => {
  beforeAll(() => {
    mkdirSync(pictures, { recursive: true });
  });
  const withHistogram = pagesForTests(async (page) => {
    await page.getByTestId('tensor-table').locator('.row').first().waitFor();
    await page.locator(`[data-tensor="${down}"].row`).click();
    await page.getByTestId('histogram-plot').waitFor();
    await page.waitForTimeout(150);
  });

  const model = madeUpModel(12);
  const values = model.values(model.catalogue.tensors.names.indexOf(down))!;
  const readout = (page: Page) => page.getByTestId('histogram-readout').innerText();
  const plot = (page: Page) => page.getByTestId('histogram-plot');

  it('reads bins by key and pointer, on both axes, and as a table', async () => {
    await withHistogram({}, async (page) => {
      const min = values.reduce((a, b) => Math.min(a, b));
      const width = (values.reduce((a, b) => Math.max(a, b)) - min) / 128;
      const first = values.filter((value) => value < min + width).length;
      await plot(page).focus();
      await page.keyboard.press('Home');
      expect(await readout(page)).toContain(`${first} value`);
      expect(await page.getByTestId('live').innerText()).toContain(`${first} value`);
      await page.keyboard.press('l');
      expect(await page.getByTestId('histogram-log').getAttribute('aria-pressed')).toBe('false');
      await page.keyboard.press('n');
      expect(await page.getByTestId('histogram-normal').getAttribute('aria-pressed')).toBe('false');
      await page.keyboard.press('t');
      const rows = page.getByTestId('histogram-table').locator('tbody tr');
      const shown = await rows.locator('td:nth-child(3)').allInnerTexts();
      const total = shown.reduce((sum, text) => sum + Number(text.replace(/\D/g, '')), 0);
      expect(total).toBe(values.length);
      const box = (await plot(page).boundingBox())!;
      await page.mouse.move(box.x + box.width / 2, box.y + 60);
      await expect.poll(() => readout(page)).toMatch(/ to .+ value/);
    });
  });

  it('zooms by drag, wheel and key with fine bins, and back', async () => {
    await withHistogram({}, async (page) => {
      const box = (await plot(page).boundingBox())!;
      const [left, right] = [box.x + box.width * 0.5, box.x + box.width * 0.62];
      await page.mouse.move(left, box.y + 60);
      await page.mouse.down();
      await page.mouse.move(right, box.y + 60, { steps: 4 });
      await page.mouse.up();
      await page.getByTestId('histogram-reset').waitFor();
      await page.mouse.move(box.x + box.width / 2, box.y - 60);
      await expect.poll(() => readout(page)).toMatch(/^\S+ to \S+: [\d,]+ values$/);
      const [, from, to, inside] = /^(\S+) to (\S+): ([\d,]+)/.exec(
        (await readout(page)).replaceAll('−', '-'),
      )!;
      // The ends are told with three digits: values near them may fall on either side.
      const slack = (Number(to) - Number(from)) * 0.02;
      const within = (more: number) =>
        values.filter((value) => value >= Number(from) - more && value <= Number(to) + more).length;
      expect(Number(inside!.replace(',', ''))).toBeGreaterThanOrEqual(within(-slack));
      expect(Number(inside!.replace(',', ''))).toBeLessThanOrEqual(within(slack));
      await page.getByTestId('histogram-reset').click();
      await page.getByTestId('histogram-reset').waitFor({ state: 'detached' });
      await plot(page).focus();
      await page.keyboard.press('+');
      await page.getByTestId('histogram-reset').waitFor();
      await page.keyboard.press('PageDown');
      await page.keyboard.press('Escape');
      await page.getByTestId('histogram-reset').waitFor({ state: 'detached' });
      await page.mouse.move(box.x + box.width / 2, box.y + 60);
      await page.mouse.wheel(0, -240);
      await page.getByTestId('histogram-reset').waitFor();
      await plot(page).dblclick({ position: { x: 100, y: 50 } });
      await page.getByTestId('histogram-reset').waitFor({ state: 'detached' });
    });
  });

  it('counts beyond any sigma, and lays another tensor over it', async () => {
    await withHistogram({ query: 'pick=lm_head.weight' }, async (page) => {
      const mean = values.reduce((a, b) => a + b) / values.length;
      const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      await page.getByTestId('sigmas').fill('4.5');
      await page.getByTestId('sigmas').press('Enter');
      const expected = values.filter((value) => Math.abs(value - mean) > 4.5 * std).length;
      await expect
        .poll(() =>
          page
            .getByTestId('beyond')
            .getAttribute('data-value')
            .catch(() => ''),
        )
        .toBe(String(expected));
      await page.getByTestId('histogram-compare').click();
      await page.getByTestId('histogram-overlay').waitFor();
      expect(await page.getByTestId('histogram-overlay').innerText()).toContain('lm_head.weight');
      expect(await page.getByTestId('live').innerText()).toContain('lm_head.weight is laid over');
      await page.waitForTimeout(200);
      await page.screenshot({ path: path.join(pictures, 'overlay.png') });
      await page.getByTestId('histogram-overlay').getByRole('button').click();
      await page.getByTestId('histogram-overlay').waitFor({ state: 'detached' });
    });
  });
});
