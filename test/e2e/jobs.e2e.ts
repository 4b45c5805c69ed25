/**
 * Long jobs on the packed extension in a real VS Code: progress in the notification and the status bar, a job that is sent to the background
 * and outlives its editors, one that waits for it and is cancelled, and one that is cancelled and resumed.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { bf16Data, makeSafetensors } from '../fixtures/makeCheckpoint';
import { useVscode } from './fixtures/useVscode';
import {
  notifications,
  openFile,
  pick,
  quickRows,
  runCommand,
  screenshot,
  setTheme,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

/** 192 MB of values, the same in every run. */
function writeModel(): void {
  let state = 1;
  const values = Float32Array.from({ length: 2 ** 20 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  const data = bf16Data(values);
  const tensors = Array.from({ length: 96 }, (_, i) => ({
    name: `model.layers.${i}.mlp.up_proj.weight`,
    dtype: 'BF16',
    shape: [1024, 1024],
    data,
  }));
  mkdirSync(vscode.inWorkspace('large'));
  writeFileSync(vscode.inWorkspace('large/model.safetensors'), makeSafetensors(tensors, { format: 'pt' }));
  writeFileSync(vscode.inWorkspace('large/config.json'), '{}');
}

/** Searching each block's scale takes seconds. */
function writeRecipe(name: string, more = {}): void {
  const recipe = {
    ...{ version: 1, name, model: 'large', rules: [] },
    default: { scheme: 'int4-absmax', granularity: 'block', blockSize: 32, clip: 'mse' },
    ...more,
  };
  writeFileSync(vscode.inWorkspace(`${name}.loupe.json`), JSON.stringify(recipe));
}

const vscode = useVscode({
  prepare: () => {
    writeModel();
    writeRecipe('first');
    writeRecipe('second');
    // The first weights take their time, the others are copied.
    writeRecipe('cut', {
      maxShardBytes: 1_000_000,
      rules: [{ match: '/layers\\.[3-9][0-9]\\./', choice: 'keep' }],
    });
  },
  settings: { 'tensorLoupe.keepFinishedShards': true },
  // One thread, so that there is time to look.
  env: { TENSOR_LOUPE_WORKERS: '1' },
});

/** Quantizes with a recipe of the workspace, which names the model: nothing is asked. */
async function quantizeWith(page: Page, recipe: string): Promise<void> {
  await openFile(page, `${recipe}.loupe.json`);
  await runCommand(page, 'Tensor Loupe: Quantize with Recipe...');
  await notifications(page)
    .filter({ hasText: `recipe ${recipe}` })
    .first()
    .waitFor();
}

/** Hidden folders that outputs are written in. */
const hiddenFolders = () => readdirSync(vscode.folder).filter((name) => name.includes('.tensor-loupe-'));

/** The process that writes, by the name of its hidden folder. */
function enginePid(): number {
  const [hidden] = hiddenFolders();
  return Number(/-(\d+)-[0-9a-f]{12}$/.exec(hidden ?? '')?.[1]);
}

const statusItem = (page: Page) =>
  page.locator('.statusbar-item[id="tensor-loupe.tensor-loupe.tensorLoupe.jobs"]');

it('runs in the background, lets others wait, and tells when it is done', async () => {
  const page = await vscode.open();
  await quantizeWith(page, 'first');
  const first = notifications(page).filter({ hasText: 'recipe first' });
  await first.filter({ hasText: /\d %/ }).first().waitFor();
  await statusItem(page)
    .filter({ hasText: /large \d+ %/ })
    .waitFor();
  await screenshot(page, 'job-foreground-dark');
  await first
    .getByRole('link', { name: 'Run in Background' })
    .or(first.getByText('Run in Background'))
    .first()
    .click();
  await first.first().waitFor({ state: 'detached' });

  await quantizeWith(page, 'second');
  const second = notifications(page).filter({ hasText: 'recipe second' });
  await second.filter({ hasText: 'waits for a job' }).first().waitFor();
  await statusItem(page).filter({ hasText: '(+1)' }).waitFor();
  await statusItem(page).click();
  await quickRows(page).filter({ hasText: 'Cancel' }).nth(1).waitFor();
  await screenshot(page, 'jobs-queue-dark');
  await pick(page, 'Cancel large (recipe second)');
  await second.first().waitFor({ state: 'detached' });
  await statusItem(page).filter({ hasNotText: '(+1)' }).waitFor();

  // Nothing of the job hangs on an editor. The compute process stands still meanwhile, so that the job cannot end before.
  const engine = enginePid();
  process.kill(engine, 'SIGSTOP');
  await runCommand(page, 'View: Close All Editors');
  await tab(page, 'first.loupe.json').first().waitFor({ state: 'detached' });
  await setTheme(page, 'light');
  await statusItem(page).waitFor();
  await screenshot(page, 'job-background-light');
  process.kill(engine, 'SIGCONT');
  const done = notifications(page).filter({ hasText: 'Show Error Report' });
  await done.first().waitFor({ timeout: 120_000 });
  await statusItem(page).waitFor({ state: 'hidden' });
  await screenshot(page, 'job-done-light');
  // It opens when asked, and not before.
  expect(await tab(page, 'model.safetensors').count()).toBe(0);
  await done.getByRole('button', { name: 'Open', exact: true }).click();
  await tab(page, 'model.safetensors').first().waitFor();
  expect(existsSync(vscode.inWorkspace('large-second'))).toBe(false);
  expect(hiddenFolders()).toEqual([]);
  await page.close();
});

it('keeps finished shards when cancelled, and resumes', async () => {
  const page = await vscode.open();
  await quantizeWith(page, 'cut');
  const running = notifications(page).filter({ hasText: 'recipe cut' });
  await running
    .filter({ hasText: /: (?:[3-9]|1\d|2\d) %/ })
    .first()
    .waitFor();
  await running.getByRole('button', { name: 'Cancel' }).first().click();
  const kept = notifications(page).filter({ hasText: /\d+ of \d+ shards are finished and kept/ });
  await kept.first().waitFor();
  expect(existsSync(vscode.inWorkspace('large-cut'))).toBe(false);
  await screenshot(page, 'job-kept-dark');
  await notifications(page)
    .getByRole('button', { name: /Clear Notification/ })
    .first()
    .click()
    .catch(() => undefined);
  await kept.first().waitFor({ state: 'detached' });

  await openFile(page, 'cut.loupe.json');
  await runCommand(page, 'Tensor Loupe: Quantize with Recipe...');
  const dialog = page.locator('.monaco-dialog-box');
  await dialog.getByText('An earlier run for this target was interrupted').waitFor();
  await screenshot(page, 'job-resume-dark');
  await dialog.getByRole('button', { name: 'Resume' }).click();
  await notifications(page).filter({ hasText: 'Show Error Report' }).first().waitFor({ timeout: 120_000 });
  const names = readdirSync(vscode.inWorkspace('large-cut'));
  expect(names).toContain('model.safetensors.index.json');
  expect(names.filter((name) => name.endsWith('.safetensors')).length).toBe(96);
  expect(hiddenFolders()).toEqual([]);
  await page.close();
});

it('of a killed process leaves nothing: at once in its own window, else at the next start of any', async () => {
  const page = await vscode.open();
  await quantizeWith(page, 'second');
  await statusItem(page)
    .filter({ hasText: /large \d+ %/ })
    .waitFor();
  process.kill(enginePid(), 'SIGKILL');
  const killed = notifications(page).filter({ hasText: 'ended unexpectedly (signal SIGKILL)' });
  await killed.first().waitFor();
  expect(await killed.first().innerText()).toContain('large (recipe second) was not finished.');
  expect(hiddenFolders()).toEqual([]);
  await screenshot(page, 'job-killed-dark');

  await quantizeWith(page, 'second');
  await statusItem(page)
    .filter({ hasText: /large \d+ %/ })
    .waitFor();
  const engine = enginePid();
  const extensionHost = Number(readFileSync(`/proc/${engine}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]);
  process.kill(engine, 'SIGSTOP');
  const other = await vscode.open();
  // The other window has a compute process of its own by the time that it shows a model, and has left the folder alone.
  await openFile(other, 'demo-llama-3m/model.safetensors');
  await webviewFrame(other).locator('[data-testid="parameters"]').waitFor();
  expect(await statusItem(other).count()).toBe(0);
  expect(hiddenFolders().length).toBe(1);

  process.kill(extensionHost, 'SIGKILL');
  process.kill(engine, 'SIGKILL');
  await page.close();
  expect(hiddenFolders().length).toBe(1);
  await other.reload();
  for (let waited = 0; hiddenFolders().length > 0 && waited < 60_000; waited += 100)
    await other.waitForTimeout(100);
  expect(hiddenFolders()).toEqual([]);
  expect(existsSync(vscode.inWorkspace('large-second'))).toBe(false);
  await other.close();
});
