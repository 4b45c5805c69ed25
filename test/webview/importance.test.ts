/** The Importance tab of an importance matrix in a real browser: map, table, keyboard, a failure, themes. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { madeUpImportance } from '../../webview-ui/dev/models/importanceModel';
import { repositoryRoot } from './checkpointHarness';
import { actionsOf, executable, pagesForTests } from './testPages';

/** Pictures of what was tested, to be looked at. */
const pictures = path.join(repositoryRoot, 'test-results/importance');
const query = 'model=importance';
const { weights } = madeUpImportance;

describe.skipIf(!executable)('the Importance tab', () => {
  beforeAll(() => {
    mkdirSync(pictures, { recursive: true });
  });
  const withPage = pagesForTests(async (page) => {
    await page.getByTestId('importance-tab').waitFor();
  });
  const live = (page: Page) => page.getByTestId('live').innerText();
  const shot = (page: Page, name: string) => page.screenshot({ path: path.join(pictures, `${name}.png`) });
  const rows = (page: Page) => page.locator('.importance-row');

  it('is what the file opens with, says where it comes from and what stands out', async () => {
    await withPage({ query }, async (page) => {
      const tabs = await page.getByRole('tab').allInnerTexts();
      expect(tabs.map((tab) => tab.split(/\s/)[0])).toEqual([
        'Importance',
        'Tensors',
        'Outliers',
        'Metadata',
      ]);
      const summary = await page.getByTestId('importance-summary').innerText();
      expect(summary).toContain(
        'How strong the inputs of 56 weights were, over 100 chunks of calibration <b>text</b>.txt.',
      );
      expect(summary).toContain('Most uneven: blk.5.attn_k');
      expect(summary).toContain('In 3 weights some experts were never asked');
      expect(await page.getByTestId('importance-layers').locator('tbody tr').count()).toBe(8);
      await shot(page, 'map-dark');
    });
  });

  it('is driven by the keyboard: cells told with their figure, selection, sums in the viewer', async () => {
    await withPage({ query }, async (page) => {
      await page.getByTestId('figure-map').focus();
      // Below the line of the largest.
      await page.keyboard.press('Control+Home');
      await page.keyboard.press('ArrowDown');
      const cell = page.getByTestId('map-cursor');
      const name = (await cell.getAttribute('data-tensor'))!;
      const weight = weights.find((each) => each.name === name)!;
      expect(Number(await cell.getAttribute('data-value'))).toBe(weight.evenness);
      await page.keyboard.press('Enter');
      await page.locator(`[data-testid="importance-details"][data-weight="${name}"]`).waitFor();
      expect(
        Number(
          await page
            .locator('[data-testid="importance-details"] [data-figure="zd"]')
            .getAttribute('data-value'),
        ),
      ).toBe(weight.zd);
      await shot(page, 'details-dark');
      await page.keyboard.press('Enter');
      await expect
        .poll(async () => JSON.stringify(await actionsOf(page)))
        .toContain(`"tensor":${2 * weights.indexOf(weight)}`);
      await page.getByTestId('importance-figure').selectOption('total');
      expect(await live(page)).toContain('Sum of squares');
      await page.getByTestId('figure-map').focus();
      expect(Number(await cell.getAttribute('data-value'))).toBe(weight.total);
    });
  });

  it('has a table that sorts by every figure, with what a screen reader needs', async () => {
    await withPage({ query, width: 1600 }, async (page) => {
      await page.getByTestId('importance-view').click();
      const names = () => rows(page).evaluateAll((all) => all.map((row) => row.getAttribute('data-tensor')));
      const sorted = (by: (weight: (typeof weights)[number]) => number) =>
        weights.toSorted((one, other) => by(one) - by(other)).map(({ name }) => name);
      expect((await names()).slice(0, 5)).toEqual(sorted(({ evenness }) => evenness).slice(0, 5));
      await page.locator('[data-sort="total"]').click();
      expect((await names()).slice(0, 5)).toEqual(sorted(({ total }) => -total).slice(0, 5));
      expect(await live(page)).toBe('Sorted by Σ(Act²), descending.');
      // The first layer has none before it.
      await page.locator('[data-sort="similarity"]').click();
      expect((await names())[0]).toBe(sorted(({ similarity }) => -(similarity ?? -1))[0]);
      await shot(page, 'table-dark');
      const table = page.getByTestId('importance-table');
      expect(await table.getAttribute('aria-rowcount')).toBe('57');
      await table.focus();
      await page.keyboard.press('ArrowDown');
      expect(await live(page)).toMatch(/^blk\.\d\.\S+, row 1: Entropy, normalized [\d.]+ %, ZD score/);
      await page.keyboard.press('t');
      await page.getByTestId('figure-map').waitFor();
    });
  });

  it('wears every theme, and fits a narrow page', async () => {
    for (const theme of ['light', 'contrast', 'contrastLight'] as const)
      await withPage({ query, theme }, async (page) => {
        await page.getByTestId('figure-map').focus();
        await shot(page, `map-${theme}`);
      });
    await withPage({ query, width: 600, height: 800 }, async (page) => {
      await page.getByTestId('importance-view').click();
      await rows(page).first().waitFor();
      await shot(page, 'narrow-dark');
    });
  });
});
