/** The tensor viewer's page in a real browser: what it shows is compared with the values of the made-up tensor. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  bundleTensor,
  chromiumPath,
  launchChromium,
  openTensor,
  repositoryRoot,
  type TensorBundle,
  type TensorOptions,
} from './tensorHarness';

const executable = chromiumPath();
if (!executable) console.log('Skipped: no Chromium found; set CHROMIUM_EXECUTABLE to its path.');

/** Of the made-up host. */
const rows = 300;
const columns = 700;

type Harness = {
  harness: {
    host: { call(method: string, params: unknown): Promise<unknown> };
    actions: Record<string, unknown>[];
    tiles: {
      region: Record<string, number>;
      rows: number;
      columns: number;
      slice?: { at: number[] };
      aggregate: string;
    }[];
    tensor: { values: Float32Array };
    state(): { view?: { choices: Record<string, unknown>; selected?: unknown } };
  };
};

describe.skipIf(!executable)('tensor viewer page', { timeout: 60_000 }, () => {
  let browser: Browser;
  let bundle: TensorBundle;
  let page: Page;
  let problems: string[];

  beforeAll(async () => {
    [bundle, browser] = await Promise.all([bundleTensor(repositoryRoot), launchChromium(executable!)]);
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    await page?.close();
  });

  async function open(options: TensorOptions = {}): Promise<void> {
    ({ page, problems } = await openTensor(browser, bundle, options));
  }
  const matrix = () => page.getByTestId('matrix');
  /** Everything has come and is drawn. */
  const settled = async () => {
    await page.waitForFunction(() => {
      const element = document.querySelector<HTMLElement>('[data-testid="matrix"]');
      return element?.dataset.pending === '0' && element.dataset.frames !== undefined;
    });
    // The measurements, with the region among them, are written when the view has rested.
    await page.waitForTimeout(450);
  };
  const ready = async (options: TensorOptions = {}) => {
    await open(options);
    await page.getByTestId('top-values').waitFor();
    await settled();
  };
  const region = async () => (await matrix().getAttribute('data-region'))!.split(',').map(Number);
  const figure = async (name: string) =>
    Number(await page.locator(`[data-testid="readout"] [data-figure="${name}"]`).getAttribute('data-value'));
  const valueAt = (row: number, column: number, width = columns) =>
    page.evaluate(
      (index) => (window as unknown as Harness).harness.tensor.values[index]!,
      row * width + column,
    );
  const goTo = async (at: number[]) => {
    await page.evaluate((to) => (window as unknown as Harness).harness.host.call('goTo', { at: to }), at);
    await settled();
  };
  const actions = () => page.evaluate(() => (window as unknown as Harness).harness.actions);
  const choose = async (id: string, text: string) => {
    await page.getByTestId(id).click();
    await page.getByTestId(id).locator('li.option', { hasText: text }).first().click();
    await settled();
  };

  it('shows the whole tensor from tiles of a fixed grid', async () => {
    await ready();
    expect(await region()).toEqual([0, rows, 0, columns]);
    const asked = await page.evaluate(() => (window as unknown as Harness).harness.tiles);
    expect(asked.length).toBeGreaterThan(2);
    for (const { region: part, rows: down, columns: across } of asked) {
      expect(down).toBeLessThanOrEqual(256);
      expect(across).toBeLessThanOrEqual(256);
      const step = 2 ** Math.ceil(Math.log2((part.column1! - part.column0!) / across));
      expect(part.column0! % (256 * step)).toBe(0);
    }
    await page.getByTestId('position').getByText('all 300 rows, all 700 columns').waitFor();
    expect(problems).toEqual([]);
  });

  it('reads the cell under the pointer, and selects it by a click', async () => {
    await ready();
    await goTo([120, 333]);
    expect(await figure('row')).toBe(120);
    expect(await figure('column')).toBe(333);
    expect(await figure('value')).toBe(await valueAt(120, 333));
    const box = (await matrix().boundingBox())!;
    await page.mouse.move(box.x + box.width / 2 + 150, box.y + box.height / 2 + 50);
    const [row, column] = [await figure('row'), await figure('column')];
    expect([row, column]).not.toEqual([120, 333]);
    expect(await figure('value')).toBe(await valueAt(row, column));
    await page.mouse.down();
    await page.mouse.up();
    await page.getByTestId('element-place').getByText(`[${row}, ${column}]`).waitFor();
    expect(Number(await page.getByTestId('element-value').getAttribute('data-value'))).toBe(
      await valueAt(row, column),
    );
  });

  it('zooms by wheel around the pointer, pans by dragging, and fits again', async () => {
    await ready();
    const box = (await matrix().boundingBox())!;
    const at = { x: box.x + box.width * 0.25, y: box.y + box.height * 0.75 };
    await page.mouse.move(at.x, at.y);
    const under = [await figure('row'), await figure('column')];
    for (let turn = 0; turn < 6; turn++) await page.mouse.wheel(0, -240);
    await settled();
    const near = await region();
    expect(near[1]! - near[0]!).toBeLessThan(rows / 4);
    expect(Math.abs((await figure('row')) - under[0]!)).toBeLessThanOrEqual(1);
    expect(Math.abs((await figure('column')) - under[1]!)).toBeLessThanOrEqual(1);
    await page.mouse.down();
    await page.mouse.move(at.x + 120, at.y - 60, { steps: 5 });
    await page.mouse.up();
    await settled();
    const moved = await region();
    expect(moved[2]!).toBeLessThan(near[2]!);
    expect(moved[0]!).toBeGreaterThan(near[0]!);
    await page.getByTestId('fit').click();
    await settled();
    await expect.poll(region, { timeout: 15_000 }).toEqual([0, rows, 0, columns]);
    expect(Number(await matrix().getAttribute('data-draw-median'))).toBeGreaterThanOrEqual(0);
  });

  it('is moved through by keys, and tells each cell', async () => {
    await ready();
    await goTo([10, 20]);
    const told = page.getByTestId('announcer');
    await page.keyboard.press('ArrowRight');
    expect(await told.textContent()).toMatch(/^row 10, column 21: /);
    await page.keyboard.press('ArrowDown');
    expect(await told.textContent()).toMatch(/^row 11, column 21: /);
    await page.keyboard.press('Shift+ArrowDown');
    expect(await told.textContent()).toMatch(/^row 21, column 21: /);
    expect(await figure('value')).toBe(await valueAt(21, 21));
    const [row0, row1] = await region();
    await page.keyboard.press('Control+ArrowDown');
    expect(await told.textContent()).toContain(`row ${21 + row1! - row0!}`);
    await page.keyboard.press('End');
    await settled();
    expect(await told.textContent()).toContain(`column ${columns - 1}`);
    await page.keyboard.press('Control+Home');
    await settled();
    expect(await figure('row')).toBe(0);
    expect(await figure('column')).toBe(0);
    await page.keyboard.press('0');
    await settled();
    expect(await region()).toEqual([0, rows, 0, columns]);
  });

  it('shows 1/3 as the types store it', async () => {
    await ready();
    await goTo([0, 5]);
    await page.getByTestId('element-place').getByText('[0, 5]').waitFor();
    // The decimals of 1/3 in each type, as published.
    const decimal = (dtype: string) =>
      page.locator(`[data-testid="element-as"] tr[data-dtype="${dtype}"] .decimal`).getAttribute('title');
    expect(await decimal('F32')).toBe('0.3333333432674407958984375');
    expect(await decimal('F16')).toBe('0.333251953125');
    expect(await decimal('BF16')).toBe('0.333984375');
    const bits = page.locator('[data-testid="element-bits"] .bit');
    expect((await bits.allTextContents()).join('')).toBe('00111110101010101010101010101011');
    expect(await page.locator('[data-testid="element-bits"] .exponent .bit').count()).toBe(8);
    expect(await page.locator('[data-testid="element-value"] .noise').textContent()).not.toBe('');
    expect(await page.locator('[data-testid="element-bits"] .bits').getAttribute('aria-label')).toContain(
      'exponent',
    );
  });

  it('leads from the largest values to their places', async () => {
    await ready();
    const first = page.locator('[data-testid="top-values"] button').first();
    const index = Number(await first.getAttribute('data-index'));
    await first.click();
    await settled();
    expect(await figure('row')).toBe(Math.floor(index / columns));
    expect(await figure('column')).toBe(index % columns);
    const most = await page.evaluate(() =>
      (window as unknown as Harness).harness.tensor.values.reduce(
        (far, value) => Math.max(far, Math.abs(value)),
        0,
      ),
    );
    expect(Math.abs(await figure('value'))).toBe(most);
  });

  it('shows averages and magnitudes, and takes another range and scale', async () => {
    await ready();
    const legend = page.getByTestId('legend');
    expect(Number(await legend.getAttribute('data-low'))).toBe(
      -Number(await legend.getAttribute('data-high')),
    );
    await choose('cells', '|x|');
    expect(await legend.getAttribute('data-low')).toBe('0');
    await choose('range', 'whole');
    const most = await page.evaluate(() =>
      (window as unknown as Harness).harness.tensor.values.reduce(
        (far, value) => Math.max(far, Math.abs(value)),
        0,
      ),
    );
    expect(Number(await legend.getAttribute('data-high'))).toBe(most);
    await choose('range', 'typed');
    await page.getByTestId('typed-max').fill('0.125');
    await page.getByTestId('typed-max').press('Enter');
    expect(await legend.getAttribute('data-high')).toBe('0.125');
    await choose('scale', 'quantile');
    expect(await legend.getAttribute('aria-label')).toContain('by rank');
    await choose('cells', 'RMS');
    const asked = await page.evaluate(() => (window as unknown as Harness).harness.tiles.at(-1)!.aggregate);
    expect(asked).toBe('rms');
    expect(problems).toEqual([]);
  });

  it('walks through slices, and goes to elements of others', async () => {
    await ready({ query: 'shape=8,120,200' });
    expect(await region()).toEqual([0, 120, 0, 200]);
    await page.locator('[data-slice-index="0"]').fill('5');
    await page.locator('[data-slice-index="0"]').press('Enter');
    await settled();
    const asked = await page.evaluate(() => (window as unknown as Harness).harness.tiles.at(-1)!.slice!.at);
    expect(asked[0]).toBe(5);
    await goTo([2, 60, 70]);
    expect(await page.locator('[data-slider="0"]').inputValue()).toBe('2');
    expect(await figure('value')).toBe(await valueAt(2 * 120 + 60, 70, 200));
    await choose('layout', 'all others');
    await expect.poll(region, { timeout: 15_000 }).toEqual([0, 8, 0, 24_000]);
  });

  it('shows the cells as a table, one key away', async () => {
    await ready();
    await goTo([47, 52]);
    await page.keyboard.press('t');
    const table = page.getByTestId('cell-table');
    await table.waitFor();
    const cell = table.locator('td[aria-current="true"]');
    expect(Number((await cell.textContent())!.replace('−', '-'))).toBeCloseTo(await valueAt(47, 52), 3);
    await page.keyboard.press('ArrowRight');
    await settled();
    expect(Number((await cell.textContent())!.replace('−', '-'))).toBeCloseTo(await valueAt(47, 53), 3);
    await page.keyboard.press('Escape');
    await table.waitFor({ state: 'detached' });
    expect(await matrix().evaluate((element) => element === document.activeElement)).toBe(true);
  });

  it('copies and saves the marked values, else those in view', async () => {
    await ready();
    await goTo([100, 200]);
    await page.keyboard.press('c');
    const [row0, row1, column0, column1] = await region();
    expect((await actions()).at(-1)).toMatchObject({
      kind: 'copyValues',
      what: 'view',
      region: { row0, row1, column0, column1 },
    });
    await page.keyboard.press('m');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.getByText('Marked: 3 × 2 values').waitFor();
    await page.keyboard.press('s');
    expect((await actions()).at(-1)).toMatchObject({
      kind: 'save',
      what: 'selection',
      region: { row0: 100, row1: 103, column0: 200, column1: 202 },
    });
    await page.keyboard.press('g');
    expect((await actions()).at(-1)).toEqual({ kind: 'goToIndex' });
    const bytes = await page.evaluate(async () => {
      const answer = await (window as unknown as Harness).harness.host.call('picture', {});
      return [...(answer as { png: Uint8Array }).png.slice(0, 24)];
    });
    expect(bytes.slice(0, 8)).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
    const box = (await matrix().boundingBox())!;
    // Width of a PNG: bytes 16 to 19. The picture has a margin of 10 on both sides.
    expect(bytes[18]! * 256 + bytes[19]!).toBe(Math.round(box.width) + 20);
  });

  it('sees one NaN among 210,000 values', async () => {
    await ready({ query: 'nan' });
    const at = Math.floor(rows * columns * 0.303);
    const place = { row: Math.floor(at / columns), column: at % columns };
    const warning = await page.evaluate(({ row, column }) => {
      const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-part="cells"]')!;
      const x = Math.round((column / 700) * canvas.width);
      const y = Math.round((row / 300) * canvas.height);
      const { data } = canvas.getContext('2d')!.getImageData(x - 4, y - 4, 12, 12);
      let yellow = 0;
      for (let i = 0; i < data.length; i += 4)
        if (data[i]! > 120 && data[i + 1]! > 90 && data[i + 2]! < 60) yellow++;
      return yellow;
    }, place);
    expect(warning).toBeGreaterThan(3);
    await goTo([place.row, place.column]);
    expect(await page.locator('[data-testid="readout"] [data-figure="value"]').textContent()).toContain(
      'NaN',
    );
  });

  it('remembers what was chosen and shown', async () => {
    await ready();
    await choose('scale', 'symmetric');
    await goTo([77, 88]);
    const state = await page.evaluate(() => (window as unknown as Harness).harness.state());
    const shown = await region();
    await page.close();
    await ready({ query: `state=${encodeURIComponent(JSON.stringify(state))}` });
    expect(await page.getByTestId('legend').getAttribute('aria-label')).toContain('symmetric');
    expect(await figure('row')).toBe(77);
    const [row0, row1, column0, column1] = await region();
    expect(Math.abs(row0! - shown[0]!)).toBeLessThanOrEqual(1);
    expect(Math.abs(row1! - shown[1]!)).toBeLessThanOrEqual(2);
    expect(Math.abs(column0! - shown[2]!)).toBeLessThanOrEqual(1);
    expect(Math.abs(column1! - shown[3]!)).toBeLessThanOrEqual(2);
  });

  it('says what is wrong, and goes on when asked', async () => {
    await open({ query: 'play=failing' });
    const failure = page.getByTestId('tile-failure');
    await failure.getByText('Reading the file failed at byte 4,096.').waitFor();
    await failure.getByText('Try again').click();
    await failure.waitFor({ state: 'detached' });
    await settled();
    await page.close();
    await open({ query: 'play=refused' });
    await page.getByTestId('refused').getByText('The file is no longer on disk.').waitFor();
    await page.close();
    await open({ query: 'play=unreadable' });
    await page.getByTestId('no-values').getByText('Values of type C128 are not read.').waitFor();
    await page.close();
    await open({ query: 'shape=0,5' });
    await page.getByTestId('no-values').getByText('The tensor is empty').waitFor();
    await page.close();
    await open({ query: 'play=opening' });
    await page.getByText('Opening the tensor…').waitFor();
  });

  it('tells that the file changed and that the engine ended', async () => {
    await ready();
    await page.evaluate(async () => {
      const { host } = (window as unknown as Harness).harness;
      await host.call('notice', { kind: 'changed', message: 'model.safetensors changed on disk.' });
      await host.call('notice', { kind: 'engine', message: 'The compute process ended unexpectedly.' });
    });
    await page.getByTestId('notice-engine').getByText('Go on').click();
    await page.getByTestId('notice-engine').waitFor({ state: 'detached' });
    await page.getByTestId('notice-changed').getByText('Read it again').click();
    await page.getByTestId('notice-changed').waitFor({ state: 'detached' });
    expect(await actions()).toContainEqual({ kind: 'reread' });
    await settled();
  });

  it.each([
    ['dark', 600, 1],
    ['light', 2000, 1],
    ['contrast', 1240, 2],
    ['contrastLight', 700, 1],
  ] as const)('fits the %s theme at %i pixels, sharp at a ratio of %i', async (theme, width, scale) => {
    await ready({ theme, width, scale, height: 900 });
    const measures = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-part="cells"]')!;
      const main = document.querySelector<HTMLElement>('.main')!;
      return {
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        inner: main.scrollWidth - main.clientWidth,
        ratio: canvas.width / canvas.clientWidth,
        height: canvas.clientHeight,
      };
    });
    expect(measures.overflow).toBeLessThanOrEqual(0);
    expect(measures.inner).toBeLessThanOrEqual(0);
    expect(measures.ratio).toBeCloseTo(scale, 1);
    expect(measures.height).toBeGreaterThan(150);
    expect(problems).toEqual([]);
  });

  it('draws a vector, a scalar and a tiny matrix', async () => {
    for (const shape of ['768', '1', '4,6']) {
      await ready({ query: `shape=${shape}` });
      expect(problems).toEqual([]);
      await page.close();
    }
  });
});
