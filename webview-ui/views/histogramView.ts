/**
 * `<tl-histogram>`: the distribution of a tensor's values. Count axis linear or logarithmic, the normal of the same
 * mean and sigma, percentiles, another tensor over it, zoom into a range whose bins are counted anew, the values
 * beyond k sigma, and all of it as a table. Knows no page: it gets statistics and functions.
 */
import { html, LitElement, nothing } from 'lit';
import type { DisplayHistogram, TensorStats } from '../../src/protocol/engineApi';
import { LoupeError } from '../../src/protocol/rpc';
import { binAt, binEdge } from '../draw/histogramData';
import { HistogramPlot, type HistogramSeries } from '../draw/histogramPlot';
import {
  boundedRange,
  isSameRange,
  joinedRange,
  movedRange,
  type ValueRange,
  zoomedRange,
} from '../draw/histogramZoom';
import { formatInteger, formatNumber, shortNumber } from '../state/format';
import { beyondLine, binWords, histogramTools, overlayLegend, percentileMarks } from './histogramParts';
import type {
  Distribution,
  DistributionRequest,
  DistributionSource,
  HistogramOverlay,
} from './histogramSource';
import { histogramTable } from './histogramTable';

export type {
  Distribution,
  DistributionRequest,
  DistributionSource,
  HistogramOverlay,
} from './histogramSource';

const height = 140;
const bins = 128;
/** Wheel steps come in bursts: the bins are counted when they end. */
const askDelayMs = 70;
const firstSigmas = 6;

interface Shown {
  readonly histogram: DisplayHistogram;
  readonly other: DisplayHistogram | undefined;
}

export class HistogramView extends LitElement {
  static override properties = {
    stats: { attribute: false },
    distribution: { attribute: false },
    pickOverlay: { attribute: false },
    announce: { attribute: false },
    isLog: { state: true },
    showsNormal: { state: true },
    showsTable: { state: true },
    shown: { state: true },
    range: { state: true },
    overlay: { state: true },
    bin: { state: true },
    sigmas: { state: true },
    beyond: { state: true },
    note: { state: true },
  };
  declare stats: TensorStats;
  /** Without it there is no zoom and nothing to compare with. */
  declare distribution: DistributionSource | undefined;
  /** Asks the user for another tensor; undefined when they chose none. */
  declare pickOverlay: (() => Promise<HistogramOverlay | undefined>) | undefined;
  /** Tells a screen reader. */
  declare announce: ((text: string) => void) | undefined;
  declare private isLog: boolean;
  declare private showsNormal: boolean;
  declare private showsTable: boolean;
  declare private shown: Shown | undefined;
  /** What is zoomed into; undefined: everything. */
  declare private range: ValueRange | undefined;
  declare private overlay: (HistogramOverlay & { readonly full: DisplayHistogram }) | undefined;
  declare private bin: number | undefined;
  declare private sigmas: number;
  declare private beyond: Distribution['beyond'][number] | undefined;
  /** What is being done, or what went wrong. */
  declare private note: string;
  private plot: HistogramPlot | undefined;
  private abort: AbortController | undefined;
  private sigmaAbort: AbortController | undefined;
  private timer = 0;

  constructor() {
    super();
    this.isLog = true;
    this.showsNormal = true;
    this.showsTable = false;
    this.sigmas = firstSigmas;
    this.note = '';
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
    this.plot?.dispose();
    this.plot = undefined;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // Moved in the page: the plot of before is gone.
    if (this.hasUpdated) this.requestUpdate('shown', null);
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('stats')) return;
    this.stop();
    this.range = undefined;
    this.overlay = undefined;
    this.bin = undefined;
    this.note = '';
    this.shown = this.stats.histogram ? { histogram: this.stats.histogram, other: undefined } : undefined;
    this.beyond = undefined;
    this.askBeyond();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    const drawn = ['shown', 'range', 'isLog', 'showsNormal'];
    if (drawn.some((key) => changed.has(key))) this.draw();
  }

  protected override render() {
    if (!this.stats?.histogram) return nothing;
    const { overlay } = this;
    return html`
      <div class="figure-title">
        <h3>Distribution</h3>
        ${histogramTools({
          isLog: this.isLog,
          showsNormal: this.showsNormal,
          showsTable: this.showsTable,
          showAll: this.range ? () => this.zoom(undefined) : undefined,
          compare: this.pickOverlay && this.distribution && !overlay ? () => void this.compare() : undefined,
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
          ? overlayLegend(this.stats.name, overlay.label, this.overlayScale, () => {
              this.overlay = undefined;
              this.ask(0);
            })
          : nothing
      }
      ${beyondLine(this.stats, this.sigmas, this.beyond, this.distribution ? this.onSigmas : undefined)}
      ${
        this.showsTable && this.shown
          ? histogramTable(
              this.shown,
              this.stats.count,
              this.stats.name,
              overlay?.label,
              this.showsNormal ? this.normal : undefined,
            )
          : nothing
      }
    `;
  }

  private get full(): ValueRange {
    const own = this.stats.histogram!;
    return joinedRange({ min: own.min, max: own.max }, this.overlay?.full);
  }

  private get normal() {
    const { mean, std, count, nan, inf } = this.stats;
    return mean !== null && std !== null ? { mean, std, count: count - nan - inf } : undefined;
  }

  /** What the other tensor's counts are multiplied by, so that both have as many values. */
  private get overlayScale(): number {
    const total = this.overlay?.full.counts.reduce((sum, count) => sum + count, 0) ?? 0;
    return total > 0 ? (this.stats.count - this.stats.nan - this.stats.inf) / total : 1;
  }

  private draw(): void {
    const host = this.querySelector<HTMLElement>('.histogram-plot');
    if (!host || !this.shown) return;
    if (!this.plot) {
      this.plot = new HistogramPlot(host, height);
      host.addEventListener('wheel', (event) => this.onWheel(event), { passive: false });
    }
    const { histogram, other } = this.shown;
    const first: HistogramSeries = { label: this.stats.name, histogram };
    const scale = this.overlayScale;
    const second = other &&
      this.overlay && {
        label: this.overlay.label,
        histogram: { ...other, counts: other.counts.map((count) => count * scale) },
      };
    this.plot.show({
      series: second ? [first, second] : [first],
      log: this.isLog,
      normal: this.showsNormal ? this.normal : undefined,
      format: shortNumber,
      range: this.range ?? this.full,
      marks: percentileMarks(this.stats),
      hint: this.distribution
        ? 'Left and right read the bins, plus and minus zoom, Escape shows everything, T is the table.'
        : 'Left and right read the bins, T is the table.',
      onCursor: (value) => {
        this.bin =
          value === undefined || !this.shown ? undefined : (binAt(this.shown.histogram, value) ?? undefined);
      },
      onSelect: this.distribution ? (range) => this.zoom(boundedRange(range, this.full)) : undefined,
    });
  }

  private get readout(): string {
    if (this.bin !== undefined && this.shown) return this.describe(this.bin);
    if (this.note) return this.note;
    const { histogram } = this.shown ?? {};
    if (!histogram || !this.range) return this.distribution ? 'Drag over a range to zoom into it' : '';
    const inside = histogram.counts.reduce((sum, count) => sum + count, 0);
    return `${formatNumber(this.range.min, 3)} to ${formatNumber(this.range.max, 3)}: ${formatInteger(inside)} values`;
  }

  private describe(bin: number): string {
    return binWords(this.shown!, bin, this.stats.count, this.showsNormal ? this.normal : undefined);
  }

  private zoom(range: ValueRange | undefined): void {
    const wanted = range && !isSameRange(range, this.full) ? range : undefined;
    if (wanted === this.range) return;
    this.range = wanted;
    this.bin = undefined;
    this.ask(wanted ? askDelayMs : 0);
  }

  /** Counts the bins of what is shown now, after a delay in which more may come. */
  private ask(delayMs: number): void {
    window.clearTimeout(this.timer);
    this.abort?.abort();
    const own = this.stats.histogram;
    if (!own) return;
    if (!this.range && !this.overlay) {
      this.note = '';
      this.shown = { histogram: own, other: undefined };
      return;
    }
    this.note = 'Counting…';
    const abort = new AbortController();
    this.abort = abort;
    this.timer = window.setTimeout(() => void this.askNow(abort), delayMs);
  }

  private async askNow(abort: AbortController): Promise<void> {
    const { distribution, overlay } = this;
    if (!distribution) return;
    const request: DistributionRequest = { bins, range: this.range ?? this.full };
    try {
      const [first, second] = await Promise.all([
        distribution(request, abort.signal),
        overlay?.distribution(request, abort.signal),
      ]);
      if (abort.signal.aborted) return;
      this.note = '';
      if (first.histogram) this.shown = { histogram: first.histogram, other: second?.histogram ?? undefined };
      if (this.range) this.announce?.(this.readout);
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (!abort.signal.aborted && error.code !== 'cancelled') this.note = error.message;
    }
  }

  /** Asks for another tensor and lays it over this one. */
  private async compare(): Promise<void> {
    const { stats } = this;
    try {
      const overlay = await this.pickOverlay?.();
      if (!overlay || this.stats !== stats) return;
      const abort = new AbortController();
      this.abort?.abort();
      this.abort = abort;
      this.note = `Reading ${overlay.label}…`;
      const { histogram } = await overlay.distribution({ bins }, abort.signal);
      if (abort.signal.aborted) return;
      if (!histogram) {
        this.note = `${overlay.label} has no finite value.`;
        return;
      }
      this.overlay = { ...overlay, full: histogram };
      this.announce?.(`${overlay.label} is laid over ${stats.name}.`);
      this.ask(0);
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'cancelled' && this.stats === stats) this.note = error.message;
    }
  }

  private askBeyond(): void {
    const { stats, sigmas, distribution } = this;
    const { sigma3, sigma6 } = stats.outliers;
    // Those two come with every tensor, exact.
    if (sigmas === 3 || sigmas === 6) {
      this.beyond = { sigma: sigmas, count: sigmas === 3 ? sigma3 : sigma6, isExact: true };
      return;
    }
    if (!distribution) return;
    this.sigmaAbort?.abort();
    const abort = new AbortController();
    this.sigmaAbort = abort;
    distribution({ bins, sigmas: [sigmas] }, abort.signal).then(
      ({ beyond }) => {
        const answer = beyond[0];
        if (abort.signal.aborted || !answer) return;
        this.beyond = answer;
        this.announce?.(`${formatInteger(answer.count)} values beyond ${sigmas} standard deviations.`);
      },
      (thrown) => {
        const error = LoupeError.from(thrown);
        if (!abort.signal.aborted && error.code !== 'cancelled') this.note = error.message;
      },
    );
  }

  private stop(): void {
    window.clearTimeout(this.timer);
    this.abort?.abort();
    this.sigmaAbort?.abort();
  }

  private readonly onSigmas = (value: number): void => {
    this.sigmas = value;
    this.askBeyond();
  };

  /** The wheel zooms once the plot was clicked, or with Ctrl: a page that scrolls past it goes on scrolling. */
  private onWheel(event: WheelEvent): void {
    const isMeant = event.ctrlKey || event.metaKey || document.activeElement === event.currentTarget;
    const around = this.plot?.valueAt(event.clientX);
    if (!this.distribution || !isMeant || around === null || around === undefined) return;
    event.preventDefault();
    const factor = 2 ** Math.max(-1, Math.min(1, event.deltaY / 240));
    this.zoom(zoomedRange(this.range ?? this.full, this.full, around, factor));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.altKey || event.metaKey || !this.shown) return;
    const { histogram } = this.shown;
    const last = histogram.counts.length - 1;
    const many = event.shiftKey || event.ctrlKey ? 10 : 1;
    const at = this.bin;
    const bin = {
      ArrowRight: at === undefined ? 0 : at + many,
      ArrowLeft: at === undefined ? last : at - many,
      Home: 0,
      End: last,
    }[event.key];
    if (bin !== undefined) this.readAt(Math.max(0, Math.min(last, bin)));
    else if (!this.onCommand(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  private readAt(bin: number): void {
    const { histogram } = this.shown!;
    this.plot?.setCursor((binEdge(histogram, bin) + binEdge(histogram, bin + 1)) / 2);
    this.bin = bin;
    this.announce?.(this.describe(bin));
  }

  /** True when the key means something here. */
  private onCommand(key: string): boolean {
    const range = this.range ?? this.full;
    const { histogram } = this.shown!;
    const middle = this.bin === undefined ? (range.min + range.max) / 2 : binEdge(histogram, this.bin);
    const canZoom = this.distribution !== undefined;
    switch (key) {
      case '+':
      case '=':
        if (canZoom) this.zoom(zoomedRange(range, this.full, middle, 0.5));
        return canZoom;
      case '-':
        if (canZoom) this.zoom(zoomedRange(range, this.full, middle, 2));
        return canZoom;
      case 'PageDown':
      case 'PageUp':
        if (this.range) this.zoom(movedRange(range, this.full, key === 'PageDown' ? 0.5 : -0.5));
        return canZoom;
      case 'Escape':
        if (!this.range) return false;
        this.zoom(undefined);
        return true;
      case 'l':
        this.isLog = !this.isLog;
        this.announce?.(this.isLog ? 'Logarithmic counts.' : 'Linear counts.');
        return true;
      case 'n':
        this.showsNormal = !this.showsNormal;
        return true;
      case 't':
        this.showsTable = !this.showsTable;
        if (this.showsTable)
          requestAnimationFrame(() => this.querySelector<HTMLElement>('.histogram-table')?.focus());
        return true;
      default:
        return false;
    }
  }
}

customElements.define('tl-histogram', HistogramView);
