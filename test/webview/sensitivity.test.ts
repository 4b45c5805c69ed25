/** The Sensitivity tab in a real browser: compare, cancel, failures, keyboard, pictures, recipe, table, experts, themes. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Recipe } from '../../src/protocol/sensitivityPageApi';
import { madeUpModel } from '../../webview-ui/dev/models/madeUpModel';
import { plainDequantized, plainOffers } from '../../webview-ui/dev/plainSensitivity';
import { repositoryRoot } from './checkpointHarness';
import { actionsOf, executable, pagesForTests } from './testPages';

/** Pictures of what was tested, to be looked at. */
const pictures = path.join(repositoryRoot, 'test-results/sensitivity');
const down = 'model.layers.1.mlp.down_proj.weight';

interface Asked {
  readonly kind: string;
  readonly tensors?: readonly number[];
  readonly choices?: readonly unknown[];
  readonly sampleValues?: number;
  readonly purpose?: string;
  readonly recipe?: Recipe;
}

describe.skipIf(!executable)('the Sensitivity tab', () => {
  beforeAll(() => {
    mkdirSync(pictures, { recursive: true });
  });
  const withPage = pagesForTests(async (page) => {
    await page.getByTestId('tab-sensitivity').click();
  });

  const text = (page: Page, id: string) => page.getByTestId(id).innerText();
  const live = (page: Page) => text(page, 'live');
  const shot = (page: Page, name: string) => page.screenshot({ path: path.join(pictures, `${name}.png`) });
  const asked = (page: Page) => actionsOf(page) as Promise<Asked[]>;
  const compare = async (page: Page) => {
    await page.getByTestId('compare').click();
    await page.getByTestId('exact-all').waitFor({ timeout: 60_000 });
    await page.waitForTimeout(100);
  };
  const cursor = async (page: Page) => {
    const cell = page.getByTestId('sensitivity-cursor');
    return {
      row: await cell.getAttribute('data-row'),
      scheme: await cell.getAttribute('data-scheme'),
      value: Number(await cell.getAttribute('data-value')),
      text: (await cell.textContent()) ?? '',
    };
  };
  /** Moves to a tensor's row in the first column, by the keyboard. */
  const goTo = async (page: Page, name: string) => {
    await page.getByTestId('sensitivity-map').focus();
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('Home');
    for (let step = 0; step < 200 && !(await cursor(page)).text.startsWith(name); step++)
      await page.keyboard.press('ArrowDown');
    expect((await cursor(page)).text).toContain(name);
  };

  it('starts empty, shows progress, is cancelled, goes on, and marks samples', async () => {
    await withPage({ query: 'step=6' }, async (page) => {
      expect(await text(page, 'sensitivity-summary')).toContain('nothing is written');
      expect(await text(page, 'sensitivity-legend')).toBe('no error known yet');
      await shot(page, 'empty');
      await page.getByTestId('compare').click();
      await page.getByTestId('comparison').waitFor();
      await expect.poll(() => text(page, 'comparison')).toMatch(/^[1-9]\d* \/ 100/);
      await shot(page, 'running');
      await page.getByTestId('cancel-comparison').click();
      await page.getByText('Compare the rest').waitFor();
      expect(await text(page, 'sensitivity-summary')).toMatch(/Cancelled after \d+ of 100 tensors/);
      expect(await page.getByTestId('save-recipe').getAttribute('disabled')).not.toBeNull();
      await shot(page, 'partial');
      await compare(page);
      expect(await text(page, 'sensitivity-summary')).toContain('Errors are from samples');
      expect((await asked(page)).filter(({ kind }) => kind === 'sensitivity').at(-1)!.sampleValues).toBe(
        65_536,
      );
    });
  });

  it('says why it failed: no schemes, and a comparison that stops', async () => {
    await withPage({ query: 'schemes=fail' }, async (page) => {
      expect(await text(page, 'sensitivity-failed')).toContain('The compute process ended.');
      await shot(page, 'no-schemes');
    });
    await withPage({ query: 'schemes=wait' }, async (page) => {
      await page.getByText('Listing the schemes…').waitFor();
    });
    await withPage({ query: 'compare=fail' }, async (page) => {
      await page.getByTestId('compare').click();
      await expect
        .poll(() => text(page, 'sensitivity-summary'))
        .toContain('The file could not be read at byte 4,096.');
      expect(await live(page)).toContain('The comparison stopped');
      await shot(page, 'failed');
    });
  });

  it('tells a cell as the formula gives it, and why tensors are kept', async () => {
    await withPage({}, async (page) => {
      await compare(page);
      await goTo(page, down);
      const model = madeUpModel(12);
      const at = model.catalogue.tensors.names.indexOf(down);
      const values = model.values(at)!;
      const columns = model.catalogue.tensors.shapes[model.catalogue.tensors.shapeEnd[at]! - 1]!;
      const given = plainDequantized(values, columns, plainOffers[0]!);
      const energy = (list: Float32Array) => list.reduce((sum, x) => sum + x * x, 0);
      const error = energy(values.map((x, i) => x - given[i]!));
      const here = await cursor(page);
      expect(here.scheme).toBe('int8-absmax row');
      // The error is the difference of float32 numbers here, of doubles there.
      expect(here.value).toBeCloseTo(10 * Math.log10(energy(values) / error), 2);
      expect(here.text).toMatch(/sampled, 1,024 of [\d,]+ values, SQNR within [\d.]+ to [\d.]+ dB at 95 %/);
      await page.keyboard.press('ArrowRight');
      expect(await live(page)).toContain('INT6 absmax per row');
      await goTo(page, 'model.embed_tokens.weight');
      expect((await cursor(page)).text).toContain('kept: embedding');
      await page.keyboard.press('Enter');
      expect(await text(page, 'cell-note')).toContain('It stays as it is. kept: embedding');
      expect(await page.getByTestId('use-tensor').count()).toBe(0);
      await page.getByTestId('show-all').click();
      await goTo(page, 'model.layers.0.input_layernorm.weight');
      expect((await cursor(page)).text).toContain('kept: normalization');
    });
  });

  it('makes a cell, a row and all exact', async () => {
    await withPage({}, async (page) => {
      await compare(page);
      await goTo(page, down);
      await page.keyboard.press('Enter');
      await page.getByTestId('exact-cell').click();
      await expect.poll(() => text(page, 'cell-confidence')).toBe('exact');
      const requests = async () => (await asked(page)).filter(({ kind }) => kind === 'sensitivity');
      const cell = (await requests()).at(-1)!;
      expect([cell.tensors!.length, cell.choices!.length, cell.sampleValues]).toEqual([1, 1, undefined]);
      await page.getByTestId('sensitivity-map').focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await page.getByTestId('exact-row').click();
      await expect.poll(() => text(page, 'cell-confidence')).toBe('exact');
      const row = (await requests()).at(-1)!;
      expect([row.tensors!.length, row.choices!.length]).toEqual([1, 5]);
      await page.getByTestId('exact-all').click();
      await expect.poll(() => text(page, 'sensitivity-summary')).toBe('All figures are exact.');
    });
  });

  it('builds a recipe live, and hands it over', async () => {
    await withPage({}, async (page) => {
      await compare(page);
      await page.getByTestId('recipe-base').selectOption('int4-absmax block 32');
      const bits = async () => Number(await text(page, 'recipe-bits'));
      const before = await bits();
      const sqnr = async () => Number.parseFloat(await text(page, 'recipe-sqnr'));
      const noise = await sqnr();
      await goTo(page, down);
      await page.keyboard.press('Enter');
      await page.getByTestId('scheme-readout').getByText('Point at a cell').waitFor();
      expect(await text(page, 'scheme-range')).toMatch(/^Colours span 97 % of the cells: .* % of the values/);
      await page.getByTestId('scheme-range-toggle').press('Enter');
      await expect.poll(() => text(page, 'scheme-range')).toContain('the whole range');
      await page.getByTestId('open-errors').press('Enter');
      await expect
        .poll(async () => (await asked(page)).at(-1))
        .toMatchObject({ kind: 'showErrors', choice: { scheme: 'int8-absmax' } });
      await page.getByTestId('use-tensor').click();
      await expect.poll(bits).toBeGreaterThan(before);
      expect(await sqnr()).toBeGreaterThan(noise);
      expect(await live(page)).toMatch(/^Recipe: .* bits a weight, SQNR/);
      await page.getByTestId('use-kind').click();
      await page.getByTestId('keep-tensor').click();
      await page.getByTestId('recipe-rules').click();
      expect(await page.getByTestId('recipe-rule').count()).toBe(2);
      await page.waitForTimeout(150);
      await shot(page, 'recipe');
      await page.getByTestId('save-recipe').click();
      await page.getByTestId('quantize-recipe').click();
      await expect
        .poll(async () => (await asked(page)).filter(({ kind }) => kind === 'recipe').length)
        .toBe(2);
      const [saved, run] = (await asked(page)).filter(({ kind }) => kind === 'recipe');
      expect([saved!.purpose, run!.purpose]).toEqual(['save', 'quantize']);
      expect(saved!.recipe).toEqual({
        version: 1,
        name: 'int4-absmax-block-32-mixed',
        default: { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
        rules: [
          { match: down, choice: 'keep' },
          {
            match: 'model.layers.*.mlp.down_proj.weight',
            choice: { scheme: 'int8-absmax', granularity: 'row' },
            note: 'kind: down',
          },
        ],
      });
      await page.getByTestId('recipe-rule').first().getByRole('button').click();
      await expect.poll(() => page.getByTestId('recipe-rule').count()).toBe(1);
    });
  });

  it('is a table too, takes other schemes and errors, and comes back from a reload', async () => {
    await withPage({}, async (page) => {
      await compare(page);
      await page.getByTestId('metric').selectOption('mse');
      expect(await text(page, 'sensitivity-legend')).toContain('worse');
      await page.getByTestId('choose-schemes').click();
      await page.getByTestId('add-scheme').selectOption('int2-absmax block 16');
      await compare(page);
      const last = (await asked(page)).filter(({ kind }) => kind === 'sensitivity').at(-1)!;
      expect(last.choices).toHaveLength(1);
      await shot(page, 'chooser');
      await page.getByTestId('sensitivity-map').focus();
      await page.keyboard.press('t');
      const table = page.getByTestId('sensitivity-table');
      await table.locator('[data-sort="int2-absmax block 16"]').click();
      await page.waitForTimeout(60);
      const values = await table
        .locator('[data-scheme="int2-absmax block 16"]')
        .evaluateAll((cells) => cells.map((cell) => Number((cell as HTMLElement).dataset.value)));
      expect(values.length).toBeGreaterThan(8);
      expect(values).toEqual([...values].sort((one, other) => other - one));
      await table.focus();
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await page.getByTestId('cell-details').waitFor();
      const chosen = await page.getByTestId('cell-details').getAttribute('data-tensor');
      await shot(page, 'table');
      await page.waitForTimeout(400);
      await page.reload();
      await page.getByTestId('sensitivity-table').waitFor();
      expect(await page.getByTestId('metric').inputValue()).toBe('mse');
      expect(await page.getByTestId('cell-details').getAttribute('data-tensor')).toBe(chosen);
      await expect.poll(() => text(page, 'sensitivity-summary')).toContain('Errors are from samples');
    });
  });

  it('opens experts, and scrolls through 100,000 tensors', async () => {
    await withPage({ query: 'model=large&count=100000', width: 1400 }, async (page) => {
      const map = page.getByTestId('sensitivity-map');
      await map.focus();
      await goTo(page, 'worst of 128');
      const before = await map.evaluate((element) => element.scrollHeight);
      await page.keyboard.press('+');
      await expect.poll(() => map.evaluate((element) => element.scrollHeight)).toBe(before + 128 * 20);
      await page.keyboard.press('ArrowDown');
      expect((await cursor(page)).text).toContain('model.layers.0.mlp.experts.0.');
      const paint = await map.evaluate(async (element) => {
        const times: number[] = [];
        for (let step = 0; step <= 30; step++) {
          const start = performance.now();
          element.scrollTop = ((element.scrollHeight - element.clientHeight) * step) / 30;
          await new Promise(requestAnimationFrame);
          times.push(performance.now() - start);
        }
        return times.sort((a, b) => a - b)[15];
      });
      console.log(`Scrolling the map of 100,000 tensors: ${paint} ms a step (median)`);
      await page.keyboard.press('t');
      const table = page.getByTestId('sensitivity-table');
      expect(Number(await table.getAttribute('aria-rowcount'))).toBeGreaterThan(90_000);
      await page.keyboard.press('End');
      expect(await table.locator('.sensitivity-row').count()).toBeLessThan(90);
    });
  });

  it('stays awake while 20,000 tensors come in, and asks for them again after a reload', async () => {
    await withPage({ query: 'model=large&count=20000', width: 1400 }, async (page) => {
      await page.evaluate(() => {
        const gaps: number[] = [];
        let last = performance.now();
        const tick = () => {
          gaps.push(performance.now() - last);
          last = performance.now();
          requestAnimationFrame(tick);
        };
        requestAnimationFrame(tick);
        (window as unknown as { gaps: number[] }).gaps = gaps;
      });
      const started = Date.now();
      await compare(page);
      const gaps = await page.evaluate(() =>
        (window as unknown as { gaps: number[] }).gaps.sort((a, b) => b - a),
      );
      console.log(
        `Comparing 20,000 tensors under 5 schemes, made-up host included: ${Date.now() - started} ms, longest frames ${gaps
          .slice(0, 3)
          .map(Math.round)} ms`,
      );
      expect(await text(page, 'recipe-bits')).not.toBe('');
      await shot(page, 'large');
      // Too many cells to save: they are asked for again.
      await page.waitForTimeout(400);
      await page.reload();
      await page.getByTestId('exact-all').waitFor({ timeout: 60_000 });
    });
  }, 120_000);

  it.each(['dark', 'light', 'contrast', 'contrastLight'] as const)(
    'stands in the %s theme, at 600 and 2,000 pixels',
    async (theme) => {
      await withPage({ theme }, async (page) => {
        await compare(page);
        await goTo(page, down);
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('Enter');
        await page.getByTestId('scheme-readout').getByText('Point at a cell').waitFor();
        await page.waitForTimeout(150);
        await shot(page, `map-${theme}`);
        for (const width of [600, 2000]) {
          await page.setViewportSize({ width, height: 900 });
          await page.waitForTimeout(200);
          await shot(page, `map-${theme}-${width}`);
          const pane = page.getByTestId('sensitivity-tab');
          expect(await pane.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
        }
      });
    },
  );
});
