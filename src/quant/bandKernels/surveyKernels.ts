/** Passes over whole tensors by the kernels. */
import type { Kernels } from '../../kernels/kernels';
import type { Setting, Survey } from '../scheme';
import { extremes, magnitudes } from '../surveys';
import { groupMagnitudes } from './bandKernel';

/** Does what `Survey.add` does with `count` finite values at `x`. */
export type SurveyKernel = (state: Float64Array, x: number, count: number) => void;

/** The kernel of a pass; undefined where its plain code is run, as for all that look at pruned values. */
export function surveyKernelFor(
  kernels: Kernels,
  survey: Survey,
  { choice }: Setting,
): SurveyKernel | undefined {
  const scratch = (run: SurveyKernel): SurveyKernel => {
    return (state, x, count) => {
      const mark = kernels.mark();
      run(state, x, count);
      kernels.reset(mark);
    };
  };
  if (survey === extremes)
    return scratch((state, x, count) => {
      const range = kernels.alloc(8);
      kernels.rowRange(x, 1, count, range, range + 4);
      const [low, high] = kernels.f32(range, 2) as unknown as [number, number];
      state[0] = Math.min(state[0]!, low);
      state[1] = Math.max(state[1]!, high);
    });
  if (survey === magnitudes)
    return scratch((state, x, count) => {
      const sum = kernels.alloc(8);
      kernels.quant.rowMagnitudes(x, 1, count, sum);
      state[0]! += kernels.f64(sum, 1)[0]!;
      state[1]! += count;
    });
  const isCodebook = choice.scheme === 'nf4' || choice.scheme === 'fp4';
  if (isCodebook && choice.prune === undefined)
    return scratch((state, x, count) => {
      const { pointer, groups } = groupMagnitudes(kernels, x, 1, count, choice.blockSize);
      for (const value of kernels.f32(pointer, groups)) state[0]! += value;
      state[1]! += groups;
    });
  return undefined;
}
