/** `node scripts/icon.mjs`: renders media/icon.svg to media/icon.png, 128 x 128 as the Marketplace wants it. */
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { PlainError, runMain } from './lib/announce.mjs';
import { chromeAdvice, findChrome, launchOptions } from './lib/browsers.mjs';
import { inRoot } from './lib/paths.mjs';

await runMain(async () => {
  if (!findChrome()) throw new PlainError(chromeAdvice);
  const browser = await chromium.launch(launchOptions());
  try {
    const page = await browser.newPage({ viewport: { width: 128, height: 128 } });
    const svg = readFileSync(inRoot('media/icon.svg'), 'utf8');
    await page.setContent(`<style>body { margin: 0 } svg { display: block }</style>${svg}`);
    await page.screenshot({ path: inRoot('media/icon.png'), omitBackground: true });
  } finally {
    await browser.close();
  }
});
