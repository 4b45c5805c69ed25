/**
 * Tries one execution provider in a process of its own, where a crashing driver does no harm: makes the
 * session, checks its codes against the kernels' on a known job, and times both.
 */
import { LoupeError } from '../../errors';
import type { Kernels } from '../../kernels/kernels';
import type { EncodeCall, Encoder } from '../worker/workerContext';
import { OrtEncoder, type OrtProvider } from './ortEncoder';

export interface ProbeResult {
  readonly provider: OrtProvider;
  /** What ONNX Runtime said, when it failed. */
  readonly failure?: string | undefined;
  /** Codes of the known job that are not the kernels'. */
  readonly wrongCodes: number;
  /** Milliseconds for the known job, the better of a few runs. */
  readonly milliseconds: number;
  readonly kernelMilliseconds: number;
}

/** The known job: 4 MB of float32, as large as the batches of real work. */
const rows = 256;
const columns = 4096;
const repetitions = 3;

export async function probeProvider(
  provider: OrtProvider,
  kernels: Kernels,
  reference: Encoder,
): Promise<ProbeResult> {
  const failed = (failure: string): ProbeResult => ({
    provider,
    failure,
    wrongCodes: 0,
    milliseconds: 0,
    kernelMilliseconds: 0,
  });
  let ort: typeof import('onnxruntime-node');
  try {
    ort = await import('onnxruntime-node');
  } catch (thrown) {
    return failed(`ONNX Runtime could not be loaded: ${LoupeError.from(thrown).message}`);
  }
  if (!ort.listSupportedBackends().some(({ name }) => name === provider)) return failed(notSupported);
  try {
    const call = knownJob(kernels);
    const codes = kernels.u8(call.codes, rows * columns);
    const kernelMilliseconds = await bestTime(() => reference.encode(call));
    const expected = codes.slice();
    codes.fill(0);
    const encoder = new OrtEncoder(ort, provider, kernels);
    const milliseconds = await bestTime(() => encoder.encode(call));
    let wrongCodes = 0;
    for (let i = 0; i < expected.length; i++) if (codes[i] !== expected[i]) wrongCodes++;
    return { provider, wrongCodes, milliseconds, kernelMilliseconds };
  } catch (thrown) {
    return failed(LoupeError.from(thrown).message);
  }
}

/** `failure` of a provider that this platform's ONNX Runtime does not have. */
export const notSupported = 'not-supported';

/** Values of all magnitudes from a small generator, ties between codes among them. */
function knownJob(kernels: Kernels): EncodeCall {
  const pointers = {
    x: kernels.alloc(4 * rows * columns),
    codes: kernels.alloc(rows * columns),
    inverses: kernels.alloc(4 * rows),
    zeros: kernels.alloc(4 * rows),
  };
  const x = kernels.f32(pointers.x, rows * columns);
  let state = 1;
  for (let i = 0; i < x.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    x[i] = i % 4 === 0 ? ((state >>> 24) - 128 + 0.5) / 64 : (state / 2 ** 31 - 1) * 2 ** -((state & 7) - 1);
  }
  kernels.f32(pointers.inverses, rows).fill(64);
  kernels.f32(pointers.zeros, rows).fill(128);
  return { ...pointers, rows, columns, strideBytes: columns, low: 1, high: 255 };
}

async function bestTime(run: () => void | Promise<void>): Promise<number> {
  // The first run compiles and allocates.
  await run();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repetitions; i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
