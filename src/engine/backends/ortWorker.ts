/**
 * Entry of dist/ortWorker.js. As a worker thread it runs encode tasks with ONNX Runtime, on the provider that
 * workerData names; there is one such thread, since two sessions on WebGPU in one process broke. As a
 * process it probes, or with a second argument times, the provider named by its first, and sends the result to its parent.
 */
import { isMainThread, workerData } from 'node:worker_threads';
import { kernelEncoder, loadKernels, serveTasks } from '../worker/serveTasks';
import { type MeasuredProvider, measureProvider } from './measure';
import { OrtEncoder, type OrtProvider } from './ortEncoder';
import { probeProvider } from './probe';

const kernels = loadKernels();
const reference = kernelEncoder(kernels);
if (isMainThread) {
  const [, , provider, task] = process.argv;
  const result =
    task === 'measure'
      ? await measureProvider(provider as MeasuredProvider, kernels, reference)
      : await probeProvider(provider as OrtProvider, kernels, reference);
  // Native teardown of a GPU driver is none of our business: leave as soon as the result is out.
  process.send?.(result, () => process.exit(0));
} else {
  const ort = await import('onnxruntime-node');
  const { provider } = workerData as { provider: OrtProvider };
  serveTasks(kernels, new OrtEncoder(ort, provider, kernels, reference));
}
