/** The tensor viewer's page in a headless browser: its real code under the product's policy, with a host in the page. */
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { type ThemeName, themes } from '../../webview-ui/dev/themes';
import { themes as reportThemes } from './reportThemes';

export { chromiumPath, launchChromium, repositoryRoot } from './checkpointHarness';

const origin = 'http://viewer.test';
const nonce = 'dGVuc29y';

export type TensorBundle = ReadonlyMap<string, string>;

/** Bundles the page and its host in memory. */
export async function bundleTensor(root: string): Promise<TensorBundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: { tensor: 'webview-ui/tensor.ts', fakeTensorHost: 'webview-ui/dev/fakeTensorHost.ts' },
    outdir: join(root, 'out'),
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    target: 'chrome132',
    logLevel: 'silent',
  });
  return new Map(result.outputFiles.map((file) => [file.path.split(/[/\\]/).at(-1)!, file.text]));
}

export interface TensorOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly scale?: number;
  /** Query of the address: which tensor the host plays, and how. */
  readonly query?: string;
}

/** Opens the page; `problems` collects its errors, policy violations included. */
export async function openTensor(
  browser: Browser,
  bundle: TensorBundle,
  options: TensorOptions = {},
): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1240, height: options.height ?? 820 },
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
    const text = bundle.get(name);
    if (name === '')
      return route.fulfill({ contentType: 'text/html', body: pageHtml(options.theme ?? 'dark') });
    if (text === undefined) return route.fulfill({ status: 404, body: '' });
    return route.fulfill({
      contentType: name.endsWith('.css') ? 'text/css' : 'text/javascript',
      body: text,
    });
  });
  await page.goto(`${origin}/?${options.query ?? ''}`);
  return { page, problems };
}

function pageHtml(theme: ThemeName): string {
  const { kind, variables } = themes[theme];
  // The selects' variables, which the other page does not use.
  const selects = reportThemes[theme === 'contrastLight' ? 'contrast' : theme].variables;
  const css = Object.entries({ ...selects, ...variables })
    .map(([name, value]) => `--vscode-${name}: ${value};`)
    .join('\n');
  const policy = [
    "default-src 'none'",
    `style-src ${origin} 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    `font-src ${origin}`,
    `img-src ${origin} data: blob:`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style nonce="${nonce}">:root { ${css} } body { padding: 0 20px; }</style>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${origin}/tensor.css">
</head><body class="${kind}" data-vscode-theme-kind="${kind}">
<main id="app"><p role="status">Reading the header…</p></main>
<script nonce="${nonce}" src="${origin}/fakeTensorHost.js"></script>
<script nonce="${nonce}" src="${origin}/tensor.js"></script>
</body></html>`;
}
