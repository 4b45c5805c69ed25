/**
 * absmax of each row or column as bars, outliers in the warning colour. One bar a channel where they fit;
 * where several channels share a pixel, the largest of them is drawn, so no outlier is ever lost.
 */
import type uPlot from 'uplot';
import { axisUnit } from './histogramUnit';
import { Plot, quietAxis } from './plot';
import type { ThemeColours } from './theme';

export interface ChannelContent {
  /** One value per channel, none negative. */
  readonly absmax: Float32Array;
  /** Indices of outliers, ascending. */
  readonly outliers: readonly number[];
  /** Median of the channels: a dashed line. */
  readonly median: number;
  readonly format: (value: number) => string;
  readonly summary: string;
  /** Called with the channel under the pointer; undefined when it leaves. */
  readonly onCursor: (channel: number | undefined) => void;
}

/** Least width of an outlier's bar, CSS pixels. */
const outlierWidth = 2;

/** Largest value of each of `pixels` equal parts of the channels; part p holds channels [p*n/pixels, (p+1)*n/pixels). */
export function peaks(absmax: Float32Array, pixels: number): Float32Array {
  const result = new Float32Array(pixels);
  for (let p = 0; p < pixels; p++) {
    const first = Math.floor((p * absmax.length) / pixels);
    const end = Math.max(first + 1, Math.ceil(((p + 1) * absmax.length) / pixels));
    for (let i = first; i < end && i < absmax.length; i++) result[p] = Math.max(result[p]!, absmax[i]!);
  }
  return result;
}

export class ChannelPlot {
  private readonly plot: Plot;
  private instance: uPlot | undefined;
  private content: ChannelContent | undefined;

  /** `height` in CSS pixels, the axis included. */
  constructor(host: HTMLElement, height: number) {
    this.plot = new Plot(host, height);
  }

  show(told: ChannelContent): void {
    const content = inUnit(told);
    this.content = content;
    const count = content.absmax.length;
    this.plot.show({
      data: [Array.from({ length: count }, (_, i) => i), Array.from(content.absmax)],
      options: (theme) => this.options(content, theme),
      summary: content.summary,
    });
  }

  /** Moves the cursor to a channel, as the pointer would. */
  setCursor(channel: number): void {
    const { instance, content } = this;
    if (!instance || !content) return;
    const left = instance.valToPos(channel + 0.5, 'x');
    instance.setCursor({ left, top: 0 });
  }

  dispose(): void {
    this.plot.dispose();
  }

  private options(content: ChannelContent, theme: ThemeColours): Omit<uPlot.Options, 'width' | 'height'> {
    const count = content.absmax.length;
    return {
      series: [{}, { show: true, stroke: theme.first, paths: () => null, points: { show: false } }],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      padding: [6, 12, 0, 0],
      scales: {
        x: { time: false, range: () => [0, count] },
        y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.04 : 1] },
      },
      axes: [
        quietAxis(theme, {
          size: 20,
          space: 60,
          incrs: [
            1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072,
            262144, 524288,
          ],
        }),
        quietAxis(theme, {
          size: 44,
          space: 28,
          values: (_plot, ticks) => ticks.map((tick) => content.format(tick)),
        }),
      ],
      hooks: {
        init: [
          (plot) => {
            this.instance = plot;
          },
        ],
        draw: [(plot) => drawBars(plot, content, theme)],
        setCursor: [
          (plot) => {
            const { left } = plot.cursor;
            if (left === undefined || left === null || left < 0) content.onCursor(undefined);
            else content.onCursor(Math.max(0, Math.min(count - 1, Math.floor(plot.posToVal(left, 'x')))));
          },
        ],
      },
    };
  }
}

/** The same channels with magnitudes counted in a unit that the axis has labels for; their texts stay as they are. */
function inUnit(content: ChannelContent): ChannelContent {
  const unit = axisUnit(content.absmax.reduce((largest, value) => Math.max(largest, value), 0));
  if (unit === 1) return content;
  const { absmax, median, format } = content;
  return {
    ...content,
    absmax: absmax.map((value) => value / unit),
    median: median / unit,
    format: (value) => format(value * unit),
  };
}

function drawBars(plot: uPlot, content: ChannelContent, theme: ThemeColours): void {
  const { ctx, bbox } = plot;
  const count = content.absmax.length;
  const ratio = window.devicePixelRatio || 1;
  const bottom = bbox.top + bbox.height;
  const yOf = (value: number) => Math.round(plot.valToPos(value, 'y', true));
  const xOf = (channel: number) => bbox.left + (channel / count) * bbox.width;
  ctx.save();
  ctx.fillStyle = theme.first;
  // Outliers are drawn in their own colour only.
  const others = content.absmax.slice();
  for (const channel of content.outliers) others[channel] = 0;
  const width = Math.round(bbox.width);
  if (count >= width / 3) {
    const tops = peaks(others, width);
    for (let p = 0; p < width; p++) {
      if (tops[p] === 0) continue;
      const top = Math.min(bottom - ratio, yOf(tops[p]!));
      ctx.fillRect(Math.round(bbox.left) + p, top, 1, bottom - top);
    }
  } else {
    const gap = Math.max(1, Math.round((width / count) * 0.2));
    for (let i = 0; i < count; i++) {
      if (others[i] === 0) continue;
      const left = Math.round(xOf(i));
      const top = Math.min(bottom - ratio, yOf(others[i]!));
      ctx.fillRect(left, top, Math.max(1, Math.round(xOf(i + 1)) - left - gap), bottom - top);
    }
  }
  ctx.fillStyle = theme.warning;
  for (const channel of content.outliers) {
    const barWidth = Math.max(outlierWidth * ratio, Math.round(bbox.width / count) - 1);
    const left = Math.round(xOf(channel + 0.5) - barWidth / 2);
    const top = Math.min(bottom - ratio, yOf(content.absmax[channel] ?? 0));
    ctx.fillRect(left, top, barWidth, bottom - top);
  }
  if (content.median > 0) {
    const y = yOf(content.median) + 0.5;
    ctx.strokeStyle = theme.foreground;
    ctx.globalAlpha = 0.6;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.lineWidth = ratio;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}
