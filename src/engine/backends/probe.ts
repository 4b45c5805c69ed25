/**
 * Tries one execution provider in a process of its own, where a crashing driver does no harm: checks its
 * codes against the kernels' on a known job, and times a product of matrices against one CPU thread.
 */
import { LoupeError } from '../../errors';
import type { Kernels } from '../../kernels/kernels';
import type { EncodeCall, Encoder } from '../worker/workerContext';
import { onnxFloat, writeOnnxModel } from './onnxGraph';
import { OrtEncoder, type OrtProvider } from './ortEncoder';

export interface ProbeResult {
  readonly provider: OrtProvider;
  /** What ONNX Runtime said, when it failed. */
  readonly failure?: string | undefined;
  /** Codes of the known job that are not the kernels'. */
  readonly wrongCodes: number;
  /** Milliseconds for the product on the provider, and on one CPU thread; 0 for the CPU provider itself. */
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
  /** Of ONNX Runtime. */
  readonly version?: string | undefined;
}

/**
 * Rows and columns of the matrices that are multiplied. The product takes a CPU thread a few milliseconds and
 * any real GPU less than that, while software Vulkan drivers take hundreds. (The encoder itself is bound by memory
 * and would tell them apart less clearly.)
 */
const productSize = 512;

/** The known job: 1 MB of float32. */
const rows = 256;
const columns = 1024;

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
    cpuMilliseconds: 0,
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
    await reference.encode(call);
    const expected = codes.slice();
    codes.fill(0);
    await new OrtEncoder(ort, provider, kernels, reference).encode(call);
    let wrongCodes = 0;
    for (let i = 0; i < expected.length; i++) if (codes[i] !== expected[i]) wrongCodes++;
    const version = ort.env.versions.node;
    if (provider === 'cpu') return { provider, wrongCodes, milliseconds: 0, cpuMilliseconds: 0, version };
    const cpuMilliseconds = await productTime(ort, 'cpu', Number.POSITIVE_INFINITY);
    const milliseconds = await productTime(ort, provider, 20 * cpuMilliseconds);
    return { provider, wrongCodes, milliseconds, cpuMilliseconds, version };
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

/**
 * Milliseconds of the product, the best of a few runs after one that compiles and allocates. What takes longer than
 * `hopeless` is not tried again.
 */
async function productTime(
  ort: typeof import('onnxruntime-node'),
  provider: OrtProvider,
  hopeless: number,
): Promise<number> {
  const shape = [productSize, productSize];
  const value = (name: string) => ({ name, elementType: onnxFloat, shape });
  const model = writeOnnxModel({
    name: 'product',
    inputs: [value('a'), value('b')],
    outputs: [value('c')],
    constants: {},
    nodes: [{ operator: 'MatMul', inputs: ['a', 'b'], output: 'c' }],
  });
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const matrix = new ort.Tensor('float32', new Float32Array(productSize ** 2).fill(0.5), shape);
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 4 && !(run > 1 && best > hopeless); run++) {
    const start = performance.now();
    await session.run({ a: matrix, b: matrix });
    if (run > 0) best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return best;
}
