/**
 * One uPlot in an element: follows the element's width and the theme, and is rebuilt from its options
 * whenever either its data or the theme changes (a few milliseconds, and no state to keep in step).
 */
import uPlot from 'uplot';
import { onThemeChange, readTheme, type ThemeColours } from './theme';

export interface PlotContent {
  readonly data: uPlot.AlignedData;
  readonly options: (theme: ThemeColours) => Omit<uPlot.Options, 'width' | 'height'>;
  /** Read out by screen readers in place of the picture. */
  readonly summary: string;
}

export class Plot {
  private plot: uPlot | undefined;
  private content: PlotContent | undefined;
  private width = 0;
  private readonly resize: ResizeObserver;
  private readonly endTheme: () => void;

  /** `height` in CSS pixels, axes included. */
  constructor(
    private readonly host: HTMLElement,
    private readonly height: number,
  ) {
    host.setAttribute('role', 'img');
    this.resize = new ResizeObserver((entries) => {
      const width = Math.floor(entries.at(-1)!.contentRect.width);
      if (width === this.width || width === 0) return;
      this.width = width;
      if (this.plot) this.plot.setSize({ width, height: this.height });
      else this.build();
    });
    this.resize.observe(host);
    this.endTheme = onThemeChange(() => this.build());
  }

  show(content: PlotContent): void {
    this.content = content;
    this.host.setAttribute('aria-label', content.summary);
    this.build();
  }

  /** The x value under a point of the window; null outside of the plot's area. */
  valueAt(clientX: number): number | null {
    if (!this.plot) return null;
    const box = this.plot.over.getBoundingClientRect();
    const at = clientX - box.left;
    return at < 0 || at >= box.width ? null : this.plot.posToVal(at, 'x');
  }

  dispose(): void {
    this.resize.disconnect();
    this.endTheme();
    this.plot?.destroy();
  }

  private build(): void {
    if (!this.content || this.width === 0) return;
    this.plot?.destroy();
    this.plot = new uPlot(
      { ...this.content.options(readTheme()), width: this.width, height: this.height },
      this.content.data,
      this.host,
    );
  }
}

/** An axis in the theme's quiet colours. */
export function quietAxis(theme: ThemeColours, more: uPlot.Axis): uPlot.Axis {
  return {
    stroke: theme.faint,
    font: `10px ${theme.font}`,
    grid: { show: false },
    ticks: { show: true, stroke: theme.line, size: 3, width: 1 },
    border: { show: true, stroke: theme.line, width: 1 },
    gap: 3,
    ...more,
  };
}

/** A CSS colour made translucent, for areas under lines. */
export function translucent(colour: string, percent: number): string {
  return `color-mix(in srgb, ${colour} ${percent}%, transparent)`;
}
