/** The error report: what was quantized and how, the map of errors, and the chosen tensor beside it. */
import { html, LitElement, nothing } from 'lit';
import type {
  Catalogue,
  QuantizeReport,
  Region,
  SchemeChoice,
  TensorError,
} from '../../../src/protocol/engineApi';
import type { Rpc } from '../../../src/protocol/rpc';
import type { ReportHostContract, ReportPageContract } from '../../../src/protocol/webviewApi';
import type { StateKeeper } from '../../state/stateKeeper';
import './errorMap';
import './errorTable';
import type { ErrorTable } from './errorTable';
import './tensorPanel';
import { Divergences } from './divergences';
import { count } from './figures';
import { Measuring } from './measuring';
import { isQuantized, type Metric, type MetricRange, metricNamed, metricRange, metrics } from './metrics';
import { schemeLabel, shapeOf, worstRow } from './reportFacts';
import { mapLegend, nothingChanged, pointedFigures, reportStrip, type Shown } from './reportParts';
import { restoreState, type SavedState } from './savedState';
import { tableCsv, tableMarkdown } from './tableText';
import type { ChosenTensor, FetchSchemeTile } from './tensorPanel';

export class ReportPage extends LitElement {
  static override properties = {
    phase: { state: true },
    saved: { state: true },
    pointed: { state: true },
    copied: { state: true },
  };

  declare rpc: Rpc<ReportPageContract, ReportHostContract>;
  declare keeper: StateKeeper;
  declare private phase:
    | { kind: 'loading' }
    | { kind: 'failed'; message: string }
    | { kind: 'ready'; shown: Shown };
  declare private saved: SavedState;
  /** Row that the pointer or the map's cursor is on. */
  declare private pointed: number | null;
  /** The table was copied just now. */
  declare private copied: boolean;
  /** Name -> index into the catalogue. */
  private indices = new Map<string, number>();
  private divergences!: Divergences;
  private readonly measuring = new Measuring(
    (options) => this.rpc.call('measure', {}, options),
    (report) => void this.showMeasured(report),
    () => this.requestUpdate(),
  );

  constructor() {
    super();
    this.phase = { kind: 'loading' };
    this.pointed = null;
    this.copied = false;
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    this.saved = restoreState(this.keeper.getState());
    this.divergences = new Divergences(this.fetchDivergence, this.divergencesChanged, this.saved.divergences);
    super.connectedCallback();
    void this.load();
  }

  /** Selects a tensor by its index in the catalogue; one without a row in the report is ignored. */
  selectByIndex(index: number): void {
    if (this.phase.kind !== 'ready') return;
    const name = this.phase.shown.catalogue.tensors.names[index];
    const row = this.phase.shown.report.tensors.findIndex((each) => each.name === name);
    if (row >= 0) this.select(row);
  }

  private async load(): Promise<void> {
    this.phase = { kind: 'loading' };
    try {
      const shown = await this.rpc.call('ready', {});
      this.indices = new Map(shown.catalogue.tensors.names.map((name, index) => [name, index]));
      this.phase = { kind: 'ready', shown };
      if (this.rowOf(shown.report, this.saved.tensor) === undefined) {
        const worst = worstRow(shown.report);
        this.remember({
          tensor: worst === undefined ? undefined : shown.report.tensors[worst]!.name,
          region: undefined,
        });
      }
    } catch (error) {
      this.phase = { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  }

  /** The button that measured goes where nothing is left to measure: its focus goes on to the map, which has its figures now. */
  private async showMeasured(report: QuantizeReport): Promise<void> {
    if (this.phase.kind !== 'ready') return;
    const hasFocus = this.querySelector('.unmeasured')?.contains(document.activeElement) ?? false;
    this.phase = { kind: 'ready', shown: { ...this.phase.shown, report } };
    await this.updateComplete;
    if (hasFocus && !this.querySelector('.unmeasured'))
      this.querySelector<HTMLElement>('tl-error-map')?.focus();
  }

  private remember(change: Partial<SavedState>): void {
    this.saved = { ...this.saved, ...change };
    this.keeper.setState(this.saved);
  }

  private select(row: number): void {
    if (this.phase.kind !== 'ready') return;
    const { name } = this.phase.shown.report.tensors[row]!;
    if (name !== this.saved.tensor) this.remember({ tensor: name, region: undefined });
  }

  private rowOf(report: QuantizeReport, name: string | undefined): number | undefined {
    const row = report.tensors.findIndex((each) => each.name === name);
    return row < 0 ? undefined : row;
  }

  protected override render() {
    switch (this.phase.kind) {
      case 'loading':
        return html`<p class="page-message" role="status">Opening the report and reading the source's header…</p>`;
      case 'failed':
        return html`<div class="page-message" role="alert">
          <h1>The report cannot be shown</h1>
          <p>${this.phase.message}</p>
          <vscode-button @click=${() => this.load()}>Try again</vscode-button>
        </div>`;
      case 'ready':
        return this.renderReport(this.phase.shown);
    }
  }

  private renderReport(shown: Shown) {
    const { report, catalogue } = shown;
    const quantized = report.tensors.filter(isQuantized);
    return html`${reportStrip(shown, quantized, this.act)}
      ${
        report.warnings && report.warnings.length > 0
          ? html`<ul class="warnings" aria-label="To know of this report">${report.warnings.map((text) => html`<li>${text}</li>`)}</ul>`
          : nothing
      }
      ${this.measuring.render(report)}
      ${
        quantized.length === 0
          ? nothingChanged(report, this.act)
          : html`<div class=${this.saved.compare ? 'panes comparing' : 'panes'}>
            <div class="pane map-pane">${this.renderMap(shown, quantized)}</div>
            <div class="pane tensor-pane">
              <tl-tensor-panel
                .report=${report}
                .chosen=${this.chosen(report, catalogue)}
                .label=${schemeLabel(report)}
                .compare=${this.saved.compare}
                .mode=${this.saved.range}
                .kinds=${this.saved.kinds}
                .isLog=${this.saved.isLog}
                .colorMap=${shown.settings.colorMap}
                .startRegion=${this.saved.region}
                .fetchTile=${this.fetchTile}
                .fetchDetail=${this.fetchDetail}
                @tl-range=${(event: CustomEvent<SavedState['range']>) => this.remember({ range: event.detail })}
                @tl-kinds=${(event: CustomEvent<SavedState['kinds']>) => this.remember({ kinds: event.detail })}
                @tl-log=${(event: CustomEvent<boolean>) => this.remember({ isLog: event.detail })}
                @tl-compare=${(event: CustomEvent<boolean>) => void this.compareWith(event.detail)}
                @tl-region=${(event: CustomEvent<Region>) => this.remember({ region: event.detail })}
              ></tl-tensor-panel>
            </div>
          </div>`
      }`;
  }

  private renderMap({ report, settings }: Shown, quantized: readonly TensorError[]) {
    const { divergences } = this;
    const metric = this.saved.metric === 'kl' ? divergences.metric : metricNamed(this.saved.metric);
    const range = this.rangeOf(metric, report);
    const kept = report.tensors.length - quantized.length;
    const selected = this.rowOf(report, this.saved.tensor);
    return html`<div class="map-section"><div class="map-head"><div class="tools">
        <h2 id="map-title">Error by layer and module</h2>
        <vscode-single-select
          data-testid="metric"
          label="Metric"
          .value=${metric.name}
          @change=${(event: Event) => this.chooseMetric((event.target as HTMLInputElement).value, report)}
        >
          ${[...metrics, divergences.metric].map(({ name, label, unit }) => html`<vscode-option value=${name}>${unit ? `${label}, ${unit}` : label}</vscode-option>`)}
        </vscode-single-select>
        <span class="spring"></span>
        ${mapLegend(metric, range, settings.colorMap, quantized)}
      </div>
      ${metric.name === 'kl' ? divergences.render(report.tensors) : nothing}
      <div class="pointed" role="status" data-testid="pointed">${pointedFigures(report.tensors[this.pointed ?? selected ?? -1], divergences.known)}</div>
      </div>
      <tl-error-map
        .rows=${report.tensors}
        .metric=${metric}
        .range=${range}
        .selected=${selected}
        .showKept=${this.saved.showKept}
        .colorMap=${settings.colorMap}
        @tl-point=${(event: CustomEvent<number | null>) => {
          this.pointed = event.detail;
        }}
        @tl-select=${(event: CustomEvent<number>) => this.select(event.detail)}
        @tl-table=${() => void this.goToTable()}
      ></tl-error-map>
      </div>
      <div class="table-section"><div class="tools">
        <vscode-checkbox
          data-testid="show-table"
          label="Table"
          ?checked=${this.saved.showTable}
          @change=${(event: Event) => this.remember({ showTable: (event.target as HTMLInputElement).checked })}
        ></vscode-checkbox>
        ${
          kept === 0
            ? nothing
            : html`<vscode-checkbox
              data-testid="show-kept"
              label=${`Show ${count(kept)} kept ${kept === 1 ? 'tensor' : 'tensors'}`}
              ?checked=${this.saved.showKept}
              @change=${(event: Event) => this.remember({ showKept: (event.target as HTMLInputElement).checked })}
            ></vscode-checkbox>`
        }
        <span class="spring"></span>
        <button class="link" data-testid="copy-table" @click=${() => this.copyTable(report)}>${this.copied ? 'Copied' : 'Copy as Markdown'}</button>
        <button class="link" data-testid="save-table" @click=${() => this.saveTable(report)}>Save as CSV or Markdown…</button>
      </div>
      ${
        this.saved.showTable
          ? html`<div class="table-frame"><tl-error-table
            .rows=${report.tensors}
            .order=${this.saved.sort}
            .selected=${selected}
            .showKept=${this.saved.showKept}
            .more=${divergences.known}
            @tl-select=${(event: CustomEvent<number>) => this.select(event.detail)}
            @tl-leave=${() => this.querySelector<HTMLElement>('tl-error-map')?.focus()}
            @tl-sort=${(event: CustomEvent<SavedState['sort']>) => this.remember({ sort: event.detail })}
          ></tl-error-table></div>`
          : nothing
      }
      </div>`;
  }

  private async goToTable(): Promise<void> {
    this.remember({ showTable: true });
    await this.updateComplete;
    const table = this.querySelector<ErrorTable>('tl-error-table');
    await table?.updateComplete;
    table?.focus();
  }

  private chosen(report: QuantizeReport, catalogue: Catalogue): ChosenTensor | undefined {
    const at = this.rowOf(report, this.saved.tensor);
    if (at === undefined) return undefined;
    const row = report.tensors[at]!;
    const index = this.indices.get(row.name) ?? -1;
    if (this.lastChosen?.row === row && this.lastChosen.index === index) return this.lastChosen;
    this.lastChosen = { index, row, shape: index < 0 ? [] : shapeOf(catalogue, index) };
    return this.lastChosen;
  }

  /** The same object for the same metric, so that the map is drawn anew only when its colours change. */
  private rangeOf(metric: Metric, report: QuantizeReport): MetricRange | null {
    if (this.lastRange?.metric !== metric || this.lastRange.report !== report)
      this.lastRange = { metric, report, range: metricRange(metric, report.tensors) };
    return this.lastRange.range;
  }

  private lastRange: { metric: Metric; report: QuantizeReport; range: MetricRange | null } | undefined;

  /** The same object for the same tensor, so that the panel sees no change where there is none. */
  private lastChosen: ChosenTensor | undefined;

  private readonly fetchTile: FetchSchemeTile = (request, signal) =>
    this.rpc.call('errorTile', request, { signal });

  private readonly fetchDetail = (tensor: number, choice: SchemeChoice | undefined, signal: AbortSignal) =>
    this.rpc.call('errorDetail', choice ? { tensor, choice } : { tensor }, { signal });

  private readonly fetchDivergence = async (name: string, signal: AbortSignal): Promise<number> => {
    const tensor = this.indices.get(name);
    if (tensor === undefined) throw new Error('The source has no such tensor any more.');
    return (await this.rpc.call('errorDetail', { tensor, background: true }, { signal })).kl;
  };

  private readonly divergencesChanged = (): void => {
    this.remember({ divergences: this.divergences.saved });
  };

  private chooseMetric(name: string, { tensors }: QuantizeReport): void {
    this.remember({ metric: name === 'kl' ? name : metricNamed(name).name });
    if (name === 'kl') void this.divergences.start(tensors);
    else this.divergences.stop();
  }

  /** Asks for another scheme, or takes it away. */
  private async compareWith(another: boolean): Promise<void> {
    try {
      const compare = another ? await this.rpc.call('pickScheme', {}) : undefined;
      if (compare !== null) this.remember({ compare });
    } catch {
      // The host shows its own failures.
    }
  }

  private copyTable(report: QuantizeReport): void {
    this.send({ kind: 'copy', text: tableMarkdown(report.tensors, this.divergences.known) });
    this.copied = true;
    setTimeout(() => {
      this.copied = false;
    }, 1500);
  }

  private saveTable({ tensors }: QuantizeReport): void {
    const more = this.divergences.known;
    this.send({ kind: 'saveTable', csv: tableCsv(tensors, more), markdown: tableMarkdown(tensors, more) });
  }

  private readonly act = (kind: 'openResult' | 'openSource'): void => this.send({ kind });

  private send(action: ReportHostContract['action']['params']): void {
    // The host shows its own failures.
    this.rpc.call('action', action).catch(() => undefined);
  }
}

customElements.define('tl-report', ReportPage);
