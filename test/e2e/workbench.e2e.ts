/** The packed extension installs into a real VS Code, and its editor opens the way a user opens files. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Host,
  launchBrowser,
  openFile,
  openWorkbench,
  quickInput,
  quickRows,
  scratchWorkspace,
  screenshot,
  setTheme,
  startHost,
  type Theme,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

describe('the packed extension in VS Code', () => {
  const workspace = scratchWorkspace();
  let host: Host;
  let browser: Browser;

  beforeAll(async () => {
    host = await startHost({ workspace: workspace.folder });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await host?.stop();
    await workspace.remove();
  });

  it('opens a checkpoint in its own editor, in every theme', async () => {
    const page = await openWorkbench(browser, host, { theme: 'dark' });
    await openFile(page, 'demo-llama-3m/model.safetensors');
    const view = webviewFrame(page);
    await view.getByText('model.embed_tokens.weight').first().waitFor();
    const backgrounds = new Set<string>();
    for (const theme of ['dark', 'light', 'highContrast'] satisfies Theme[]) {
      await setTheme(page, theme);
      await page.waitForTimeout(500);
      await screenshot(page, `workbench-${theme}`);
      // The document's own background is transparent; what its rules are written in is the theme's variable.
      const background = await view.locator('html').evaluate((html) => {
        return getComputedStyle(html).getPropertyValue('--vscode-editor-background');
      });
      backgrounds.add(background);
    }
    expect(backgrounds.size).toBe(3);
    expect(await tab(page, 'model.safetensors').count()).toBe(1);
    await page.close();
  });

  it('lists its commands in the palette', async () => {
    const page = await openWorkbench(browser, host);
    await page.keyboard.press('F1');
    await quickInput(page).locator('input').first().fill('>Tensor Loupe: ');
    await quickRows(page).filter({ hasText: 'Tensor Loupe: Quantize Checkpoint...' }).first().waitFor();
    await page.close();
  });
});
