/** What backends and kinds of numbers are called wherever people read of them. Pure. */
import type { BackendName, BackendReport, BackendSpeed, NativeSupport, NumberKind } from './backendApi';

export const backendLabels: Readonly<Record<BackendName, string>> = {
  cpu: 'CPU kernels',
  'ort-cpu': 'ONNX Runtime on the CPU',
  webgpu: 'ONNX Runtime on WebGPU',
  cuda: 'ONNX Runtime on CUDA',
  directml: 'ONNX Runtime on DirectML',
  coreml: 'ONNX Runtime on CoreML',
};

/** In the order in which they are shown. */
export const numberKinds: readonly (readonly [NumberKind, string])[] = [
  ['f16', 'F16'],
  ['bf16', 'BF16'],
  ['int8', 'INT8'],
  ['fp8', 'FP8'],
  ['fp4', 'FP4'],
];

export const supportWords: Readonly<Record<NativeSupport, string>> = {
  matrix: 'matrix',
  dot: 'dot',
  none: 'no',
};

/** "12.3" for 12.3e9 bytes a second. */
export const gigabytes = (bytesPerSecond: number): string => (bytesPerSecond / 1e9).toPrecision(3);

/** "12.3 GB/s", or that the measurement failed. */
export function speedText(speed: BackendSpeed): string {
  return speed.ok ? `${gigabytes(speed.bytesPerSecond)} GB/s` : 'could not be measured';
}

/** Why one is not there and what to do, as sentences. */
export function sentences({ reason, advice }: Pick<BackendReport, 'reason' | 'advice'>): string {
  const first = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`.replace(/\.$/, '');
  return advice === undefined ? `${first}.` : `${first}. ${advice}`;
}
