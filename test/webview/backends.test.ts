/** The page of compute backends in a real browser, with a host that is faked in this process. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { gpuSpecifications, specificationOf } from '../../src/engine/backends/gpus/specifications';
import { LoupeError } from '../../src/errors';
import type { BackendReport, CudaProviderState, Gpu } from '../../src/protocol/backendApi';
import type { BackendsHostContract, BackendsPageContract } from '../../src/protocol/backendPageApi';
import type { Handlers } from '../../src/protocol/rpc';
import { launchChromium, repositoryRoot } from './checkpointHarness';
import { type Bundle, bundleReport, type OpenedReport, openReport } from './reportHarness';
import { executable } from './testPages';

const l4: Gpu = {
  name: 'NVIDIA L4',
  vendor: 'nvidia',
  driver: 'NVIDIA 550.54.15',
  memoryBytes: 23_034 * 2 ** 20,
  code: 'sm_89',
};

/** A machine with one GPU, on which CUDA's files are missing. */
const reports: readonly BackendReport[] = [
  {
    name: 'webgpu',
    available: true,
    reason: 'WebGPU: NVIDIA L4',
    adapter: 'NVIDIA L4',
    gpu: l4,
    runtime: 'ONNX Runtime 1.30.0',
  },
  {
    name: 'cpu',
    available: true,
    reason: 'CPU: WebAssembly kernels, 4 workers',
    adapter: 'AMD EPYC, 4 workers',
  },
  {
    name: 'cuda',
    available: false,
    reason: 'provider library not installed',
    advice: 'Run "Tensor Loupe: Install CUDA Provider Files".',
  },
  { name: 'directml', available: false, reason: 'not part of ONNX Runtime for linux-x64' },
  { name: 'coreml', available: false, reason: 'not part of ONNX Runtime for linux-x64' },
  {
    name: 'ort-cpu',
    available: true,
    reason: 'ONNX Runtime CPU provider',
    adapter: 'AMD EPYC',
    runtime: 'ONNX Runtime 1.30.0',
  },
];

const speeds = { webgpu: 9.1e9, cpu: 12.34e9, 'ort-cpu': 1.62e9 } as const;
const measured = reports.map((report) => {
  const bytesPerSecond = speeds[report.name as keyof typeof speeds];
  return bytesPerSecond ? { ...report, measured: { ok: true as const, bytesPerSecond, runs: 9 } } : report;
});

const cuda: CudaProviderState = {
  isInstalled: false,
  isOurs: false,
  version: '1.30.0',
  packageUrl: 'https://registry.test/package.nupkg',
  recordUrl: 'https://registry.test/record.json',
  folder: '/opt/extension/bin',
  files: ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'],
};

const others = gpuSpecifications([]).others;
const b200 = others.find(({ name }) => name === 'B200')!;

const pictures = join(repositoryRoot, 'test-results', 'backends');

describe.skipIf(!executable)('page of compute backends', { timeout: 60_000 }, () => {
  let browser: Browser;
  let bundle: Bundle;
  let opened: OpenedReport<BackendsHostContract, BackendsPageContract> | undefined;
  let asked: unknown[] = [];

  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true });
    bundle = await bundleReport('backends');
    browser = await launchChromium(executable!);
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    expect(opened?.complaints ?? []).toEqual([]);
    await opened?.page.close();
    opened = undefined;
    asked = [];
  });

  async function open(
    given: Partial<Handlers<BackendsHostContract>> = {},
    options: Parameters<typeof openReport>[3] = {},
  ): Promise<Page> {
    const handlers: Handlers<BackendsHostContract> = {
      ready: () => ({ configured: 'auto', gpus: [specificationOf(l4)], cuda, isTrusted: true }),
      reports: () => reports,
      measure: () => measured,
      choose: ({ value }) => {
        asked.push({ choose: value });
        return { configured: value };
      },
      pickGpu: () => b200,
      gpu: ({ name }) => others.find((gpu) => gpu.name === name) ?? null,
      action: (action) => {
        asked.push(action);
        return undefined;
      },
      ...given,
    };
    opened = await openReport<BackendsHostContract, BackendsPageContract>(browser, bundle, handlers, {
      width: 1000,
      ...options,
    });
    return opened.page;
  }
  const row = (page: Page, name: string) => page.locator(`tr[data-backend="${name}"]`);

  it('shows each candidate with what was found, or why not and what to do', async () => {
    const page = await open();
    await row(page, 'webgpu').waitFor();
    expect(await row(page, 'auto').innerText()).toContain('Takes ONNX Runtime on WebGPU here.');
    const text = await row(page, 'webgpu').innerText();
    for (const part of ['NVIDIA L4', '22.49 GiB', 'NVIDIA 550.54.15', 'ONNX Runtime 1.30.0', 'not measured'])
      expect(text).toContain(part);
    expect(await row(page, 'cuda').innerText()).toContain(
      'Provider library not installed. Run "Tensor Loupe: Install CUDA Provider Files".',
    );
    expect(await row(page, 'cuda').locator('button').count()).toBe(0);
    expect(await row(page, 'auto').getByTestId('chosen').count()).toBe(1);
    await row(page, 'cpu').getByRole('button', { name: 'Use CPU kernels' }).click();
    await expect.poll(() => row(page, 'cpu').getByTestId('chosen').count()).toBe(1);
    expect(asked).toEqual([{ choose: 'cpu' }]);
    expect(await page.getByTestId('said').textContent()).toBe('CPU kernels is in use.');
  });

  it('measures, tells how far it is, and shows the speeds', async () => {
    let finish = () => {};
    const page = await open({
      measure: async (_, { progress }) => {
        progress({ name: 'cpu', done: 1, total: 3 });
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return measured;
      },
    });
    await page.getByTestId('measure').click();
    await expect
      .poll(() => page.getByTestId('measuring').textContent())
      .toBe('Measuring CPU kernels, 2 of 3…');
    expect(await row(page, 'cpu').innerText()).toContain('measuring…');
    finish();
    await expect.poll(() => row(page, 'cpu').locator('.speed').innerText()).toContain('12.3');
    expect(await row(page, 'ort-cpu').locator('.speed').innerText()).toContain('1.62');
    const widths = await page
      .locator('.speed .fill')
      .evaluateAll((fills) => fills.map((fill) => fill.getBoundingClientRect().width));
    expect(widths[1]! / widths[0]!).toBeCloseTo(12.34 / 9.1, 1);
    expect(await page.getByTestId('said').textContent()).toContain('CPU kernels: 12.3 gigabytes a second');
  });

  it('cancels a measurement by keyboard, and says so', async () => {
    const page = await open({
      measure: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new LoupeError('cancelled', 'Cancelled.')));
        }),
    });
    await page.getByTestId('measure').click();
    await page.getByTestId('cancel-measure').focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByTestId('said').textContent()).toBe('Measuring was cancelled.');
    await page.getByTestId('measure').waitFor();
  });

  it('says what a GPU runs natively and which scheme follows, of this machine and of another', async () => {
    const page = await open();
    const kinds = () =>
      page
        .locator('[data-testid=kinds] tbody tr')
        .evaluateAll((rows) =>
          rows.map((each) =>
            [...each.querySelectorAll('th, td')].slice(0, 2).map((cell) => cell.textContent?.trim()),
          ),
        );
    await page.getByTestId('kinds').waitFor();
    // Compute capability 8.9: FP8, no FP4.
    expect(await kinds()).toEqual([
      ['F16', 'matrix'],
      ['BF16', 'matrix'],
      ['INT8', 'matrix'],
      ['FP8', 'matrix'],
      ['FP4', 'no'],
    ]);
    expect(await page.getByTestId('advice').locator('b').allTextContents()).toEqual([
      'F8 E4M3 per row',
      'INT4 absmax per block of 128',
    ]);
    await page.getByRole('button', { name: 'Preview the error of F8 E4M3 per row' }).click();
    expect(asked).toEqual([{ kind: 'preview', scheme: 'f8-e4m3' }]);

    await page.getByTestId('pick-gpu').click();
    await expect.poll(() => page.getByTestId('gpu').locator('h3').textContent()).toBe('B200');
    expect((await kinds()).at(-1)).toEqual(['FP4', 'matrix']);
    expect(opened!.state()).toEqual({ gpu: 'B200' });
    await page.getByTestId('gpus-here').click();
    await expect.poll(() => page.getByTestId('gpu').locator('h3').textContent()).toBe('NVIDIA L4');
  });

  it('comes back to the GPU that was asked about, and says so when one is unknown', async () => {
    const page = await open({}, { state: { gpu: 'B200' } });
    await expect.poll(() => page.getByTestId('gpu').locator('h3').textContent()).toBe('B200');
    await page.close();
    const unknown = specificationOf({ name: 'NVIDIA Something New', vendor: 'nvidia', code: 'sm_140' });
    const next = await open({
      ready: () => ({ configured: 'auto', gpus: [unknown], cuda, isTrusted: true }),
    });
    await expect.poll(() => next.getByTestId('gpu').innerText()).toContain('does not know this GPU');
    expect(await next.getByTestId('advice').count()).toBe(0);
  });

  it('offers the files of CUDA, their removal, or says why there are none', async () => {
    const page = await open();
    await page.getByTestId('install-cuda').click();
    expect(asked).toEqual([{ kind: 'installCuda' }]);
    await page.close();
    const state = { ...cuda, isInstalled: true, isOurs: true };
    const installed = await open({
      ready: () => ({ configured: 'auto', gpus: [], cuda: state, isTrusted: true }),
    });
    await installed.getByTestId('remove-cuda').click();
    expect(asked.at(-1)).toEqual({ kind: 'removeCuda' });
    await installed.close();
    const refusal = 'ONNX Runtime for Node takes CUDA on Linux only.';
    const refused = await open({
      ready: () => ({ configured: 'cpu', gpus: [], cuda: { ...cuda, refusal }, isTrusted: false }),
    });
    await expect.poll(() => refused.getByTestId('cuda').innerText()).toContain(refusal);
    expect(await refused.locator('[data-testid=cuda] vscode-button').count()).toBe(0);
    expect(await refused.getByTestId('no-gpu').innerText()).toContain('no GPU');
  });

  it('says what it waits for, and why it failed, with a way to try again', async () => {
    let tries = 0;
    const page = await open({
      reports: () => {
        if (tries++ === 0) throw new LoupeError('engine-died', 'The compute process ended unexpectedly.');
        return reports;
      },
    });
    await expect.poll(() => page.getByRole('alert').innerText()).toContain('ended unexpectedly');
    await page.getByRole('button', { name: 'Try again' }).click();
    await row(page, 'cpu').waitFor();
    await page.close();
    const waiting = await open({ reports: () => new Promise(() => {}) });
    await expect.poll(() => waiting.locator('.waiting').innerText()).toContain('few seconds');
  });

  it.each([
    ['dark', 1000, {}],
    ['light', 1000, {}],
    ['contrast', 1000, {}],
    ['dark', 600, {}],
    ['light', 2000, { state: { gpu: 'B200' } }],
  ] as const)('has a picture in %s at %i px, which fits', async (theme, width, more) => {
    const page = await open({}, { theme, width, height: 1000, ...more });
    await row(page, 'cpu').waitFor();
    await page.getByTestId('measure').click();
    await expect.poll(() => page.locator('.speed .fill').count()).toBe(3);
    const overflow = await page.evaluate(() => {
      const scroller = document.querySelector('tl-backends')!;
      return scroller.scrollWidth - scroller.clientWidth;
    });
    expect(overflow).toBe(0);
    await page.screenshot({ path: join(pictures, `${theme}-${width}.png`) });
  });
});
