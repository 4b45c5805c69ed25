/** One figure per row or column as an area over its index, with one peak marked. */
import uPlot from 'uplot';
import { Plot, quietAxis, translucent } from './plot';
import type { ThemeColours } from './theme';

export interface ProfileContent {
  readonly values: Float32Array;
  /** Index drawn in the warning colour; undefined: nothing stands out. */
  readonly peak?: number | undefined;
  readonly format: (value: number) => string;
  readonly summary: string;
}

export class ProfilePlot {
  private readonly plot: Plot;

  /** `height` in CSS pixels, axes included. */
  constructor(host: HTMLElement, height = 84) {
    this.plot = new Plot(host, height);
  }

  /** The index under a point of the window; null outside of the plot's area. */
  indexAt(clientX: number): number | null {
    const at = this.plot.valueAt(clientX);
    return at === null ? null : Math.floor(at);
  }

  show(content: ProfileContent): void {
    const { values, peak } = content;
    // Steps are drawn from edge to edge: one edge more than values, so that the last has its width.
    const edges = Array.from({ length: values.length + 1 }, (_, index) => index);
    const heights = edges.map((index) => values[Math.min(index, values.length - 1)] ?? 0);
    const marked = edges.map((index) =>
      peak !== undefined && (index === peak || index === peak + 1) ? values[peak]! : null,
    );
    this.plot.show({
      data: [edges, heights, marked],
      options: (theme) => this.options(content, theme),
      summary: content.summary,
    });
  }

  dispose(): void {
    this.plot.dispose();
  }

  private options(content: ProfileContent, theme: ThemeColours): Omit<uPlot.Options, 'width' | 'height'> {
    const steps = uPlot.paths.stepped!({ align: 1 });
    return {
      series: [
        {},
        {
          stroke: theme.first,
          width: 1,
          fill: translucent(theme.first, 45),
          paths: steps,
          points: { show: false },
        },
        { stroke: theme.warning, width: 2, fill: theme.warning, paths: steps, points: { show: false } },
      ],
      legend: { show: false },
      cursor: { show: false },
      padding: [4, 8, 0, 0],
      scales: {
        x: { time: false, range: [0, Math.max(1, content.values.length)] },
        y: { range: (_plot, _min, max) => [0, (max ?? 0) > 0 ? (max ?? 0) * 1.08 : 1] },
      },
      axes: [
        quietAxis(theme, { size: 18, space: 50, values: (_plot, ticks) => ticks.map(String) }),
        quietAxis(theme, {
          size: 50,
          space: 26,
          values: (_plot, ticks) => ticks.map((tick) => (tick === 0 ? '0' : content.format(tick))),
        }),
      ],
    };
  }
}
