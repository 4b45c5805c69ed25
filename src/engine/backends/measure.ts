/**
 * Times the known job: INT8 per row of a fixed matrix that lies in memory, its ranges and its codes, the same for every
 * backend. What a GPU's job needs to carry there and back is inside of the time.
 */
import { LoupeError } from '../../errors';
import type { Kernels } from '../../kernels/kernels';
import type { EncodeCall, Encoder } from '../worker/workerContext';
import { OrtEncoder, type OrtProvider } from './ortEncoder';

/** What runs the job: the kernels by themselves, or a provider of ONNX Runtime. */
export type MeasuredProvider = 'kernels' | OrtProvider;

export interface MeasureResult {
  readonly failure?: string | undefined;
  /** Float32 input, the median of the runs. */
  readonly bytesPerSecond: number;
  readonly runs: number;
}

/** 32 MiB of float32: beyond the caches of processors, and little for any GPU. */
const measuredRows = 2048;
const measuredColumns = 4096;

/** After a run that compiles and allocates: as many as fit into about a second, but two at least. */
const enoughMs = 1000;
const mostRuns = 15;

export async function measureProvider(
  provider: MeasuredProvider,
  kernels: Kernels,
  reference: Encoder,
): Promise<MeasureResult> {
  try {
    const encoder =
      provider === 'kernels'
        ? reference
        : new OrtEncoder(await import('onnxruntime-node'), provider, kernels, reference);
    const job = prepareJob(kernels, encoder.batchElements);
    const first = await timeOf(() => runJob(job, kernels, encoder));
    const times: number[] = [];
    let spentMs = 0;
    while (times.length < mostRuns && (times.length < 2 || spentMs < enoughMs)) {
      // What took that long took no time to compile that would matter.
      const time = first > 10 * enoughMs ? first : await timeOf(() => runJob(job, kernels, encoder));
      times.push(time);
      spentMs += time;
      if (time > 2 * enoughMs) break;
    }
    times.sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)]!;
    return { bytesPerSecond: (4 * measuredRows * measuredColumns * 1000) / median, runs: times.length };
  } catch (thrown) {
    return { failure: LoupeError.from(thrown).message, bytesPerSecond: 0, runs: 0 };
  }
}

async function timeOf(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

interface Job {
  readonly call: EncodeCall;
  readonly min: number;
  readonly max: number;
  readonly batchRows: number;
}

function prepareJob(kernels: Kernels, batchElements: number): Job {
  const elements = measuredRows * measuredColumns;
  const x = kernels.alloc(4 * elements);
  const values = kernels.f32(x, elements);
  let state = 1;
  for (let i = 0; i < elements; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  const batchRows = Math.max(1, Math.min(measuredRows, Math.floor(batchElements / measuredColumns)));
  const column = () => kernels.alloc(4 * batchRows);
  const zeros = column();
  kernels.f32(zeros, batchRows).fill(128);
  return {
    call: {
      x,
      codes: kernels.alloc(elements),
      rows: measuredRows,
      columns: measuredColumns,
      strideBytes: measuredColumns,
      inverses: column(),
      zeros,
      low: 1,
      high: 255,
    },
    min: column(),
    max: column(),
    batchRows,
  };
}

/** Ranges from the kernels, as in a real job; the inverse of the scale once a row; codes from the backend. */
async function runJob({ call, min, max, batchRows }: Job, kernels: Kernels, encoder: Encoder): Promise<void> {
  for (let row = 0; row < call.rows; row += batchRows) {
    const rows = Math.min(batchRows, call.rows - row);
    const x = call.x + 4 * row * call.columns;
    kernels.rowRange(x, rows, call.columns, min, max);
    const [low, high] = [kernels.f32(min, rows), kernels.f32(max, rows)];
    const inverses = kernels.f32(call.inverses, rows);
    for (let i = 0; i < rows; i++) inverses[i] = 127 / Math.max(-low[i]!, high[i]!);
    await encoder.encode({ ...call, x, codes: call.codes + row * call.strideBytes, rows });
  }
}
