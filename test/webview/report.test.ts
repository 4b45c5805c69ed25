/** The error report's page in a real browser: what it shows is compared with numbers computed in plain loops. */
import { describe, expect, it } from 'vitest';
import { cell, down0, figureOf, hasBrowser, pictures, ReportFixture, settled, zoomIn } from './reportFixture';
import { changeTheme } from './reportHarness';

const modules = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
};

describe.skipIf(!hasBrowser)('error report page', { timeout: 60_000 }, () => {
  const fixture = new ReportFixture();

  it('shows the figure of every layer and module, equal to the plain computation', async () => {
    const page = await fixture.open();
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
          const expected = fixture.plain.report.tensors.find((row) => row.name === name)![metric]!;
          expect(Number(await cell(page, name).getAttribute('data-value'))).toBe(expected);
        }
    }
    expect(fixture.opened!.complaints).toEqual([]);
  });

  it('colours the worst cell darkest and the best lightest, with readable text', async () => {
    const page = await fixture.open();
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
    const page = await fixture.open();
    const first = cell(page, 'model.layers.0.self_attn.q_proj.weight');
    await first.click();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    const name = 'model.layers.1.self_attn.k_proj.weight';
    await expect
      .poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset.tensor))
      .toBe(name);
    const row = fixture.plain.report.tensors.find((each) => each.name === name)!;
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
    const page = await fixture.open();
    await settled(page);
    const worst = fixture.plain.report.tensors
      .filter((row) => row.to === 'INT8')
      .sort((one, other) => one.sqnr! - other.sqnr!)[0]!;
    expect(await page.locator('.tensor h2').textContent()).toBe(worst.name);
    const remark = await page.getByTestId('remark').textContent();
    expect(remark).toContain('The worst of 28 tensors');
    expect(remark).toMatch(/share \d+ of 255 levels|times the median error/);
    for (const metric of ['sqnr', 'mse', 'maxAbs', 'cosine', 'meanAbs'] as const)
      expect(await figureOf(page, metric, '.figures')).toBe(worst[metric]);
  });

  it('sorts its table, and both ways select the same tensor', async () => {
    const page = await fixture.open();
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
    const page = await fixture.open({ state: { showTable: false } });
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

  it('shows kept tensors when asked, without figures', async () => {
    const page = await fixture.open();
    await cell(page, down0).waitFor();
    await page.getByTestId('show-kept').click();
    const norm = cell(page, 'model.norm.weight');
    await norm.click();
    expect(await norm.getAttribute('data-value')).toBeNull();
    expect(await page.locator('.tensor .remark').textContent()).toContain('Kept as BF16: a norm');
    expect(await page.locator('[role=gridcell][data-tensor]').count()).toBe(
      fixture.plain.report.tensors.length,
    );
  });

  it('keeps its state over a reload', async () => {
    const page = await fixture.open();
    await cell(page, down0).click();
    await settled(page);
    await pictures(page).press('+');
    await expect.poll(() => (fixture.opened!.state() as { region?: unknown }).region).toBeTruthy();
    await settled(page);
    const region = await pictures(page).getAttribute('data-region');
    const state = fixture.opened!.state();
    await fixture.opened!.page.close();
    const again = await fixture.open({ state });
    await settled(again);
    expect(await again.locator('.tensor h2').textContent()).toBe(down0);
    await expect.poll(() => pictures(again).getAttribute('data-region')).toBe(region);
  });

  it('follows a change of theme in its canvases', async () => {
    const page = await fixture.open({ theme: 'dark' });
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

  it('copies its table as Markdown and saves it as CSV', async () => {
    const page = await fixture.open();
    await page.getByTestId('copy-table').click();
    await expect.poll(() => fixture.copied.split('\n').length).toBe(fixture.plain.report.tensors.length + 3);
    expect(fixture.copied).toMatch(/^\| tensor \| from \|/);
    await page.getByTestId('save-table').click();
    await expect
      .poll(() => fixture.copied.split('\r\n').length)
      .toBe(fixture.plain.report.tensors.length + 2);
    const { mse } = fixture.plain.report.tensors.find(({ name }) => name === down0)!;
    expect(fixture.copied.split('\r\n').find((line) => line.startsWith(down0))).toContain(`,${mse},`);
  });

  it('shows two checkpoints beside each other, also where types are the same, and warns of the rest', async () => {
    const page = await fixture.open(
      {},
      {
        ready: () => ({
          report: {
            ...fixture.plain.report,
            comparison: true,
            label: 'the other <b>model</b>',
            warnings: ['Only in the first: lm_head.weight.'],
            tensors: fixture.plain.report.tensors.map((row) => ({ ...row, to: row.from })),
          },
          against: { kind: 'file', path: '' },
          catalogue: fixture.plain.catalogue,
          settings: { colorMap: 'viridis', outlierFactor: 6 },
        }),
      },
    );
    await cell(page, down0).waitFor();
    expect(await page.locator('[role=gridcell][data-value]').count()).toBe(28);
    expect(await page.locator('.warnings li').allTextContents()).toEqual([
      'Only in the first: lm_head.weight.',
    ]);
    expect(await page.locator('.scheme').textContent()).toContain('the other <b>model</b>');
    expect(await page.getByText('Open the Other').count()).toBe(1);
  });

  it('opens result and source, and lets the host select a tensor', async () => {
    const page = await fixture.open();
    await cell(page, down0).waitFor();
    await page.getByText('Open Result').click();
    await page.getByText('Open Source').click();
    await expect
      .poll(() => fixture.asked.filter((kind) => kind.startsWith('open')))
      .toEqual(['openResult', 'openSource']);
    const index = fixture.plain.catalogue.tensors.names.indexOf('model.layers.2.self_attn.o_proj.weight');
    await fixture.opened!.rpc.call('select', { tensor: index });
    await expect
      .poll(() => page.locator('.tensor h2').textContent())
      .toBe('model.layers.2.self_attn.o_proj.weight');
  });

  it('says what failed and tries again', async () => {
    let broken = true;
    const page = await fixture.open(
      {},
      {
        ready: () => {
          if (broken) throw new Error('The source is gone.');
          return fixture.host().ready({}, undefined as never);
        },
      },
    );
    await expect.poll(() => page.locator('[role=alert]').textContent()).toContain('The source is gone.');
    broken = false;
    await page.getByText('Try again').click();
    await cell(page, down0).waitFor();
  });

  it('says so when a picture fails, and when nothing was quantized', async () => {
    const page = await fixture.open(
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
    await fixture.opened!.page.close();
    const kept = fixture.plain.report.tensors.filter((row) => row.from === row.to);
    const empty = await fixture.open(
      {},
      {
        ready: () => ({
          report: { ...fixture.plain.report, tensors: kept },
          against: { kind: 'file', path: '' },
          catalogue: fixture.plain.catalogue,
          settings: { colorMap: 'viridis', outlierFactor: 6 },
        }),
      },
    );
    await expect.poll(() => empty.locator('.page-message h1').textContent()).toBe('Nothing was quantized');
  });

  it.each([600, 700, 1180, 2000])('has no sideways scrolling at %i px', async (width) => {
    const page = await fixture.open({ width });
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
      const page = await fixture.open({ theme, width, scale: 1 });
      await settled(page);
      await page.waitForTimeout(200);
      await page.screenshot({ path: `${folder}/report-${theme}-${width}.png` });
      await page.setViewportSize({ width, height: 1400 });
      await zoomIn(page, 'original', 150, 60);
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${folder}/report-${theme}-${width}-zoomed.png` });
      await page.locator('[data-testid=compare]').click();
      await page.waitForTimeout(600);
      await page.screenshot({ path: `${folder}/report-${theme}-${width}-compared.png` });
    });

  it('keeps name and buttons in the strip beside a scheme with many options', async () => {
    const { plain } = fixture;
    const label = 'INT4 zero-point per block of 64, least squared error, pruned by magnitude, dequantized';
    const page = await fixture.open(
      { width: 1000 },
      {
        ready: () => ({
          report: { ...plain.report, label },
          against: { kind: 'file', path: plain.report.open },
          catalogue: plain.catalogue,
          settings: { colorMap: 'viridis', outlierFactor: 6 },
        }),
      },
    );
    const scheme = page.locator('.strip .scheme');
    await scheme.waitFor();
    expect(await scheme.getAttribute('title')).toBe(label);
    const name = page.locator('.strip h1');
    expect(await name.evaluate((each) => each.scrollWidth - each.clientWidth)).toBe(0);
    const button = (await page.getByText('Open Result').boundingBox())!;
    expect(button.x + button.width).toBeLessThan(1000);
    if (process.env.LOUPE_SHOTS) await page.screenshot({ path: `${process.env.LOUPE_SHOTS}/strip.png` });
  });
});
