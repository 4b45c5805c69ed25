/** The chosen tensor: figures, a plain sentence, the three pictures, both distributions and the error's profiles. */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import type { ErrorDetail, QuantizeReport, Region, TensorError } from '../../../src/protocol/engineApi';
import type { SequentialName } from '../../draw/colorMaps';
import { HistogramPlot } from '../../draw/histogramPlot';
import { ProfilePlot } from '../../draw/profilePlot';
import { clippedShare, type RangeMode } from './colourRange';
import { count, figure, shapeText, size } from './figures';
import { isQuantized, metrics } from './metrics';
import './pictures';
import type { Pictures } from './pictures';
import { peakOf, remark, standsOut } from './remark';
import type { FetchTile } from './tileLoader';
import { matrixShape } from './viewport';

export interface ChosenTensor {
  /** Index into the catalogue; -1 when the source no longer holds it. */
  readonly index: number;
  readonly row: TensorError;
  readonly shape: readonly number[];
}

/** `<tl-tensor-panel>`: fires `tl-range` with a RangeMode; `tl-region` bubbles out of the pictures' element. */
export class TensorPanel extends LitElement {
  static override properties = {
    report: { attribute: false },
    chosen: { attribute: false },
    mode: { attribute: false },
    colorMap: { attribute: false },
    startRegion: { attribute: false },
    fetchTile: { attribute: false },
    fetchDetail: { attribute: false },
    detail: { state: true },
    failure: { state: true },
  };

  declare report: QuantizeReport;
  declare chosen: ChosenTensor | undefined;
  declare mode: RangeMode;
  declare colorMap: SequentialName;
  declare startRegion: Region | undefined;
  declare fetchTile: FetchTile;
  declare fetchDetail: (tensor: number, signal: AbortSignal) => Promise<ErrorDetail>;
  declare private detail: ErrorDetail | undefined;
  declare private failure: string | undefined;

  private running: AbortController | undefined;
  private plots: { histogram: HistogramPlot; rows: ProfilePlot; columns: ProfilePlot } | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.running?.abort();
    this.dropPlots();
  }

  protected override willUpdate(changed: PropertyValues): void {
    const before = changed.get('chosen') as ChosenTensor | undefined;
    if (changed.has('chosen') && before?.index !== this.chosen?.index) {
      this.detail = undefined;
      this.failure = undefined;
      void this.load();
    }
  }

  private async load(): Promise<void> {
    this.running?.abort();
    const { chosen } = this;
    if (!chosen || chosen.index < 0 || !isQuantized(chosen.row)) return;
    const controller = new AbortController();
    this.running = controller;
    try {
      const detail = await this.fetchDetail(chosen.index, controller.signal);
      if (this.running === controller) this.detail = detail;
    } catch (error) {
      if (this.running === controller) this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  protected override updated(): void {
    const { detail } = this;
    if (!detail) {
      this.dropPlots();
      return;
    }
    const host = (name: string) => this.querySelector<HTMLElement>(`[data-plot="${name}"]`)!;
    if (!this.plots) {
      this.plots = {
        histogram: new HistogramPlot(host('histogram')),
        rows: new ProfilePlot(host('rows')),
        columns: new ProfilePlot(host('columns')),
      };
    } else if (this.shownDetail === detail) return;
    this.shownDetail = detail;
    this.plots.histogram.show({
      series: [
        { label: 'Original', histogram: detail.original },
        { label: 'Dequantized', histogram: detail.dequantized },
      ],
      log: true,
      format: (value) => figure(value, 3),
    });
    for (const [axis, profile] of [
      ['rows', detail.rowError],
      ['columns', detail.columnError],
    ] as const) {
      const peak = peakOf(profile);
      this.plots[axis].show({
        values: profile,
        peak: peak && peak.timesMedian > standsOut ? peak.index : undefined,
        format: (value) => figure(value, 2),
        summary: profileSummary(axis, profile),
      });
    }
  }

  private shownDetail: ErrorDetail | undefined;

  private dropPlots(): void {
    this.plots?.histogram.dispose();
    this.plots?.rows.dispose();
    this.plots?.columns.dispose();
    this.plots = undefined;
    this.shownDetail = undefined;
  }

  protected override render() {
    const { chosen } = this;
    if (!chosen) return html`<p class="empty">Choose a tensor in the map to see where its error lies.</p>`;
    const { row } = chosen;
    return html`<section class="tensor" aria-label=${row.name} data-testid="tensor-panel">
      <h2 title=${row.name}>${row.name}</h2>
      <p class="quiet">
        ${isQuantized(row) ? `${row.from} → ${row.to}` : row.from} · ${shapeText(chosen.shape)} ·
        <span title=${`${count(row.bytes)} bytes`}>${size(row.bytes)}</span>
      </p>
      ${this.renderBody(chosen)}
    </section>`;
  }

  private renderBody(chosen: ChosenTensor) {
    const { row } = chosen;
    if (!isQuantized(row))
      return html`<p class="remark">Kept as ${row.from}${row.note ? `: ${row.note}` : ''}. It carries no error.</p>`;
    if (chosen.index < 0)
      return html`<p class="remark warning">The source no longer holds this tensor, so its values cannot be shown.</p>`;
    const { rows, columns } = matrixShape(chosen.shape);
    return html`<dl class="figures">
        ${metrics.map((metric) => {
          const value = metric.value(row);
          return html`<div>
            <dt>${metric.label}</dt>
            <dd data-figure=${metric.name} data-value=${String(value)}>${metric.format(value)} ${Number.isFinite(value) ? metric.unit : ''}</dd>
          </div>`;
        })}
      </dl>
      <p class="remark" data-testid="remark">${remark(row, this.report.tensors, this.report, this.detail) || '\u2026'}</p>
      <div class="tools" role="toolbar" aria-label="Pictures">
        <label>Colours span
          <vscode-single-select
            data-testid="range"
            .value=${this.mode}
            @change=${(event: Event) => this.changeRange((event.target as HTMLInputElement).value as RangeMode)}
          >
            <vscode-option value="clipped">${100 * clippedShare} % of cells</vscode-option>
            <vscode-option value="whole">the whole range</vscode-option>
            <vscode-option value="view">what is shown</vscode-option>
          </vscode-single-select>
        </label>
        <span class="spring"></span>
        <button class="tool" title="Zoom out (-)" aria-label="Zoom out" @click=${() => this.pictures?.zoom(0.5)}>−</button>
        <button class="tool" title="Zoom in (+)" aria-label="Zoom in" @click=${() => this.pictures?.zoom(2)}>+</button>
        <button class="tool" title="Show the whole tensor (0)" @click=${() => this.pictures?.fit()}>Fit</button>
      </div>
      <tl-pictures
        .tensor=${chosen.index}
        .name=${row.name}
        .rows=${rows}
        .columns=${columns}
        .maxError=${row.maxAbs}
        .fetchTile=${this.fetchTile}
        .mode=${this.mode}
        .colorMap=${this.colorMap}
        .startRegion=${this.startRegion}
        @tl-region=${(event: CustomEvent<Region>) => this.dispatchEvent(new CustomEvent('tl-region', { detail: event.detail }))}
      ></tl-pictures>
      ${this.renderDetail()}`;
  }

  private renderDetail() {
    if (this.failure)
      return html`<p class="failure" role="alert">The distributions could not be computed: ${this.failure}
        <button class="link" @click=${() => {
          this.failure = undefined;
          void this.load();
        }}>Try again</button></p>`;
    const { detail } = this;
    if (!detail) return html`<p class="quiet" role="status">Computing distributions and profiles…</p>`;
    return html`<figure>
        <figcaption>
          <span>Distribution, log counts</span>
          <span class="keys" aria-hidden="true"><i class="key first"></i>original <i class="key second"></i>dequantized</span>
        </figcaption>
        <div class="plot tall" data-plot="histogram"></div>
      </figure>
      <figure>
        ${this.profileCaption('rows', detail.rowError)}
        <div class="plot" data-plot="rows" @click=${(event: MouseEvent) => this.goTo('rows', this.plots?.rows.indexAt(event.clientX))}></div>
      </figure>
      <figure>
        ${this.profileCaption('columns', detail.columnError)}
        <div class="plot" data-plot="columns" @click=${(event: MouseEvent) => this.goTo('columns', this.plots?.columns.indexAt(event.clientX))}></div>
      </figure>`;
  }

  /** Title, and the row or column that stands out as a link into the pictures. */
  private profileCaption(axis: Axis, profile: Float32Array) {
    const peak = peakOf(profile);
    return html`<figcaption>
      <span>Mean |error| per ${axisNames[axis]} (${count(profile.length)})</span>
      ${
        peak && peak.timesMedian > standsOut
          ? html`<button class="link" @click=${() => this.goTo(axis, peak.index)}
              >${axisNames[axis]} ${count(peak.index)}: ${figure(peak.timesMedian, 2)} × the median</button
            >`
          : nothing
      }
    </figcaption>`;
  }

  private goTo(axis: Axis, index: number | null | undefined): void {
    if (index !== null && index !== undefined)
      this.pictures?.showElement({ [axis === 'rows' ? 'row' : 'column']: index });
  }

  private get pictures(): Pictures | null {
    return this.querySelector('tl-pictures');
  }

  private changeRange(mode: RangeMode): void {
    this.dispatchEvent(new CustomEvent('tl-range', { detail: mode }));
  }
}

type Axis = 'rows' | 'columns';

const axisNames: Readonly<Record<Axis, string>> = { rows: 'row', columns: 'column' };

/** The profile in words, for screen readers. */
function profileSummary(axis: Axis, profile: Float32Array): string {
  const peak = peakOf(profile);
  const name = axisNames[axis];
  const title = `Mean |error| per ${name} (${count(profile.length)})`;
  return peak && peak.timesMedian > standsOut
    ? `${title}, highest in ${name} ${count(peak.index)}: ${figure(peak.timesMedian, 2)} × the median`
    : title;
}

customElements.define('tl-tensor-panel', TensorPanel);
