/** The Memory tab in a real browser: bars, sliders, tables, devices, training, the command line, what is kept, failures. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseOptions } from '../../src/cli/options';
import type { PageMemoryRequest } from '../../src/protocol/memoryPageApi';
import { repositoryRoot } from './checkpointHarness';
import { estimateFor } from './memoryAnswer';
import { actionsOf, executable, pagesForTests } from './testPages';

/** Pictures of what was tested, to be looked at. */
const pictures = path.join(repositoryRoot, 'test-results/memory');

interface Asked {
  readonly kind: string;
  readonly request?: PageMemoryRequest;
  readonly text?: string;
}

describe.skipIf(!executable)('the Memory tab', () => {
  beforeAll(() => {
    mkdirSync(pictures, { recursive: true });
  });
  const withPage = pagesForTests(async (page) => {
    await page.getByTestId('tab-memory').click();
  });

  const text = (page: Page, id: string) => page.getByTestId(id).innerText();
  const asked = (page: Page) => actionsOf(page) as Promise<Asked[]>;
  const lastRequest = async (page: Page) =>
    (await asked(page)).filter(({ kind }) => kind === 'memoryEstimate').at(-1)!.request!;
  const total = (page: Page) => page.getByTestId('memory-total').getAttribute('data-value').then(Number);
  /** Waits until the page has kept what is asked for: it does so a moment after a change. */
  const kept = (page: Page, is: (state: { tab?: string; memory?: { context?: number } }) => boolean) =>
    expect
      .poll(async () =>
        is(JSON.parse((await page.evaluate(() => sessionStorage.getItem('harness-state'))) ?? '{}')),
      )
      .toBe(true);
  /** What the page shows is what the engine's own code gives for the last request. */
  const expectShown = async (page: Page, model = 'llama') => {
    const shown = async () => {
      const estimate = await estimateFor(model, await lastRequest(page));
      return [(estimate.training ?? estimate).total.bytes, await total(page)];
    };
    await expect.poll(async () => new Set(await shown()).size).toBe(1);
  };

  it("shows bars against each device's memory, and the same as tables", async () => {
    await withPage({}, async (page) => {
      await page.getByTestId('memory-total').waitFor();
      await expectShown(page);
      const request = await lastRequest(page);
      expect(request.devices).toEqual(['NVIDIA GeForce RTX 3060=12288MiB', 'ram']);
      const { fits, weights } = await estimateFor('llama', request);
      const devices = page.getByTestId('memory-device');
      expect(
        await devices.evaluateAll((all) => all.map((each) => (each as HTMLElement).dataset.verdict)),
      ).toEqual(fits.map(({ verdict }) => verdict));
      // Weights of 16.06 GB on a card of 12 GiB: the bar's parts share its width, and a line shows the memory's end.
      const widths = await devices
        .first()
        .locator('.device-part')
        .evaluateAll((all) => all.map((each) => each.getBoundingClientRect().width));
      const whole = widths.reduce((sum, width) => sum + width, 0);
      const bar = await devices.first().locator('.device-bar').boundingBox();
      expect(whole).toBeCloseTo(bar!.width, 0);
      const wanted = fits[0]!.neededBytes + fits[0]!.memoryBytes - fits[0]!.roomBytes;
      expect(widths[0]! / whole).toBeCloseTo(weights.bytes / wanted, 2);
      const end = await devices.first().locator('.device-end').boundingBox();
      expect((end!.x - bar!.x) / bar!.width).toBeCloseTo(fits[0]!.memoryBytes / wanted, 2);
      expect(await devices.first().locator('.device-bar').getAttribute('aria-hidden')).toBe('true');
      await page.locator('.bar-table summary').click();
      const row = page.getByTestId('memory-bar-table').locator('tbody tr').first();
      expect(await row.locator('td').first().getAttribute('title')).toBe(
        `${weights.bytes.toLocaleString('en-US')} bytes`,
      );
      expect(await row.innerText()).toContain('does not fit');
      const parts = page.getByTestId('memory-parts');
      expect(await parts.locator('[data-part="weights"] [data-value]').getAttribute('data-value')).toBe(
        String(2 * 8_030_261_248),
      );
      expect(await parts.locator('[data-part="kvCache"]').innerText()).toContain('128 KiB a token in f16');
      expect(await text(page, 'memory-schemes')).toContain('Q4_K_M');
      await page.screenshot({ path: path.join(pictures, 'use.png') });
    });
  });

  it('recomputes while a slider moves, by keyboard and by number, and tells a screen reader', async () => {
    await withPage({}, async (page) => {
      await page.getByTestId('memory-total').waitFor();
      const before = await total(page);
      const slider = page.getByTestId('memory-context-range');
      await slider.focus();
      for (let step = 0; step < 4; step++) await page.keyboard.press('ArrowRight');
      // 4,096 and four places of the slider: 6,144, 8,192, 12,288, 16,384.
      await expect.poll(async () => (await lastRequest(page)).context).toBe(16_384);
      await expect.poll(() => slider.getAttribute('aria-valuetext')).toBe('16,384 tokens');
      expect(await page.getByTestId('memory-context').inputValue()).toBe('16384');
      await expectShown(page);
      // Llama-3-8B keeps 131,072 bytes a token.
      const parts = page.getByTestId('memory-parts');
      expect(await parts.locator('[data-part="kvCache"] [data-value]').getAttribute('data-value')).toBe(
        String(16_384 * 131_072),
      );
      expect(await total(page)).toBeGreaterThan(before);
      await page.getByTestId('memory-batch').fill('7');
      await expect.poll(async () => (await lastRequest(page)).batch).toBe(7);
      await page.getByTestId('memory-kv-dtype').selectOption('q8_0');
      await page.getByTestId('memory-value-dtype').selectOption('q4_0');
      await page.getByTestId('memory-runtime').selectOption('vllm');
      await page.getByTestId('memory-flash-attention').uncheck();
      await expect
        .poll(() => lastRequest(page))
        .toMatchObject({ runtime: 'vllm', kvDtype: 'q8_0', valueDtype: 'q4_0', flashAttention: false });
      await expectShown(page);
      await expect.poll(() => text(page, 'live')).toMatch(/GiB\. NVIDIA GeForce RTX 3060: does not fit\./);
    });
  });

  it('takes a scheme from the table, and marks of the table are those of its bars', async () => {
    await withPage({}, async (page) => {
      await page.locator('[data-scheme="int4-absmax"] button').click();
      await expect.poll(async () => (await lastRequest(page)).dtype).toBe('int4-absmax');
      await expectShown(page);
      const row = page.locator('[data-scheme="int4-absmax"]');
      await expect.poll(() => row.getAttribute('aria-current')).toBe('true');
      expect(await page.getByTestId('memory-dtype').inputValue()).toBe('int4-absmax');
      const { fits } = await estimateFor('llama', await lastRequest(page));
      const cells = await row.locator('.fit-column').allInnerTexts();
      for (const [at, { largestContext }] of fits.entries()) {
        expect(cells[at]).toContain('fits');
        expect(cells[at]).toContain(`${largestContext!.toLocaleString('en-US')} tokens`);
      }
      expect(cells[0]).toMatch(/≤ \d+ tokens\/s/);
      await page.locator('[data-scheme="gguf:q4_k_m"] button').click();
      await expect.poll(async () => (await lastRequest(page)).dtype).toBe('gguf:q4_k_m');
      await page.locator('[data-scheme="gguf:q4_k_m"] button').click();
      await expect.poll(async () => (await lastRequest(page)).dtype).toBeUndefined();
    });
  });

  it('adds common, several and other devices, and removes them; all of it survives a reload', async () => {
    await withPage({}, async (page) => {
      await page.getByTestId('memory-total').waitFor();
      await page.getByTestId('memory-add-device').selectOption('H100 SXM');
      await page.locator('[name="count"]').fill('2');
      await page.getByTestId('memory-add').click();
      await page.getByTestId('memory-add-device').selectOption('other');
      await page.locator('[name="count"]').fill('1');
      await page.getByTestId('memory-add-size').fill('17');
      await page.getByTestId('memory-add').click();
      await expect
        .poll(async () => (await lastRequest(page)).devices)
        .toEqual(['NVIDIA GeForce RTX 3060=12288MiB', 'ram', '2x H100 SXM', '17GB']);
      const device = page.getByTestId('memory-device');
      await expect.poll(() => device.count()).toBe(4);
      expect(await device.nth(2).innerText()).toContain('2 × H100 SXM');
      expect(await device.nth(3).getAttribute('data-verdict')).toBe('tight');
      await device.nth(1).getByText('Remove').click();
      await expect.poll(() => device.count()).toBe(3);
      await page.getByTestId('memory-context').fill('6000');
      await expect.poll(async () => (await lastRequest(page)).context).toBe(6000);
      const request = await lastRequest(page);
      await kept(page, ({ memory }) => memory?.context === 6000);
      await page.reload();
      await page.getByTestId('memory-total').waitFor();
      expect(await lastRequest(page)).toEqual(request);
      expect(await page.getByTestId('memory-context').inputValue()).toBe('6000');
    });
  });

  it('estimates training', async () => {
    await withPage({}, async (page) => {
      await page.getByTestId('memory-mode-use').focus();
      await page.keyboard.press('ArrowRight');
      await expect
        .poll(() => page.getByTestId('memory-mode-training').getAttribute('aria-checked'))
        .toBe('true');
      await expect.poll(async () => (await lastRequest(page)).training).toMatchObject({ method: 'full' });
      await page.getByTestId('memory-ranks').fill('8');
      await page.getByTestId('memory-zero').selectOption('3');
      await page.getByTestId('memory-optimizer').selectOption('adamw-8bit');
      await page.getByTestId('memory-checkpointing').check();
      await expect
        .poll(async () => (await lastRequest(page)).training)
        .toMatchObject({ ranks: 8, zeroStage: 3, optimizer: 'adamw-8bit', checkpointing: true });
      await expectShown(page);
      expect(await page.getByTestId('memory-schemes').count()).toBe(0);
      const parts = page.getByTestId('memory-parts');
      expect(await parts.locator('[data-part="gradients"] [data-value]').getAttribute('data-value')).toBe(
        String(Math.ceil((2 * 8_030_261_248) / 8)),
      );
      await page.getByTestId('memory-method').selectOption('qlora');
      await page.getByTestId('memory-lora-rank').fill('32');
      await expect.poll(async () => (await lastRequest(page)).training?.loraRank).toBe(32);
      await expectShown(page);
      expect(await parts.innerText()).toContain('83,886,080 that learn');
      await page.screenshot({ path: path.join(pictures, 'training.png') });
    });
  });

  it('copies a command line that asks for the same', async () => {
    await withPage({}, async (page) => {
      await page.getByTestId('memory-total').waitFor();
      await page.getByTestId('memory-kv-dtype').selectOption('q8_0');
      await page.locator('[data-scheme="nf4"] button').click();
      await expect.poll(async () => (await lastRequest(page)).dtype).toBe('nf4');
      await expectShown(page);
      await page.getByTestId('memory-copy').click();
      await expect.poll(async () => (await asked(page)).at(-1)?.kind).toBe('copy');
      const line = (await asked(page)).at(-1)!.text!;
      expect(line).toBe(
        "tensor-loupe memory /models/made-up/model.safetensors --runtime llama.cpp --context 4096 --batch 1 --kv-dtype q8_0 --dtype nf4 --on 'NVIDIA GeForce RTX 3060=12288MiB' --on ram=68719476736B",
      );
      const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
      const parsed = parseOptions(words.slice(1));
      if (parsed === 'help') throw new Error('It should be a command.');
      const { isConfig: _, gpus: __, devices, ...rest } = parsed.memory!;
      const estimate = await estimateFor('llama', { ...rest, devices: devices ?? [] });
      expect(estimate.total.bytes).toBe(await total(page));
      expect(estimate.fits).toHaveLength(2);
    });
  });

  it('drops a kept setting that there is no more', async () => {
    await withPage({}, async (page) => {
      await page.getByTestId('memory-total').waitFor();
      await kept(page, ({ tab }) => tab === 'memory');
      await page.evaluate(() => {
        const saved = JSON.parse(sessionStorage.getItem('harness-state') ?? '{}');
        saved.memory = { ...saved.memory, dtype: 'gguf:q9_z', devices: ['Voodoo 2'] };
        sessionStorage.setItem('harness-state', JSON.stringify(saved));
      });
      await page.reload();
      await page.getByTestId('memory-total').waitFor();
      expect((await lastRequest(page)).dtype).toBeUndefined();
      await expectShown(page);
    });
  });

  it('says what is not known of weights alone', async () => {
    await withPage({ query: 'memory=bare' }, async (page) => {
      await expectShown(page, 'bare');
      expect(await text(page, 'memory-notes')).toContain(
        'Nothing beside the weights tells how attention is built',
      );
      const parts = page.getByTestId('memory-parts');
      expect(await parts.locator('[data-part="kvCache"]').innerText()).toContain('not known');
      expect(await parts.locator('[data-part="total"]').innerText()).toContain('Total of what is known');
      expect(await text(page, 'memory-schemes')).not.toContain('tokens\n');
      expect(await page.getByTestId('memory-device').first().innerText()).not.toContain('tokens a sequence');
    });
  });

  it('says why it failed, and that it is waiting; weights are there all the same', async () => {
    await withPage({ query: 'memory=fail' }, async (page) => {
      await page.getByTestId('memory-failed').waitFor();
      expect(await text(page, 'memory-failed')).toContain('The compute process ended.');
      expect(await text(page, 'memory')).toContain('Weights of the whole model');
      await page.getByText('Try again').click();
      await page.getByTestId('memory-failed').waitFor();
    });
    await withPage({ query: 'memory=wait' }, async (page) => {
      await page.getByText('Estimating from the header and the configuration…').waitFor();
    });
  });
});
