/** The pictures of the error report in a real browser, of one scheme and of two beside each other. */
import { describe, expect, it } from 'vitest';
import { cell, down0, figureOf, hasBrowser, pictures, ReportFixture, settled, zoomIn } from './reportFixture';
import { otherScheme } from './reportNumbers';

describe.skipIf(!hasBrowser)('pictures of the error report', { timeout: 60_000 }, () => {
  const fixture = new ReportFixture();

  it('zooms to single elements whose numbers are the tensor’s own', async () => {
    const page = await fixture.open();
    await cell(page, down0).click();
    await settled(page);
    const canvas = page.locator('canvas[data-picture=original]');
    const box = (await canvas.boundingBox())!;
    await canvas.hover({ position: { x: box.width * 0.6, y: box.height * 0.4 } });
    await zoomIn(page, 'original', box.width * 0.6, box.height * 0.4);
    await expect.poll(() => page.locator('tl-pictures .hint').textContent()).not.toContain('folds');
    const region = (await pictures(page).getAttribute('data-region'))!.split(',').map(Number);
    expect([region[1]! - region[0]!, region[3]! - region[2]!]).toEqual([5, 8]);
    const pair = fixture.plain.pairs.get(down0)!;
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowDown', 'ArrowRight']) {
      await pictures(page).press(key);
      await settled(page);
      const [row, column] = [await figureOf(page, 'row'), await figureOf(page, 'column')];
      const at = row * pair.columns + column;
      // + 0 makes a negative zero, which no text tells from zero, a fixture.plain one.
      await expect.poll(() => figureOf(page, 'original')).toBe(pair.original[at]! + 0);
      expect(await figureOf(page, 'dequantized')).toBe(pair.dequantized[at]! + 0);
      expect(await figureOf(page, 'error')).toBe(
        Math.fround(Math.abs(pair.original[at]! - pair.dequantized[at]!)),
      );
      expect(await figureOf(page, 'signed')).toBe(
        Math.fround(pair.original[at]! - pair.dequantized[at]!) + 0,
      );
      expect(await figureOf(page, 'code')).toBe(pair.codes[at]! + 0);
      expect(await figureOf(page, 'scale')).toBe(pair.scales[at]!);
    }
    await pictures(page).press('0');
    await expect.poll(() => pictures(page).getAttribute('data-region')).toBe('0,256,0,768');
  });

  it('zooms around the pointer with the wheel, and pans by dragging', async () => {
    const page = await fixture.open();
    await cell(page, down0).click();
    await settled(page);
    await page.locator('canvas[data-picture=error]').scrollIntoViewIfNeeded();
    // Right after a scroll the wheel scrolls on, as it should.
    await page.waitForTimeout(400);
    const box = (await page.locator('canvas[data-picture=error]').boundingBox())!;
    await page.mouse.move(box.x + box.width / 4, box.y + box.height / 2);
    for (let i = 0; i < 6; i++) await page.mouse.wheel(0, -100);
    const region = async () => (await pictures(page).getAttribute('data-region'))!.split(',').map(Number);
    await expect.poll(async () => (await region())[3]! - (await region())[2]!).toBeLessThan(200);
    const [, , column0, column1] = await region();
    // The element a quarter across stays a quarter across.
    expect(Math.abs(column0! + (column1! - column0!) / 4 - 768 / 4)).toBeLessThan(6);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    await expect.poll(async () => (await region())[2]).toBeLessThan(column0! - (column1! - column0!) / 8);
  });

  it('draws the picture from the values: sharp cells in the colours of the scale', async () => {
    const page = await fixture.open({ scale: 1.5 });
    await cell(page, down0).click();
    await settled(page);
    await zoomIn(page, 'error', 20, 20);
    await page.waitForTimeout(150);
    await settled(page);
    const region = (await pictures(page).getAttribute('data-region'))!.split(',').map(Number);
    const pixel = await page.locator('canvas[data-picture=error]').evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const read = (x: number, y: number) =>
        [...canvas.getContext('2d')!.getImageData(x, y, 1, 1).data].slice(0, 3);
      return {
        // The corner of the first cell, clear of its number, of the cursor and of the gaps.
        colours: [1, 2, 3].map((column) =>
          read(Math.floor(((column + 0.1) * canvas.width) / 8), Math.floor((4.15 * canvas.height) / 5)),
        ),
        width: canvas.width,
        cssWidth: canvas.clientWidth,
      };
    });
    expect(Math.abs(pixel.width - pixel.cssWidth * 1.5)).toBeLessThanOrEqual(1);
    const pair = fixture.plain.pairs.get(down0)!;
    const errors = [1, 2, 3].map((column) => {
      const at = (region[0]! + 4) * pair.columns + region[2]! + column;
      return Math.abs(pair.original[at]! - pair.dequantized[at]!);
    });
    // viridis gets lighter all the way: the order of brightness is the order of the errors.
    const byError = [0, 1, 2].sort((a, b) => errors[a]! - errors[b]!);
    const light = pixel.colours.map(
      (colour) => 0.2126 * colour[0]! + 0.7152 * colour[1]! + 0.0722 * colour[2]!,
    );
    const byLight = [0, 1, 2].sort((a, b) => light[a]! - light[b]!);
    expect(byLight).toEqual(byError);
  });

  it('drops stale replies: fast selection ends with the last tensor’s pictures', async () => {
    const slow: (() => void)[] = [];
    const page = await fixture.open(
      {},
      {
        errorTile: async ({ tensor, region, rows, columns }) => {
          const tile = fixture.plain.tile(tensor, region!, rows, columns);
          if (slow.length === 0) await new Promise<void>((resolve) => slow.push(resolve));
          return tile;
        },
      },
    );
    await cell(page, 'model.layers.0.self_attn.q_proj.weight').click();
    await expect.poll(() => slow.length).toBe(1);
    await cell(page, down0).click();
    await settled(page);
    slow[0]!();
    await page.waitForTimeout(100);
    await pictures(page).press('ArrowRight');
    const pair = fixture.plain.pairs.get(down0)!;
    const [row, column] = [await figureOf(page, 'row'), await figureOf(page, 'column')];
    const near = [0, 1, 2].flatMap((dr) =>
      [0, 1, 2].map((dc) => pair.original[(row + dr) * pair.columns + column + dc]),
    );
    expect(near).toContain(await figureOf(page, 'original'));
  });

  it('leads from the profile to the place in the pictures', async () => {
    const page = await fixture.open();
    await cell(page, down0).click();
    await settled(page);
    await pictures(page).press('+');
    await pictures(page).press('+');
    const plot = page.locator('[data-plot=columns] .u-over');
    await plot.scrollIntoViewIfNeeded();
    const box = (await plot.boundingBox())!;
    await page.mouse.click(box.x + box.width * 0.25, box.y + box.height / 2);
    const expected = 768 * 0.25;
    await expect.poll(async () => Math.abs((await figureOf(page, 'column')) - expected)).toBeLessThan(8);
    const region = (await pictures(page).getAttribute('data-region'))!.split(',').map(Number);
    expect(Math.abs((region[2]! + region[3]!) / 2 - expected)).toBeLessThan(8);
  });

  it('shows the pictures that are wanted, signed errors around the theme’s background', async () => {
    const page = await fixture.open();
    await cell(page, down0).click();
    await settled(page);
    const shown = () =>
      page
        .locator('canvas[data-picture]')
        .evaluateAll((all) => all.map((each) => (each as HTMLElement).dataset.picture));
    expect(await shown()).toEqual(['original', 'dequantized', 'error', 'signed']);
    await zoomIn(page, 'signed', 60, 60);
    await page.waitForTimeout(150);
    await settled(page);
    const region = (await pictures(page).getAttribute('data-region'))!.split(',').map(Number);
    const colours = await page.locator('canvas[data-picture=signed]').evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const context = canvas.getContext('2d')!;
      return Array.from({ length: 8 }, (_, column) => [
        // The corner of a cell of the last row, clear of its number.
        ...context.getImageData(
          Math.floor(((column + 0.1) * canvas.width) / 8),
          Math.floor((4.15 * canvas.height) / 5),
          1,
          1,
        ).data,
      ]);
    });
    const pair = fixture.plain.pairs.get(down0)!;
    for (const [column, [red, , blue]] of colours.entries()) {
      const at = (region[0]! + 4) * pair.columns + region[2]! + column;
      const error = pair.original[at]! - pair.dequantized[at]!;
      if (Math.abs(error) > 0.3 * pair.scales[at]!) expect(Math.sign(red! - blue!)).toBe(Math.sign(error));
    }
    await page.locator('button[data-kind=dequantized]').click();
    await page.locator('button[data-kind=original]').click();
    expect(await shown()).toEqual(['error', 'signed']);
    expect(await page.locator('button[data-kind=original]').getAttribute('aria-pressed')).toBe('false');
    await expect
      .poll(() => (fixture.opened!.state() as { kinds: string[] }).kinds)
      .toEqual(['error', 'signed']);
  });

  it('lists the worst values, and a click goes there with numbers in the cells', async () => {
    const page = await fixture.open();
    await cell(page, down0).click();
    await settled(page);
    const worst = fixture.plain.detail(fixture.plain.catalogue.tensors.names.indexOf(down0)).worst;
    const rows = page.getByTestId('worst').locator('tbody tr');
    expect(await rows.count()).toBe(16);
    for (const [i, place] of worst.entries()) {
      const values = await rows
        .nth(i)
        .locator('td[data-value]')
        .evaluateAll((all) => all.map((each) => Number((each as HTMLElement).dataset.value)));
      expect(values).toEqual([
        place.original + 0,
        place.dequantized + 0,
        place.original - place.dequantized + 0,
      ]);
    }
    const third = worst[2]!;
    await page.locator(`button[data-place="${third.row},${third.column}"]`).click();
    await expect.poll(() => figureOf(page, 'row')).toBe(third.row);
    await expect.poll(() => figureOf(page, 'column')).toBe(third.column);
    await expect.poll(() => figureOf(page, 'original')).toBe(third.original);
    const region = (await pictures(page).getAttribute('data-region'))!.split(',').map(Number);
    expect([region[1]! - region[0]!, region[3]! - region[2]!]).toEqual([5, 8]);
  });

  it('shows another scheme beside: the same zoom and colours, the difference, also after a reload', async () => {
    const page = await fixture.open();
    await cell(page, down0).click();
    await settled(page);
    await page.getByTestId('compare').click();
    const figures = page.getByTestId('figure-table');
    await expect.poll(() => page.locator('canvas[data-picture]').count()).toBe(7);
    await expect.poll(() => page.locator('[data-plot="columns"] canvas').count()).toBe(2);
    expect(fixture.asked).toContain('pickScheme');
    const other = fixture.plain.detail(fixture.plain.catalogue.tensors.names.indexOf(down0), true).tensor;
    await expect.poll(() => figureOf(page, 'sqnr-2', '.figures')).toBe(other.sqnr);
    const first = fixture.plain.report.tensors.find(({ name }) => name === down0)!;
    const difference = Math.abs(other.sqnr! - first.sqnr!).toFixed(1);
    expect(await figures.locator('tbody tr').first().textContent()).toContain(`${difference} dB`);
    expect(await figureOf(page, 'bitsPerWeight-2', '.figures')).toBe(4.5);

    const canvas = page.locator('canvas[data-picture=error][data-side="1"]');
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    for (let i = 0; i < 5; i++) await page.mouse.dblclick(box.x + 40, box.y + 40);
    await pictures(page).press('ArrowRight');
    await expect.poll(() => page.locator('[data-figure=code-2]').count()).toBe(1);
    await settled(page);
    const [row, column] = [await figureOf(page, 'row'), await figureOf(page, 'column')];
    for (const [suffix, pair] of [
      ['', fixture.plain.pairs.get(down0)!],
      ['-2', fixture.plain.others.get(down0)!],
    ] as const) {
      const at = row * pair.columns + column;
      await expect.poll(() => figureOf(page, `dequantized${suffix}`)).toBe(pair.dequantized[at]! + 0);
      await expect.poll(() => figureOf(page, `code${suffix}`)).toBe(pair.codes[at]! + 0);
    }
    // One legend for both; the widest error of either scheme is at its end or beyond.
    expect(await page.locator('[data-legend=error]').count()).toBe(1);

    const region = await pictures(page).getAttribute('data-region');
    await expect.poll(() => (fixture.opened!.state() as { region?: object }).region).toBeTruthy();
    const state = fixture.opened!.state();
    await fixture.opened!.page.close();
    const again = await fixture.open({ state });
    await expect.poll(() => again.locator('canvas[data-picture]').count()).toBe(7);
    await expect.poll(() => pictures(again).getAttribute('data-region')).toBe(region);
    await again.getByTestId('compare-end').click();
    await expect.poll(() => again.locator('canvas[data-picture]').count()).toBe(4);
    expect(fixture.opened!.complaints).toEqual([]);
  });

  it('keeps the report’s pictures when the other scheme does not fit the tensor', async () => {
    const page = await fixture.open(
      { state: { compare: otherScheme } },
      {
        errorTile: ({ tensor, region, rows, columns, choice }) => {
          if (choice) throw new Error('768 columns do not divide into blocks.');
          return fixture.plain.tile(tensor, region!, rows, columns);
        },
        errorDetail: ({ tensor, choice }) => {
          if (choice) throw new Error('768 columns do not divide into blocks.');
          return fixture.plain.detail(tensor);
        },
      },
    );
    await settled(page);
    await expect
      .poll(() => page.locator('.pictures [role=alert]').textContent())
      .toContain(`${otherScheme.label}: the picture could not be computed: 768 columns`);
    expect(await page.locator('tl-error-detail').count()).toBe(1);
  });

  it('reads the bins by keys, on a logarithmic or a linear axis', async () => {
    const page = await fixture.open();
    await cell(page, down0).click();
    await settled(page);
    const plot = page.locator('[data-plot=histogram]');
    await plot.focus();
    for (const key of ['Home', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
    const { original, dequantized } = fixture.plain.detail(
      fixture.plain.catalogue.tensors.names.indexOf(down0),
    );
    await expect
      .poll(() => page.getByTestId('detail-bin').textContent())
      .toContain(`${original.counts[2]!} value`);
    expect(await page.getByTestId('detail-bin').textContent()).toContain(
      `dequantized ${dequantized.counts[2]!}`,
    );
    expect(await page.getByTestId('detail-log').getAttribute('aria-pressed')).toBe('true');
    await page.keyboard.press('l');
    await expect.poll(() => page.getByTestId('detail-log').getAttribute('aria-pressed')).toBe('false');
  });
});
