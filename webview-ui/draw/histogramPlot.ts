/** One or two histograms over each other, with an optional normal curve. */
import uPlot from 'uplot';
import {
  describeHistogram,
  expectedCount,
  type HistogramSeries,
  logFloor,
  type NormalCurve,
  stepped,
} from './histogramData';
import { Plot, quietAxis, translucent } from './plot';
import type { ThemeColours } from './theme';

export type { HistogramSeries, NormalCurve } from './histogramData';

export interface HistogramContent {
  /** The first is drawn as an area, a second one as a line over it. */
  readonly series: readonly [HistogramSeries] | readonly [HistogramSeries, HistogramSeries];
  /** Counts on a logarithmic axis: tails stay visible. */
  readonly log: boolean;
  readonly normal?: NormalCurve | undefined;
  readonly format: (value: number) => string;
}

/** Counts as 1, 10, 1k, 10k, 1M: an axis label must stay narrow. */
export function shortCount(count: number): string {
  if (count >= 1e9) return `${count / 1e9}G`;
  if (count >= 1e6) return `${count / 1e6}M`;
  if (count >= 1e3) return `${count / 1e3}k`;
  return String(count);
}

export class HistogramPlot {
  private readonly plot: Plot;

  /** `height` in CSS pixels, axes included. */
  constructor(host: HTMLElement, height = 130) {
    this.plot = new Plot(host, height);
  }

  show(content: HistogramContent): void {
    const steps = content.series.map((series) => {
      const { x, y } = stepped(series.histogram, content.log);
      return [x, y] as uPlot.AlignedData;
    });
    const { normal } = content;
    if (normal) {
      const { histogram } = content.series[0];
      const width = (histogram.max - histogram.min) / histogram.counts.length;
      const points = 200;
      const x = Array.from(
        { length: points + 1 },
        (_, i) => histogram.min + ((histogram.max - histogram.min) * i) / points,
      );
      steps.push([x, x.map((value) => expectedCount(normal, width, value))]);
    }
    this.plot.show({
      // Mode 1 wants one x for all; join keeps each series at its own edges.
      data: steps.length === 1 ? steps[0]! : uPlot.join(steps),
      options: (theme) => this.options(content, theme),
      summary: describeHistogram(content.series, content.format),
    });
  }

  dispose(): void {
    this.plot.dispose();
  }

  private options(content: HistogramContent, theme: ThemeColours): Omit<uPlot.Options, 'width' | 'height'> {
    const two = content.series.length === 2;
    const steps = uPlot.paths.stepped!({ align: 1 });
    const floor = content.log ? logFloor : 0;
    const series: uPlot.Series[] = [
      {},
      {
        stroke: theme.first,
        width: 1,
        fill: translucent(theme.first, two ? 35 : 55),
        fillTo: floor,
        paths: steps,
        points: { show: false },
        spanGaps: false,
      },
    ];
    if (two)
      series.push({
        stroke: theme.second,
        width: 1.25,
        paths: steps,
        points: { show: false },
        spanGaps: false,
      });
    if (content.normal)
      series.push({ stroke: theme.faint, width: 1, dash: [4, 3], points: { show: false }, spanGaps: true });
    return {
      series,
      legend: { show: false },
      cursor: { show: false },
      padding: [4, 8, 0, 0],
      scales: {
        x: { time: false },
        y: content.log
          ? { distr: 3, log: 10, range: (_plot, _min, max) => [floor, Math.max(2, (max ?? 1) * 1.6)] }
          : { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 1) * 1.05)] },
      },
      axes: [
        quietAxis(theme, {
          size: 20,
          space: 60,
          values: (_plot, ticks) => ticks.map((tick) => content.format(tick)),
        }),
        quietAxis(theme, {
          size: 36,
          space: content.log ? 16 : 24,
          values: (_plot, ticks) => ticks.map((tick) => (tick === null ? null : shortCount(tick))),
        }),
      ],
    };
  }
}
