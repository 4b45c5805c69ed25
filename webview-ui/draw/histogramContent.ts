import type { HistogramSeries, NormalCurve, ValueMark } from './histogramData';
import type { ValueRange } from './histogramZoom';

/** What a histogram plot is asked to show. */
export interface HistogramContent {
  /** The first is drawn as an area, a second one as a line over it. */
  readonly series: readonly [HistogramSeries] | readonly [HistogramSeries, HistogramSeries];
  /** Counts on a logarithmic axis: tails stay visible. */
  readonly log: boolean;
  readonly normal?: NormalCurve | undefined;
  readonly format: (value: number) => string;
  /** Values that the axis spans; undefined: those of the histograms. */
  readonly range?: ValueRange | undefined;
  /** Thin lines with a label at the top, where there is room for it. */
  readonly marks?: readonly ValueMark[] | undefined;
  /** Told to screen readers after the series' own sentences. */
  readonly hint?: string | undefined;
  /** Called with the value under the pointer; undefined when it leaves. */
  readonly onCursor?: ((value: number | undefined) => void) | undefined;
  /** Called with the values that were dragged over. */
  readonly onSelect?: ((range: ValueRange) => void) | undefined;
}
