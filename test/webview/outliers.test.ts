/** The Outliers tab in a real browser: map, table, keyboard, experts, fallback, themes. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { madeUpModel } from '../../webview-ui/dev/models/madeUpModel';
import { plainStats } from '../../webview-ui/dev/plainStats';
import { repositoryRoot } from './checkpointHarness';
import { actionsOf, executable, pagesForTests } from './testPages';

/** Pictures of what was tested, to be looked at. */
const pictures = path.join(repositoryRoot, 'test-results/outliers');

/** The one tensor of the made-up model with outlier columns. */
const down = 'model.layers.1.mlp.down_proj.weight';

describe.skipIf(!executable)('the Outliers tab', () => {
  beforeAll(() => {
    mkdirSync(pictures, { recursive: true });
  });
  const withPage = pagesForTests(async (page) => {
    await page.getByTestId('tab-outliers').click();
    await page.getByTestId('outliers-tab').waitFor();
  });

  const analyze = async (page: Page) => {
    await page.getByTestId('analyze-all').click();
    await page.getByText('Analyzed', { exact: true }).waitFor();
  };
  const cursor = async (page: Page) => {
    const cell = page.getByTestId('map-cursor');
    return {
      tensor: await cell.getAttribute('data-tensor'),
      value: Number(await cell.getAttribute('data-value')),
      text: await cell.textContent(),
    };
  };
  const live = (page: Page) => page.getByTestId('live').innerText();
  const selected = (page: Page) => page.getByTestId('details').getAttribute('data-selected');
  const shot = (page: Page, name: string) => page.screenshot({ path: path.join(pictures, `${name}.png`) });

  it('says what is not analyzed, analyzes with progress, cancels, and sums up what stands out', async () => {
    await withPage({ query: 'step=8' }, async (page) => {
      expect(await page.getByTestId('outlier-summary').innerText()).toContain('Nothing is analyzed yet');
      expect(await page.getByTestId('map-legend').innerText()).toBe('no value known yet');
      await page.getByTestId('figure-map').focus();
      expect((await cursor(page)).text).toContain('not analyzed yet');
      await shot(page, 'unknown');
      await page.getByTestId('analyze-all').click();
      await page.getByTestId('analysis-count').waitFor();
      await page.getByTestId('cancel-analysis').click();
      await page.getByTestId('analyze-all').waitFor();
      expect(await page.getByTestId('outlier-summary').innerText()).toMatch(
        /\d+ of 100 tensors are not analyzed yet\./,
      );
      await shot(page, 'partly');
      await analyze(page);
      const summary = await page.getByTestId('outlier-summary').innerText();
      // 12 layers of 7 matrices, and the embedding and the head; broken.weight cannot be read.
      expect(summary).toMatch(
        /1 of 86 matrices has outlier channels; the strongest: model\.layers\.1\.mlp\.down_proj, 2 columns with \d+ % of the energy/,
      );
      expect(summary).toContain('Highest kurtosis: model.layers.1.mlp.down_proj');
    });
  });

  it('is driven by the keyboard: cells, numbers told, selection, viewer, table and back', async () => {
    const model = madeUpModel(12);
    const index = model.catalogue.tensors.names.indexOf(down);
    const expected = plainStats(down, model.values(index)!, 32, 96, 4);
    await withPage({}, async (page) => {
      await analyze(page);
      await page.getByTestId('figure-map').focus();
      await page.keyboard.press('Control+Home');
      expect((await cursor(page)).tensor).toBe('model.embed_tokens.weight');
      await page.keyboard.press('ArrowDown');
      // The largest of all layers, then layers 0 and 1.
      expect((await cursor(page)).text).toContain('up to');
      await page.keyboard.press('ArrowDown');
      expect((await cursor(page)).tensor).toBe('model.layers.0.self_attn.q_proj.weight');
      await page.keyboard.press('ArrowDown');
      for (let step = 0; step < 6; step++) await page.keyboard.press('ArrowRight');
      const here = await cursor(page);
      expect(here.tensor).toBe(down);
      expect(here.value).toBe(expected.kurtosis);
      expect(await live(page)).toMatch(/^model\.layers\.1\.mlp\.down_proj\.weight: Kurtosis \d/);
      await page.keyboard.press('Enter');
      await page.getByTestId('picture').waitFor();
      expect(await selected(page)).toBe(down);
      await page.keyboard.press('Enter');
      await expect.poll(() => actionsOf(page)).toEqual([{ kind: 'viewTensor', tensor: index }]);
      await page.keyboard.press('End');
      expect((await cursor(page)).text).toContain('all columns');
      await page.keyboard.press('Control+End');
      expect((await cursor(page)).tensor).toBe('lm_head.weight');
      await page.keyboard.press('t');
      await page.getByTestId('outlier-table').waitFor();
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-testid')))
        .toBe('outlier-table');
      await page.keyboard.press('Home');
      expect(await live(page)).toContain(down);
      expect(await live(page)).toContain('Outlier channels 2');
      await shot(page, 'table');
      await page.keyboard.press('Escape');
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-testid')))
        .toBe('figure-map');
    });
  });

  it('leads to the tensor by click, keeps it when the tab changes, and comes back from a reload', async () => {
    await withPage({}, async (page) => {
      await analyze(page);
      const box = (await page.getByTestId('figure-map').boundingBox())!;
      // Some cell of the map: whichever it is, its tensor is told and selected.
      await page.mouse.move(box.x + 190, box.y + 150);
      await expect.poll(() => page.getByTestId('map-pointed').innerText()).toMatch(/Kurtosis/);
      await page.mouse.click(box.x + 190, box.y + 150);
      await page.getByTestId('details').waitFor();
      const tensor = await selected(page);
      expect((await cursor(page)).tensor).toBe(tensor);
      await page.getByTestId('tab-tensors').click();
      await expect.poll(() => selected(page)).toBe(tensor);
      await page.getByTestId('tab-outliers').click();
      await page.getByTestId('statistic').selectOption('crest');
      await page.waitForTimeout(400);
      await page.reload();
      await page.getByTestId('figure-map').waitFor();
      expect(await page.getByTestId('statistic').inputValue()).toBe('crest');
      await expect.poll(() => selected(page)).toBe(tensor);
    });
  });

  it('has every statistic with a legend, and sorts the table by any', async () => {
    await withPage({}, async (page) => {
      await analyze(page);
      const options = page.getByTestId('statistic').locator('option');
      expect(await options.count()).toBe(10);
      for (const value of await options.evaluateAll((list) =>
        list.map((option) => (option as HTMLOptionElement).value),
      )) {
        await page.getByTestId('statistic').selectOption(value);
        await page.waitForTimeout(30);
        expect(await page.getByTestId('map-legend').innerText()).not.toContain('NaN');
      }
      await page.getByTestId('outlier-view').click();
      const table = page.getByTestId('outlier-table');
      for (const column of ['absmax', 'channels', 'name']) {
        await table.locator(`[data-sort="${column}"]`).click();
        await page.waitForTimeout(30);
      }
      const order = () =>
        table
          .locator('.outlier-row')
          .evaluateAll((rows) => rows.slice(0, 3).map((row) => (row as HTMLElement).dataset.tensor));
      expect(await order()).toEqual(['broken.weight', 'lm_head.weight', 'model.embed_tokens.weight']);
      await table.locator('[data-sort="kurtosis"]').click();
      await page.waitForTimeout(30);
      expect((await order())[0]).toBe(down);
      expect(await table.getAttribute('aria-rowcount')).toBe('101');
    });
  });

  it('opens a cell of experts to a row for each, and scrolls through 100,000 tensors', async () => {
    await withPage({ query: 'model=large&count=100000', width: 1400 }, async (page) => {
      const map = page.getByTestId('figure-map');
      await map.focus();
      await page.keyboard.press('Control+Home');
      await page.keyboard.press('ArrowDown');
      expect((await cursor(page)).text).toContain('128 tensors: not analyzed yet');
      const before = await map.evaluate((element) => element.scrollHeight);
      await page.keyboard.press('+');
      await expect.poll(() => map.evaluate((element) => element.scrollHeight)).toBe(before + 128 * 20);
      expect(await live(page)).toBe('0 opened to 128 rows.');
      await page.keyboard.press('ArrowDown');
      expect((await cursor(page)).tensor).toBe('model.layers.0.mlp.experts.0.gate_proj.weight');
      await shot(page, 'experts');
      const paint = await map.evaluate(async (element) => {
        const times: number[] = [];
        const range = element.scrollHeight - element.clientHeight;
        for (let step = 0; step <= 30; step++) {
          const start = performance.now();
          element.scrollTop = (range * step) / 30;
          await new Promise(requestAnimationFrame);
          times.push(performance.now() - start);
        }
        return times.sort((a, b) => a - b)[15];
      });
      console.log(`Scrolling the map of 100,000 tensors: ${paint} ms a step (median)`);
      await page.keyboard.press('t');
      const table = page.getByTestId('outlier-table');
      expect(await table.getAttribute('aria-rowcount')).toBe('100001');
      await page.keyboard.press('End');
      expect(await table.locator('.outlier-row').count()).toBeLessThan(90);
    });
  });

  it('tells broken values, and what cannot be read', async () => {
    await withPage({ query: 'model=broken' }, async (page) => {
      await analyze(page);
      expect(await page.getByTestId('outlier-summary').innerText()).toContain(
        '2 tensors hold NaN or infinite values',
      );
      await page.getByTestId('statistic').selectOption('nonFinite');
      await page.getByTestId('figure-map').focus();
      await page.keyboard.press('Control+End');
      await page.keyboard.press('ArrowUp');
      const texts: string[] = [];
      for (let step = 0; step < 3; step++) {
        texts.push((await cursor(page)).text ?? '');
        await page.keyboard.press('ArrowUp');
      }
      expect(texts.join('\n')).toMatch(/broken\.weight: cannot be read/);
    });
  });

  it('falls back to the modules of a model whose names show no layers', async () => {
    await withPage({ query: 'model=packed' }, async (page) => {
      const map = page.getByTestId('figure-map');
      await map.focus();
      await page.keyboard.press('Control+Home');
      // Both projections of the one layer are folded into their module, behind the largest of all.
      await page.keyboard.press('ArrowDown');
      expect((await cursor(page)).text).toMatch(/^Modules model\.layers\.0\.mlp, weight, 2 tensors/);
      const before = await page
        .locator('.map-size')
        .evaluate((element) => (element as HTMLElement).offsetHeight);
      await page.keyboard.press('+');
      await expect
        .poll(() => page.locator('.map-size').evaluate((element) => (element as HTMLElement).offsetHeight))
        .toBeGreaterThan(before);
      await page.keyboard.press('ArrowDown');
      const texts = new Set<string | null>();
      for (let step = 0; step < 4; step++) {
        texts.add((await cursor(page)).tensor);
        await page.keyboard.press('ArrowDown');
      }
      expect(texts).toContain('model.layers.0.mlp.down_proj.weight');
      await shot(page, 'modules');
    });
  });

  it.each(['dark', 'light', 'contrast', 'contrastLight'] as const)(
    'stands in the %s theme, at 600 and 2,000 pixels',
    async (theme) => {
      await withPage({ theme }, async (page) => {
        await analyze(page);
        await page.getByTestId('figure-map').focus();
        await page.keyboard.press('PageDown');
        await page.keyboard.press('Enter');
        await page.getByTestId('picture').waitFor();
        await page.waitForTimeout(200);
        await shot(page, `map-${theme}`);
        for (const width of [600, 2000]) {
          await page.setViewportSize({ width, height: 900 });
          await page.waitForTimeout(200);
          await shot(page, `map-${theme}-${width}`);
          const pane = page.getByTestId('outliers-tab');
          expect(await pane.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
          const canvas = page.locator('.map-scroller canvas');
          const painted = await canvas.evaluate((element) => {
            // A copy is read, so that the page's own canvas stays as it is.
            const { width: w, height: h } = element as HTMLCanvasElement;
            const copy = Object.assign(document.createElement('canvas'), { width: w, height: h });
            const context = copy.getContext('2d', { willReadFrequently: true })!;
            context.drawImage(element as HTMLCanvasElement, 0, 0);
            const { data } = context.getImageData(0, 0, w, h);
            const colours = new Set<number>();
            for (let i = 0; i < data.length; i += 4)
              if (data[i + 3]! > 0) colours.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
            return colours.size;
          });
          expect(painted).toBeGreaterThan(20);
        }
      });
    },
  );

  it('is sharp at 200 %', async () => {
    await withPage({ scale: 2, width: 900 }, async (page) => {
      await analyze(page);
      const ratio = await page
        .locator('.map-scroller canvas')
        .evaluate((element) => (element as HTMLCanvasElement).width / element.clientWidth);
      expect(ratio).toBeCloseTo(2, 1);
      await shot(page, 'map-200');
    });
  });
});
