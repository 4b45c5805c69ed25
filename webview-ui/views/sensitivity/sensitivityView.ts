/** The Sensitivity tab: tensors down, schemes across, the error of each; beside it one cell, below it a recipe. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import type { Rpc } from '../../../src/protocol/rpc';
import { LoupeError } from '../../../src/protocol/rpc';
import type { SchemeOffer } from '../../../src/protocol/sensitivityPageApi';
import type { CheckpointHostContract, CheckpointPageContract } from '../../../src/protocol/webviewApi';
import { formatInteger } from '../../state/format';
import { cellSentence, rowCell } from '../../state/rowCells';
import { type MetricId, metricOf, metrics } from '../../state/sensitivityMetrics';
import type { SensitivityRow } from '../../state/sensitivityRows';
import { mostSavedCells, type SensitivityState } from '../../state/sensitivityState';
import type { CheckpointSession } from '../../state/session';
import { focusOnceShown, mapTab, OpenKeys, toggled, toggledWords } from '../moduleMap/mapTab';
import type { PageContext } from '../pageContext';
import { cellDetails, cellSubject } from './cellDetails';
import { MatrixChoice } from './matrixChoice';
import { RecipeDesk } from './recipeDesk';
import { compareButton, runProgress } from './runControls';
import { schemeChooser } from './schemeChooser';
import { SchemeColumns } from './schemeColumns';
import type { SchemeColumn, SensitivityMapEvents } from './sensitivityMap';
import './sensitivityMap';
import { SensitivityModel } from './sensitivityModel';
import type { SensitivityTab } from './sensitivityTab';
import type { SensitivityTableEvents } from './sensitivityTable';
import { comparisonSummary, sensitivityHelp, sensitivityLegend } from './sensitivityTexts';
import './sensitivityTable';

type PageRpc = Rpc<CheckpointPageContract, CheckpointHostContract>;

export class SensitivityView {
  private readonly model: SensitivityModel;
  private readonly matrix: MatrixChoice;
  private readonly recipe: RecipeDesk;
  private pointed = '';
  private isChoosing = false;
  private readonly columnsOf = new SchemeColumns();
  private readonly openKeys = new OpenKeys();
  private problem = '';

  constructor(
    private readonly session: CheckpointSession,
    private readonly page: PageContext,
    private readonly rpc: PageRpc,
  ) {
    this.model = new SensitivityModel(session, rpc, () => page.requestRender());
    this.matrix = new MatrixChoice(this.model, rpc, this.tab);
    this.recipe = new RecipeDesk(this.model, session, rpc, this.tab);
    const { saved, matrix } = this.state;
    if (saved?.generation === session.catalogue.generation && saved.matrix === matrix?.sha256)
      this.model.cells.restore(saved.cells);
  }

  dispose(): void {
    this.model.run.cancel();
  }

  /** To be called when the tab comes on show: the schemes are asked for then. */
  shown(): void {
    void this.model.load().then(() => {
      const columns = this.model.columns(this.state);
      const isEmpty = columns.every(({ key }) => this.model.cells.known(key) === 0);
      if (isEmpty) this.refill();
      void this.matrix.look();
    });
  }

  private refill(): void {
    if (this.state.hasCompared) void this.compare(this.model.columns(this.state));
  }

  private get state(): SensitivityState {
    return this.page.state.sensitivity;
  }

  private get tab(): SensitivityTab {
    const state = () => this.state;
    return {
      get state() {
        return state();
      },
      patch: (change) => this.patch(change),
      announce: (text) => this.page.announce(text),
      requestRender: () => this.page.requestRender(),
      tell: (problem) => this.tell(problem),
      refill: () => this.refill(),
    };
  }

  private patch(change: Partial<SensitivityState>): void {
    this.page.patch({ sensitivity: { ...this.state, ...change } });
  }

  render(): TemplateResult {
    const { offers } = this.model;
    if (offers.kind === 'failed') {
      return html`<div class="table-empty" role="alert" data-testid="sensitivity-failed">
        <p>The schemes could not be listed: ${offers.message}</p>
        <p><button type="button" class="link" @click=${() => void this.model.load()}>Try again</button></p>
      </div>`;
    }
    if (offers.kind !== 'known') return html`<p class="table-empty" role="status">Listing the schemes…</p>`;
    const columns = this.model.columns(this.state);
    return mapTab(this.page, {
      testId: 'sensitivity-tab',
      content: html`${comparisonSummary(this.model, columns, this.problem, this.matrix.summary())} ${this.controls(columns)}
        ${
          this.isChoosing
            ? schemeChooser(offers.all, columns, this.state.matrix ? [] : (offers.weighing?.needing ?? []), {
                change: (schemes) => this.patch({ schemes }),
                reset: () => this.patch({ schemes: undefined }),
              })
            : nothing
        }
        <p class="map-pointed small" aria-hidden="true" data-testid="sensitivity-pointed">${this.pointed || this.hint}</p>
        ${this.state.view === 'map' ? this.map(columns) : this.table(columns)} ${this.recipe.render(columns)}`,
      details: this.details(columns),
      back: 'tl-sensitivity-map, tl-sensitivity-table',
    });
  }

  private get hint(): string {
    return this.state.view === 'map'
      ? 'Arrow keys move · Enter selects · + and − open experts · T table'
      : 'Arrow keys move · Enter selects · T map';
  }

  private controls(columns: readonly SchemeOffer[]): TemplateResult {
    const { state, model } = this;
    const metric = metricOf(state.metric);
    const { run } = model;
    return html`<div class="toolbar map-controls">
      <label>
        <span class="visually-hidden">Error</span>
        <select class="plain-select" data-testid="metric" title=${metric.description} @change=${this.onMetric}>
          ${metrics.map(({ id, label }) => html`<option value=${id} ?selected=${id === metric.id}>${label}</option>`)}
        </select>
      </label>
      ${sensitivityLegend(metric, model.range(state, metric), this.session.settings.colorMap)}
      <span class="map-tools"><button
        type="button"
        class="toggle"
        data-testid="choose-schemes"
        aria-expanded=${this.isChoosing}
        @click=${() => {
          this.isChoosing = !this.isChoosing;
          this.page.requestRender();
        }}
      >${formatInteger(columns.length)} ${columns.length === 1 ? 'scheme' : 'schemes'}…</button>
      <button
        type="button"
        class="toggle"
        data-testid="show-all"
        aria-pressed=${state.showAll}
        title="Also norms, biases and other vectors, which most schemes keep"
        @click=${() => this.patch({ showAll: !state.showAll })}
      >Vectors</button>
      <button
        type="button"
        class="toggle"
        data-testid="sensitivity-view"
        aria-pressed=${state.view === 'table'}
        title="The same as a sortable table (t)"
        @click=${() => this.show(state.view === 'map' ? 'table' : 'map')}
      >Table</button>
      ${this.matrix.render()}
      ${
        run.progress
          ? nothing
          : compareButton(model, columns, {
              compare: () => void this.compare(columns),
              exact: () => void this.exactAll(columns),
            })
      }</span>
      ${run.progress ? runProgress(run.progress, () => run.cancel()) : nothing}
    </div>`;
  }

  private schemeColumns(columns: readonly SchemeOffer[]): readonly SchemeColumn[] {
    return this.columnsOf.of(columns, this.model.totals(this.state));
  }

  private map(columns: readonly SchemeOffer[]): TemplateResult {
    const { model, state } = this;
    const metric = metricOf(state.metric);
    const pick = model.pick(state);
    const at = new Map(columns.map(({ key }, column) => [key, column]));
    const picked = ({ tensors }: SensitivityRow) => {
      const first = pick(tensors[0]!);
      return tensors.every((tensor) => pick(tensor) === first) ? (at.get(first) ?? -1) : -1;
    };
    return html`<tl-sensitivity-map
      .rows=${model.shown(state)}
      .columns=${this.schemeColumns(columns)}
      .cells=${model.cells}
      .version=${model.cells.version}
      .metric=${metric}
      .range=${model.range(state, metric)}
      .open=${this.openKeys.of(state.open)}
      .picked=${picked}
      .selected=${this.selectedPlace(columns)}
      .colorMap=${this.session.settings.colorMap}
      .events=${this.mapEvents}
    ></tl-sensitivity-map>`;
  }

  private table(columns: readonly SchemeOffer[]): TemplateResult {
    const { model, state } = this;
    return html`<tl-sensitivity-table
      .rows=${model.tableRows(state)}
      .names=${this.session.catalogue.tensors.names}
      .columns=${this.schemeColumns(columns)}
      .cells=${model.cells}
      .version=${model.cells.version}
      .metric=${metricOf(state.metric)}
      .sort=${state.sort}
      .selected=${this.selectedPlace(columns)}
      .events=${this.tableEvents}
    ></tl-sensitivity-table>`;
  }

  private selectedPlace(columns: readonly SchemeOffer[]): { row: string; column: number } | undefined {
    const { selected } = this.state;
    if (!selected) return undefined;
    return { row: selected.row, column: columns.findIndex(({ key }) => key === selected.scheme) };
  }

  private details(columns: readonly SchemeOffer[]): TemplateResult {
    const { model, state } = this;
    const subject = cellSubject(model, state);
    if (!subject) return sensitivityHelp(metricOf(state.metric));
    const { tensor, offer, others } = subject;
    return cellDetails(subject, {
      use: (scope) => this.recipe.use(scope, tensor, offer.key),
      keep: () => this.recipe.use('tensor', tensor, 'keep'),
      exact: (what) => {
        if (what === 'cell') void this.start([tensor], [offer], true);
        else void this.start(others, columns, true);
      },
      view: () => this.page.viewTensor(tensor),
      errors: () => void this.showErrors(tensor, offer),
      announce: (text) => this.page.announce(text),
      read: (rows, columnCount, signal) =>
        this.rpc.call(
          'schemeErrorTile',
          { tensor, choice: offer.choice, imatrix: state.matrix?.file, rows, columns: columnCount },
          { signal },
        ),
    });
  }

  private async showErrors(tensor: number, { choice }: SchemeOffer): Promise<void> {
    try {
      await this.rpc.call('showErrors', { tensor, choice, imatrix: this.state.matrix?.file });
    } catch (thrown) {
      this.tell(LoupeError.from(thrown).message);
    }
  }

  private tell(problem: string): void {
    this.problem = problem;
    if (problem !== '') this.page.announce(problem);
    this.page.requestRender();
  }

  private async compare(columns: readonly SchemeOffer[]): Promise<void> {
    const { tensors, offers } = this.model.missing(columns);
    await this.start(tensors, offers, false);
  }

  private async exactAll(columns: readonly SchemeOffer[]): Promise<void> {
    const { tensors, offers } = this.model.sampled(columns);
    await this.start(tensors, offers, true);
  }

  private async start(
    tensors: readonly number[],
    offers: readonly SchemeOffer[],
    isExact: boolean,
  ): Promise<void> {
    const { model, session, page } = this;
    this.patch({ hasCompared: true });
    const end = await model.run.start(tensors, offers, isExact, this.state.matrix?.file);
    const known = [...model.byKey.keys()].reduce((sum, key) => sum + model.cells.known(key), 0);
    const { generation } = session.catalogue;
    const matrix = this.state.matrix?.sha256;
    const isSmall = known > 0 && known <= mostSavedCells;
    this.patch({ saved: isSmall ? { generation, matrix, cells: model.cells.save() } : undefined });
    if (end.kind === 'done') page.announce(`Compared ${formatInteger(tensors.length)} tensors.`);
    else if (end.kind === 'failed') page.announce(`The comparison stopped: ${end.error.message}`);
    else
      page.announce(
        `Comparison cancelled: ${formatInteger(end.done)} of ${formatInteger(end.total)} tensors are done.`,
      );
  }

  private select(row: SensitivityRow, column: number): void {
    const { model, state, session } = this;
    const offer = model.columns(state)[column];
    if (!offer) return;
    const { tensor } = rowCell(model.cells, row, offer.key, metricOf(state.metric), undefined);
    const name = session.catalogue.tensors.names[tensor]!;
    this.page.patch({
      selected: name,
      sensitivity: { ...state, selected: { row: row.key, tensor: name, scheme: offer.key } },
    });
  }

  private describe(row: SensitivityRow, column: number): string {
    const { model, state, session } = this;
    const offer = model.columns(state)[column];
    if (!offer) return '';
    const metric = metricOf(state.metric);
    const { tensor } = rowCell(model.cells, row, offer.key, metric, undefined);
    const name = session.catalogue.tensors.names[tensor]!;
    const what = row.tensors.length > 1 ? `worst of ${formatInteger(row.tensors.length)}, ${name}` : name;
    const picked = model.pick(state)(tensor) === offer.key ? ', in the recipe' : '';
    const cell = model.cells.get(offer.key, tensor);
    const note = cell?.state === 'quantized' && cell.note ? `. ${cell.note}` : '';
    return `${cellSentence(cell, { what, scheme: offer.label, metric })}${picked}${note}`;
  }

  private toggle(row: SensitivityRow): void {
    const { open } = this.state;
    this.patch({ open: toggled(open, row.key) });
    this.page.announce(toggledWords(row, open.includes(row.key)));
  }

  /** Shows the map or the table, and goes there with the focus. */
  private show(view: SensitivityState['view']): void {
    this.pointed = '';
    this.patch({ view });
    focusOnceShown(view === 'map' ? 'tl-sensitivity-map' : 'tl-sensitivity-table');
  }

  private readonly mapEvents: SensitivityMapEvents = {
    select: (row, column) => this.select(row, column),
    toggle: (row) => this.toggle(row),
    openTable: () => this.show('table'),
    announce: (text) => this.page.announce(text),
    point: (text) => {
      this.pointed = text;
      this.page.requestRender();
    },
    describe: (row, column) => this.describe(row, column),
  };

  private readonly tableEvents: SensitivityTableEvents = {
    select: (row, column) => this.select(row, column),
    sort: (sort) => this.patch({ sort }),
    openMap: () => this.show('map'),
    announce: (text) => this.page.announce(text),
    describe: (row, column) => this.describe(row, column),
  };

  private readonly onMetric = (event: Event): void => {
    const metric = (event.target as HTMLSelectElement).value as MetricId;
    this.patch({ metric });
    this.page.announce(`${metricOf(metric).label}: ${metricOf(metric).description}.`);
  };
}
