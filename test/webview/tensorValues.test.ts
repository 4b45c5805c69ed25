/** Single values in the tensor viewer, in a real browser: their bits, the largest, the table, what is copied. */
import { describe, expect, it } from 'vitest';
import { columns, executable, type Harness, TensorFixture } from './tensorFixture';

describe.skipIf(!executable)('values in the tensor viewer', { timeout: 60_000 }, () => {
  const viewer = new TensorFixture();
  const { matrix, settled, ready, region, figure, valueAt, goTo, actions } = viewer;

  it('shows 1/3 as the types store it', async () => {
    await ready();
    await goTo([0, 5]);
    await viewer.page.getByTestId('element-place').getByText('[0, 5]').waitFor();
    // The decimals of 1/3 in each type, as published.
    const decimal = (dtype: string) =>
      viewer.page
        .locator(`[data-testid="element-as"] tr[data-dtype="${dtype}"] .decimal`)
        .getAttribute('title');
    expect(await decimal('F32')).toBe('0.3333333432674407958984375');
    expect(await decimal('F16')).toBe('0.333251953125');
    expect(await decimal('BF16')).toBe('0.333984375');
    const bits = viewer.page.locator('[data-testid="element-bits"] .bit');
    expect((await bits.allTextContents()).join('')).toBe('00111110101010101010101010101011');
    expect(await viewer.page.locator('[data-testid="element-bits"] .exponent .bit').count()).toBe(8);
    expect(await viewer.page.locator('[data-testid="element-value"] .noise').textContent()).not.toBe('');
    expect(
      await viewer.page.locator('[data-testid="element-bits"] .bits').getAttribute('aria-label'),
    ).toContain('exponent');
  });

  it('leads from the largest values to their places', async () => {
    await ready();
    const first = viewer.page.locator('[data-testid="top-values"] button').first();
    const index = Number(await first.getAttribute('data-index'));
    await first.click();
    await settled();
    expect(await figure('row')).toBe(Math.floor(index / columns));
    expect(await figure('column')).toBe(index % columns);
    const most = await viewer.page.evaluate(() =>
      (window as unknown as Harness).harness.tensor.values.reduce(
        (far, value) => Math.max(far, Math.abs(value)),
        0,
      ),
    );
    expect(Math.abs(await figure('value'))).toBe(most);
  });

  it('shows the cells as a table, one key away', async () => {
    await ready();
    await goTo([47, 52]);
    await viewer.page.keyboard.press('t');
    const table = viewer.page.getByTestId('cell-table');
    await table.waitFor();
    const cell = table.locator('td[aria-current="true"]');
    expect(Number((await cell.textContent())!.replace('−', '-'))).toBeCloseTo(await valueAt(47, 52), 3);
    await viewer.page.keyboard.press('ArrowRight');
    await settled();
    expect(Number((await cell.textContent())!.replace('−', '-'))).toBeCloseTo(await valueAt(47, 53), 3);
    await viewer.page.keyboard.press('Escape');
    await table.waitFor({ state: 'detached' });
    expect(await matrix().evaluate((element) => element === document.activeElement)).toBe(true);
  });

  it('copies and saves the marked values, else those in view', async () => {
    await ready();
    await goTo([100, 200]);
    await viewer.page.keyboard.press('c');
    const [row0, row1, column0, column1] = await region();
    expect((await actions()).at(-1)).toMatchObject({
      kind: 'copyValues',
      what: 'view',
      region: { row0, row1, column0, column1 },
    });
    await viewer.page.keyboard.press('m');
    await viewer.page.keyboard.press('ArrowRight');
    await viewer.page.keyboard.press('ArrowDown');
    await viewer.page.keyboard.press('ArrowDown');
    await viewer.page.getByText('Marked: 3 × 2 values').waitFor();
    await viewer.page.keyboard.press('s');
    expect((await actions()).at(-1)).toMatchObject({
      kind: 'save',
      what: 'selection',
      region: { row0: 100, row1: 103, column0: 200, column1: 202 },
    });
    await viewer.page.keyboard.press('g');
    expect((await actions()).at(-1)).toEqual({ kind: 'goToIndex' });
    const bytes = await viewer.page.evaluate(async () => {
      const answer = await (window as unknown as Harness).harness.host.call('picture', {});
      return [...(answer as { png: Uint8Array }).png.slice(0, 24)];
    });
    expect(bytes.slice(0, 8)).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
    const box = (await matrix().boundingBox())!;
    // Width of a PNG: bytes 16 to 19. The picture has a margin of 10 on both sides.
    expect(bytes[18]! * 256 + bytes[19]!).toBe(Math.round(box.width) + 20);
  });
});
