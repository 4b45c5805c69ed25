/** How each figure of a tensor is written, and when it is worth the warning colour. */
import { formatDecimal, formatInteger, formatNumber, formatShare } from './format';
import type { StatFigure } from './statsTable';

/** Above this a tensor has outliers worth a warning colour. */
export const unusualKurtosis = 10;
/** absmax / RMS beyond which one scale for the whole tensor wastes most of its codes: a normal of 10^8 values has 5.7. */
export const unusualCrest = 20;
/** A skewed weight is seldom; norms and biases often are, so this is high. */
const unusualSkewness = 3;

export interface FigureText {
  readonly format: (value: number) => string;
  readonly isUnusual: (value: number) => boolean;
}

const usual = () => false;
const real = (value: number) => formatNumber(value, 3);
const some = (value: number) => value > 0;

export const figureTexts: Readonly<Record<StatFigure, FigureText>> = {
  min: { format: real, isUnusual: usual },
  max: { format: real, isUnusual: usual },
  mean: { format: real, isUnusual: usual },
  std: { format: real, isUnusual: usual },
  rms: { format: real, isUnusual: usual },
  absmax: { format: real, isUnusual: usual },
  crest: { format: formatDecimal, isUnusual: (value) => value > unusualCrest },
  skewness: { format: formatDecimal, isUnusual: (value) => Math.abs(value) > unusualSkewness },
  kurtosis: { format: formatDecimal, isUnusual: (value) => value > unusualKurtosis },
  entropy: { format: formatDecimal, isUnusual: usual },
  nan: { format: formatInteger, isUnusual: some },
  inf: { format: formatInteger, isUnusual: some },
  zeros: { format: formatInteger, isUnusual: usual },
  denormals: { format: formatInteger, isUnusual: some },
  sigma3: { format: formatInteger, isUnusual: usual },
  sigma6: { format: formatInteger, isUnusual: some },
  rowOutliers: { format: formatInteger, isUnusual: some },
  columnOutliers: { format: formatInteger, isUnusual: some },
  rowEnergy: { format: formatShare, isUnusual: usual },
  columnEnergy: { format: formatShare, isUnusual: usual },
  int8Columns: { format: formatInteger, isUnusual: some },
};
