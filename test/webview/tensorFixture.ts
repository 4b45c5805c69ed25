/** The tensor viewer's page for a file of tests, with what a reader does in it. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import {
  bundleTensor,
  chromiumPath,
  launchChromium,
  openTensor,
  repositoryRoot,
  type TensorBundle,
  type TensorOptions,
} from './tensorHarness';

export const executable = chromiumPath();
if (!executable) console.log('Skipped: no Chromium found; set CHROMIUM_EXECUTABLE to its path.');

/** Of the made-up host. */
export const rows = 300;
export const columns = 700;

/** What the made-up host leaves in the window. */
export type Harness = {
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

/** One browser for the tests of a `describe`; each test opens its own page. */
export class TensorFixture {
  page!: Page;
  /** What the page's console and policy complained about. */
  problems: string[] = [];
  private browser: Browser | undefined;
  private bundle!: TensorBundle;

  constructor() {
    beforeAll(async () => {
      [this.bundle, this.browser] = await Promise.all([
        bundleTensor(repositoryRoot),
        launchChromium(executable!),
      ]);
    });
    afterAll(() => this.browser?.close());
    afterEach(async () => {
      await this.page?.close();
    });
  }

  readonly open = async (options: TensorOptions = {}): Promise<void> => {
    ({ page: this.page, problems: this.problems } = await openTensor(this.browser!, this.bundle, options));
  };

  readonly matrix = () => this.page.getByTestId('matrix');

  /** Everything has come and is drawn. */
  readonly settled = async () => {
    await this.page.waitForFunction(() => {
      const element = document.querySelector<HTMLElement>('[data-testid="matrix"]');
      return element?.dataset.pending === '0' && element.dataset.frames !== undefined;
    });
    // The measurements, with the region among them, are written when the view has rested.
    await this.page.waitForTimeout(450);
  };

  readonly ready = async (options: TensorOptions = {}) => {
    await this.open(options);
    await this.page.getByTestId('top-values').waitFor();
    await this.settled();
  };

  /** Rows and columns on show: first and end of each. */
  readonly region = async () => (await this.matrix().getAttribute('data-region'))!.split(',').map(Number);

  /** A number of the readout. */
  readonly figure = async (name: string) =>
    Number(
      await this.page.locator(`[data-testid="readout"] [data-figure="${name}"]`).getAttribute('data-value'),
    );

  readonly valueAt = (row: number, column: number, width = columns) =>
    this.page.evaluate(
      (index) => (window as unknown as Harness).harness.tensor.values[index]!,
      row * width + column,
    );

  readonly goTo = async (at: number[]) => {
    await this.page.evaluate(
      (to) => (window as unknown as Harness).harness.host.call('goTo', { at: to }),
      at,
    );
    await this.settled();
  };

  /** What the page asked the host to do. */
  readonly actions = () => this.page.evaluate(() => (window as unknown as Harness).harness.actions);

  readonly choose = async (id: string, text: string) => {
    await this.page.getByTestId(id).click();
    await this.page.getByTestId(id).locator('li.option', { hasText: text }).first().click();
    await this.settled();
  };
}
