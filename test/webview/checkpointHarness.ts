/**
 * The checkpoint page in a headless browser with a host that lives in the page (webview-ui/dev), under the
 * content security policy that VS Code gets. Nothing is listened to: the browser's requests are answered here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type ThemeName, themes } from '../../webview-ui/dev/themes';

const origin = 'http://harness.test';
const nonce = 'aGFybmVzcw';

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

export interface HarnessBundle {
  readonly files: ReadonlyMap<string, string>;
}

/** Bundles the page and its host in memory. */
export async function bundleHarness(root: string): Promise<HarnessBundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: { checkpoint: 'webview-ui/checkpoint.ts', fakeHost: 'webview-ui/dev/fakeHost.ts' },
    outdir: join(root, 'out'),
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    target: 'chrome132',
    logLevel: 'silent',
  });
  return { files: new Map(result.outputFiles.map((file) => [file.path.split(/[/\\]/).at(-1)!, file.text])) };
}

function pageHtml(theme: ThemeName): string {
  const { kind, variables } = themes[theme];
  const css = Object.entries(variables)
    .map(([name, value]) => `--vscode-${name}: ${value};`)
    .join('\n');
  const policy = [
    "default-src 'none'",
    `style-src ${origin} 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    `font-src ${origin}`,
    `img-src ${origin} data: blob:`,
    // For the host in the page only: it reads the model file.
    `connect-src ${origin}`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style nonce="${nonce}">:root { ${css} } body { padding: 0 20px; }</style>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${origin}/checkpoint.css">
</head><body class="${kind}" data-vscode-theme-kind="${kind}">
<main id="app"><p role="status">Reading the header…</p></main>
<script nonce="${nonce}" src="${origin}/fakeHost.js"></script>
<script nonce="${nonce}" src="${origin}/checkpoint.js"></script>
</body></html>`;
}

export interface OpenOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly scale?: number;
  /** Query of the address: which model the host plays, and how. */
  readonly query?: string;
  /** Folder of the model that `?model=file` shows. */
  readonly modelFolder?: string;
}

export interface HarnessPage {
  readonly page: Page;
  /** Errors of the page, policy violations included. */
  readonly problems: string[];
}

/** Opens the page in a context of its own. */
export async function openHarness(
  browser: Browser,
  bundle: HarnessBundle,
  options: OpenOptions = {},
): Promise<HarnessPage> {
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1180, height: options.height ?? 860 },
    deviceScaleFactor: options.scale ?? 1,
    locale: 'en-US',
  });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  await page.route(`${origin}/**`, (route) => {
    const name = new URL(route.request().url()).pathname.slice(1);
    const text = bundle.files.get(name);
    if (name === '')
      return route.fulfill({ contentType: 'text/html', body: pageHtml(options.theme ?? 'dark') });
    if (text !== undefined) {
      return route.fulfill({
        contentType: name.endsWith('.css') ? 'text/css' : 'text/javascript',
        body: text,
      });
    }
    if (options.modelFolder) return route.fulfill({ body: readFileSync(join(options.modelFolder, name)) });
    return route.fulfill({ status: 404, body: '' });
  });
  await page.goto(`${origin}/?${options.query ?? ''}`);
  return { page, problems };
}

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
