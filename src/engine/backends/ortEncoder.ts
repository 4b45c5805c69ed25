/** The encoder as an ONNX graph on one execution provider of ONNX Runtime. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { LoupeError } from '../../errors';
import type { Kernels } from '../../kernels/kernels';
import type { EncodeCall, Encoder } from '../worker/workerContext';
import { levelGraph } from './levelGraphs';
import { encodeGraph, refinedGraph } from './onnxGraph';

export type OrtProvider = 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';

type Ort = typeof import('onnxruntime-node');

/**
 * 4 to 16 MB of float32 a call: less is all overhead, and more is slower and takes hundreds of megabytes
 * in the runtime's arenas.
 */
const batchElements = 2 ** 20;

/**
 * GPUs may take subnormal numbers for 0 (WGSL 14.6.2 allows it). With a reciprocal up to this one that changes no
 * code: the product of a subnormal is then below 2^-11 and rounds to 0 anyway. Rows beyond it hold nothing above
 * 2^-108, and are left to the kernels.
 */
const largestInverse = 2 ** 115;

export class OrtEncoder implements Encoder {
  readonly batchElements = batchElements;
  readonly isGraph = true;
  private readonly sessions = new Map<string, Promise<InferenceSession>>();

  constructor(
    private readonly ort: Ort,
    private readonly provider: OrtProvider,
    private readonly kernels: Kernels,
    private readonly kernelEncoder: Encoder,
  ) {}

  async encode(call: EncodeCall): Promise<void> {
    const { kernels, ort } = this;
    const { rows, columns, strideBytes } = call;
    // What only graphs make comes with reciprocals that were looked at.
    const isRows = !call.level && !call.byColumn && !call.isRefined;
    if (isRows && kernels.f32(call.inverses, rows).some((inverse) => inverse > largestInverse)) {
      await this.kernelEncoder.encode(call);
      return;
    }
    const session = await this.session(call);
    // ONNX Runtime reads the kernels' memory in place: it is no SharedArrayBuffer.
    const tensor = (pointer: number, height: number, width: number): Tensor =>
      new ort.Tensor('float32', kernels.f32(pointer, height * width), [height, width]);
    const parameter = (pointer: number): Tensor =>
      call.byColumn ? tensor(pointer, 1, columns) : tensor(pointer, rows, 1);
    const { codes } = await session.run({
      x: tensor(call.x, rows, columns),
      inverse: parameter(call.inverses),
      ...(call.level ? {} : { zero: parameter(call.zeros) }),
    });
    const from = codes?.data;
    if (!(from instanceof Uint8Array) || from.length !== rows * columns) {
      throw new LoupeError('compute', `ONNX Runtime (${this.provider}) gave no codes.`);
    }
    const target = kernels.u8(call.codes, rows * strideBytes);
    if (strideBytes === columns) target.set(from);
    else {
      for (let row = 0; row < rows; row++) {
        target.set(from.subarray(row * columns, (row + 1) * columns), row * strideBytes);
        target.fill(0, row * strideBytes + columns, (row + 1) * strideBytes);
      }
    }
    codes?.dispose();
  }

  private session({ low, high, byColumn, level, isRefined }: EncodeCall): Promise<InferenceSession> {
    const key = level ?? `${low} ${high}${byColumn ? ' by column' : ''}${isRefined ? ' refined' : ''}`;
    let session = this.sessions.get(key);
    if (!session) {
      const graph = level
        ? levelGraph(level)
        : isRefined
          ? refinedGraph(low, high)
          : encodeGraph(low, high, byColumn);
      session = this.ort.InferenceSession.create(graph, {
        executionProviders: [this.provider],
        graphOptimizationLevel: 'all',
        logSeverityLevel: 4,
        // A provider that lacks an operator must fail rather than leave it to the CPU in silence.
        ...(this.provider === 'cpu' ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
      });
      this.sessions.set(key, session);
    }
    return session;
  }
}
