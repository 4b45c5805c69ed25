/** The tabs beside the tensors in a real browser: findings, tokenizer, configuration, graph, long arrays. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { actionsOf, executable, pagesForTests } from './testPages';

describe.skipIf(!executable)('tabs of the checkpoint page', () => {
  const withPage = pagesForTests(async (page) => {
    await page.getByRole('tablist').waitFor();
  });

  const tabNames = (page: Page) =>
    page.getByRole('tab').evaluateAll((tabs) => tabs.map((tab) => tab.id.replace('tab-', '')));

  it('are there only when they have something to show', async () => {
    await withPage({}, async (page) => {
      expect(await tabNames(page)).toEqual(['tensors', 'outliers', 'sensitivity', 'memory', 'metadata']);
    });
    await withPage({ query: 'model=empty' }, async (page) => {
      expect(await tabNames(page)).toEqual(['tensors', 'metadata', 'tokenizer']);
    });
    await withPage({ query: 'model=graph' }, async (page) => {
      expect(await tabNames(page)).toEqual([
        'tensors',
        'outliers',
        'sensitivity',
        'memory',
        'tokenizer',
        'config',
        'graph',
      ]);
    });
  });

  it('find NaN, infinities and zeros by analysis, and lead to the tensor and the documentation', async () => {
    await withPage({ query: 'model=broken' }, async (page) => {
      await page.getByTestId('findings-button').click();
      const items = page.locator('.findings li');
      await expect.poll(() => items.count()).toBe(1);
      await page.getByTestId('findings-analyze').click();
      await expect.poll(() => items.count()).toBe(4);
      expect(
        await items.evaluateAll((all) =>
          all.map((item) => [item.className, (item as HTMLElement).dataset.code]),
        ),
      ).toEqual([
        ['error', 'nan-values'],
        ['warning', 'trailing-data'],
        ['warning', 'inf-values'],
        ['warning', 'all-zero'],
      ]);
      expect(await items.first().innerText()).toContain(
        '3 values of tensor "lm_head.weight" are NaN, of 2,048.',
      );
      expect(await page.getByTestId('findings-button').innerText()).toContain('1 error, 3 warnings');
      await items.first().getByTestId('finding-help').click();
      await expect.poll(() => actionsOf(page)).toContainEqual({ kind: 'findingHelp', code: 'nan-values' });
      await items.first().getByRole('button', { name: 'lm_head.weight' }).click();
      expect(await page.getByTestId('details').getAttribute('data-selected')).toBe('lm_head.weight');
    });
  });

  it('show the tokenizer, its template as text, and every token lazily', async () => {
    await withPage({ query: 'model=empty' }, async (page) => {
      await page.getByTestId('tab-tokenizer').click();
      expect(await page.getByTestId('tokenizer-kind').innerText()).toBe('llama (SentencePiece)');
      const specials = page.getByTestId('special-tokens');
      await expect.poll(() => specials.innerText()).toContain('▁piece31999');
      const template = page.getByTestId('chat-template');
      expect(await template.innerText()).toContain(
        "{{ message['content'] }}<script>alert(1)</script>\n{% endfor %}",
      );
      expect(await template.locator('script').count()).toBe(0);

      const tokens = page.getByTestId('tokens');
      const row = (index: number) => tokens.locator(`.array-row[data-index="${index}"]`);
      await expect.poll(() => row(3).innerText()).toContain('\\n');
      expect(await row(2).innerText()).toMatch(/^2\s+<\/s>\s+control$/);
      expect(await tokens.locator('.array-row').count()).toBeLessThan(60);
      await tokens.getByTestId('array-list').press('End');
      await expect.poll(() => row(31_999).innerText()).toContain('▁piece31999');
      await tokens.getByTestId('array-search').locator('input').fill('piece3199');
      await expect.poll(() => tokens.getByTestId('array-status').innerText()).toBe('11 of 32,000');
      await expect.poll(() => tokens.locator('.array-row').first().innerText()).toContain('▁piece3199');
      await tokens.getByTestId('array-search').locator('input').fill('nowhere');
      await expect.poll(() => tokens.locator('.array-none').innerText()).toBe('No value holds “nowhere”.');
    });
  });

  it('page through the tokenizer.json beside a model', async () => {
    await withPage({ query: 'model=graph', width: 420, height: 700 }, async (page) => {
      await page.getByTestId('tab-tokenizer').click();
      expect(await page.getByTestId('tokenizer-kind').innerText()).toBe('LlamaTokenizerFast');
      const tokens = page.getByTestId('tokens');
      await expect.poll(() => tokens.locator('.array-row[data-index="1"]').innerText()).toMatch(/^1\s+<s>$/);
      expect(await page.getByTestId('tokenizer').innerText()).toContain('300 tokens');
      expect(await page.getByTestId('added-tokens').innerText()).toContain('<s>');
      // In a narrow editor the last tab is scrolled to.
      await page.getByTestId('tab-tokenizer').press('End');
      await expect
        .poll(() =>
          page
            .getByTestId('tab-graph')
            .evaluate((tab) => tab.getBoundingClientRect().right <= window.innerWidth),
        )
        .toBe(true);
    });
  });

  it('open long arrays of the metadata in place', async () => {
    await withPage({ query: 'model=empty' }, async (page) => {
      await page.getByTestId('tab-metadata').click();
      const entry = page.locator('tr[data-key="tokenizer.ggml.scores"]');
      expect(await entry.locator('tl-array').count()).toBe(0);
      await entry.locator('summary').click();
      await expect.poll(() => entry.locator('.array-row[data-index="10"]').innerText()).toMatch(/^10\s+-1$/);
      await entry.locator('summary').click();
      await expect.poll(() => entry.locator('tl-array').count()).toBe(0);
    });
  });

  it('show the JSON files beside the weights, broken ones too', async () => {
    await withPage({ query: 'model=graph' }, async (page) => {
      await page.getByTestId('tab-config').click();
      const config = page.getByTestId('config');
      expect(await config.locator('[data-key="rope_scaling.factor"]').innerText()).toContain('2');
      expect(await page.getByTestId('sidecar-error').innerText()).toContain('It is not JSON');
      await page.getByTestId('config-filter').locator('input').fill('rope');
      await expect.poll(() => config.locator('tbody tr').count()).toBe(2);
    });
  });

  it('show the graph, with operators in either order', async () => {
    await withPage({ query: 'model=graph' }, async (page) => {
      await page.getByTestId('tab-graph').click();
      const graph = page.getByTestId('graph');
      const text = await graph.innerText();
      expect(text).toContain('ai.onnx 21, com.microsoft 1');
      expect(text).toContain('batch × sequence × 32000');
      expect(text).toContain('any rank');
      const names = () =>
        page
          .locator('[data-operator]')
          .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset.operator));
      expect((await names())[0]).toBe('MatMul');
      await page.getByTestId('sort-name').click();
      await expect.poll(async () => (await names())[0]).toBe('Add');
      await page.getByTestId('quantized-weights').getByRole('button').click();
      expect(await page.getByTestId('details').getAttribute('data-selected')).toBe('lm_head.weight');
    });
  });

  it('offer copying, the Explorer and the export in the menu of a tensor', async () => {
    await withPage({}, async (page) => {
      const row = page.locator('[data-tensor="model.embed_tokens.weight"]');
      for (const label of [
        'Copy Shape',
        'Copy File Path',
        'Reveal File in Explorer',
        'Export Tensor List…',
      ]) {
        await row.click({ button: 'right' });
        await page.getByText(label, { exact: true }).click();
      }
      await expect
        .poll(() => actionsOf(page))
        .toEqual([
          { kind: 'copy', text: '[64, 32]' },
          { kind: 'copy', text: '/models/made-up/model.safetensors' },
          { kind: 'revealInExplorer', file: 0 },
          { kind: 'exportTensors' },
        ]);
    });
  });

  it('say that a file is gone, and take it back when it returns', async () => {
    await withPage({}, async (page) => {
      const notice = (message: string) =>
        page.evaluate((text) => {
          const { harness } = window as unknown as {
            harness: { host: { call(method: string, params: unknown): Promise<unknown> } };
          };
          return harness.host.call('notice', { kind: 'changed', message: text });
        }, message);
      await notice('model.safetensors is no longer on disk; what is shown was read before.');
      await expect.poll(() => page.getByTestId('notice').count()).toBe(1);
      expect(await page.getByTestId('reload').count()).toBe(1);
      await notice('');
      await expect.poll(() => page.getByTestId('notice').count()).toBe(0);
    });
  });
});
