/**
 * The Outliers tab of the packed extension in a real VS Code: the channels that were planted are the ones it finds, what was
 * found is there again after a reload, and an analysis goes on after its compute process was killed.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FrameLocator, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeSparseTensors } from '../fixtures/sparseTensors';
import { useVscode } from './fixtures/useVscode';
import { openFile, reloadWindow, screenshot, setTheme, tab, webviewFrame } from './fixtures/vscodeHost';

const truth = path.resolve(import.meta.dirname, '../fixtures/demo-llama-3m-truth/outliers.json');
const planted = JSON.parse(readFileSync(truth, 'utf8')) as { layers: { layer: number }[] };
/** Where channels were enlarged 16 times and more. */
const plantedIn = [
  'input_layernorm',
  'post_attention_layernorm',
  'mlp.up_proj',
  'self_attn.v_proj',
  'self_attn.k_proj',
];

let page: Page;

const vscode = useVscode({
  prepare: () => {
    // 64 MiB each.
    writeSparseTensors(
      vscode.inWorkspace('sparse.safetensors'),
      48,
      4096,
      (i) => `model.layers.${i}.mlp.up_proj.weight`,
    );
  },
});

beforeAll(async () => {
  page = await vscode.open();
});

async function openOutliers(file: string): Promise<FrameLocator> {
  await openFile(page, file);
  const view = webviewFrame(page);
  await view.getByTestId('tab-outliers').click();
  await view.getByTestId('outliers-tab').waitFor();
  return view;
}

const analyzed = (view: FrameLocator) =>
  view.getByTestId('analyze-all').filter({ hasText: /^\s*Analyzed\s*$/ });

/** Processes whose parent is `parent`, and theirs, by what they run. */
function descendants(parent: number): { pid: number; run: string }[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  const all = lines.map((line) => {
    const [, pid, ppid, run] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)!;
    return { pid: Number(pid), ppid: Number(ppid), run: run! };
  });
  const found: { pid: number; run: string }[] = [];
  const add = (of: number) => {
    for (const one of all.filter(({ ppid }) => ppid === of)) {
      found.push(one);
      add(one.pid);
    }
  };
  add(parent);
  return found;
}

const engines = () => descendants(process.pid).filter(({ run }) => run.includes('engine.js'));

describe('the outliers of a model in VS Code', () => {
  it('are those that were planted, on the map and in the table', async () => {
    const view = await openOutliers('demo-llama-3m-outliers/model.safetensors');
    await view.getByTestId('analyze-all').click();
    await analyzed(view).waitFor();
    for (const theme of ['light', 'highContrast', 'dark'] as const) {
      await setTheme(page, theme);
      await page.waitForTimeout(300);
      await screenshot(page, `outliers-${theme}`);
    }
    await view.getByTestId('figure-map').focus();
    await page.keyboard.press('t');
    await view.getByTestId('outlier-table').waitFor();
    await view.locator('button[data-sort="channels"]').click();
    const rows = await view.locator('[data-testid="outlier-table"] .outlier-row').evaluateAll((elements) =>
      elements.map((element) => ({
        name: element.getAttribute('data-tensor')!,
        channels: Number(element.querySelector('[data-statistic="channels"]')!.getAttribute('data-value')),
      })),
    );
    const want = planted.layers.flatMap(({ layer }) =>
      plantedIn.map((module) => `model.layers.${layer}.${module}.weight`),
    );
    const found = rows.filter(({ channels }) => channels > 0).map(({ name }) => name);
    expect(found.sort()).toEqual(want.sort());

    await view.locator(`.outlier-row[data-tensor="${want[0]}"]`).click();
    await view.getByTestId('details-pane').getByText(want[0]!).first().waitFor();
    await screenshot(page, 'outliers-table');
  });

  it('are there again after a reload, without reading the values', async () => {
    await reloadWindow(page);
    await tab(page, 'model.safetensors').waitFor();
    const view = webviewFrame(page);
    await analyzed(view).waitFor();
  });

  it('come to an end although the compute process is killed, and the page says so', async () => {
    const view = await openOutliers('sparse.safetensors');
    await view.getByTestId('analyze-all').click();
    await view
      .getByTestId('analysis-rate')
      .filter({ hasText: /[GM]B\/s/ })
      .waitFor();
    const running = engines();
    expect(running.length).toBe(1);
    process.kill(running[0]!.pid, 'SIGKILL');
    await view.locator('[data-testid="notice"][data-kind="engine"]').waitFor();
    await screenshot(page, 'outliers-engine-killed');
    await analyzed(view).waitFor();
    const [again] = engines();
    expect(again!.pid).not.toBe(running[0]!.pid);
    await view.getByTestId('outlier-view').click();
    await view.getByTestId('outlier-table').waitFor();
    const values = await view
      .locator('[data-testid="outlier-table"] .outlier-row [data-statistic="absmax"]')
      .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-value')));
    expect(values.length).toBeGreaterThan(10);
    expect(new Set(values)).toEqual(new Set(['0']));
  });
});
