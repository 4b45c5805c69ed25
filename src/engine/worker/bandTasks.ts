/** Passes over a tensor and its encoding by any scheme, window by window. */
import type { ErrorSums } from '../../kernels/pairSums';
import { surveyKernelFor } from '../../quant/bandKernels/surveyKernels';
import type { Chunk } from '../../quant/scheme';
import { addErrorSums, noErrorSums } from '../../quant/tensorError';
import { divide, segmentElements } from '../matrix';
import { namingTensor } from '../namingTensor';
import { BandWindow } from './bandWindow';
import { nonFinite } from './encodeTask';
import { readFlatTo } from './flatValues';
import { KernelWindow } from './kernelWindow';
import { PieceWriter } from './pieceWriter';
import type { BandsTask, SurveyTask, TaskResult } from './task';
import type { WorkerContext } from './workerContext';

/** Values between two looks at whether the job is cancelled. */
const surveyedAtOnce = 2 ** 15;

/** The next pass that the known ones do not cover, over some windows. */
export function runSurvey(context: WorkerContext, task: SurveyTask): Float64Array {
  const { kernels } = context;
  const { source, setting, known } = task;
  const window = new BandWindow(context, source, setting, known);
  const survey = window.encoding.surveys[known.length]!;
  const state = survey.start();
  const { unit } = window.encoding;
  const step = unit * Math.max(1, Math.floor(surveyedAtOnce / unit));
  const kernel = surveyKernelFor(kernels, setting, known.length);
  const elements = source.rows * source.columns;
  const x = kernel ? kernels.alloc(4 * Math.min(window.size, elements)) : 0;
  const range = kernels.alloc(8);
  for (let i = task.firstWindow; i < task.endWindow; i++) {
    context.checkCancelled();
    const first = i * window.size;
    if (kernel) {
      const count = Math.min(window.size, elements - first);
      readFlatTo(context, source, first, count, x);
      const bad = kernels.rowRange(x, 1, count, range, range + 4);
      if (bad >= 0) throw nonFinite(source, first + bad, kernels.f32(x, count)[bad]!);
      namingTensor(source, () => kernel(state, { first, count, x }, known));
    } else {
      const values = window.original(first);
      // In short bands, since some surveys try a hundred scales on each value.
      for (let at = 0; at < values.length; at += step) {
        context.checkCancelled();
        const band = { first: first + at, values: values.subarray(at, at + step) };
        namingTensor(source, () => survey.add(state, band, known));
      }
    }
  }
  return state;
}

/** Error sums are taken in the same segments as by `runCompare`, so that a written file compares equal in all bits. */
export async function runBands(context: WorkerContext, task: BandsTask): Promise<TaskResult<BandsTask>> {
  const { source, part, setting, known, output, sumsErrors = true } = task;
  const start = part.row * source.columns;
  const writer = output && new PieceWriter(output);
  const write = (first: number, chunks: () => Iterable<Chunk>) => {
    // A window that begins before this part is written by the part in which it begins.
    if (!writer || first < start) return;
    for (const chunk of chunks()) writer.write(chunk);
  };
  try {
    const window =
      KernelWindow.for(context, source, setting, known, write) ?? new PlainPairs(context, task, write);
    let sums = noErrorSums;
    for (const block of divide(part, segmentElements)) {
      context.checkCancelled();
      const count = block.rows * block.columns;
      const first = block.row * source.columns + block.column;
      if (sumsErrors) sums = addErrorSums(sums, await window.errorSumsLater(first, count));
      else await window.encodeLater(first, count);
    }
    writer?.finish();
    return { sums: sumsErrors ? sums : undefined };
  } finally {
    writer?.close();
  }
}

/** As `KernelWindow` where bytes are put in another order than they are encoded in, and by the plain code. */
class PlainPairs {
  private readonly window: BandWindow;

  constructor(
    private readonly context: WorkerContext,
    private readonly task: BandsTask,
    onEncoded: (first: number, chunks: () => Iterable<Chunk>) => void,
  ) {
    this.window = new BandWindow(context, task.source, task.setting, task.known, (first, encoded) =>
      onEncoded(first, () => encoded.chunks()),
    );
  }

  encodeLater(first: number, count: number): Promise<void> {
    return this.window.encodeLaterOn(first, count);
  }

  async errorSumsLater(first: number, count: number): Promise<ErrorSums> {
    const { kernels } = this.context;
    const dequantized = new Float32Array(count);
    await this.window.copyLaterTo(dequantized, first);
    const mark = kernels.mark();
    try {
      const x = kernels.alloc(4 * count);
      const y = kernels.alloc(4 * count);
      readFlatTo(this.context, this.task.source, first, count, x);
      kernels.f32(y, count).set(dequantized);
      return kernels.errorSums(x, y, count);
    } finally {
      kernels.reset(mark);
    }
  }
}
