/** A report whose errors were left to be measured later: it says so, shows no figure for them, and measures them when asked. */
import { describe, expect, it } from 'vitest';
import type { QuantizeReport, TensorError } from '../../src/protocol/engineApi';
import { type Changes, cell, down0, hasBrowser, ReportFixture, settled } from './reportFixture';

type Measure = NonNullable<Changes['measure']>;

describe.skipIf(!hasBrowser)('a report without errors', { timeout: 60_000 }, () => {
  const fixture = new ReportFixture();

  /** As it is when VS Code carried or kept it as JSON, which has no NaN. */
  const unmeasured = (row: TensorError): TensorError => {
    if (row.from === row.to) return row;
    const none = {
      mse: null,
      sqnr: null,
      maxAbs: null,
      cosine: null,
      meanAbs: null,
    } as unknown as TensorError;
    return { ...row, ...none, isUnmeasured: true };
  };

  async function open(measure: Measure, options: Parameters<ReportFixture['open']>[0] = {}) {
    const { report: whole, catalogue } = fixture.plain;
    const report: QuantizeReport = { ...whole, generation: '1', tensors: whole.tensors.map(unmeasured) };
    return fixture.open(
      { width: 1300, height: 1000, ...options },
      {
        ready: () => ({
          report,
          against: { kind: 'file', path: report.open },
          catalogue,
          settings: { colorMap: 'viridis', outlierFactor: 6 },
        }),
        measure,
      },
    );
  }
  /** Waits for the answer that a test gives. */
  function waiting() {
    let tell: (told: { done: number; total: number }) => void = () => {};
    let answer: (report: QuantizeReport | Error) => void = () => {};
    const measure: Measure = (_, { signal, progress }) => {
      tell = progress;
      return new Promise((resolve, reject) => {
        answer = (report) => (report instanceof Error ? reject(report) : resolve(report));
        signal.addEventListener('abort', () => reject(new Error('Cancelled.')));
      });
    };
    return {
      measure,
      tell: (done: number) => tell({ done, total: 28 }),
      answer: (report: QuantizeReport | Error) => answer(report),
    };
  }

  it('says so and shows no figure for them', async () => {
    const page = await open(() => fixture.plain.report);
    await settled(page);
    const banner = page.getByTestId('unmeasured');
    expect(await banner.textContent()).toContain(
      'The errors of 28 tensors were not measured while this model was written.',
    );
    expect(await page.locator('[data-figure=mean-sqnr]').count()).toBe(0);
    expect(await cell(page, down0).textContent()).toBe('—');
    expect(await cell(page, down0).getAttribute('aria-label')).toBe(`${down0}, SQNR not measured`);
    expect(await page.locator('[role=gridcell][data-value]').count()).toBe(0);
    const cells = page.locator(`tr[data-tensor="${down0}"] td[data-metric]`);
    expect(new Set(await cells.allTextContents())).toEqual(new Set(['—']));
    await cell(page, down0).hover();
    await expect.poll(() => page.getByTestId('pointed').textContent()).toContain('error not measured');
    const text = (await page.locator('#app').innerText()).replace(/0 of|[\d.]+ (MB|KB|MiB|KiB|B|s)/g, '');
    expect(text).not.toMatch(/NaN|null|undefined|every copy is exact/);
    await page.getByTestId('save-table').click();
    await expect.poll(() => fixture.copied).toContain(`${down0},BF16,INT8,`);
    const line = fixture.copied.split('\r\n').find((each) => each.startsWith(down0))!;
    expect(line).toMatch(/INT8,\d+,,,,,,,not measured$/);
  });

  it('shows the figures of the tensor that is looked at, whose values are read for its pictures', async () => {
    const page = await open(() => fixture.plain.report);
    await cell(page, down0).click();
    await settled(page);
    const { sqnr, maxAbs } = fixture.plain.report.tensors.find(({ name }) => name === down0)!;
    const figure = (name: string) =>
      page.locator(`.tensor [data-figure=${name}]`).first().getAttribute('data-value');
    await expect.poll(() => figure('sqnr')).toBe(String(sqnr));
    expect(await figure('maxAbs')).toBe(String(maxAbs));
    expect(await cell(page, down0).textContent()).toBe('—');
  });

  it('measures, tells how far it is, and fills map, table and strip', async () => {
    const { measure, tell, answer } = waiting();
    const page = await open(measure);
    await settled(page);
    await page.getByTestId('measure').click();
    const progress = page.getByTestId('measure-progress');
    await expect.poll(() => progress.textContent()).toBe('Opening both models…');
    tell(12);
    await expect
      .poll(() => progress.textContent())
      .toBe('Comparing the output with its source: 12 of 28 tensors');
    // Only what does not change ten times a second is spoken.
    expect(await progress.getByRole('status').textContent()).toBe('Comparing the output with its source');
    answer(fixture.plain.report);
    await expect.poll(() => page.getByTestId('unmeasured').count()).toBe(0);
    for (const { name, sqnr, from, to } of fixture.plain.report.tensors)
      if (from !== to) expect(await cell(page, name).getAttribute('data-value')).toBe(String(sqnr));
    expect(await page.locator('[data-figure=mean-sqnr]').count()).toBe(1);
    expect(fixture.opened!.complaints).toEqual([]);
  });

  it('can be cancelled, by keys, and started again', async () => {
    const { measure, answer } = waiting();
    const page = await open(measure);
    await settled(page);
    await page.getByTestId('measure').focus();
    await page.keyboard.press('Enter');
    // The focus stays on the button.
    await page.getByTestId('measure-cancel').waitFor();
    await page.keyboard.press('Enter');
    await page.getByTestId('measure').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.keyboard.press('Enter');
    await page.getByTestId('measure-progress').waitFor();
    answer(fixture.plain.report);
    await expect.poll(() => page.getByTestId('unmeasured').count()).toBe(0);
    // Then it is in the map.
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.closest('tl-error-map') !== null))
      .toBe(true);
  });

  it('tells why it failed, and what could not be compared', async () => {
    const { measure, answer } = waiting();
    const page = await open(measure);
    await settled(page);
    await page.getByTestId('measure').click();
    await page.getByTestId('measure-progress').waitFor();
    answer(new Error('The file has changed since it was opened.'));
    await expect
      .poll(() => page.getByRole('alert').textContent())
      .toBe('They could not be measured: The file has changed since it was opened.');
    await page.getByTestId('measure').click();
    await page.getByTestId('measure-progress').waitFor();
    const tensors = fixture.plain.report.tensors.map((row) =>
      row.name === down0 ? { ...unmeasured(row), note: 'not measured: its type is unknown' } : row,
    );
    answer({ ...fixture.plain.report, tensors });
    await expect
      .poll(() => page.getByTestId('unmeasured').textContent())
      .toContain(`The error of one tensor was not measured: ${down0}, its type is unknown.`);
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(await page.locator('[role=gridcell][data-value]').count()).toBe(27);
  });
});
