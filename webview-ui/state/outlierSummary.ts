/** What stands out in a model, in a few sentences that follow from the figures alone. */
import type { TensorColumns } from '../../src/protocol/engineApi';
import { formatDecimal, formatInteger, formatShare } from './format';
import type { StatsTable } from './statsTable';

export interface SummaryPart {
  readonly text: string;
  /** The tensor that is named after the text, to be led to. */
  readonly tensor?: number | undefined;
  /** What is said of that tensor. */
  readonly detail?: string | undefined;
}

const isMatrix = (columns: TensorColumns, tensor: number) => {
  const start = tensor === 0 ? 0 : columns.shapeEnd[tensor - 1]!;
  let wide = 0;
  for (let d = start; d < columns.shapeEnd[tensor]!; d++) if (columns.shapes[d]! > 1) wide++;
  return wide > 1;
};

/** The index in `tensors` with the largest figure; undefined when none has one. */
function largest(tensors: readonly number[], figure: (tensor: number) => number): number | undefined {
  let best: number | undefined;
  for (const tensor of tensors) {
    const value = figure(tensor);
    if (!Number.isNaN(value) && (best === undefined || value > figure(best))) best = tensor;
  }
  return best;
}

const plural = (count: number, one: string, many: string) =>
  `${formatInteger(count)} ${count === 1 ? one : many}`;

/** Linear in the number of tensors. Empty while nothing is known. */
export function outlierSummary(columns: TensorColumns, stats: StatsTable): readonly SummaryPart[] {
  const matrices: number[] = [];
  const vectors: number[] = [];
  let broken = 0;
  let brokenTensor: number | undefined;
  for (let tensor = 0; tensor < columns.count; tensor++) {
    if (stats.knowledge(tensor) !== 'known') continue;
    (isMatrix(columns, tensor) ? matrices : vectors).push(tensor);
    if (stats.get(tensor, 'nan') + stats.get(tensor, 'inf') > 0) {
      broken++;
      brokenTensor ??= tensor;
    }
  }
  if (matrices.length + vectors.length === 0) return [];
  const parts: SummaryPart[] = [];
  if (broken > 0) {
    parts.push({
      text: `${plural(broken, 'tensor holds', 'tensors hold')} NaN or infinite values, the first of them`,
      tensor: brokenTensor,
    });
  }
  parts.push(...channelPart(matrices, stats));
  const sharpest = largest(matrices, (tensor) => stats.get(tensor, 'kurtosis'));
  if (sharpest !== undefined) {
    parts.push({
      text: 'Highest kurtosis:',
      tensor: sharpest,
      detail: formatDecimal(stats.get(sharpest, 'kurtosis')),
    });
  }
  const int8 = matrices.filter((tensor) => stats.get(tensor, 'int8Columns') > 0);
  if (int8.length > 0) {
    parts.push({
      text: `${plural(int8.length, 'matrix has', 'matrices have')} columns that LLM.int8() would keep in 16 bits.`,
    });
  }
  const uneven = vectors.filter((tensor) => stats.get(tensor, 'columnOutliers') > 0);
  if (uneven.length > 0) {
    parts.push({
      text: `${plural(uneven.length, 'vector scales', 'vectors scale')} single channels far beyond the others, most in`,
      tensor: largest(uneven, (tensor) => stats.get(tensor, 'crest')),
    });
  }
  return parts;
}

function channelPart(matrices: readonly number[], stats: StatsTable): readonly SummaryPart[] {
  const count = (tensor: number) => stats.get(tensor, 'rowOutliers') + stats.get(tensor, 'columnOutliers');
  const measured = matrices.filter((tensor) => !Number.isNaN(count(tensor)));
  if (measured.length === 0) return [];
  const outlying = measured.filter((tensor) => count(tensor) > 0);
  if (outlying.length === 0) {
    return [{ text: `None of ${plural(measured.length, 'matrix', 'matrices')} has outlier channels.` }];
  }
  const energy = (tensor: number) =>
    Math.max(stats.get(tensor, 'rowEnergy'), stats.get(tensor, 'columnEnergy'));
  const worst = largest(outlying, energy)!;
  const rows = stats.get(worst, 'rowOutliers');
  const channels = stats.get(worst, 'columnOutliers');
  const what = [
    ...(rows > 0 ? [plural(rows, 'row', 'rows')] : []),
    ...(channels > 0 ? [plural(channels, 'column', 'columns')] : []),
  ].join(' and ');
  return [
    {
      text: `${formatInteger(outlying.length)} of ${plural(measured.length, 'matrix', 'matrices')} ${outlying.length === 1 ? 'has' : 'have'} outlier channels; the strongest:`,
      tensor: worst,
      detail: `${what} with ${formatShare(energy(worst))} of the energy`,
    },
  ];
}
