/** Passes over a tensor and its encoding by any scheme, window by window. */
import { closeSync, openSync } from 'node:fs';
import { addErrorSums, noErrorSums } from '../../quant/tensorError';
import { divide, segmentElements } from '../matrix';
import { namingTensor } from '../namingTensor';
import { BandWindow } from './bandWindow';
import { writeAll } from './encodeTask';
import type { BandsTask, SurveyTask, TaskResult } from './task';
import type { WorkerContext } from './workerContext';

/** Values between two looks at whether the job is cancelled. */
const surveyedAtOnce = 2 ** 15;

/** The next pass that the known ones do not cover, over some windows. */
export function runSurvey(context: WorkerContext, task: SurveyTask): Float64Array {
  const { source, setting, known } = task;
  const window = new BandWindow(context, source, setting, known);
  const survey = window.encoding.surveys[known.length]!;
  const state = survey.start();
  const { unit } = window.encoding;
  const step = unit * Math.max(1, Math.floor(surveyedAtOnce / unit));
  for (let i = task.firstWindow; i < task.endWindow; i++) {
    const first = i * window.size;
    const values = window.original(first);
    // In short bands, since some surveys try a hundred scales on each value.
    for (let at = 0; at < values.length; at += step) {
      context.checkCancelled();
      const band = { first: first + at, values: values.subarray(at, at + step) };
      namingTensor(source, () => survey.add(state, band, known));
    }
  }
  return state;
}

/** Error sums are taken in the same segments as by `runCompare`, so that a written file compares equal in all bits. */
export function runBands(context: WorkerContext, task: BandsTask): TaskResult<BandsTask> {
  const { kernels, reader } = context;
  const { source, part, setting, known, output } = task;
  const start = part.row * source.columns;
  const file = output && openSync(output.path, 'r+');
  try {
    const window = new BandWindow(context, source, setting, known, (first, encoded) => {
      // A window that begins before this part is written by the part in which it begins.
      if (file === undefined || !output || first < start) return;
      for (const { suffix, byteOffset, bytes } of encoded.chunks()) {
        writeAll(file, bytes, output.pieces.get(suffix)! + byteOffset, output.path);
      }
    });
    const most = Math.min(segmentElements, part.rows * part.columns);
    const x = kernels.alloc(4 * most);
    const y = kernels.alloc(4 * most);
    let sums = noErrorSums;
    for (const block of divide(part, segmentElements)) {
      context.checkCancelled();
      const count = block.rows * block.columns;
      const dequantized = new Float32Array(count);
      window.copyTo(dequantized, block.row * source.columns + block.column);
      reader.read(source, block, x);
      kernels.f32(y, count).set(dequantized);
      sums = addErrorSums(sums, kernels.errorSums(x, y, count));
    }
    return { sums };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
