/**
 * The tensor viewer of the packed extension in a real VS Code: 16,384 x 16,384 values are zoomed into, panned over and
 * gone to by index; a viewer comes back after a reload; values are saved and copied. Frame times are printed, not judged.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { FrameLocator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { readPlainSafetensors } from '../fixtures/plainSafetensors';
import { useVscode } from './fixtures/useVscode';
import {
  answerFileDialog,
  openFile,
  pick,
  quickInput,
  reloadWindow,
  runCommand,
  screenshot,
  tab,
  webviewFrame,
} from './fixtures/vscodeHost';

const side = 16_384;
/** What the file repeats: 256 rows of BF16 noise with one large column. */
const band = new Uint16Array(256 * side);

/** float32 to BF16 by cutting, which is exact enough for noise. */
function bf16(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint16(0);
}

function bf16Value(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, bits);
  return view.getFloat32(0);
}

/** Half a gigabyte, written band by band. */
function writeLargeTensor(file: string): void {
  let seed = 99;
  for (let at = 0; at < band.length; at++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const noise = (seed / 2 ** 32 - 0.5) * 0.2;
    band[at] = bf16(at % side === 12_345 ? noise * 30 : noise);
  }
  const bytes = side * side * 2;
  const header = JSON.stringify({
    'large.weight': { dtype: 'BF16', shape: [side, side], data_offsets: [0, bytes] },
  });
  const text = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const output = openSync(file, 'w');
  try {
    writeSync(output, Buffer.concat([length, text]));
    for (let row = 0; row < side; row += 256) writeSync(output, band);
  } finally {
    closeSync(output);
  }
}

const vscode = useVscode({
  prepare: () => {
    writeLargeTensor(vscode.inWorkspace('large.safetensors'));
  },
});

const matrixOf = (view: FrameLocator) => view.locator('[data-testid="matrix"]');

/** Waits until every tile that is wanted has come and the view rests. */
async function settled(page: Page, view: FrameLocator): Promise<void> {
  await view.locator('[data-testid="matrix"][data-pending="0"]').waitFor();
  await page.waitForTimeout(500);
}

async function goTo(page: Page, index: string): Promise<void> {
  await runCommand(page, 'Tensor Loupe: Go to Index');
  await quickInput(page).locator('input').first().fill(index);
  await page.keyboard.press('Enter');
}

async function figure(view: FrameLocator, name: string): Promise<number> {
  const entry = view.locator(`[data-testid="readout"] [data-figure="${name}"]`);
  return Number(await entry.getAttribute('data-value'));
}

describe('the tensor viewer', () => {
  it('moves over 16,384 x 16,384 values', async () => {
    const page = await vscode.open();
    await openFile(page, 'large.safetensors');
    await webviewFrame(page).locator('[data-testid="strip"]').waitFor();
    await runCommand(page, 'Tensor Loupe: View Tensor');
    await pick(page, 'large.weight');
    await tab(page, 'large.weight').waitFor();
    const view = webviewFrame(page);
    await settled(page, view);
    expect(await matrixOf(view).getAttribute('data-region')).toBe(`0,${side},0,${side}`);
    // The large column is seen as an outlier of the profile, and the largest values lie in it.
    const first = view.locator('[data-testid="top-values"] button').first();
    await first.waitFor();
    expect(Number(await first.getAttribute('data-index')) % side).toBe(12_345);
    await screenshot(page, 'viewer-16384-whole');

    const levels = [
      ['whole', 0],
      ['middle', 3],
      ['near', 7],
    ] as const;
    let zoomed = 0;
    for (const [name, zooms] of levels) {
      for (; zoomed < zooms; zoomed++) await view.locator('[data-testid="zoom-in"]').click();
      await settled(page, view);
      const before = await matrixOf(view).getAttribute('data-region');
      const measured = await matrixOf(view).evaluate(async (element) => {
        const intervals: number[] = [];
        let last = await new Promise<number>(requestAnimationFrame);
        for (let step = 0; step < 180; step++) {
          // Sideways as a touch pad does it, then aslant, which no wheel can.
          if (step % 60 < 30)
            element.dispatchEvent(new WheelEvent('wheel', { deltaX: 9, bubbles: true, cancelable: true }));
          else (element.closest('tl-matrix') as unknown as { pan(x: number, y: number): void }).pan(7, 5);
          const now = await new Promise<number>(requestAnimationFrame);
          intervals.push(now - last);
          last = now;
        }
        await new Promise((resolve) => setTimeout(resolve, 600));
        intervals.sort((one, other) => one - other);
        return {
          frameMedian: intervals[intervals.length >> 1],
          frameLongest: intervals.at(-1),
          drawMedian: element.dataset.drawMedian,
          drawLongest: element.dataset.drawLongest,
        };
      });
      console.log(`panning over ${side} x ${side}, ${name}: ms ${JSON.stringify(measured)}`);
      if (zooms > 0) expect(await matrixOf(view).getAttribute('data-region')).not.toBe(before);
    }
    await screenshot(page, 'viewer-16384-near');

    await goTo(page, '12000, 12340');
    await settled(page, view);
    expect(await figure(view, 'row')).toBe(12_000);
    expect(await figure(view, 'column')).toBe(12_340);
    const expected = bf16Value(band[(12_000 % 256) * side + 12_340]!);
    await expect.poll(() => figure(view, 'value'), { timeout: 30_000 }).toBe(expected);
    const bits = view.locator('[data-testid="element-bits"] .bit');
    await view.locator('[data-testid="element-place"]', { hasText: '12,000, 12,340' }).waitFor();
    expect((await bits.allTextContents()).join('')).toBe(
      band[(12_000 % 256) * side + 12_340]!.toString(2).padStart(16, '0'),
    );
    await screenshot(page, 'viewer-16384-element');
    await page.close();
  });

  it('comes back after a reload, copies and saves', async () => {
    const page = await vscode.open();
    const model = 'demo-llama-3m-outliers/model.safetensors';
    const name = 'model.layers.0.mlp.down_proj.weight';
    await openFile(page, model);
    await webviewFrame(page).locator('[data-testid="strip"]').waitFor();
    await runCommand(page, 'Tensor Loupe: View Tensor');
    await pick(page, name, name);
    await tab(page, 'down_proj').waitFor();
    let view = webviewFrame(page);
    await settled(page, view);
    await goTo(page, '17, 23');
    await view.locator('[data-testid="element-place"]', { hasText: '[17, 23]' }).waitFor();
    await reloadWindow(page);
    await tab(page, 'down_proj').waitFor();
    view = webviewFrame(page);
    await view.locator('[data-testid="element-place"]', { hasText: '[17, 23]' }).waitFor();
    await settled(page, view);
    const tensor = readPlainSafetensors(vscode.inWorkspace(model)).get(name)!;
    const columns = tensor.shape[1]!;
    const stored = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength);
    const value = bf16Value(stored.getUint16(2 * (17 * columns + 23), true));
    expect(await figure(view, 'value')).toBe(value);

    await runCommand(page, 'Tensor Loupe: Save Picture or Values');
    await pick(page, 'the whole tensor');
    const target = vscode.inWorkspace('saved.npy');
    // The dialog of files takes the place of the pick, and begins with a name of its own.
    await answerFileDialog(page, target, /\.npy$/);
    await expect
      .poll(
        () => {
          try {
            return readFileSync(target).length;
          } catch {
            return 0;
          }
        },
        { timeout: 60_000 },
      )
      .toBeGreaterThan(tensor.shape[0]! * columns * 4);
    const saved = readFileSync(target);
    expect(saved.subarray(0, 6).toString('latin1')).toBe('\x93NUMPY');
    const start = 10 + saved.readUInt16LE(8);
    expect(saved.readFloatLE(start + 4 * (17 * columns + 23))).toBe(value);
    await screenshot(page, 'viewer-demo');
    await page.close();
  });
});
