/**
 * Statistics in a real VS Code where they are not the ordinary ones: a convolutional network of F32 and F64, values beyond
 * float32, a cancelled analysis, and a tensor viewer whose compute process is killed.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { FrameLocator, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { f32Data, makeSafetensors } from '../fixtures/makeCheckpoint';
import { writeSparseTensors } from '../fixtures/sparseTensors';
import { useVscode } from './fixtures/useVscode';
import { openFile, pick, runCommand, screenshot, tab, webviewFrame } from './fixtures/vscodeHost';

let seed = 7;
const noise = (count: number, size = 0.1) =>
  Float32Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed / 2 ** 32 - 0.5) * size;
  });

/** The names of a residual network as torchvision gives them. */
function residualNetwork(): Uint8Array {
  const f32 = (name: string, ...shape: number[]) => ({
    name,
    dtype: 'F32',
    shape,
    data: f32Data(noise(shape.reduce((product, n) => product * n, 1))),
  });
  const normal = (name: string, channels: number) =>
    ['weight', 'bias', 'running_mean', 'running_var'].map((part) => f32(`${name}.${part}`, channels));
  const wide = Float64Array.from(noise(64 * 10), (v, i) => (i === 321 ? 1e300 : v));
  return makeSafetensors([
    f32('conv1.weight', 16, 3, 7, 7),
    ...normal('bn1', 16),
    ...[1, 2, 3].flatMap((stage) =>
      [0, 1].flatMap((block) => [
        f32(`layer${stage}.${block}.conv1.weight`, 16, 16, 3, 3),
        ...normal(`layer${stage}.${block}.bn1`, 16),
        f32(`layer${stage}.${block}.conv2.weight`, 16, 16, 3, 3),
        ...normal(`layer${stage}.${block}.bn2`, 16),
        ...(block === 0 ? [f32(`layer${stage}.0.downsample.0.weight`, 16, 16, 1, 1)] : []),
      ]),
    ),
    { name: 'fc.weight', dtype: 'F64', shape: [10, 64], data: new Uint8Array(wide.buffer) },
    f32('fc.bias', 10),
  ]);
}

let page: Page;
const vscode = useVscode({
  prepare: () => {
    writeFileSync(vscode.inWorkspace('resnet.safetensors'), residualNetwork());
    writeSparseTensors(vscode.inWorkspace('zeros.safetensors'), 40, 8192, (i) => `blocks.${i}.weight`);
    return undefined;
  },
});
beforeAll(async () => {
  page = await vscode.open();
});

/** The compute processes below this one. */
function engines(): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  const all = lines.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)!);
  const below = new Set([process.pid]);
  // Parents need not stand before their children.
  for (let known = 0; known < below.size; ) {
    known = below.size;
    for (const [, pid, parent] of all) if (below.has(Number(parent))) below.add(Number(pid));
  }
  return all
    .filter(([, pid, , run]) => below.has(Number(pid)) && run!.includes('engine.js'))
    .map(([, pid]) => Number(pid));
}

async function openOutliers(file: string): Promise<FrameLocator> {
  await openFile(page, file);
  const view = webviewFrame(page);
  await view.getByTestId('tab-outliers').click();
  await view.getByTestId('outliers-tab').waitFor();
  return view;
}

describe('statistics in VS Code', () => {
  it('of a convolutional network fall back to its modules, and tell values beyond float32', async () => {
    const view = await openOutliers('resnet.safetensors');
    await view.getByTestId('analyze-all').click();
    await view
      .getByTestId('analyze-all')
      .filter({ hasText: /^\s*Analyzed\s*$/ })
      .waitFor();
    await screenshot(page, 'statistics-cnn-map');
    await view.getByTestId('figure-map').focus();
    await page.keyboard.press('t');
    const row = view.locator('.outlier-row[data-tensor="fc.weight"]');
    const told = async (statistic: string) =>
      Number(await row.locator(`[data-statistic="${statistic}"]`).getAttribute('data-value'));
    await row.waitFor();
    expect(await told('absmax')).toBe(1e300);
    // One value in 640 beside others that are nothing: mean, variance and kurtosis of such a coin.
    const share = 1 / 640;
    expect((await told('std')) / (1e300 * Math.sqrt(share * (1 - share)))).toBeCloseTo(1, 9);
    expect(await told('kurtosis')).toBeCloseTo(1 / (share * (1 - share)) - 6, 6);
    await row.click();
    await view.getByTestId('details-pane').getByText('fc.weight').first().waitFor();
    await view.getByTestId('picture').waitFor();
    await page.waitForTimeout(500);
    await screenshot(page, 'statistics-cnn-beyond-float32');
    const text = await view.getByTestId('details-pane').innerText();
    expect(text).not.toMatch(/undefined|NaN(?! *\n? *0)|Infinity/);
  });

  it('stop soon when they are cancelled', async () => {
    const view = await openOutliers('zeros.safetensors');
    await view.getByTestId('analyze-all').click();
    await view
      .getByTestId('analysis-rate')
      .filter({ hasText: /[GM]B\/s/ })
      .waitFor();
    // Measured in the page: a click of the browser's driver waits for much else.
    const taken = await view.getByTestId('cancel-analysis').evaluate(async (button) => {
      const started = performance.now();
      (button as HTMLElement).click();
      while (document.querySelector('[data-testid="analyze-all"]') === null)
        await new Promise((resolve) => setTimeout(resolve, 1));
      return performance.now() - started;
    });
    console.log(`from the click to the page at rest: ${taken.toFixed(0)} ms`);
    expect(await view.getByTestId('outlier-summary').innerText()).toMatch(
      /of 40 tensors are not analyzed|Nothing is analyzed yet/,
    );
  });

  it('and values come on in the viewer after its compute process was killed, and it says so', async () => {
    await openFile(page, 'zeros.safetensors');
    await runCommand(page, 'Tensor Loupe: View Tensor');
    await pick(page, 'blocks.33.weight', 'blocks.33.weight');
    await tab(page, 'blocks.33.weight').waitFor();
    const view = webviewFrame(page);
    const matrix = view.getByTestId('matrix');
    // While the first tiles are read.
    await matrix.waitFor();
    const [killed] = engines();
    process.kill(killed!, 'SIGKILL');
    await view.getByTestId('notice-engine').waitFor();
    await screenshot(page, 'statistics-viewer-killed');
    await view.locator('[data-testid="matrix"][data-pending="0"]').waitFor();
    await view.getByTestId('zoom-in').click();
    await view.locator('[data-testid="matrix"][data-pending="0"]').waitFor();
    await view.getByTestId('top-values').waitFor();
    expect(engines()).not.toContain(killed);
    // What happened is still told when all is well again.
    expect(await view.getByTestId('notice-engine').innerText()).toMatch(/compute process/i);
    await screenshot(page, 'statistics-viewer-recovered');
  });
});
