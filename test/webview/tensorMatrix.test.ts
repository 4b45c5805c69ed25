/** The viewer's picture of a tensor in a real browser: tiles, zoom, keys, colours and slices, compared with the values. */
import { describe, expect, it } from 'vitest';
import { columns, executable, type Harness, rows, TensorFixture } from './tensorFixture';

describe.skipIf(!executable)('picture of the tensor viewer', { timeout: 60_000 }, () => {
  const viewer = new TensorFixture();
  const { matrix, settled, ready, region, figure, valueAt, goTo, choose } = viewer;

  it('shows the whole tensor from tiles of a fixed grid', async () => {
    await ready();
    expect(await region()).toEqual([0, rows, 0, columns]);
    const asked = await viewer.page.evaluate(() => (window as unknown as Harness).harness.tiles);
    expect(asked.length).toBeGreaterThan(2);
    for (const { region: part, rows: down, columns: across } of asked) {
      expect(down).toBeLessThanOrEqual(256);
      expect(across).toBeLessThanOrEqual(256);
      const step = 2 ** Math.ceil(Math.log2((part.column1! - part.column0!) / across));
      expect(part.column0! % (256 * step)).toBe(0);
    }
    await viewer.page.getByTestId('position').getByText('all 300 rows, all 700 columns').waitFor();
    expect(viewer.problems).toEqual([]);
  });

  it('reads the cell under the pointer, and selects it by a click', async () => {
    await ready();
    await goTo([120, 333]);
    expect(await figure('row')).toBe(120);
    expect(await figure('column')).toBe(333);
    expect(await figure('value')).toBe(await valueAt(120, 333));
    const box = (await matrix().boundingBox())!;
    await viewer.page.mouse.move(box.x + box.width / 2 + 150, box.y + box.height / 2 + 50);
    const [row, column] = [await figure('row'), await figure('column')];
    expect([row, column]).not.toEqual([120, 333]);
    expect(await figure('value')).toBe(await valueAt(row, column));
    await viewer.page.mouse.down();
    await viewer.page.mouse.up();
    await viewer.page.getByTestId('element-place').getByText(`[${row}, ${column}]`).waitFor();
    expect(Number(await viewer.page.getByTestId('element-value').getAttribute('data-value'))).toBe(
      await valueAt(row, column),
    );
  });

  it('zooms by wheel around the pointer, pans by dragging, and fits again', async () => {
    await ready();
    const box = (await matrix().boundingBox())!;
    const at = { x: box.x + box.width * 0.25, y: box.y + box.height * 0.75 };
    await viewer.page.mouse.move(at.x, at.y);
    const under = [await figure('row'), await figure('column')];
    for (let turn = 0; turn < 6; turn++) await viewer.page.mouse.wheel(0, -240);
    await settled();
    const near = await region();
    expect(near[1]! - near[0]!).toBeLessThan(rows / 4);
    expect(Math.abs((await figure('row')) - under[0]!)).toBeLessThanOrEqual(1);
    expect(Math.abs((await figure('column')) - under[1]!)).toBeLessThanOrEqual(1);
    await viewer.page.mouse.down();
    await viewer.page.mouse.move(at.x + 120, at.y - 60, { steps: 5 });
    await viewer.page.mouse.up();
    await settled();
    const moved = await region();
    expect(moved[2]!).toBeLessThan(near[2]!);
    expect(moved[0]!).toBeGreaterThan(near[0]!);
    await viewer.page.getByTestId('fit').click();
    await settled();
    await expect.poll(region, { timeout: 15_000 }).toEqual([0, rows, 0, columns]);
    expect(Number(await matrix().getAttribute('data-draw-median'))).toBeGreaterThanOrEqual(0);
  });

  it('is moved through by keys, and tells each cell', async () => {
    await ready();
    await goTo([10, 20]);
    const told = viewer.page.getByTestId('announcer');
    await viewer.page.keyboard.press('ArrowRight');
    expect(await told.textContent()).toMatch(/^row 10, column 21: /);
    await viewer.page.keyboard.press('ArrowDown');
    expect(await told.textContent()).toMatch(/^row 11, column 21: /);
    await viewer.page.keyboard.press('Shift+ArrowDown');
    expect(await told.textContent()).toMatch(/^row 21, column 21: /);
    expect(await figure('value')).toBe(await valueAt(21, 21));
    const [row0, row1] = await region();
    await viewer.page.keyboard.press('Control+ArrowDown');
    expect(await told.textContent()).toContain(`row ${21 + row1! - row0!}`);
    await viewer.page.keyboard.press('End');
    await settled();
    expect(await told.textContent()).toContain(`column ${columns - 1}`);
    await viewer.page.keyboard.press('Control+Home');
    await settled();
    expect(await figure('row')).toBe(0);
    expect(await figure('column')).toBe(0);
    await viewer.page.keyboard.press('0');
    await settled();
    expect(await region()).toEqual([0, rows, 0, columns]);
  });

  it('shows averages and magnitudes, and takes another range and scale', async () => {
    await ready();
    const legend = viewer.page.getByTestId('legend');
    expect(Number(await legend.getAttribute('data-low'))).toBe(
      -Number(await legend.getAttribute('data-high')),
    );
    await choose('cells', '|x|');
    expect(await legend.getAttribute('data-low')).toBe('0');
    await choose('range', 'whole');
    const most = await viewer.page.evaluate(() =>
      (window as unknown as Harness).harness.tensor.values.reduce(
        (far, value) => Math.max(far, Math.abs(value)),
        0,
      ),
    );
    expect(Number(await legend.getAttribute('data-high'))).toBe(most);
    await choose('range', 'typed');
    await viewer.page.getByTestId('typed-max').fill('0.125');
    await viewer.page.getByTestId('typed-max').press('Enter');
    expect(await legend.getAttribute('data-high')).toBe('0.125');
    await choose('scale', 'quantile');
    expect(await legend.getAttribute('aria-label')).toContain('by rank');
    await choose('cells', 'RMS');
    const asked = await viewer.page.evaluate(
      () => (window as unknown as Harness).harness.tiles.at(-1)!.aggregate,
    );
    expect(asked).toBe('rms');
    expect(viewer.problems).toEqual([]);
  });

  it('walks through slices, and goes to elements of others', async () => {
    await ready({ query: 'shape=8,120,200' });
    expect(await region()).toEqual([0, 120, 0, 200]);
    await viewer.page.locator('[data-slice-index="0"]').fill('5');
    await viewer.page.locator('[data-slice-index="0"]').press('Enter');
    await settled();
    const asked = await viewer.page.evaluate(
      () => (window as unknown as Harness).harness.tiles.at(-1)!.slice!.at,
    );
    expect(asked[0]).toBe(5);
    await goTo([2, 60, 70]);
    expect(await viewer.page.locator('[data-slider="0"]').inputValue()).toBe('2');
    expect(await figure('value')).toBe(await valueAt(2 * 120 + 60, 70, 200));
    await choose('layout', 'all others');
    await expect.poll(region, { timeout: 15_000 }).toEqual([0, 8, 0, 24_000]);
  });

  it('sees one NaN among 210,000 values', async () => {
    await ready({ query: 'nan' });
    const at = Math.floor(rows * columns * 0.303);
    const place = { row: Math.floor(at / columns), column: at % columns };
    const warning = await viewer.page.evaluate(({ row, column }) => {
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
    expect(
      await viewer.page.locator('[data-testid="readout"] [data-figure="value"]').textContent(),
    ).toContain('NaN');
  });

  it('draws a vector, a scalar and a tiny matrix', async () => {
    for (const shape of ['768', '1', '4,6']) {
      await ready({ query: `shape=${shape}` });
      expect(viewer.problems).toEqual([]);
      await viewer.page.close();
    }
  });
});
