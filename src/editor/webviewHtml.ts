/** The page that hosts a webview bundle, under the strictest content-security policy that it runs with. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** Where webview bundles lie; nothing else of the machine is readable to a page. */
export function webviewRoot(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
}

/**
 * HTML of a page: `bundle`.js and `bundle`.css from dist/webview. Scripts run by nonce only, nothing is
 * fetched from a network, and data reaches the page through messages alone.
 */
export function webviewHtml(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  bundle: string,
  title: string,
  /** What the page says until its script runs. */
  loading = 'Reading the header…',
): string {
  const nonce = randomBytes(16).toString('base64');
  const file = (name: string) =>
    webview.asWebviewUri(vscode.Uri.joinPath(webviewRoot(extensionUri), name)).toString();
  const policy = [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} data: blob:`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${file(`${bundle}.css`)}">
<link rel="stylesheet" id="vscode-codicon-stylesheet" href="${file('codicon.css')}" nonce="${nonce}">
<title>${title}</title>
</head>
<body>
<main id="app" data-testid="${bundle}"><p class="loading" role="status">${loading}</p></main>
<script nonce="${nonce}" src="${file(`${bundle}.js`)}"></script>
</body>
</html>`;
}
