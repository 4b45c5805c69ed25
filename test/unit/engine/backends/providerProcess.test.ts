/** Processes that try providers: one that crashes, hangs or answers nonsense harms nothing and is told in words. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  adapterOf,
  gpuCandidates,
  judge,
  type Surroundings,
} from '../../../../src/engine/backends/candidates';
import type { ProbeResult } from '../../../../src/engine/backends/probe';
import { runProviderProcess } from '../../../../src/engine/backends/providerProcess';
import type { Gpu } from '../../../../src/protocol/backendApi';
import { failureOf, temporaryFolder } from '../support';

const folder = temporaryFolder();
let made = 0;
function entry(source: string): URL {
  const file = join(folder, `entry-${made++}.mjs`);
  writeFileSync(file, source);
  return pathToFileURL(file);
}

describe('a process', () => {
  it('that answers gives its answer, its arguments and what it printed', async () => {
    const source = `console.error('hello'); process.send(process.argv.slice(2), () => process.exit(0));`;
    expect(await runProviderProcess(entry(source), ['webgpu', 'measure'], 20_000)).toEqual({
      result: ['webgpu', 'measure'],
      printed: 'hello\n',
    });
  });

  it('that crashes in native code is told so', async () => {
    const crash = entry(`process.kill(process.pid, 'SIGSEGV'); setTimeout(() => {}, 60_000);`);
    expect(await runProviderProcess(crash, [], 20_000)).toEqual({ failure: 'the driver crashed (SIGSEGV)' });
    const exits = entry('process.exit(7);');
    expect(await runProviderProcess(exits, [], 20_000)).toEqual({
      failure: 'the driver ended the process (code 7)',
    });
  });

  it('that hangs is killed', async () => {
    const hangs = entry('for (;;) {}');
    expect(await runProviderProcess(hangs, [], 300)).toEqual({
      failure: 'the driver gave no answer within 0.3 s',
    });
  });

  it('ends with the signal', async () => {
    const controller = new AbortController();
    const job = runProviderProcess(entry('for (;;) {}'), [], 20_000, controller.signal);
    setTimeout(() => controller.abort(), 200);
    expect((await failureOf(job)).code).toBe('cancelled');
    expect((await failureOf(runProviderProcess(entry(''), [], 1000, controller.signal))).code).toBe(
      'cancelled',
    );
  });
});

describe('what is said of a candidate', () => {
  const nvidia: Gpu = { name: 'NVIDIA L4', vendor: 'nvidia', memoryBytes: 24 * 2 ** 30 };
  const intel: Gpu = { name: 'Arc A770', vendor: 'intel' };
  const around = (more: Partial<Surroundings> = {}): Surroundings => ({
    gpus: [],
    processor: 'a processor',
    hasCudaProvider: false,
    environment: {},
    ...more,
  });
  const candidate = (name: string) => gpuCandidates.find((each) => each.name === name)!;
  const result = (more: Partial<ProbeResult> = {}): { result: ProbeResult; printed: string } => ({
    result: {
      provider: 'cuda',
      wrongCodes: 0,
      milliseconds: 1,
      cpuMilliseconds: 5,
      version: '1.2.3',
      ...more,
    },
    printed: '',
  });

  it('names adapter, driver and runtime of one that works', () => {
    const { report, preferred } = judge(candidate('cuda'), result(), around({ gpus: [intel, nvidia] }));
    expect(preferred).toBe(true);
    expect(report).toEqual({
      name: 'cuda',
      available: true,
      reason: 'CUDA: NVIDIA L4',
      adapter: 'NVIDIA L4',
      gpu: nvidia,
      runtime: 'ONNX Runtime 1.2.3',
    });
  });

  it('guesses no adapter among several, nor one that an environment variable chose', () => {
    const webgpu = candidate('webgpu');
    expect(adapterOf(webgpu, around({ gpus: [nvidia] }))).toBe(nvidia);
    expect(adapterOf(webgpu, around({ gpus: [nvidia, intel] }))).toBeUndefined();
    const cuda = candidate('cuda');
    expect(adapterOf(cuda, around({ gpus: [intel, nvidia, { ...nvidia }] }))).toBe(nvidia);
    expect(adapterOf(cuda, around({ gpus: [nvidia, { ...nvidia, name: 'Tesla T4' }] }))).toBeUndefined();
    const environment = { VK_DRIVER_FILES: '/swiftshader.json' };
    expect(adapterOf(webgpu, around({ gpus: [nvidia], environment }))).toBeUndefined();
    expect(judge(webgpu, result(), around()).report.reason).toBe('WebGPU: GPU adapter');
  });

  it('advises the installation of CUDA only where there is a GPU for it', () => {
    const failure = 'Failed to load shared library';
    const without = judge(candidate('cuda'), result({ failure }), around()).report;
    expect(without).toMatchObject({ available: false, reason: 'provider library not installed' });
    expect(without.advice).not.toContain('Install CUDA');
    const withGpu = judge(candidate('cuda'), result({ failure }), around({ gpus: [nvidia] })).report;
    expect(withGpu.advice).toContain('Install CUDA Provider Files');
  });

  it('names the library that an installed provider misses', () => {
    const answer = {
      ...result({ failure: 'Failed to load shared library' }),
      printed:
        'Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object file: No such file or directory',
    };
    const { report } = judge(candidate('cuda'), answer, around({ hasCudaProvider: true }));
    expect(report).toMatchObject({ available: false, reason: 'libcublasLt.so.12 is missing' });
    expect(report.advice).toContain('cuDNN 9');
  });

  it('refuses one whose codes are wrong, and one whose driver crashes', () => {
    const wrong = judge(candidate('webgpu'), result({ wrongCodes: 3 }), around());
    expect(wrong).toMatchObject({ preferred: false, report: { available: false } });
    expect(wrong.report.reason).toContain('3 values');
    const crashed = judge(candidate('webgpu'), { failure: 'the driver crashed (SIGSEGV)' }, around());
    expect(crashed.report).toMatchObject({ available: false, reason: 'the driver crashed (SIGSEGV)' });
    expect(crashed.report.advice).toContain('driver');
  });
});
