import { describe, expect, it } from 'vitest';
import { useVscode } from './fixtures/useVscode';
import {
  openFile,
  quickInput,
  quickRows,
  screenshot,
  setTheme,
  type Theme,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

describe('the packed extension in VS Code', () => {
  const vscode = useVscode();

  it('opens a checkpoint in its own editor, in every theme', async () => {
    const page = await vscode.open({ theme: 'dark' });
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
    const page = await vscode.open();
    await page.keyboard.press('F1');
    await quickInput(page).locator('input').first().fill('>Tensor Loupe: Quantize');
    await quickRows(page).filter({ hasText: 'Tensor Loupe: Quantize Checkpoint...' }).first().waitFor();
    await page.close();
  });
});
