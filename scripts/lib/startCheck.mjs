/** `npm start -- --check`: looks at the started VS Code as a user's browser would, and says what it saw. */
import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PlainError, say } from './announce.mjs';
import { chromeAdvice, findChrome, launchOptions } from './browsers.mjs';
import { resultsFolder, root } from './paths.mjs';

/** Opens the URL, waits for the checkpoint's webview to show tensors, and saves a screenshot. Throws when it does not. */
export async function checkStart(url) {
  if (!findChrome()) throw new PlainError(chromeAdvice);
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch(launchOptions());
  mkdirSync(resultsFolder, { recursive: true });
  const picture = join(resultsFolder, 'start.png');
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(url);
    await page.locator('.monaco-workbench').waitFor({ timeout: 120_000 });
    const tab = page.locator('.tab.active', { hasText: 'model.safetensors' });
    const view = page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
    try {
      await tab.waitFor({ timeout: 120_000 });
      await view.getByText('model.embed_tokens.weight').first().waitFor({ timeout: 60_000 });
      const outline = await view.locator('body').ariaSnapshot();
      say(`Seen: the editor "${(await tab.textContent())?.trim()}", and in it:`);
      for (const line of outline.split('\n').slice(0, 20)) say(`  ${line}`);
    } catch (error) {
      throw new PlainError(
        `The checkpoint did not show: ${error.message}\nScreenshot: ${relative(root, picture)}`,
      );
    } finally {
      await page.screenshot({ path: picture });
    }
    say(`Screenshot: ${relative(root, picture)}`);
  } finally {
    await browser.close();
  }
}
