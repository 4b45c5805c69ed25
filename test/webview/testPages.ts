/** The checkpoint page for a file of tests: one browser and one bundle, and pages that are held to be without errors. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import {
  bundleHarness,
  chromiumPath,
  launchChromium,
  type OpenOptions,
  openHarness,
  repositoryRoot,
} from './checkpointHarness';
import type { PageFiles } from './pageInBrowser';

/** Path of a Chromium; undefined where there is none, which is told. */
export const executable = chromiumPath();
if (!executable) console.log('Skipped: no Chromium was found (CHROMIUM_EXECUTABLE names one).');

/** Opens a page, runs on it, and holds it to be without errors or policy violations. */
export type WithPage = (options: OpenOptions, run: (page: Page) => Promise<void>) => Promise<void>;

/** To be called where tests are described. `ready` does what comes before each run: it opens a tab, or waits. */
export function pagesForTests(ready: (page: Page) => Promise<void>): WithPage {
  let browser: Browser;
  let bundle: PageFiles;
  beforeAll(async () => {
    bundle = await bundleHarness(repositoryRoot);
    browser = await launchChromium(executable!);
  });
  afterAll(async () => {
    await browser?.close();
  });
  return async (options, run) => {
    const { page, problems } = await openHarness(browser, bundle, options);
    try {
      await ready(page);
      await run(page);
      expect(problems).toEqual([]);
    } finally {
      await page.close();
    }
  };
}

/** What the page asked of its host, in order. */
export const actionsOf = (page: Page): Promise<unknown[]> =>
  page.evaluate(() => (window as unknown as { harness: { actions: unknown[] } }).harness.actions);
