/** The metadata of a GGUF file that a Hugging Face model became, on the packed extension in a real VS Code. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../src/formats/open';
import { useVscode } from './fixtures/useVscode';
import {
  notifications,
  openFile,
  pick,
  quickInput,
  quickRows,
  runCommand,
  screenshot,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const vscode = useVscode({ settings: { 'tensorLoupe.backend': 'cpu' } });

/** Keys, and a hash of each tensor's bytes. */
async function contentOf(file: string): Promise<{ keys: string[]; hashes: string[] }> {
  const { metadata, tensors } = await openCheckpoint(file);
  const bytes = readFileSync(file);
  return {
    keys: metadata.map(({ key }) => key),
    hashes: tensors.map(({ name, byteOffset, bytes: length }) => {
      const data = bytes.subarray(byteOffset, byteOffset + length);
      return `${name} ${createHash('sha256').update(data).digest('hex')}`;
    }),
  };
}

it('loses its whole tokenizer, and nothing else, by one choice', async () => {
  const page = await vscode.open();
  await openFile(page, 'demo-llama-3m/model.safetensors');
  await webviewFrame(page).locator('[role="grid"], [data-testid="dtypes"]').first().waitFor();
  await runCommand(page, 'Tensor Loupe: Convert to GGUF...');
  await quickRows(page).filter({ hasText: 'bits per weight' }).first().waitFor();
  await page.keyboard.press('Enter');
  await quickRows(page).filter({ hasText: 'demo-llama-3m-BF16.gguf' }).first().waitFor();
  await page.keyboard.press('Enter');
  await tab(page, 'demo-llama-3m-BF16.gguf').waitFor();
  const file = vscode.inWorkspace('demo-llama-3m-BF16.gguf');
  const before = await contentOf(file);
  const tokenizer = before.keys.filter((key) => key.startsWith('tokenizer.'));
  expect(tokenizer.length).toBeGreaterThan(3);

  await runCommand(page, 'Tensor Loupe: Edit GGUF Metadata...');
  await pick(page, 'tokenizer.ggml.model', 'tokenizer.ggml.model');
  const remove = `Remove the whole tokenizer (${tokenizer.length} keys)`;
  await quickRows(page).filter({ hasText: remove }).waitFor();
  await screenshot(page, 'gguf-tokenizer-dark');
  await pick(page, remove);
  const write = quickRows(page).filter({ hasText: `Write ${tokenizer.length} changes` });
  await write.waitFor();
  await quickRows(page).filter({ hasText: 'will be removed' }).first().waitFor();
  await screenshot(page, 'gguf-tokenizer-pending-dark');
  await pick(page, `Write ${tokenizer.length} changes`);
  await notifications(page)
    .filter({ hasText: 'demo-llama-3m-BF16.gguf' })
    .filter({ hasText: 'unchanged' })
    .waitFor();
  await expect.poll(() => quickInput(page).isVisible()).toBe(false);
  await screenshot(page, 'gguf-tokenizer-removed-dark');
  const after = await contentOf(file);
  expect(after.keys).toEqual(before.keys.filter((key) => !key.startsWith('tokenizer.')));
  expect(after.hashes).toEqual(before.hashes);
  await page.close();
});
