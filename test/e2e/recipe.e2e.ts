/** A recipe in a text editor of a real VS Code: a problem at its line, and lenses with sizes. */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { useVscode } from './fixtures/useVscode';
import { openFile, screenshot } from './fixtures/vscodeHost';

const vscode = useVscode({
  prepare: () => {
    const recipe = {
      version: 1,
      name: 'seen',
      model: 'demo-llama-3m',
      default: { scheme: 'int4-absmax', granularity: 'block', blockSize: 128 },
      rules: [
        { match: '**.down_proj.weight', choice: { scheme: 'int8-absmax', granularity: 'row' } },
        { match: 'model.layer.0.**', choice: 'keep' },
      ],
    };
    writeFileSync(vscode.inWorkspace('seen.loupe.json'), `${JSON.stringify(recipe, undefined, 2)}\n`);
  },
});

it.each(['dark', 'light'] as const)('a recipe is checked and measured (%s)', async (theme) => {
  const page = await vscode.open({ theme });
  await openFile(page, 'seen.loupe.json');
  const lenses = page.locator('.codelens-decoration');
  await lenses.getByText('bits per weight').waitFor({ timeout: 30_000 });
  // Those of the size come when the engine has planned.
  for (const part of ['Preview error', 'Quantize with this recipe', '28 quantized, 11 kept'])
    await expect
      .poll(async () => (await lenses.allTextContents()).join(' ').replace(/\u00a0/g, ' '))
      .toContain(part);
  await page.locator('.squiggly-warning').first().waitFor();
  await screenshot(page, `recipe-${theme}`);
  await page.close();
});
