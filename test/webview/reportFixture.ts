/** The error report's page in a real browser with a made-up host, for its tests: hooks, and what they all do. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { Handlers } from '../../src/protocol/rpc';
import type { ReportHostContract } from '../../src/protocol/webviewApi';
import { type Bundle, bundleReport, type OpenedReport, openReport } from './reportHarness';
import { otherScheme, PlainReport } from './reportNumbers';

const browserPath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
if (!browserPath) console.log('Skipped: no Chromium found; set CHROMIUM to its path.');

const model = fileURLToPath(
  new URL('../../examples/demo-llama-3m-outliers/model.safetensors', import.meta.url),
);
/** Where the tests look most: 256 x 768, with outliers. */
export const down0 = 'model.layers.0.mlp.down_proj.weight';
export const hasBrowser = browserPath !== undefined;

export type Changes = Partial<Handlers<ReportHostContract>>;

/** Call it once in a describe block: it registers the hooks. */
export class ReportFixture {
  plain!: PlainReport;
  /** The page that is open; closed after each test. */
  opened: OpenedReport | undefined;
  /** What the page asked the host for, since it was opened. */
  asked: string[] = [];
  /** The text that was copied or saved last. */
  copied = '';
  private browser!: Browser;
  private bundle!: Bundle;

  constructor() {
    beforeAll(async () => {
      this.plain = new PlainReport(model, 'demo-llama-3m-outliers');
      [this.bundle, this.browser] = await Promise.all([
        bundleReport(),
        chromium.launch({
          executablePath: browserPath!,
          args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
        }),
      ]);
    }, 60_000);
    afterAll(() => this.browser?.close());
    afterEach(async () => {
      await this.opened?.page.close();
      this.opened = undefined;
    });
  }

  host(changes: Changes = {}): Handlers<ReportHostContract> {
    this.asked = [];
    const { plain, asked } = this;
    return {
      ready: () => ({
        report: plain.report,
        against: { kind: 'file', path: plain.report.open },
        catalogue: plain.catalogue,
        settings: { colorMap: 'viridis', outlierFactor: 6 },
      }),
      errorTile: ({ tensor, region, rows, columns, choice, codes }) => {
        asked.push('errorTile');
        return plain.tile(tensor, region!, rows, columns, { other: choice !== undefined, codes });
      },
      errorDetail: ({ tensor, choice }) => {
        asked.push('errorDetail');
        return plain.detail(tensor, choice !== undefined);
      },
      measure: () => {
        asked.push('measure');
        return plain.report;
      },
      pickScheme: () => {
        asked.push('pickScheme');
        return otherScheme;
      },
      action: (action) => {
        asked.push(action.kind);
        if (action.kind === 'copy') this.copied = action.text;
        if (action.kind === 'saveTable') this.copied = action.csv;
        return undefined;
      },
      ...changes,
    };
  }

  async open(options: Parameters<typeof openReport>[3] = {}, changes: Changes = {}): Promise<Page> {
    this.opened = await openReport(this.browser, this.bundle, this.host(changes), options);
    return this.opened.page;
  }
}

/** The map's cell of a tensor. */
export const cell = (page: Page, tensor: string): Locator =>
  page.locator(`[role=gridcell][data-tensor="${tensor}"]`);

export const pictures = (page: Page): Locator => page.getByTestId('pictures');

/** Waits until tiles and details are there. */
export async function settled(page: Page): Promise<void> {
  await page.locator('[data-plot="columns"] canvas').first().waitFor();
  await page.waitForFunction(
    () =>
      document.querySelector('[data-legend="error"]') &&
      document.querySelector('.pictures[data-busy="false"]'),
  );
}

/** Double clicks until single elements are shown. */
export async function zoomIn(page: Page, picture: string, x: number, y: number): Promise<void> {
  const canvas = page.locator(`canvas[data-picture=${picture}]`);
  await canvas.scrollIntoViewIfNeeded();
  const box = (await canvas.boundingBox())!;
  for (let i = 0; i < 4; i++) await page.mouse.dblclick(box.x + x, box.y + y);
}

/** A figure as the page holds it, at full precision. */
export async function figureOf(page: Page, key: string, within = '[data-testid=readout]'): Promise<number> {
  return Number(await page.locator(`${within} [data-figure="${key}"]`).getAttribute('data-value'));
}
