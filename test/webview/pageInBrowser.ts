/**
 * A page in a headless browser with a host that lives in the page (webview-ui/dev), under the content security policy
 * that VS Code gets. Nothing is listened to: the browser's requests are answered here.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import type { ThemeName } from '../../webview-ui/dev/themes';

const origin = 'http://harness.test';
const nonce = 'aGFybmVzcw';

/** What esbuild made, by file names. */
export type PageFiles = ReadonlyMap<string, string>;

/** Bundles a page and its host in memory; entry points by the names of what they become. */
export async function bundlePage(root: string, entryPoints: Record<string, string>): Promise<PageFiles> {
  const result = await build({
    absWorkingDir: root,
    entryPoints,
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

export interface OpenOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly scale?: number;
  /** Query of the address: which model or tensor the host plays, and how. */
  readonly query?: string;
  /** Folder of the model that `?model=file` shows. */
  readonly modelFolder?: string;
}

/** What stands in the page's document beside its policy. */
export interface PageDocument {
  readonly page: string;
  readonly host: string;
  readonly kind: string;
  readonly variables: Readonly<Record<string, string>>;
  /** What the page's host can ask outside of the browser, by the name that it has in the page. */
  readonly functions?: Readonly<Record<string, (text: string) => Promise<string>>> | undefined;
}

export interface OpenedPage {
  readonly page: Page;
  /** Errors of the page, policy violations included. */
  readonly problems: string[];
}

/** Opens the page in a context of its own. */
export async function openPage(
  browser: Browser,
  files: PageFiles,
  document: PageDocument,
  { width = 1180, height = 860, scale = 1, query = '', modelFolder }: OpenOptions,
): Promise<OpenedPage> {
  const page = await browser.newPage({
    viewport: { width, height },
    deviceScaleFactor: scale,
    locale: 'en-US',
  });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  await page.route(`${origin}/**`, (route) => {
    const name = new URL(route.request().url()).pathname.slice(1);
    const body = files.get(name);
    if (name === '')
      return route.fulfill({ contentType: 'text/html', body: htmlOf(document, modelFolder !== undefined) });
    if (body !== undefined)
      return route.fulfill({ contentType: name.endsWith('.css') ? 'text/css' : 'text/javascript', body });
    if (modelFolder) return route.fulfill({ body: readFileSync(join(modelFolder, name)) });
    return route.fulfill({ status: 404, body: '' });
  });
  for (const [name, answer] of Object.entries(document.functions ?? {}))
    await page.exposeFunction(name, answer);
  await page.goto(`${origin}/?${query}`);
  return { page, problems };
}

function htmlOf({ page, host, kind, variables }: PageDocument, readsModel: boolean): string {
  const css = Object.entries(variables)
    .map(([name, value]) => `--vscode-${name}: ${value};`)
    .join('\n');
  const policy = [
    "default-src 'none'",
    `style-src ${origin} 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    `font-src ${origin}`,
    `img-src ${origin} data: blob:`,
    // For the host in the page only.
    ...(readsModel ? [`connect-src ${origin}`] : []),
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style nonce="${nonce}">:root { ${css} } body { padding: 0 20px; }</style>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${origin}/${page}.css">
</head><body class="${kind}" data-vscode-theme-kind="${kind}">
<main id="app"><p role="status">Reading the header…</p></main>
<script nonce="${nonce}" src="${origin}/${host}.js"></script>
<script nonce="${nonce}" src="${origin}/${page}.js"></script>
</body></html>`;
}
