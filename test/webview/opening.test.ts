import { describe, expect, it } from 'vitest';
import { executable, pagesForTests } from './testPages';

describe.skipIf(!executable)('the page while headers are read', () => {
  const withPage = pagesForTests(async () => undefined);

  it('shows what the index says and how far the headers are, as text', async () => {
    await withPage({ query: 'model=loading' }, async (page) => {
      const tell = (progress: unknown) =>
        page.evaluate(
          (params) =>
            (
              window as unknown as {
                harness: { host: { call(method: string, params: unknown): Promise<unknown> } };
              }
            ).harness.host.call('opening', params),
          progress,
        );
      await page.getByTestId('loading').waitFor();
      const firstNames = ['model.embed_tokens.weight', '<img src=x onerror=alert(1)>'];
      const preview = { name: 'DeepModel', tensorCount: 64_000, firstNames };
      await tell({ filesDone: 0, filesTotal: 1000, preview });
      await page.getByTestId('opening-names').waitFor();
      expect(await page.getByTestId('opening-names').locator('li').allInnerTexts()).toEqual(firstNames);
      await tell({ filesDone: 312, filesTotal: 1000 });
      await page.getByText('Reading headers 312 / 1,000').waitFor();
      const text = await page.getByTestId('loading').innerText();
      expect(text).toContain('DeepModel');
      expect(text).toContain('64,000 tensors, as the index says');
      expect(text).toContain('and 63,998 more');
      expect(await page.locator('progress').getAttribute('value')).toBe('312');
      expect(await page.locator('img').count()).toBe(0);
    });
  });
});
