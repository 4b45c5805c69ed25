/** Passes over whole tensors by the kernels. */
import type { Kernels } from '../../kernels/kernels';
import { clipErrors, clipShrinks } from '../clipSearch';
import { encodingFor } from '../encoding';
import { type LinearCode, linearCodeNamed, type QuantParameters } from '../linearCode';
import { storedChoice } from '../onnx/onnxForm';
import { thresholdBin } from '../pruning/magnitude';
import { pruningFor } from '../pruning/pruningFor';
import { remembering } from '../remembering';
import type { Knowledge, Setting } from '../scheme';
import { extremes, magnitudes } from '../surveys';
import type { ScaleDtype } from '../types';
import { groupMagnitudes, placeDoubles, placeFloats } from './bandKernel';
import { scaleTypes } from './integers';
import { pruneBandFor } from './pruned';

/** Does what `Survey.add` does with `count` finite values at `x`, the tensor's from `first` on. */
export type SurveyKernel = (
  state: Float64Array,
  band: { readonly first: number; readonly count: number; readonly x: number },
  known: Knowledge,
) => void;

/** The kernel of a setting's n-th pass; undefined where its plain code is run. */
export function surveyKernelFor(kernels: Kernels, setting: Setting, index: number): SurveyKernel | undefined {
  const kernel = kernelOf(kernels, setting, index);
  return (
    kernel &&
    ((state, band, known) => {
      const mark = kernels.mark();
      kernel(state, band, known);
      kernels.reset(mark);
    })
  );
}

function kernelOf(kernels: Kernels, setting: Setting, index: number): SurveyKernel | undefined {
  const { choice, graph } = setting;
  if (choice.prune === undefined) return schemeSurvey(kernels, setting, index);
  // Graphs have orders of their own.
  if (graph) return undefined;
  const own = pruningFor(setting)!.surveys.length;
  if (index < own) return pruningSurvey(kernels, setting, index);
  const inner = schemeSurvey(kernels, { ...setting, choice: { ...choice, prune: undefined } }, index - own);
  if (!inner) return undefined;
  const prune = pruneBandFor(kernels, setting);
  return (state, band, known) => {
    const x = kernels.alloc(4 * band.count);
    prune(band, known, x);
    inner(state, { ...band, x }, known);
  };
}

function schemeSurvey(kernels: Kernels, given: Setting, index: number): SurveyKernel | undefined {
  const survey = encodingFor(given).surveys[index];
  if (!survey) return undefined;
  // The passes over a graph's weight are those of the plain matrix that is stored.
  const setting = given.graph ? { ...given, choice: storedChoice(given), graph: undefined } : given;
  const { choice, columns } = setting;
  if (survey === extremes)
    return (state, { x, count }) => {
      const range = kernels.alloc(8);
      kernels.rowRange(x, 1, count, range, range + 4);
      const [low, high] = kernels.f32(range, 2) as unknown as [number, number];
      state[0] = Math.min(state[0]!, low);
      state[1] = Math.max(state[1]!, high);
    };
  if (survey === magnitudes)
    return (state, { x, count }) => {
      const sum = kernels.alloc(8);
      kernels.quant.rowMagnitudes(x, 1, count, sum);
      state[0]! += kernels.f64(sum, 1)[0]!;
      state[1]! += count;
    };
  if (choice.scheme === 'nf4' || choice.scheme === 'fp4')
    return (state, { x, count }) => {
      const { pointer, groups } = groupMagnitudes(kernels, x, 1, count, choice.blockSize);
      for (const value of kernels.f32(pointer, groups)) state[0]! += value;
      state[1]! += groups;
    };
  const code = linearCodeNamed(choice.scheme);
  const byColumn = code !== undefined && choice.granularity === 'column';
  if (code && index === 1 && choice.granularity === 'tensor')
    return clipSurvey(kernels, code, setting.scaleDtype);
  if (code && index === 1 && byColumn) return columnClipSurvey(kernels, code, setting);
  if (index === 0 && (byColumn || choice.scheme === 'llm-int8'))
    return (state, { first, x, count }) => {
      const lows = placeFloats(kernels, state.subarray(0, columns));
      const highs = placeFloats(kernels, state.subarray(columns));
      kernels.quant.columnRanges(x, first % columns, count, columns, lows, highs);
      state.set(kernels.f32(lows, columns));
      state.set(kernels.f32(highs, columns), columns);
    };
  return undefined;
}

/** `clipErrors` of a whole tensor. */
function clipSurvey(kernels: Kernels, code: LinearCode, scaleDtype: ScaleDtype): SurveyKernel {
  const candidatesOf = remembering((known: Knowledge) => {
    const [low, high] = known.at(-1) as unknown as [number, number];
    return clipShrinks.map((shrink) => code.parameters(low, high, scaleDtype, shrink));
  });
  return (state, { x, count }, known) => {
    const candidates = candidatesOf(known);
    // The last one fills up four.
    const padded = Array.from(
      { length: 4 * Math.ceil(candidates.length / 4) },
      (_, i) => candidates[i] ?? candidates.at(-1)!,
    );
    const place = (of: (candidate: QuantParameters) => number) => placeFloats(kernels, padded.map(of));
    const scales = place(({ scale }) => scale);
    const inverses = place(({ inverse }) => inverse);
    const lows = place(({ zero }) => code.low - zero);
    const highs = place(({ zero }) => code.high - zero);
    const sums = placeDoubles(kernels, new Float64Array(padded.length));
    kernels.quant.candidateErrors(x, count, padded.length, scales, inverses, lows, highs, sums);
    const found = kernels.f64(sums, state.length);
    for (let i = 0; i < state.length; i++) state[i]! += found[i]!;
  };
}

/** Columns whose sums are made by one call. */
const columnsAtOnce = 256;

/** `clipErrors` of each column. */
function columnClipSurvey(
  kernels: Kernels,
  code: LinearCode,
  { columns, scaleDtype }: Setting,
): SurveyKernel {
  const { bits, symmetric } = code;
  const { quant } = kernels;
  const plain = clipErrors(code, scaleDtype, 1);
  const candidates = clipShrinks.length;
  const padded = 4 * Math.ceil(candidates / 4);
  return (state, { first, x, count }, known) => {
    const ranges = known.at(-1)!;
    const lows = placeFloats(kernels, ranges.subarray(0, columns));
    const highs = placeFloats(kernels, ranges.subarray(columns));
    const shrinks = placeDoubles(kernels, clipShrinks);
    const scratch = kernels.alloc(4 * Math.ceil(count / columns + 1));
    const sums = kernels.alloc(8 * padded * Math.min(columns, columnsAtOnce));
    for (let from = 0; from < columns; ) {
      const to = Math.min(from + columnsAtOnce, columns);
      const form = [bits, symmetric ? 1 : 0, scaleTypes[scaleDtype], shrinks, candidates] as const;
      const place = [first % columns, count, columns, from, to, lows, highs] as const;
      const refused = quant.columnErrors(x, ...place, ...form, scratch, sums);
      const end = refused >= 0 ? refused : to;
      const found = kernels.f64(sums, padded * (to - from));
      for (let column = from; column < end; column++)
        for (let i = 0; i < candidates; i++)
          state[column * candidates + i]! += found[(column - from) * padded + i]!;
      if (refused >= 0) {
        const all = kernels.f32(x, count);
        const start = (refused - (first % columns) + columns) % columns;
        const values = Float32Array.from(
          { length: Math.max(0, Math.ceil((count - start) / columns)) },
          (_, i) => all[start + i * columns]!,
        );
        const range = Float64Array.of(ranges[refused]!, ranges[columns + refused]!);
        const own = state.subarray(refused * candidates, (refused + 1) * candidates);
        plain.add(own, { first: 0, values }, [range]);
      }
      from = refused >= 0 ? refused + 1 : to;
    }
  };
}

/** The passes of `Pruning.surveys`. */
function pruningSurvey(kernels: Kernels, setting: Setting, index: number): SurveyKernel | undefined {
  const { columns, choice } = setting;
  const { quant } = kernels;
  switch (choice.prune) {
    case 'magnitude':
      return (state, { x, count }, known) => {
        const counts = kernels.alloc(4 * 2 ** 16);
        const bins = kernels.u32(counts, 2 ** 16).fill(0);
        if (index === 0) {
          kernels.histogramF32(x, count, counts);
          for (let bin = 0; bin < 2 ** 15; bin++) state[bin]! += bins[bin]! + bins[bin + 2 ** 15]!;
        } else {
          quant.countLowerHalves(x, count, thresholdBin(setting, known), counts);
          for (let bin = 0; bin < 2 ** 16; bin++) state[bin]! += bins[bin]!;
        }
      };
    case 'columns':
      return (state, { first, x, count }) => {
        const sums = placeDoubles(kernels, state);
        quant.addColumnSquares(x, first % columns, count, columns, sums);
        state.set(kernels.f64(sums, columns));
      };
    case 'rows':
    case 'heads': {
      const size = columns * (choice.prune === 'heads' ? choice.headSize! : 1);
      return (state, { first, x, count }) => {
        for (let at = first; at < first + count; ) {
          const group = Math.floor(at / size);
          const end = Math.min((group + 1) * size, first + count);
          state[group] = quant.squareSum(x + 4 * (at - first), end - at, state[group]!);
          at = end;
        }
      };
    }
    default:
      return undefined;
  }
}
