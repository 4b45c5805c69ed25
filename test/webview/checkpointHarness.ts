/** The checkpoint page in a headless browser, and where a browser is. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { themes } from '../../webview-ui/dev/themes';
import { memoryAnswer } from './memoryAnswer';
import { bundlePage, type OpenedPage, type OpenOptions, openPage, type PageFiles } from './pageInBrowser';

export type { OpenOptions } from './pageInBrowser';

/** Path of a Chromium, or undefined; CHROMIUM_EXECUTABLE names another one. */
export function chromiumPath(): string | undefined {
  const candidates = [
    process.env.CHROMIUM_EXECUTABLE,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  return candidates.find((path): path is string => path !== undefined && existsSync(path));
}

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Bundles the page and its host in memory. */
export const bundleHarness = (root: string): Promise<PageFiles> =>
  bundlePage(root, { checkpoint: 'webview-ui/checkpoint.ts', fakeHost: 'webview-ui/dev/fakeHost.ts' });

/** Opens the page in a context of its own. */
export const openHarness = (
  browser: Browser,
  files: PageFiles,
  options: OpenOptions = {},
): Promise<OpenedPage> =>
  openPage(
    browser,
    files,
    { page: 'checkpoint', host: 'fakeHost', ...themes[options.theme ?? 'dark'], functions: { memoryAnswer } },
    options,
  );

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

export interface ScrollMeasurement {
  /** Rows that exist in the DOM at the end. */
  readonly rowsInDom: number;
  /** CPU time of the page's main thread for one step of scrolling, ms: free of what else the machine does. */
  readonly cpuMs: { readonly median: number; readonly longest: number };
  /** Time from one frame to the next, ms. */
  readonly frameMs: { readonly median: number; readonly longest: number };
}

const medianOf = (sorted: readonly number[]) => sorted[sorted.length >> 1] ?? 0;

/** Scrolls the table a few rows at a time, then in leaps through the whole list, one step a frame. */
export async function measureScrolling(page: Page, steps = 120): Promise<ScrollMeasurement> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const busySeconds = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return metrics.find((metric) => metric.name === 'TaskDuration')?.value ?? 0;
  };
  const table = page.getByTestId('tensor-table');
  const cpu: number[] = [];
  let before = await busySeconds();
  for (let step = 1; step <= steps; step++) {
    await table.evaluate(
      async (element, [at, all]) => {
        const range = element.scrollHeight - element.clientHeight;
        element.scrollTop = at < all / 2 ? at * 66 : (range * (at - all / 2)) / (all / 2);
        await new Promise(requestAnimationFrame);
        // The frame itself, with layout and paint, lies between two animation frames.
        await new Promise(requestAnimationFrame);
      },
      [step, steps] as const,
    );
    const now = await busySeconds();
    cpu.push((now - before) * 1000);
    before = now;
  }
  const { frames, rowsInDom } = await table.evaluate(async (element, all) => {
    const range = element.scrollHeight - element.clientHeight;
    const times: number[] = [];
    let last = performance.now();
    for (let at = 0; at <= all; at++) {
      element.scrollTop = at < all / 2 ? at * 66 : (range * (at - all / 2)) / (all / 2);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return { frames: times.slice(1), rowsInDom: element.querySelectorAll('.row').length };
  }, steps);
  await devtools.detach();
  cpu.sort((a, b) => a - b);
  frames.sort((a, b) => a - b);
  return {
    rowsInDom,
    cpuMs: { median: medianOf(cpu), longest: cpu.at(-1) ?? 0 },
    frameMs: { median: medianOf(frames), longest: frames.at(-1) ?? 0 },
  };
}
