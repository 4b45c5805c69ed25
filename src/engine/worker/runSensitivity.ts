/** One tensor under several choices at once: its values are decoded once, and every choice encodes them. */
import { LoupeError } from '../../errors';
import type { ErrorSums } from '../../kernels/kernels';
import { encodeBy } from '../../quant/bandKernels/bandKernelFor';
import { encodingFor } from '../../quant/encoding';
import { type Setting, storedBytes } from '../../quant/scheme';
import { extremes } from '../../quant/surveys';
import { addErrorSums, noErrorSums } from '../../quant/tensorError';
import { type DivergenceBins, divergenceBinCount } from '../../quant/valueDivergence';
import { failsAlone } from '../failsAlone';
import { type Block, divide, partElements, segmentElements } from '../matrix';
import { namingTensor } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import { BandWindow, overflow } from './bandWindow';
import { nonFinite } from './encodeTask';
import { FlatValues, readFlat } from './flatValues';
import { KernelWindow } from './kernelWindow';
import type {
  Outcome,
  SampleErrors,
  SensitivityPart,
  SensitivitySampleTask,
  SensitivityTask,
} from './sensitivityTasks';
import type { WorkerContext } from './workerContext';

/** Sums are taken in the same segments as by `runBands` and `runEncode`: the figures are those of an error report in all bits. */
export function runSensitivity(context: WorkerContext, task: SensitivityTask): SensitivityPart {
  const { source, part, choices, bins } = task;
  const units = choices.map(({ setting }) => encodingUnit(setting));
  const elements = Math.min(partElements, part.rows * part.columns);
  const flat = new FlatValues(context, source, elements + Math.max(segmentElements, ...units));
  const original = new Float64Array(bins.bins);
  const buffer = new Float32Array(Math.min(segmentElements, elements));
  for (const block of divide(part, segmentElements)) {
    context.checkCancelled();
    const values = buffer.subarray(0, block.rows * block.columns);
    flat.copyTo(values, block.row * source.columns + block.column);
    countInto(original, values, bins);
  }
  return {
    original,
    outcomes: choices.map((choice) => outcomeOf(() => errorsOf(context, task, choice, flat))),
  };
}

/** One choice after the other, so that the kernels' memory holds the windows of one. */
function errorsOf(
  context: WorkerContext,
  { source, part, bins }: SensitivityTask,
  { setting, known }: SensitivityTask['choices'][number],
  flat: FlatValues,
): { sums: ErrorSums; dequantized: Float64Array } {
  const { kernels } = context;
  const dequantized = new Float64Array(bins.bins);
  let sums = noErrorSums;
  const mark = kernels.mark();
  try {
    const window =
      KernelWindow.for(context, source, setting, known, undefined, flat) ??
      new PlainWindow(context, source, { setting, known }, flat);
    for (const block of divide(part, segmentElements)) {
      context.checkCancelled();
      const first = block.row * source.columns + block.column;
      const own = window.errorSums(first, block.rows * block.columns, (values) =>
        countInto(dequantized, values, bins),
      );
      sums = addErrorSums(sums, own);
    }
  } finally {
    kernels.reset(mark);
  }
  return { sums, dequantized };
}

/** As `KernelWindow` by the plain code. */
class PlainWindow {
  private readonly window: BandWindow;

  constructor(
    private readonly context: WorkerContext,
    source: TensorSource,
    { setting, known }: SensitivityTask['choices'][number],
    private readonly flat: FlatValues,
  ) {
    this.window = new BandWindow(context, source, setting, known, () => {}, flat);
  }

  errorSums(first: number, count: number, hear: (values: Float32Array) => void): ErrorSums {
    const { kernels } = this.context;
    const dequantized = new Float32Array(count);
    this.window.copyTo(dequantized, first);
    const values = this.flat.get(first, count);
    const mark = kernels.mark();
    try {
      const x = kernels.alloc(4 * count);
      const y = kernels.alloc(4 * count);
      kernels.f32(y, count).set(dequantized);
      kernels.f32(x, count).set(values);
      hear(dequantized);
      return kernels.errorSums(x, y, count);
    } finally {
      kernels.reset(mark);
    }
  }
}

/** 1 for a setting that cannot be encoded, which fails by itself. */
function encodingUnit(setting: Setting): number {
  const outcome = outcomeOf(() => encodingFor(setting));
  return 'error' in outcome ? 1 : outcome.unit;
}

/** A band of values, and where it lies in the tensor that the bands make up together. */
interface SampledBand {
  readonly first: number;
  readonly values: Float32Array;
}

export function runSensitivitySample(
  context: WorkerContext,
  task: SensitivitySampleTask,
): readonly Outcome<SampleErrors>[] {
  const { source, settings } = task;
  let elements = 0;
  const bands = task.bands.map(({ row, rows, columns }: Block): SampledBand => {
    context.checkCancelled();
    const first = elements;
    elements += rows * columns;
    return { first, values: readFlat(context, source, row * columns, rows * columns) };
  });
  const bad = outcomeOf(() => {
    for (const [i, { values }] of bands.entries()) assertFinite(task, values, task.bands[i]!);
    return {};
  });
  if ('error' in bad) return settings.map(() => bad);
  const original = new Float64Array(task.bins.bins);
  for (const { values } of bands) countInto(original, values, task.bins);
  return settings.map((setting) =>
    outcomeOf(() => namingTensor(source, () => sampleErrors(context, task, setting, { bands, original }))),
  );
}

function assertFinite({ source }: SensitivitySampleTask, values: Float32Array, { row }: Block): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]!)) throw nonFinite(source, row * source.columns + i, values[i]!);
}

function sampleErrors(
  context: WorkerContext,
  { source, bands: blocks, bins, extremes: knownExtremes }: SensitivitySampleTask,
  setting: Setting,
  { bands, original: all }: { readonly bands: readonly SampledBand[]; readonly original: Float64Array },
): SampleErrors {
  const { kernels } = context;
  const { columns } = source;
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  const sample = { ...setting, rows };
  const encoding = encodingFor(sample);
  const encode = encodeBy(kernels, sample, encoding);
  const unit = encoding.valueUnit ?? encoding.unit;
  // Blocks that begin in a row before a band, or end after it, are left out. In the whole tensor they begin at multiples
  // of the unit, counted from its begin; the sample is numbered so that columns stay what they are.
  const whole = bands.map(({ first, values }, i): SampledBand => {
    const start = blocks[i]!.row * columns;
    const isLast = start + values.length === source.rows * columns;
    const skipped = (unit - (start % unit)) % unit;
    const end = isLast ? values.length : values.length - ((start + values.length) % unit);
    return { first: first + skipped, values: values.subarray(skipped, Math.max(skipped, end)) };
  });
  const known: Float64Array[] = [];
  let guessed = false;
  for (const survey of encoding.surveys) {
    let state = survey.start();
    if (survey === extremes && knownExtremes) state = Float64Array.of(knownExtremes.min, knownExtremes.max);
    else {
      guessed = true;
      for (const band of whole) {
        context.checkCancelled();
        survey.add(state, band, known);
      }
    }
    known.push(state);
  }
  const isTrimmed = whole.some(({ values }, i) => values.length !== bands[i]!.values.length);
  const original = isTrimmed ? new Float64Array(bins.bins) : all;
  const dequantized = new Float64Array(bins.bins);
  const sums: ErrorSums[] = [];
  let values = 0;
  const mark = kernels.mark();
  try {
    const most = whole.reduce((longest, band) => Math.max(longest, band.values.length), 0);
    const x = kernels.alloc(4 * most);
    const y = kernels.alloc(4 * most);
    for (const [i, band] of whole.entries()) {
      context.checkCancelled();
      const count = band.values.length;
      if (count === 0) continue;
      const encoded = encode(band, known).dequantized;
      const start = blocks[i]!.row * columns + band.first - bands[i]!.first;
      for (let at = 0; at < count; at++) {
        if (!Number.isFinite(encoded[at]!))
          throw overflow(source, start + at, band.values[at]!, encoded[at]!, encoding.to);
      }
      kernels.f32(x, count).set(band.values);
      kernels.f32(y, count).set(encoded);
      sums.push(kernels.errorSums(x, y, count));
      if (isTrimmed) countInto(original, band.values, bins);
      countInto(dequantized, encoded, bins);
      values += count;
    }
  } finally {
    kernels.reset(mark);
  }
  const bytes = storedBytes(encodingFor(setting).pieces(known));
  return { bands: sums, values, original, dequantized, bytes, guessed };
}

/** Four counts a bin, for values that follow one another: many fall into the same bin, and each would wait for the last. */
const laneCounts = new Uint32Array(4 * divergenceBinCount);

/** Counts finite values by bin. */
export function countInto(
  target: Float64Array,
  values: Float32Array,
  { min, max, bins }: DivergenceBins,
): void {
  const counts = bins === divergenceBinCount ? laneCounts.fill(0) : new Uint32Array(4 * bins);
  const perUnit = bins / (max - min);
  const last = bins - 1;
  for (let i = 0; i < values.length; i++) {
    const place = (values[i]! - min) * perUnit;
    const bin = place > 0 ? (place < last ? place | 0 : last) : 0;
    counts[4 * bin + (i & 3)]!++;
  }
  for (let bin = 0; bin < bins; bin++) {
    const at = 4 * bin;
    target[bin]! += counts[at]! + counts[at + 1]! + counts[at + 2]! + counts[at + 3]!;
  }
}

/** What a choice gives, or why it cannot be; everything else is thrown. */
function outcomeOf<Result>(compute: () => Result): Outcome<Result> {
  try {
    return compute();
  } catch (thrown) {
    const error = LoupeError.from(thrown);
    if (!failsAlone(error)) throw error;
    return { error: error.toJSON() };
  }
}
