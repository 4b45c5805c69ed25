/** The bytes of a row under every scheme: the card at the table, and the part of the details. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { executable, pagesForTests } from './testPages';

const down = 'model.layers.0.mlp.down_proj.weight';

describe.skipIf(!executable)('bytes under every scheme', () => {
  const withPage = pagesForTests(async (page) => {
    await page.getByTestId('tensor-table').waitFor();
  });
  const rowOf = (page: Page, name: string) => page.locator(`.row[data-tensor="${name}"]`);
  const schemesIn = (page: Page, place: string) =>
    page
      .locator(`${place} [data-scheme]`)
      .evaluateAll((rows) => rows.map((row) => (row.textContent ?? '').replace(/\s+/g, ' ').trim()));

  it('show where the pointer rests, and go with it or by Escape', async () => {
    await withPage({}, async (page) => {
      const card = page.getByTestId('scheme-bytes-card');
      await rowOf(page, down).locator('[data-column="name"]').hover();
      await card.waitFor();
      expect(await card.locator('h3').innerText()).toBe(down);
      expect(await schemesIn(page, '.scheme-bytes-card')).toHaveLength(3);
      // It can be reached by the pointer itself, as a reader of long tables must.
      await card.hover();
      await page.waitForTimeout(500);
      expect(await card.isVisible()).toBe(true);
      await page.mouse.move(5, 5);
      await card.waitFor({ state: 'hidden' });
      await rowOf(page, down).locator('[data-column="bytes"]').hover();
      await card.waitFor();
      await page.keyboard.press('Escape');
      await card.waitFor({ state: 'hidden' });
    });
  });

  it('lie within the window at any width', async () => {
    await withPage({ width: 600, height: 500 }, async (page) => {
      const rows = page.locator('.row:not([hidden])');
      await rows.nth(10).locator('[data-column="bytes"]').hover();
      const card = page.getByTestId('scheme-bytes-card');
      await card.waitFor();
      const box = (await card.boundingBox())!;
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(600);
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.y + box.height).toBeLessThanOrEqual(500);
    });
  });

  it('come at a key, and are said', async () => {
    await withPage({}, async (page) => {
      await rowOf(page, down).click();
      await page.getByTestId('tensor-table').focus();
      await page.keyboard.press('b');
      const card = page.getByTestId('scheme-bytes-card');
      await card.waitFor();
      const said = page.locator('[aria-live]').filter({ hasText: 'The details list every scheme' });
      await expect.poll(() => said.count()).toBe(1);
      await page.keyboard.press('ArrowUp');
      await card.waitFor({ state: 'hidden' });
      // Not typed into the filter.
      expect(await page.getByTestId('filter').evaluate((field) => (field as HTMLInputElement).value)).toBe(
        '',
      );
    });
  });

  it('stay open in the details from one row to the next, modules too', async () => {
    await withPage({}, async (page) => {
      await rowOf(page, down).click();
      await page.getByTestId('scheme-bytes-section').locator('summary').click();
      await page.getByTestId('scheme-bytes').first().waitFor();
      const ofTensor = await schemesIn(page, '.scheme-bytes');
      await page.locator('.row.group').first().click();
      await expect.poll(() => schemesIn(page, '.scheme-bytes')).not.toEqual(ofTensor);
      expect(await schemesIn(page, '.scheme-bytes')).toHaveLength(3);
      await rowOf(page, 'model.embed_tokens.weight').click();
      await expect
        .poll(() => schemesIn(page, '.scheme-bytes'))
        .toContainEqual(expect.stringContaining('kept'));
    });
  });
});
