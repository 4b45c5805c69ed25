/** One plain sentence or two about what a tensor's figures mean for quantization. Pure. */
import type { AxisStats, TensorStats } from '../../src/protocol/engineApi';
import { unusualCrest, unusualKurtosis } from './figureTexts';
import { countInWords, formatInteger, formatShare } from './format';

export interface AdviceSubject {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface Advice {
  /** `warning`: worth the warning colour. */
  readonly tone: 'plain' | 'warning';
  readonly text: string;
}

/** Codes on one side of zero in INT8 absmax: -127 .. 127. */
const int8Levels = 127;

const floatDtypes = new Set(['F64', 'F32', 'F16', 'BF16']);

/**
 * INT8 codes on each side of zero that a typical channel still uses when one scale covers everything up
 * to `absmax`: 127 * median / absmax, where `median` is the median of the channels' own absmax.
 */
export function levelsLeft(axis: Pick<AxisStats, 'median'>, absmax: number): number {
  if (!(absmax > 0)) return 0;
  return Math.round((int8Levels * axis.median) / absmax);
}

/** What rows and columns of a 2-D weight are called: a linear layer maps inputs to outputs. */
export function channelWords(
  subject: Pick<AdviceSubject, 'name' | 'shape'>,
): Readonly<Record<'rows' | 'columns', readonly [one: string, many: string]>> {
  const isEmbedding = /embed|embd|wte|wpe/i.test(subject.name);
  if (subject.shape.length !== 2 || isEmbedding) {
    return { rows: ['row', 'rows'], columns: ['column', 'columns'] };
  }
  return { rows: ['output channel', 'output channels'], columns: ['input channel', 'input channels'] };
}

/** The axis to show first: the one whose outliers carry more of the energy; columns when there are none. */
export function telltaleAxis(stats: Pick<TensorStats, 'channels'>): 'rows' | 'columns' {
  const { channels } = stats;
  if (!channels) return 'columns';
  const weight = (axis: AxisStats) => (axis.outliers.length > 0 ? axis.outlierEnergy + 1e-12 : 0);
  return weight(channels.rows) > weight(channels.columns) ? 'rows' : 'columns';
}

const plural = (count: number, one: string, many: string) => (count === 1 ? one : many);

/** The advice for a tensor; undefined when its figures say nothing about quantization. */
export function adviceFor(stats: TensorStats, subject: AdviceSubject): Advice | undefined {
  if (stats.nan > 0 || stats.inf > 0) return nonFinite(stats);
  if (stats.absmax === null || stats.count === 0) return { tone: 'plain', text: 'It holds no value.' };
  if (stats.absmax === 0) return { tone: 'plain', text: 'Every value is zero.' };
  if (!floatDtypes.has(subject.dtype)) {
    return {
      tone: 'plain',
      text: `It is stored as ${subject.dtype} already; these are the values after decoding.`,
    };
  }
  if (subject.shape.filter((size) => size > 1).length < 2) return vector(stats);
  const { channels } = stats;
  const axis = telltaleAxis(stats);
  const advice =
    channels && channels[axis].outliers.length > 0
      ? channelOutliers(stats, subject, axis)
      : withoutChannels(stats);
  return { ...advice, text: [advice.text, ...notes(stats, subject)].join(' ') };
}

/** Below this share nobody would notice that denormals become 0. */
const fewDenormals = 0.001;

/** What else the figures say, whatever the channels do. */
function notes(stats: TensorStats, subject: AdviceSubject): readonly string[] {
  const { outlierChannels, denormals, count } = stats;
  const int8Columns = outlierChannels?.int8Columns ?? 0;
  const columns = stats.channels?.columns.absmax.length;
  const [one, many] = channelWords(subject).columns;
  return [
    ...(int8Columns > 0
      ? [
          `LLM.int8() would keep ${formatInteger(int8Columns)}${columns ? ` of ${formatInteger(columns)}` : ''} ${plural(columns ?? int8Columns, one, many)} in 16 bits.`,
        ]
      : []),
    ...(denormals > fewDenormals * count
      ? [
          `${formatShare(denormals / count)} of the values are denormal: hardware that flushes them makes them 0.`,
        ]
      : []),
  ];
}

function nonFinite(stats: TensorStats): Advice {
  const kinds = [
    ...(stats.nan > 0 ? [`${formatInteger(stats.nan)} NaN`] : []),
    ...(stats.inf > 0 ? [`${formatInteger(stats.inf)} infinite`] : []),
  ].join(' and ');
  const verb = stats.nan + stats.inf === 1 ? 'value' : 'values';
  return {
    tone: 'warning',
    text: `It holds ${kinds} ${verb}: a scale computed from them is useless, so quantizing refuses this tensor.`,
  };
}

function vector(stats: TensorStats): Advice {
  const wide = stats.kurtosis !== null && stats.kurtosis > unusualKurtosis;
  return {
    tone: 'plain',
    text: wide
      ? 'A few entries are far larger than the rest. Vectors stay as they are when quantizing, so this costs nothing here; the inputs that they scale grow with them.'
      : 'Norms, biases and other vectors stay as they are when quantizing.',
  };
}

function channelOutliers(stats: TensorStats, subject: AdviceSubject, axis: 'rows' | 'columns'): Advice {
  const figures = stats.channels![axis];
  const [one, many] = channelWords(subject)[axis];
  const outliers = figures.outliers.length;
  const rest = figures.absmax.length - outliers;
  const left = levelsLeft(figures, stats.absmax!);
  const first = `${countInWords(outliers, true)} ${plural(outliers, `${one} holds`, `${many} hold`)} ${formatShare(figures.outlierEnergy)} of the energy.`;
  const middle = `Per-tensor INT8 would leave ${formatInteger(left)} of ${int8Levels} levels for the other ${formatInteger(rest)}`;
  // A row's own scale keeps an outlier row to itself, but every row crosses an outlier column.
  const end =
    axis === 'rows'
      ? 'choose per-row or a block scheme.'
      : 'choose a block scheme; per-row scales cross the same columns.';
  return { tone: 'warning', text: `${first} ${middle}: ${end}` };
}

/** How far out the largest value is, where that is unusual. */
function farthest({ crest }: TensorStats): string {
  return crest !== null && crest > unusualCrest
    ? `, the largest ${formatInteger(Math.round(crest))} times the RMS`
    : '';
}

function withoutChannels(stats: TensorStats): Advice {
  const { sigma6 } = stats.outliers;
  const rows = stats.channels?.rows;
  if (sigma6 > 0 && stats.kurtosis !== null && stats.kurtosis > unusualKurtosis) {
    return {
      tone: 'warning',
      text: `${formatInteger(sigma6)} ${plural(sigma6, 'value lies', 'values lie')} beyond 6 σ, in no particular channel${farthest(stats)}: a block scheme keeps the loss to their blocks.`,
    };
  }
  if (!rows) return { tone: 'plain', text: 'No value stands out.' };
  const left = levelsLeft(rows, stats.absmax!);
  const note = sigma6 > 0 ? `${formatInteger(sigma6)} of its values lie beyond 6 σ. ` : '';
  return {
    tone: 'plain',
    text:
      left >= 48
        ? `No channel stands out. ${note}With one INT8 scale for all, a typical row uses ${formatInteger(left)} of ${int8Levels} levels: per-tensor will do, per-row is a little finer.`
        : `No channel stands out, but rows differ in size. ${note}With one INT8 scale for all, a typical row uses ${formatInteger(left)} of ${int8Levels} levels: prefer per-row.`,
  };
}
