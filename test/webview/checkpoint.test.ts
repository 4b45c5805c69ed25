/** The checkpoint page in a real browser: filter, sort, fold, keyboard, selection, analysis, saved state, failures. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { madeUpModel } from '../../webview-ui/dev/models/madeUpModel';
import { plainStats } from '../../webview-ui/dev/plainStats';
import {
  bundleHarness,
  chromiumPath,
  launchChromium,
  measureScrolling,
  type OpenOptions,
  openHarness,
  repositoryRoot,
} from './checkpointHarness';
import type { PageFiles } from './pageInBrowser';

const executable = chromiumPath();
if (!executable) console.log('Skipped: no Chromium was found (CHROMIUM_EXECUTABLE names one).');

const down = 'model.layers.1.mlp.down_proj.weight';

describe.skipIf(!executable)('checkpoint page', () => {
  let browser: Browser;
  let bundle: PageFiles;
  let problems: string[] = [];

  beforeAll(async () => {
    bundle = await bundleHarness(repositoryRoot);
    browser = await launchChromium(executable!);
  });
  afterAll(async () => {
    await browser?.close();
  });

  async function open(options: OpenOptions = {}): Promise<Page> {
    const opened = await openHarness(browser, bundle, options);
    problems = opened.problems;
    return opened.page;
  }

  /** Opens, runs, and holds the page to be without errors or policy violations. */
  async function withPage(options: OpenOptions, run: (page: Page) => Promise<void>): Promise<void> {
    const page = await open(options);
    try {
      await run(page);
      expect(problems).toEqual([]);
    } finally {
      await page.close();
    }
  }

  /** Rows on screen from top to bottom: a tensor's name, or a group's key in brackets. */
  const rows = (page: Page) =>
    page.locator('.row:not([hidden])').evaluateAll((elements) =>
      elements
        .map((element) => element as HTMLElement)
        .sort((a, b) => Number(a.getAttribute('aria-rowindex')) - Number(b.getAttribute('aria-rowindex')))
        .map((element) => element.dataset.tensor ?? `[${element.dataset.group}]`),
    );
  const rowCount = async (page: Page) =>
    Number(await page.getByTestId('tensor-table').getAttribute('aria-rowcount')) - 1;
  const filter = async (page: Page, text: string) => {
    await page.getByTestId('filter').locator('input').fill(text);
    await page.waitForTimeout(60);
  };
  const activeRow = (page: Page) =>
    page.getByTestId('tensor-table').evaluate((table) => {
      const row = document.getElementById(table.getAttribute('aria-activedescendant') ?? '');
      return row?.dataset.tensor ?? (row ? `[${row.dataset.group}]` : '');
    });
  const ready = (page: Page) => page.getByTestId('tensor-table').locator('.row').first().waitFor();

  it('shows the strip, the groups in model order, and only the rows on screen', async () => {
    await withPage({}, async (page) => {
      await ready(page);
      const strip = await page.getByTestId('strip').innerText();
      expect(strip).toContain('made-up');
      expect(strip).toContain('LlamaForCausalLM · 12 layers · 32 wide');
      expect(strip).toContain('parameters');
      expect(strip).toContain('BF16');
      const shown = await rows(page);
      expect(shown.slice(0, 3)).toEqual(['model.embed_tokens.weight', 'broken.weight', '[model.layers.0]']);
      // 4 loose tensors, 12 groups of 8.
      expect(await rowCount(page)).toBe(4 + 12 * 9);
      expect(shown.length).toBeLessThan(60);
      expect(shown.indexOf('[model.layers.2]')).toBeGreaterThan(shown.indexOf('[model.layers.1]'));
      const cell = page.locator(`[data-tensor="model.layers.0.mlp.up_proj.weight"] [data-column="name"]`);
      expect(await cell.innerText()).toBe('mlp.up_proj.weight');
    });
  });

  it('filters, tells how many match and what it did not understand', async () => {
    await withPage({}, async (page) => {
      await ready(page);
      await filter(page, 'mlp shape:32x96');
      expect(await rowCount(page)).toBe(24);
      expect(await page.getByTestId('match-count').innerText()).toBe('12 of 100');
      await filter(page, '*.mlp.up_proj.weight colour:red');
      expect(await page.getByTestId('match-count').innerText()).toBe('12 of 100');
      expect(await page.getByTestId('filter-notes').innerText()).toContain('colour:red is left out');
      await filter(page, 'nowhere');
      expect(await page.locator('.table-empty').innerText()).toBe('No tensor matches the filter.');
      await page.getByTestId('filter').locator('input').press('Escape');
      await expect.poll(() => rowCount(page)).toBe(112);
    });
  });

  it('sorts by a column in both directions, and returns to model order', async () => {
    await withPage({}, async (page) => {
      await ready(page);
      const header = page.locator('[role="columnheader"][data-column="bytes"]');
      await page.getByTestId('sort-bytes').click();
      await expect.poll(() => header.getAttribute('aria-sort')).toBe('descending');
      expect(await rowCount(page)).toBe(100);
      expect((await rows(page))[0]).toBe('model.layers.0.mlp.gate_proj.weight'.replace('gate', 'down'));
      await page.getByTestId('sort-bytes').click();
      await expect.poll(() => header.getAttribute('aria-sort')).toBe('ascending');
      const smallest = await page.locator('.row:not([hidden]) [data-column="bytes"]').first().innerText();
      expect(smallest).toBe('128');
      await page.getByTestId('sort-bytes').click();
      await expect.poll(() => header.getAttribute('aria-sort')).toBe('none');
      expect((await rows(page))[2]).toBe('[model.layers.0]');
    });
  });

  it('is driven by the keyboard: move, fold, unfold, page, copy, filter', async () => {
    await withPage({}, async (page) => {
      await ready(page);
      await page.getByTestId('tensor-table').focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await expect.poll(() => activeRow(page)).toBe('[model.layers.0]');
      await page.keyboard.press('ArrowLeft');
      await expect.poll(() => rowCount(page)).toBe(112 - 8);
      const group = page.locator('[data-group="model.layers.0"]');
      expect(await group.getAttribute('aria-expanded')).toBe('false');
      expect(await group.getAttribute('aria-level')).toBe('1');
      await page.keyboard.press('ArrowDown');
      await expect.poll(() => activeRow(page)).toBe('[model.layers.1]');
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('ArrowRight');
      await page.locator('[data-group="model.layers.0"][aria-expanded="true"]').waitFor();
      await page.keyboard.press('ArrowRight');
      await expect.poll(() => activeRow(page)).toBe('model.layers.0.input_layernorm.weight');
      expect(
        await page
          .locator('[data-tensor="model.layers.0.input_layernorm.weight"]')
          .getAttribute('aria-level'),
      ).toBe('2');
      await page.keyboard.press('c');
      await page.keyboard.press('ArrowLeft');
      await expect.poll(() => activeRow(page)).toBe('[model.layers.0]');
      await page.keyboard.press('End');
      await expect.poll(() => activeRow(page)).toBe('lm_head.weight');
      await page.keyboard.press('PageUp');
      await expect.poll(() => activeRow(page)).not.toBe('lm_head.weight');
      await page.keyboard.press('Home');
      await expect.poll(() => activeRow(page)).toBe('model.embed_tokens.weight');
      const actions = await page.evaluate(
        () => (window as unknown as { harness: { actions: unknown[] } }).harness.actions,
      );
      expect(actions).toEqual([{ kind: 'copy', text: 'model.layers.0.input_layernorm.weight' }]);
      await page.keyboard.press('/');
      await page.keyboard.type('lm_head');
      await expect.poll(() => rows(page)).toEqual(['lm_head.weight']);
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Home');
      await page.keyboard.press('Enter');
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.textContent?.trim()))
        .toBe('lm_head.weight');
    });
  });

  it('shows the selected tensor: figures, outlier channels, picture and advice', async () => {
    const model = madeUpModel(12);
    const index = model.catalogue.tensors.names.indexOf(down);
    const expected = plainStats(down, model.values(index)!, 32, 96, 4);
    await withPage({}, async (page) => {
      await ready(page);
      await page.locator(`[data-tensor="${down}"].row`).click({ button: 'right' });
      await page.getByTestId('row-menu').getByText('Show in Every Layer').click();
      await expect.poll(() => page.getByTestId('match-count').innerText()).toBe('12 of 100');
      await page.getByTestId('picture').waitFor();
      const figure = (id: string) =>
        page.locator(`[data-testid="details"] [data-figure="${id}"]`).getAttribute('data-value').then(Number);
      expect(await figure('mean')).toBe(expected.mean);
      expect(await figure('std')).toBe(expected.std);
      expect(await figure('absmax')).toBe(expected.absmax);
      expect(await figure('sigma6')).toBe(expected.outliers.sigma6);
      expect(await figure('byteOffset')).toBe(model.catalogue.tensors.byteOffset[index]);
      expect(expected.channels!.columns.outliers).toEqual([5, 11]);
      expect(await page.locator('[data-outlier]').allInnerTexts()).toEqual(['5', '11']);
      expect(await page.getByTestId('advice').innerText()).toMatch(
        /^Two input channels hold \d+ % of the energy\./,
      );
      expect(await page.getByTestId('live').innerText()).toContain('Two input channels');
      // The cursor of the channel plot goes from outlier to outlier.
      await page.getByTestId('channel-plot').focus();
      await page.keyboard.press('PageDown');
      await page.keyboard.press('PageDown');
      expect(await page.getByTestId('live').innerText()).toContain('input channel 11');
      await page.getByTestId('toggle-axis').click();
      await expect.poll(() => page.getByTestId('outliers').innerText()).toBe('No output channel stands out.');
    });
  });

  it('names the quantization in the strip, and the pieces of a weight in its details', async () => {
    await withPage({ query: 'model=packed', width: 1400 }, async (page) => {
      await page.getByTestId('strip').waitFor();
      expect(await page.getByTestId('quantization').textContent()).toBe('GPTQ 4-bit · 6.23 bits/weight');
      await page.locator('.row[data-tensor="model.layers.0.mlp.up_proj.weight"]').click();
      const pieces = page.getByTestId('pieces');
      await pieces.locator('summary').click();
      const words = (await pieces.locator('summary').textContent())!.replace(/\s+/g, ' ').trim();
      expect(words).toBe('Stored as GPTQ, 4 bits (4.25 a weight), in 3 tensors');
      const cells = pieces.locator('tbody tr');
      expect(await cells.locator('th').allTextContents()).toEqual(['codes', 'scales', 'zero points']);
      expect(await cells.first().locator('td').first().textContent()).toBe(
        'model.layers.0.mlp.up_proj.qweight',
      );
    });
  });

  it('says why a tensor has no statistics', async () => {
    await withPage({}, async (page) => {
      await ready(page);
      await page.locator('[data-tensor="broken.weight"].row').click();
      expect(await page.getByTestId('details-impossible').innerText()).toContain(
        'beyond the end of the file',
      );
    });
  });

  it('analyzes all tensors with progress, and finds the one that is unusual', async () => {
    await withPage({ query: 'step=4' }, async (page) => {
      await ready(page);
      expect(await page.locator('[role="columnheader"][data-column="kurtosis"]').count()).toBe(0);
      await page.getByTestId('analyze-all').click();
      await page.getByTestId('analysis-count').waitFor();
      await page.getByText('Analyzed', { exact: true }).waitFor();
      expect(await page.getByTestId('live').innerText()).toBe('Analysis finished: 100 tensors.');
      await page.getByTestId('sort-kurtosis').click();
      await expect.poll(async () => (await rows(page))[0]).toBe(down);
      expect(await page.locator('.row:not([hidden]) [data-column="kurtosis"].unusual').count()).toBe(1);
      const broken = page.locator('[data-tensor="broken.weight"] [data-column="kurtosis"]');
      await page.getByTestId('tensor-table').focus();
      await page.keyboard.press('End');
      expect(await broken.innerText()).toBe('–');
      await filter(page, 'kurtosis:>10');
      expect(await rows(page)).toEqual([down]);
    });
  });

  it('cancels an analysis and keeps what is known', async () => {
    await withPage({ query: 'step=25' }, async (page) => {
      await ready(page);
      await page.getByTestId('analyze-all').click();
      await page.getByText(/^[3-9] \/ 100/).waitFor();
      await page.getByTestId('cancel-analysis').click();
      await page.getByTestId('analyze-all').waitFor();
      expect(await page.getByTestId('live').innerText()).toMatch(
        /^Analysis cancelled: \d+ of 100 tensors are done\.$/,
      );
      const known = await page
        .locator('.row:not(.group):not([hidden]) [data-column="std"]')
        .evaluateAll((cells) => cells.filter((cell) => cell.textContent !== '').length);
      expect(known).toBeGreaterThan(0);
      expect(known).toBeLessThan(30);
    });
  });

  it('comes back from a reload as it was left', async () => {
    await withPage({}, async (page) => {
      await ready(page);
      await page.locator(`[data-tensor="${down}"].row`).click();
      await page.locator('[data-group="model.layers.0"]').click();
      await page.getByTestId('tensor-table').evaluate((table) => {
        table.scrollTop = 330;
      });
      await page.getByTestId('columns').click();
      await page.locator('[data-column-choice="share"]').click();
      await page.keyboard.press('Escape');
      await filter(page, 'weight');
      await page.getByTestId('tensor-table').evaluate((table) => {
        table.scrollTop = 330;
      });
      await page.waitForTimeout(400);
      const before = await rows(page);
      await page.reload();
      await ready(page);
      await page.getByTestId('picture').waitFor();
      await expect.poll(() => page.getByTestId('details').getAttribute('data-selected')).toBe(down);
      expect(await page.getByTestId('tensor-table').evaluate((table) => table.scrollTop)).toBe(330);
      expect(await rows(page)).toEqual(before);
      expect(await page.locator('[role="columnheader"][data-column="share"]').count()).toBe(0);
      expect(await page.getByTestId('match-count').innerText()).toBe('100 of 100');
      await page.getByTestId('tab-metadata').click();
      await page.getByTestId('tensor-table').waitFor({ state: 'hidden' });
      await page.getByTestId('tab-tensors').click();
      await expect
        .poll(() => page.getByTestId('tensor-table').evaluate((table) => table.scrollTop))
        .toBe(330);
      await page.getByTestId('tab-memory').click();
      await page.waitForTimeout(400);
      await page.reload();
      await page.getByTestId('memory').waitFor();
    });
  });

  it('gives exact bytes in the memory view', async () => {
    const { parameters, bytes } = madeUpModel(12).catalogue;
    await withPage({}, async (page) => {
      await page.getByTestId('tab-memory').click();
      const exact = (label: string) =>
        page.locator(`[data-memory="${label}"] [data-value]`).getAttribute('data-value').then(Number);
      expect(await exact('F32')).toBe(parameters * 4);
      expect(await exact('F16/BF16')).toBe(parameters * 2);
      expect(await exact('INT8')).toBe(parameters);
      expect(await exact('INT4')).toBe(parameters / 2);
      expect(await exact('disk')).toBe(bytes);
    });
  });

  it('shows a refused file with reason, tensor and byte offset, and tries again', async () => {
    await withPage({ query: 'model=refused' }, async (page) => {
      await page.getByTestId('refused').waitFor();
      expect(await page.getByTestId('reason').innerText()).toContain('ends at byte 9,000,000');
      expect(await page.getByTestId('refused-tensor').innerText()).toBe('model.layers.3.mlp.up_proj.weight');
      expect(await page.getByTestId('refused-offset').innerText()).toBe('74,565 (0x12345)');
      await page.getByTestId('open-as-text').click();
      await page.getByTestId('retry').click();
      const actions = () =>
        page.evaluate(() => (window as unknown as { harness: { actions: unknown[] } }).harness.actions);
      await expect.poll(actions).toEqual([{ kind: 'openAsText' }, { kind: 'retry' }]);
      await page.getByTestId('refused').waitFor();
    });
  });

  it('is never blank: loading, no tensors, untrusted, changed file', async () => {
    await withPage({ query: 'model=loading' }, async (page) => {
      expect(await page.getByTestId('loading').innerText()).toContain('Opening the checkpoint');
    });
    await withPage({ query: 'model=empty' }, async (page) => {
      expect(await page.getByTestId('no-tensors').innerText()).toContain('No tensors');
      await page.getByTestId('tab-metadata').click();
      expect(await page.locator('[data-key="tokenizer.ggml.tokens"]').innerText()).toContain('32,000 items');
    });
    await withPage({ query: 'restricted' }, async (page) => {
      await page.getByTestId('restricted').waitFor();
      expect(await page.getByTestId('quantize').getAttribute('disabled')).not.toBeNull();
      await page.evaluate(() =>
        (
          window as unknown as {
            harness: { host: { call(method: string, params: unknown): Promise<unknown> } };
          }
        ).harness.host.call('notice', { kind: 'changed', message: 'The file has changed on disk.' }),
      );
      await page.getByTestId('reload').click();
      await page.getByTestId('notice').waitFor({ state: 'detached' });
    });
  });

  it('drops what matters least from a narrow strip, and never wraps it', async () => {
    await withPage({ width: 600, height: 700 }, async (page) => {
      await ready(page);
      const box = await page.getByTestId('strip').boundingBox();
      expect(box!.height).toBeLessThan(44);
      expect(await page.getByTestId('strip').evaluate((strip) => strip.scrollWidth - strip.clientWidth)).toBe(
        0,
      );
      expect(await page.getByTestId('architecture').isVisible()).toBe(false);
      expect(await page.getByTestId('size').isVisible()).toBe(true);
      const table = (await page.getByTestId('tensor-table').boundingBox())!;
      const details = (await page.getByTestId('details-pane').boundingBox())!;
      expect(details.y).toBeGreaterThanOrEqual(table.y + table.height - 1);
    });
  });

  it('scrolls through 100,000 tensors with few rows in the page', async () => {
    await withPage({ query: 'model=large&count=100000' }, async (page) => {
      await ready(page);
      await page.waitForTimeout(1200);
      const result = await measureScrolling(page, 60);
      console.log(`Scrolling 100,000 tensors: ${JSON.stringify(result)}`);
      expect(result.rowsInDom).toBeLessThan(80);
    });
  });
});
