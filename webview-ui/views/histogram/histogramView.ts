/**
 * `<tl-histogram>`: the distribution of a tensor's values. Count axis linear or logarithmic, the normal of the same
 * mean and sigma, percentiles, another tensor over it, zoom into a range whose bins are counted anew, the values
 * beyond k sigma, and all of it as a table. Knows no page: it gets statistics and functions.
 */
import { html, LitElement, nothing } from 'lit';
import type { TensorStats } from '../../../src/protocol/engineApi';
import { binAt, binEdge } from '../../draw/histogramData';
import { HistogramPlot, type HistogramSeries } from '../../draw/histogramPlot';
import { boundedRange, type ValueRange, zoomedRange } from '../../draw/histogramZoom';
import { formatInteger, formatNumber, shortNumber } from '../../state/format';
import { type CountedTensor, HistogramCounts, type HistogramCountsState, noCounts } from './histogramCounts';
import { type HistogramCommand, histogramCommand } from './histogramKeys';
import {
  beyondLine,
  binWords,
  type HistogramSwitches,
  histogramTools,
  overlayLegend,
  percentileMarks,
} from './histogramParts';
import type { DistributionSource, HistogramOverlay } from './histogramSource';
import { histogramTable } from './histogramTable';

const height = 140;

export class HistogramView extends LitElement implements CountedTensor {
  static override properties = {
    stats: { attribute: false },
    distribution: { attribute: false },
    pickOverlay: { attribute: false },
    announce: { attribute: false },
    isLog: { state: true },
    showsNormal: { state: true },
    showsTable: { state: true },
    counts: { state: true },
    bin: { state: true },
  };
  declare stats: TensorStats;
  declare distribution: DistributionSource | undefined;
  declare pickOverlay: (() => Promise<HistogramOverlay | undefined>) | undefined;
  declare announce: ((text: string) => void) | undefined;
  declare private isLog: boolean;
  declare private showsNormal: boolean;
  declare private showsTable: boolean;
  declare private counts: HistogramCountsState;
  declare private bin: number | undefined;
  private plot: HistogramPlot | undefined;
  private readonly counting = new HistogramCounts(
    this,
    (counts) => {
      this.counts = counts;
    },
    () => this.announce?.(this.readout),
  );

  constructor() {
    super();
    this.isLog = true;
    this.showsNormal = true;
    this.showsTable = false;
    this.counts = noCounts;
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.counting.stop();
    this.plot?.dispose();
    this.plot = undefined;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // Moved in the page: the plot of before is gone.
    if (this.hasUpdated) this.requestUpdate('counts', noCounts);
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('stats')) return;
    this.bin = undefined;
    this.counting.begin();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    const before = changed.has('counts')
      ? (changed.get('counts') as HistogramCountsState | undefined)
      : this.counts;
    const isRecounted = before?.shown !== this.counts.shown || before?.range !== this.counts.range;
    if (isRecounted || changed.has('isLog') || changed.has('showsNormal')) this.draw();
  }

  protected override render() {
    if (!this.stats?.histogram) return nothing;
    const { overlay, shown, range, sigmas, beyond } = this.counts;
    return html`
      <div class="figure-title">
        <h3>Distribution</h3>
        ${histogramTools({
          isLog: this.isLog,
          showsNormal: this.showsNormal,
          showsTable: this.showsTable,
          showAll: range ? () => this.zoom(undefined) : undefined,
          compare:
            this.pickOverlay && this.distribution && !overlay
              ? () => void this.counting.compare()
              : undefined,
          change: (change) => Object.assign(this, change),
        })}
      </div>
      <div
        class="plot histogram-plot"
        tabindex="0"
        data-testid="histogram-plot"
        @keydown=${this.onKey}
        @dblclick=${() => this.zoom(undefined)}
      ></div>
      <div class="readout quiet" aria-hidden="true" data-testid="histogram-readout">${this.readout}</div>
      ${
        overlay
          ? overlayLegend(this.stats.name, overlay.label, this.counting.overlayScale, () =>
              this.counting.removeOverlay(),
            )
          : nothing
      }
      ${beyondLine(this.stats, sigmas, beyond, this.distribution ? this.onSigmas : undefined)}
      ${
        this.showsTable && shown
          ? histogramTable(
              shown,
              this.stats.count,
              this.stats.name,
              overlay?.label,
              this.showsNormal ? this.normal : undefined,
            )
          : nothing
      }
    `;
  }

  private get normal() {
    const { mean, std, count, nan, inf } = this.stats;
    return mean !== null && std !== null ? { mean, std, count: count - nan - inf } : undefined;
  }

  private draw(): void {
    const host = this.querySelector<HTMLElement>('.histogram-plot');
    const { shown, overlay, range } = this.counts;
    if (!host || !shown) return;
    if (!this.plot) {
      this.plot = new HistogramPlot(host, height);
      host.addEventListener('wheel', (event) => this.onWheel(event), { passive: false });
    }
    const { histogram, other } = shown;
    const first: HistogramSeries = { label: this.stats.name, histogram };
    const scale = this.counting.overlayScale;
    const second = other &&
      overlay && {
        label: overlay.label,
        histogram: { ...other, counts: other.counts.map((count) => count * scale) },
      };
    this.plot.show({
      series: second ? [first, second] : [first],
      log: this.isLog,
      normal: this.showsNormal ? this.normal : undefined,
      format: shortNumber,
      range: range ?? this.counting.full,
      marks: percentileMarks(this.stats),
      hint: this.distribution
        ? 'Left and right read the bins, plus and minus zoom, Escape shows everything, T is the table.'
        : 'Left and right read the bins, T is the table.',
      onCursor: (value) => {
        const now = this.counts.shown;
        this.bin = value === undefined || !now ? undefined : (binAt(now.histogram, value) ?? undefined);
      },
      onSelect: this.distribution ? (part) => this.zoom(boundedRange(part, this.counting.full)) : undefined,
    });
  }

  private get readout(): string {
    const { shown, range, note } = this.counts;
    if (this.bin !== undefined && shown) return this.describe(this.bin);
    if (note) return note;
    const { histogram } = shown ?? {};
    if (!histogram || !range) return this.distribution ? 'Drag over a range to zoom into it' : '';
    const inside = histogram.counts.reduce((sum, count) => sum + count, 0);
    return `${formatNumber(range.min, 3)} to ${formatNumber(range.max, 3)}: ${formatInteger(inside)} values`;
  }

  private describe(bin: number): string {
    return binWords(this.counts.shown!, bin, this.stats.count, this.showsNormal ? this.normal : undefined);
  }

  private zoom(range: ValueRange | undefined): void {
    if (this.counting.zoom(range)) this.bin = undefined;
  }

  private readonly onSigmas = (value: number): void => this.counting.setSigmas(value);

  /** The wheel zooms once the plot was clicked, or with Ctrl: a page that scrolls past it goes on scrolling. */
  private onWheel(event: WheelEvent): void {
    const isMeant = event.ctrlKey || event.metaKey || document.activeElement === event.currentTarget;
    const around = this.plot?.valueAt(event.clientX);
    if (!this.distribution || !isMeant || around === null || around === undefined) return;
    event.preventDefault();
    const factor = 2 ** Math.max(-1, Math.min(1, event.deltaY / 240));
    const { full } = this.counting;
    this.zoom(zoomedRange(this.counts.range ?? full, full, around, factor));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const { shown, range } = this.counts;
    if (!shown) return;
    const command = histogramCommand(event, {
      histogram: shown.histogram,
      bin: this.bin,
      range,
      full: this.counting.full,
      canZoom: this.distribution !== undefined,
    });
    if (!command) return;
    this.run(command);
    event.preventDefault();
    event.stopPropagation();
  };

  private run(command: HistogramCommand): void {
    if (command.kind === 'read') this.readAt(command.bin);
    else if (command.kind === 'zoom') this.zoom(command.range);
    else this.switch(command.what);
  }

  private switch(what: keyof HistogramSwitches): void {
    this[what] = !this[what];
    if (what === 'isLog') this.announce?.(this.isLog ? 'Logarithmic counts.' : 'Linear counts.');
    if (what === 'showsTable' && this.showsTable)
      requestAnimationFrame(() => this.querySelector<HTMLElement>('.histogram-table')?.focus());
  }

  private readAt(bin: number): void {
    const { histogram } = this.counts.shown!;
    this.plot?.setCursor((binEdge(histogram, bin) + binEdge(histogram, bin + 1)) / 2);
    this.bin = bin;
    this.announce?.(this.describe(bin));
  }
}

customElements.define('tl-histogram', HistogramView);
