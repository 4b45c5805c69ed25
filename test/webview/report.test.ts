/** The error report's page in a real browser: what it shows is compared with numbers computed in plain loops. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Handlers } from '../../src/protocol/rpc';
import type { ReportHostContract } from '../../src/protocol/webviewApi';
import { type Bundle, bundleReport, changeTheme, type OpenedReport, openReport } from './reportHarness';
import { PlainReport } from './reportNumbers';

const browserPath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
if (!browserPath) console.log('Skipped: no Chromium found; set CHROMIUM to its path.');

const model = fileURLToPath(
  new URL('../../examples/demo-llama-3m-outliers/model.safetensors', import.meta.url),
);
const modules = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
};
const down0 = 'model.layers.0.mlp.down_proj.weight';

describe.skipIf(!browserPath)('error report page', { timeout: 60_000 }, () => {
  let browser: Browser;
  let bundle: Bundle;
  let plain: PlainReport;
  let opened: OpenedReport | undefined;
  let asked: string[] = [];

  beforeAll(async () => {
    plain = new PlainReport(model, 'demo-llama-3m-outliers');
    [bundle, browser] = await Promise.all([
      bundleReport(),
      chromium.launch({
        executablePath: browserPath!,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      }),
    ]);
  }, 60_000);

  afterAll(() => browser?.close());
  afterEach(async () => {
    await opened?.page.close();
    opened = undefined;
  });

  function host(changes: Partial<Handlers<ReportHostContract>> = {}): Handlers<ReportHostContract> {
    asked = [];
    return {
      ready: () => ({
        report: plain.report,
        against: { kind: 'file', path: plain.report.open },
        catalogue: plain.catalogue,
        settings: { colorMap: 'viridis', outlierFactor: 6 },
      }),
      errorTile: ({ tensor, region, rows, columns }) => {
        asked.push('errorTile');
        return plain.tile(tensor, region!, rows, columns);
      },
      errorDetail: ({ tensor }) => {
        asked.push('errorDetail');
        return plain.detail(tensor);
      },
      action: ({ kind }) => {
        asked.push(kind);
        return undefined;
      },
      ...changes,
    };
  }

  async function open(
    options: Parameters<typeof openReport>[3] = {},
    changes: Partial<Handlers<ReportHostContract>> = {},
  ): Promise<Page> {
    opened = await openReport(browser, bundle, host(changes), options);
    return opened.page;
  }

  const cell = (page: Page, tensor: string) => page.locator(`[role=gridcell][data-tensor="${tensor}"]`);
  const pictures = (page: Page) => page.getByTestId('pictures');
  const settled = async (page: Page) => {
    await page.locator('[data-plot="columns"] canvas').waitFor();
    await page.waitForFunction(
      () =>
        document.querySelector('[data-legend="error"]') &&
        document.querySelector('.pictures[data-busy="false"]'),
    );
  };
  /** Double clicks until single elements are shown. */
  const zoomIn = async (page: Page, picture: string, x: number, y: number) => {
    const canvas = page.locator(`canvas[data-picture=${picture}]`);
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    for (let i = 0; i < 4; i++) await page.mouse.dblclick(box.x + x, box.y + y);
  };
  const figureOf = async (page: Page, key: string, within = '[data-testid=readout]') =>
    Number(await page.locator(`${within} [data-figure="${key}"]`).getAttribute('data-value'));

  it('shows the figure of every layer and module, equal to the plain computation', async () => {
    const page = await open();
    await cell(page, down0).waitFor();
    expect(await page.locator('[role=gridcell][data-value]').count()).toBe(28);
    expect(await page.locator('.map-column').allTextContents()).toEqual(Object.keys(modules));
    for (const metric of ['sqnr', 'mse', 'maxAbs', 'cosine', 'meanAbs'] as const) {
      if (metric !== 'sqnr') {
        await page.getByTestId('metric').click();
        await page
          .getByTestId('metric')
          .locator('li.option')
          .nth(['sqnr', 'mse', 'maxAbs', 'cosine', 'meanAbs'].indexOf(metric))
          .click();
      }
      for (let layer = 0; layer < 4; layer++)
        for (const module of Object.values(modules)) {
          const name = `model.layers.${layer}.${module}.weight`;
          const expected = plain.report.tensors.find((row) => row.name === name)![metric]!;
          expect(Number(await cell(page, name).getAttribute('data-value'))).toBe(expected);
        }
    }
    expect(opened!.complaints).toEqual([]);
  });

  it('colours the worst cell darkest and the best lightest, with readable text', async () => {
    const page = await open();
    await cell(page, down0).waitFor();
    const found = await page.locator('[role=gridcell][data-value]').evaluateAll((cells) =>
      cells.map((each) => ({
        value: Number((each as HTMLElement).dataset.value),
        background: getComputedStyle(each).backgroundColor.match(/\d+/g)!.map(Number),
        text: getComputedStyle(each).color,
      })),
    );
    found.sort((one, other) => one.value - other.value);
    expect(found[0]).toMatchObject({ background: [0x44, 0x01, 0x54], text: 'rgb(255, 255, 255)' });
    expect(found.at(-1)).toMatchObject({ background: [0xfd, 0xe7, 0x25], text: 'rgb(0, 0, 0)' });
  });

  it('is walked through by arrow keys, tells each cell, and selects with Enter', async () => {
    const page = await open();
    const first = cell(page, 'model.layers.0.self_attn.q_proj.weight');
    await first.click();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    const name = 'model.layers.1.self_attn.k_proj.weight';
    await expect
      .poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset.tensor))
      .toBe(name);
    const row = plain.report.tensors.find((each) => each.name === name)!;
    const spoken = page.getByTestId('pointed');
    await expect.poll(() => spoken.textContent()).toContain(name);
    expect(await spoken.textContent()).toContain(row.sqnr!.toFixed(1));
    expect(await spoken.getAttribute('role')).toBe('status');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('.tensor h2').textContent()).toBe(name);
    await page.keyboard.press('Control+End');
    await expect
      .poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset.tensor))
      .toBe('model.layers.3.mlp.down_proj.weight');
    expect(await page.locator('[role=gridcell][tabindex="0"]').count()).toBe(1);
  });

  it('starts with the worst tensor and says why it is bad', async () => {
    const page = await open();
    await settled(page);
    const worst = plain.report.tensors
      .filter((row) => row.to === 'INT8')
      .sort((one, other) => one.sqnr! - other.sqnr!)[0]!;
    expect(await page.locator('.tensor h2').textContent()).toBe(worst.name);
    const remark = await page.getByTestId('remark').textContent();
    expect(remark).toContain('The worst of 28 tensors');
    expect(remark).toMatch(/share \d+ of 255 levels|times the median error/);
    for (const metric of ['sqnr', 'mse', 'maxAbs', 'cosine', 'meanAbs'] as const)
      expect(await figureOf(page, metric, '.figures')).toBe(worst[metric]);
  });

  it('zooms to single elements whose numbers are the tensor’s own', async () => {
    const page = await open();
    await cell(page, down0).click();
    await settled(page);
    const canvas = page.locator('canvas[data-picture=original]');
    const box = (await canvas.boundingBox())!;
    await canvas.hover({ position: { x: box.width * 0.6, y: box.height * 0.4 } });
    await zoomIn(page, 'original', box.width * 0.6, box.height * 0.4);
    await expect.poll(() => page.locator('.hint').textContent()).not.toContain('folds');
    const region = (await pictures(page).getAttribute('data-region'))!.split(',').map(Number);
    expect([region[1]! - region[0]!, region[3]! - region[2]!]).toEqual([5, 8]);
    const pair = plain.pairs.get(down0)!;
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowDown', 'ArrowRight']) {
      await pictures(page).press(key);
      await settled(page);
      const [row, column] = [await figureOf(page, 'row'), await figureOf(page, 'column')];
      const at = row * pair.columns + column;
      // + 0 makes a negative zero, which no text tells from zero, a plain one.
      await expect.poll(() => figureOf(page, 'original')).toBe(pair.original[at]! + 0);
      expect(await figureOf(page, 'dequantized')).toBe(pair.dequantized[at]! + 0);
      expect(await figureOf(page, 'error')).toBe(
        Math.fround(Math.abs(pair.original[at]! - pair.dequantized[at]!)),
      );
    }
    await pictures(page).press('0');
    await expect.poll(() => pictures(page).getAttribute('data-region')).toBe('0,256,0,768');
  });

  it('zooms around the pointer with the wheel, and pans by dragging', async () => {
    const page = await open();
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
    const page = await open({ scale: 1.5 });
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
    const pair = plain.pairs.get(down0)!;
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
    const page = await open(
      {},
      {
        errorTile: async ({ tensor, region, rows, columns }) => {
          const tile = plain.tile(tensor, region!, rows, columns);
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
    const pair = plain.pairs.get(down0)!;
    const [row, column] = [await figureOf(page, 'row'), await figureOf(page, 'column')];
    const near = [0, 1, 2].flatMap((dr) =>
      [0, 1, 2].map((dc) => pair.original[(row + dr) * pair.columns + column + dc]),
    );
    expect(near).toContain(await figureOf(page, 'original'));
  });

  it('sorts its table, and both ways select the same tensor', async () => {
    const page = await open();
    const table = page.getByTestId('error-table');
    await table.waitFor();
    const values = async (metric: string) =>
      await table
        .locator(`td[data-metric=${metric}]`)
        .evaluateAll((cells) => cells.map((each) => Number((each as HTMLElement).dataset.value)));
    const sqnr = await values('sqnr');
    expect(sqnr).toEqual([...sqnr].sort((a, b) => a - b));
    await table.locator('button[data-sort=maxAbs]').click();
    await expect.poll(() => table.locator('th[aria-sort=descending]').textContent()).toContain('max |e|');
    const maxAbs = await values('maxAbs');
    expect(maxAbs).toEqual([...maxAbs].sort((a, b) => b - a));
    await table.locator('tbody tr').nth(3).click();
    const name = await table.locator('tbody tr').nth(3).getAttribute('data-tensor');
    await expect.poll(() => cell(page, name!).getAttribute('aria-selected')).toBe('true');
  });

  it('goes to the table and back by key', async () => {
    const page = await open({ state: { showTable: false } });
    await cell(page, down0).click();
    expect(await page.getByTestId('error-table').count()).toBe(0);
    await page.keyboard.press('t');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.closest('tr')?.dataset.tensor))
      .toBe(down0);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const name = await page.evaluate(() => document.activeElement?.closest('tr')?.dataset.tensor);
    expect(name).not.toBe(down0);
    await expect.poll(() => page.locator('.tensor h2').textContent()).toBe(name);
    await page.keyboard.press('Escape');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute('role')))
      .toBe('gridcell');
  });

  it('leads from the profile to the place in the pictures', async () => {
    const page = await open();
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

  it('shows kept tensors when asked, without figures', async () => {
    const page = await open();
    await cell(page, down0).waitFor();
    await page.getByTestId('show-kept').click();
    const norm = cell(page, 'model.norm.weight');
    await norm.click();
    expect(await norm.getAttribute('data-value')).toBeNull();
    expect(await page.locator('.tensor .remark').textContent()).toContain('Kept as BF16: a norm');
    expect(await page.locator('[role=gridcell][data-tensor]').count()).toBe(plain.report.tensors.length);
  });

  it('keeps its state over a reload', async () => {
    const page = await open();
    await cell(page, down0).click();
    await settled(page);
    await pictures(page).press('+');
    await expect.poll(() => (opened!.state() as { region?: unknown }).region).toBeTruthy();
    await settled(page);
    const region = await pictures(page).getAttribute('data-region');
    const state = opened!.state();
    await opened!.page.close();
    const again = await open({ state });
    await settled(again);
    expect(await again.locator('.tensor h2').textContent()).toBe(down0);
    await expect.poll(() => pictures(again).getAttribute('data-region')).toBe(region);
  });

  it('follows a change of theme in its canvases', async () => {
    const page = await open({ theme: 'dark' });
    await cell(page, down0).click();
    await settled(page);
    const zero = () =>
      page.locator('canvas[data-picture=original]').evaluate((element) => {
        const canvas = element as HTMLCanvasElement;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) sum += data[i]! + data[i + 1]! + data[i + 2]!;
        return sum / (data.length / 4) / 3;
      });
    expect(await zero()).toBeLessThan(120);
    await changeTheme(page, 'light');
    await expect.poll(zero).toBeGreaterThan(140);
  });

  it('opens result and source, and lets the host select a tensor', async () => {
    const page = await open();
    await cell(page, down0).waitFor();
    await page.getByText('Open Result').click();
    await page.getByText('Open Source').click();
    await expect
      .poll(() => asked.filter((kind) => kind.startsWith('open')))
      .toEqual(['openResult', 'openSource']);
    const index = plain.catalogue.tensors.names.indexOf('model.layers.2.self_attn.o_proj.weight');
    await opened!.rpc.call('select', { tensor: index });
    await expect
      .poll(() => page.locator('.tensor h2').textContent())
      .toBe('model.layers.2.self_attn.o_proj.weight');
  });

  it('says what failed and tries again', async () => {
    let broken = true;
    const page = await open(
      {},
      {
        ready: () => {
          if (broken) throw new Error('The source is gone.');
          return host().ready({}, undefined as never);
        },
      },
    );
    await expect.poll(() => page.locator('[role=alert]').textContent()).toContain('The source is gone.');
    broken = false;
    await page.getByText('Try again').click();
    await cell(page, down0).waitFor();
  });

  it('says so when a picture fails, and when nothing was quantized', async () => {
    const page = await open(
      {},
      {
        errorTile: () => {
          throw new Error('The compute process ended.');
        },
      },
    );
    await expect
      .poll(() => page.locator('.pictures [role=alert]').textContent())
      .toContain('The compute process ended.');
    await opened!.page.close();
    const kept = plain.report.tensors.filter((row) => row.from === row.to);
    const empty = await open(
      {},
      {
        ready: () => ({
          report: { ...plain.report, tensors: kept },
          against: { kind: 'file', path: '' },
          catalogue: plain.catalogue,
          settings: { colorMap: 'viridis', outlierFactor: 6 },
        }),
      },
    );
    await expect.poll(() => empty.locator('.page-message h1').textContent()).toBe('Nothing was quantized');
  });

  it.each([600, 700, 1180, 2000])('has no sideways scrolling at %i px', async (width) => {
    const page = await open({ width });
    await settled(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    const strip = await page
      .locator('.strip')
      .evaluate((element) => [element.scrollWidth, element.clientWidth]);
    expect(strip[0]).toBeLessThanOrEqual(strip[1]!);
  });

  const folder = process.env.REPORT_PICTURES;
  if (folder)
    it.each([
      ['dark', 1180],
      ['light', 1180],
      ['contrast', 1180],
      ['dark', 700],
      ['dark', 2000],
    ] as const)('pictures: %s at %i px', async (theme, width) => {
      const page = await open({ theme, width, scale: 1 });
      await settled(page);
      await page.waitForTimeout(200);
      await page.screenshot({ path: `${folder}/report-${theme}-${width}.png` });
      await page.setViewportSize({ width, height: 1400 });
      await zoomIn(page, 'original', 150, 60);
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${folder}/report-${theme}-${width}-zoomed.png` });
    });
});
