/** One or two histograms over each other, with an optional normal curve. */
import uPlot from 'uplot';
import type { HistogramContent } from './histogramContent';
import { describeHistogram, expectedCount, logFloor, stepped, type ValueMark } from './histogramData';
import { histogramUnit, inUnit } from './histogramUnit';
import { Plot, quietAxis, translucent } from './plot';
import type { ThemeColours } from './theme';

export type { HistogramContent } from './histogramContent';
export type { HistogramSeries, NormalCurve, ValueMark } from './histogramData';

/** Counts as 1, 10, 1k, 10k, 1M: an axis label must stay narrow. */
function shortCount(count: number): string {
  if (count >= 1e9) return `${count / 1e9}G`;
  if (count >= 1e6) return `${count / 1e6}M`;
  if (count >= 1e3) return `${count / 1e3}k`;
  return String(count);
}

/** Fewer dragged pixels than this are a click. */
const leastDrag = 4;

export class HistogramPlot {
  private readonly plot: Plot;
  private instance: uPlot | undefined;
  /** What 1 on the axis stands for. */
  private unit = 1;

  /** `height` in CSS pixels, axes included. */
  constructor(host: HTMLElement, height = 130) {
    this.plot = new Plot(host, height);
  }

  show(told: HistogramContent): void {
    this.unit = histogramUnit(told);
    const content = inUnit(told, this.unit);
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
      summary: [describeHistogram(told.series, told.format), told.hint ?? ''].join(' ').trim(),
    });
  }

  /** Moves the cursor to a value, as the pointer would; undefined takes it away. */
  setCursor(value: number | undefined): void {
    const { instance } = this;
    if (!instance) return;
    const left = value === undefined ? -10 : instance.valToPos(value / this.unit, 'x');
    instance.setCursor({ left, top: value === undefined ? -10 : 0 });
  }

  /** The value under a point of the window; null outside of the plot's area. */
  valueAt(clientX: number): number | null {
    const value = this.plot.valueAt(clientX);
    return value === null ? null : value * this.unit;
  }

  dispose(): void {
    this.plot.dispose();
  }

  private options(content: HistogramContent, theme: ThemeColours): Omit<uPlot.Options, 'width' | 'height'> {
    const two = content.series.length === 2;
    const { onCursor, onSelect } = content;
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
      cursor: onCursor
        ? {
            y: false,
            points: { show: false },
            drag: { x: onSelect !== undefined, y: false, setScale: false },
            // The views have a key and a button that show everything again.
            bind: { dblclick: () => null },
          }
        : { show: false },
      // Labels in powers of ten are long, and half of one reads as another.
      padding: [content.marks ? 14 : 4, this.unit === 1 ? 8 : 20, 0, 0],
      hooks: {
        init: [
          (plot) => {
            this.instance = plot;
          },
        ],
        draw: [(plot) => drawMarks(plot, content.marks ?? [], theme)],
        setCursor: [
          (plot) => {
            const { left } = plot.cursor;
            const isInside = left !== undefined && left !== null && left >= 0;
            onCursor?.(isInside ? plot.posToVal(left, 'x') : undefined);
          },
        ],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < leastDrag) return;
            onSelect?.({ min: plot.posToVal(left, 'x'), max: plot.posToVal(left + width, 'x') });
          },
        ],
      },
      scales: {
        x: content.range ? { time: false, range: [content.range.min, content.range.max] } : { time: false },
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

/** Percentiles and other marks: a quiet line each, its label above the plot unless the one before is too near. */
function drawMarks(plot: uPlot, marks: readonly ValueMark[], theme: ThemeColours): void {
  if (marks.length === 0) return;
  const { ctx, bbox } = plot;
  const ratio = window.devicePixelRatio || 1;
  ctx.save();
  ctx.font = `${9 * ratio}px ${theme.font}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'bottom';
  ctx.fillStyle = theme.faint;
  ctx.strokeStyle = theme.faint;
  ctx.lineWidth = ratio;
  let taken = Number.NEGATIVE_INFINITY;
  for (const { label, value } of [...marks].sort((one, other) => one.value - other.value)) {
    const x = plot.valToPos(value, 'x', true);
    if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
    ctx.globalAlpha = 0.55;
    ctx.beginPath();
    ctx.moveTo(Math.round(x) + 0.5, bbox.top);
    ctx.lineTo(Math.round(x) + 0.5, bbox.top + bbox.height);
    ctx.stroke();
    const half = ctx.measureText(label).width / 2;
    const centre = Math.min(Math.max(x, bbox.left + half), bbox.left + bbox.width - half);
    if (centre - half < taken) continue;
    taken = centre + half + 4 * ratio;
    ctx.globalAlpha = 1;
    ctx.fillText(label, centre, bbox.top - 2 * ratio);
  }
  ctx.restore();
}
