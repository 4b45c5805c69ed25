/**
 * The error report's page in a browser, with a host that is faked in this process: the page's real bundle,
 * under the content-security policy of the product, spoken to by messages as VS Code does.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { type Contract, type Handlers, Rpc, type RpcMessage } from '../../src/protocol/rpc';
import type { ReportHostContract, ReportPageContract } from '../../src/protocol/webviewApi';
import { type HostTheme, themes } from './reportThemes';

const root = fileURLToPath(new URL('../..', import.meta.url));
const origin = 'http://report.test';
const nonce = 'dGVzdA==';

export interface Bundle {
  readonly script: string;
  readonly styles: string;
}

/** Bundles the page, or another one, into a temporary folder, so that nothing depends on what lies in dist/. */
export async function bundleReport(entry = 'report'): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), 'tensor-loupe-report-'));
  try {
    await build({
      entryPoints: [join(root, `webview-ui/${entry}.ts`)],
      outfile: join(folder, 'report.js'),
      bundle: true,
      format: 'iife',
      platform: 'browser',
      target: 'chrome132',
      loader: { '.ttf': 'file', '.svg': 'dataurl' },
      logLevel: 'error',
    });
    return {
      script: readFileSync(join(folder, 'report.js'), 'utf8'),
      styles: readFileSync(join(folder, 'report.css'), 'utf8'),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface OpenedReport<
  Host extends Contract = ReportHostContract,
  Asked extends Contract = ReportPageContract,
> {
  readonly page: Page;
  readonly rpc: Rpc<Host, Asked>;
  /** Errors and policy violations that the page reported. */
  readonly complaints: string[];
  /** What the page last gave to setState. */
  state(): unknown;
}

/** Opens the page in a fresh tab. */
export async function openReport<
  Host extends Contract = ReportHostContract,
  Asked extends Contract = ReportPageContract,
>(
  browser: Browser,
  bundle: Bundle,
  handlers: Handlers<Host>,
  options: {
    width?: number;
    height?: number;
    theme?: keyof typeof themes;
    scale?: number;
    state?: unknown;
  } = {},
): Promise<OpenedReport<Host, Asked>> {
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1180, height: options.height ?? 860 },
    deviceScaleFactor: options.scale ?? 1,
  });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });

  let receive: (message: RpcMessage) => void = () => undefined;
  let state = options.state;
  const rpc = new Rpc<Host, Asked>(
    {
      post: (message) => {
        const text = JSON.stringify(message, encodeArrays);
        // A page that is being closed has nobody left to tell.
        page
          .evaluate((sent) => window.postMessage(JSON.parse(sent, decodeArrays)), text)
          .catch(() => undefined);
      },
      onMessage: (listener) => {
        receive = listener;
      },
    },
    handlers,
  );
  await page.exposeFunction('hostReceive', (message: RpcMessage) => receive(message));
  await page.exposeFunction('hostState', (saved: unknown) => {
    state = saved;
  });
  await page.addInitScript(installHost, options.state);
  await page.route(`${origin}/**`, async (route) => {
    const path = new URL(route.request().url()).pathname;
    if (path === '/report.js') await route.fulfill({ body: bundle.script, contentType: 'text/javascript' });
    else if (path === '/report.css') await route.fulfill({ body: bundle.styles, contentType: 'text/css' });
    else if (path === '/')
      await route.fulfill({ body: document(themes[options.theme ?? 'dark']), contentType: 'text/html' });
    else await route.fulfill({ status: 404, body: '' });
  });
  await page.goto(`${origin}/`);
  return { page, rpc, complaints, state: () => state };
}

function document(theme: HostTheme): string {
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${origin} 'nonce-${nonce}'; font-src ${origin}; img-src ${origin} data: blob:`;
  const variables = Object.entries(theme.variables).map(([name, value]) => `--vscode-${name}: ${value};`);
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="icon" href="data:,">
<style nonce="${nonce}">:root { ${variables.join(' ')} } body { background: ${theme.variables['editor-background']}; padding: 0 20px; }</style>
<link rel="stylesheet" href="/report.css"></head>
<body class="${theme.kind}" data-vscode-theme-kind="${theme.kind}">
<main id="app"><p role="status">Reading the header…</p></main>
<script nonce="${nonce}" src="/report.js"></script></body></html>`;
}

/** Changes the theme of an open page, as the workbench does: variables first, then the body's class. */
export async function changeTheme(page: Page, name: keyof typeof themes): Promise<void> {
  await page.evaluate(({ kind, variables }) => {
    for (const [variable, value] of Object.entries(variables))
      window.document.documentElement.style.setProperty(`--vscode-${variable}`, value);
    window.document.body.className = kind;
    window.document.body.dataset.vscodeThemeKind = kind;
  }, themes[name]);
}

/** Runs in the page, before its scripts. */
function installHost(state: unknown): void {
  const exposed = window as unknown as Record<string, (data: unknown) => Promise<void>>;
  const types: Record<string, { from(values: number[]): unknown }> = {
    Float32Array,
    Float64Array,
    Int16Array,
    Uint16Array,
    Uint32Array,
  };
  Object.assign(window, {
    decodeArrays: (_key: string, value: unknown) => {
      const packed = value as { arrayType?: string; base64?: string } | null;
      if (!packed || typeof packed !== 'object' || typeof packed.arrayType !== 'string') return value;
      const bytes = Uint8Array.from(atob(packed.base64!), (letter) => letter.charCodeAt(0));
      const ArrayType = types[packed.arrayType] as unknown as new (buffer: ArrayBuffer) => unknown;
      return new ArrayType(bytes.buffer);
    },
    acquireVsCodeApi: () => ({
      postMessage: (message: unknown) => void exposed.hostReceive!(message),
      getState: () => state,
      setState: (saved: unknown) => void exposed.hostState!(saved),
    }),
  });
}

/** Stands for the page's own function of this name in what is evaluated there. */
declare const decodeArrays: (key: string, value: unknown) => unknown;

function encodeArrays(_key: string, value: unknown): unknown {
  if (!ArrayBuffer.isView(value)) return value;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { arrayType: value.constructor.name, base64: bytes.toString('base64') };
}
