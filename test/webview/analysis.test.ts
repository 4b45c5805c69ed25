import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { executable, pagesForTests } from './testPages';

interface Harness {
  readonly host: {
    call(method: string, params: unknown): Promise<unknown>;
    readonly handlers: Record<string, unknown>;
  };
}

/** Replaces an answer of the host in the page; what it was asked lands in `window.asked`. */
const answer = (page: Page, progress: readonly unknown[]) =>
  page.evaluate((told) => {
    const { harness } = window as unknown as { harness: Harness };
    const asked: unknown[] = [];
    (window as unknown as { asked: unknown[] }).asked = asked;
    harness.host.handlers.prioritize = (params: unknown) => {
      asked.push(params);
    };
    harness.host.handlers.analyze = (
      _: unknown,
      context: { signal: AbortSignal; progress(data: unknown): void },
    ) =>
      new Promise((_resolve, reject) => {
        for (const one of told) context.progress(one);
        context.signal.addEventListener('abort', () => reject(new DOMException('Cancelled.', 'AbortError')));
      });
  }, progress);

describe.skipIf(!executable)('the page and an analysis', () => {
  const withPage = pagesForTests(async () => undefined);

  it('shows figures that are known from earlier without being asked', async () => {
    await withPage({ query: 'model=made-up' }, async (page) => {
      await page.getByTestId('tensor-table').waitFor();
      expect(await page.getByRole('columnheader', { name: /kurtosis/i }).count()).toBe(0);
      await page.evaluate(() => {
        const { harness } = window as unknown as { harness: Harness };
        const stats = {
          name: 'any',
          ...{ count: 4, min: -1, max: 2, mean: 0.25, std: 1.25, skewness: 0, absmax: 2, rms: 1, crest: 2 },
          ...{ kurtosis: 77.25, entropy: 2, nan: 0, inf: 0, posInf: 0, negInf: 0, zeros: 0, denormals: 0 },
          outliers: { sigma3: 0, sigma6: 0 },
          percentiles: { '0.1': -1, '1': -1, '50': 0, '99': 2, '99.9': 2 },
          top: [],
          histogram: null,
        };
        const batch = Array.from({ length: 3 }, (_, index) => ({ index, stats }));
        return harness.host.call('figures', { batch });
      });
      await page.getByRole('columnheader', { name: /kurtosis/i }).waitFor();
      expect(await page.getByText(/^77\.[23]/).count()).toBeGreaterThan(0);
    });
  });

  it('shows the rate and the time left, says when it pauses, and names the rows on screen', async () => {
    await withPage({ query: 'model=large&count=5000' }, async (page) => {
      await page.getByTestId('tensor-table').waitFor();
      const state = { batch: [], done: 12, total: 5000 };
      await answer(page, [{ ...state, bytesPerSecond: 3.14e9, secondsLeft: 65 }]);
      await page.getByTestId('analyze-all').click();
      const rate = page.getByTestId('analysis-rate');
      await rate.filter({ hasText: '3.1 GB/s' }).waitFor();
      const asked = () =>
        page.evaluate(() => (window as unknown as { asked: { tensors: number[] }[] }).asked);
      await expect.poll(async () => (await asked()).length).toBeGreaterThan(0);
      const [first] = await asked();
      expect(first!.tensors[0]).toBe(0);
      expect(first!.tensors.length).toBeLessThan(200);
      await page.getByTestId('tensor-table').evaluate((table) => {
        table.scrollTop = 50_000;
      });
      await expect.poll(async () => (await asked()).at(-1)!.tensors[0]).toBeGreaterThan(1000);
      await page.getByTestId('cancel-analysis').click();
      await page.getByTestId('analyze-all').waitFor();
      await answer(page, [{ ...state, isPaused: true }]);
      await page.getByTestId('analyze-all').click();
      await rate.filter({ hasText: 'paused while hidden' }).waitFor();
      if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/analysis.png` });
    });
  });
});
