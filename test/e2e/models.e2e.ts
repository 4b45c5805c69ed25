/** The Models view and the badges of the Explorer in a real VS Code. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { useVscode } from './fixtures/useVscode';
import {
  notifications,
  pressButton,
  runCommand,
  screenshot,
  setTheme,
  type Theme,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const caches = mkdtempSync(path.join(tmpdir(), 'loupe-caches-'));
const hub = path.join(caches, 'hub');
afterAll(() => rmSync(caches, { recursive: true, force: true }));

/** Rows of the view, by what a screen reader says of them. */
const rows = (page: Page, name: string | RegExp): Locator =>
  page.locator('.tree-explorer-viewlet-tree-view').getByRole('treeitem', { name });

async function showModels(page: Page): Promise<void> {
  await runCommand(page, 'Tensor Loupe: Show Models');
  await rows(page, /BF16/).first().waitFor();
}

describe('the Models view', () => {
  const vscode = useVscode({
    settings: { 'tensorLoupe.explorerDecorations': 'badge' },
    env: { HF_HUB_CACHE: hub, OLLAMA_MODELS: path.join(caches, 'ollama') },
    prepare: () => {
      const snapshot = path.join(hub, 'models--demo--llama-3m', 'snapshots', 'c0ffee');
      mkdirSync(snapshot, { recursive: true });
      cpSync(vscode.inWorkspace('demo-llama-3m'), snapshot, { recursive: true });
      return undefined;
    },
  });

  it('lists models, finds copies and opens them, in every theme', async () => {
    const page = await vscode.open();
    await showModels(page);
    await rows(page, /^Hugging Face Cache/)
      .first()
      .waitFor();
    for (const theme of ['dark', 'light', 'highContrast'] satisfies Theme[]) {
      await setTheme(page, theme);
      await page.waitForTimeout(300);
      await screenshot(page, `models-${theme}`);
    }
    await setTheme(page, 'dark');
    await runCommand(page, 'Tensor Loupe: Find Duplicate Models');
    await rows(page, /^Duplicates/)
      .first()
      .waitFor();
    await notifications(page)
      .filter({ hasText: 'One model has copies: 6.29 MiB could be freed' })
      .first()
      .waitFor();
    await screenshot(page, 'models-duplicates');
    await rows(page, /^demo-llama-3m, 6\.29 MiB, Workspace/)
      .first()
      .click();
    await tab(page, 'model.safetensors').first().waitFor();
    const row = webviewFrame(page).locator('.row[data-tensor="model.layers.0.mlp.down_proj.weight"]');
    await row.locator('[data-column="name"]').hover();
    const card = webviewFrame(page).getByTestId('scheme-bytes-card');
    // 256 x 768 weights in blocks of 256, of 144 bytes each.
    await card.locator('[data-scheme="q4_k"] td[title^="110,592 "]').waitFor();
    for (const theme of ['highContrast', 'light', 'dark'] satisfies Theme[]) {
      await setTheme(page, theme);
      await row.locator('[data-column="shape"]').hover();
      await row.locator('[data-column="name"]').hover();
      await card.waitFor();
      await screenshot(page, `scheme-bytes-${theme}`);
    }
    await page.close();
  });

  it('asks twice, and deletes nothing where there is no trash', async () => {
    const page = await vscode.open();
    await showModels(page);
    const row = rows(page, /^demo-llama-3m-outliers,/).first();
    await row.click({ button: 'right' });
    await page.locator('.context-view .action-label', { hasText: 'Convert Model to GGUF...' }).waitFor();
    await screenshot(page, 'models-menu');
    await page.keyboard.press('Escape');
    await row.click();
    await tab(page, 'model.safetensors').first().waitFor();
    await rows(page, /^demo-llama-3m-outliers,/)
      .first()
      .focus();
    await runCommand(page, 'Tensor Loupe: Delete Model...');
    await page.locator('.quick-input-widget').getByText('demo-llama-3m-outliers').first().waitFor();
    await page.keyboard.type('outliers');
    await page.keyboard.press('Enter');
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.getByText('Delete the model demo-llama-3m-outliers?').waitFor();
    await screenshot(page, 'models-delete');
    await pressButton(dialog.getByRole('button', { name: 'Delete...' }));
    await dialog.getByText(/to the trash now/).waitFor();
    await pressButton(dialog.getByRole('button', { name: 'Move to Trash' }));
    await notifications(page).filter({ hasText: 'there is no trash where its files are' }).first().waitFor();
    await screenshot(page, 'models-no-trash');
    expect(existsSync(vscode.inWorkspace('demo-llama-3m-outliers/model.safetensors'))).toBe(true);
    await page.close();
  });
});
