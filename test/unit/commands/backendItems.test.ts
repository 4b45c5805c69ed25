/** The rows of "Select Compute Backend". */
import { expect, it } from 'vitest';
import { backendItems } from '../../../src/commands/backendItems';
import type { BackendReport } from '../../../src/protocol/backendApi';

const reports: readonly BackendReport[] = [
  { name: 'cpu', available: true, reason: 'CPU: no GPU adapter: none', adapter: 'A processor, 2 workers' },
  { name: 'cuda', available: false, reason: 'provider library not installed', advice: 'Install it.' },
  {
    name: 'webgpu',
    available: true,
    reason: 'WebGPU: NVIDIA L4',
    adapter: 'NVIDIA L4',
    gpu: { name: 'NVIDIA L4', vendor: 'nvidia', driver: 'NVIDIA 550.1', memoryBytes: 24 * 2 ** 30 },
    runtime: 'ONNX Runtime 1.2.3',
    measured: { ok: true, bytesPerSecond: 12.345e9, runs: 3 },
  },
  {
    name: 'ort-cpu',
    available: true,
    reason: 'ONNX Runtime CPU provider',
    measured: { ok: false, reason: 'x' },
  },
];

it('says what each computes on, how fast, or why not; what is missing stands last', () => {
  const items = backendItems(reports);
  expect(items.map(({ value, description }) => [value, description])).toEqual([
    ['auto', 'takes CPU kernels'],
    ['cpu', 'A processor, 2 workers'],
    ['webgpu', '12.3 GB/s · NVIDIA L4 · 24.0 GiB · NVIDIA 550.1 · ONNX Runtime 1.2.3'],
    ['ort-cpu', 'could not be measured'],
    ['cuda', 'not available'],
  ]);
  expect(items.at(-1)).toMatchObject({
    available: false,
    detail: 'Provider library not installed. Install it.',
  });
});
