/** The Outliers tab: what stands out in a sentence, the map or its table, and the chosen tensor's details beside it. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import { formatBytes, formatInteger } from '../../state/format';
import { buildModuleMap, type ModuleMap } from '../../state/moduleMap';
import {
  rangeOf,
  type Statistic,
  type StatisticId,
  type StatisticRange,
  statisticOf,
  statistics,
} from '../../state/outlierStatistics';
import { outlierSummary, type SummaryPart } from '../../state/outlierSummary';
import type { CheckpointSession } from '../../state/session';
import type { OutliersState } from '../../state/viewState';
import { analysisProgress } from '../analysisProgress';
import { tensorDetails } from '../details/detailsView';
import { SelectedTensor } from '../details/selectedTensor';
import { mapControls, mapLegend } from '../moduleMap/mapControls';
import { MapOrTable } from '../moduleMap/mapOrTable';
import { mapTab } from '../moduleMap/mapTab';
import type { PageContext } from '../pageContext';
import '../moduleMap/figureMap';
import './outlierTable';

const elements = { map: 'tl-figure-map', table: 'tl-outlier-table' };

export class OutliersView {
  private readonly selected: SelectedTensor;
  private built: ModuleMap | undefined;
  private ranges: { key: string; range: StatisticRange | undefined } | undefined;
  private summaries: { version: number; parts: readonly SummaryPart[] } | undefined;
  private readonly shownAs: MapOrTable<StatisticId | 'name'>;

  constructor(
    private readonly session: CheckpointSession,
    private readonly page: PageContext,
  ) {
    this.selected = new SelectedTensor(session, page);
    this.shownAs = new MapOrTable(page, {
      elements,
      hints: {
        map: 'Arrow keys move · Enter selects, twice views the values · + and − open experts · T table',
        table: 'Arrow keys move · Enter selects, twice views the values · T map',
      },
      state: () => page.state.outliers,
      patch: (change) => this.patch(change),
      select: (tensor) => this.select(tensor),
      view: (tensor) => page.viewTensor(tensor),
    });
  }

  dispose(): void {
    this.selected.dispose();
  }

  /** Takes over what another tab selected. */
  shown(): void {
    const { selected } = this.page.state;
    const index = selected === undefined ? -1 : this.session.catalogue.tensors.names.indexOf(selected);
    if (index >= 0 && this.selected.index !== index) this.selected.read(index);
  }

  render(): TemplateResult {
    const { outliers } = this.page.state;
    return mapTab(this.page, {
      testId: 'outliers-tab',
      content: html`${this.summary()} ${this.controls()}
        ${this.shownAs.line()} ${outliers.view === 'map' ? this.map() : this.table()}`,
      details: this.details(),
      back: `${elements.map}, ${elements.table}`,
    });
  }

  private get moduleMap(): ModuleMap {
    this.built ??= buildModuleMap(this.session.catalogue.tensors.names);
    return this.built;
  }

  private get statistic(): Statistic {
    return statisticOf(this.page.state.outliers.statistic);
  }

  private get range(): StatisticRange | undefined {
    const { stats, catalogue } = this.session;
    const { statistic } = this;
    const key = `${statistic.id} ${stats.version}`;
    if (this.ranges?.key !== key) {
      const { count, elements } = catalogue.tensors;
      const values = function* () {
        for (let tensor = 0; tensor < count; tensor++)
          yield statistic.value(stats, tensor, elements[tensor]!);
      };
      this.ranges = { key, range: rangeOf(statistic, values()) };
    }
    return this.ranges.range;
  }

  private summary(): TemplateResult {
    const { session } = this;
    const { stats, catalogue } = session;
    const { count, names } = catalogue.tensors;
    if (this.summaries?.version !== stats.version) {
      this.summaries = { version: stats.version, parts: outlierSummary(catalogue.tensors, stats) };
    }
    const { parts } = this.summaries;
    const missing = count - stats.known;
    const lead =
      parts.length === 0 && missing > 0 && !session.analysis
        ? html`Nothing is analyzed yet. Reading all ${formatInteger(count)} tensors (${formatBytes(catalogue.bytes)}) tells which layers and channels are special. `
        : nothing;
    return html`<p class="map-summary" data-testid="outlier-summary">
      ${lead}
      ${parts.map(
        ({ text, tensor, detail }) =>
          html`<span class="summary-part">${text} ${
            tensor === undefined
              ? nothing
              : html`<button type="button" class="link mono" title=${names[tensor]} @click=${() => this.select(tensor)}>${names[tensor]!.replace(/\.weight$/, '')}</button>${detail ? `, ${detail}` : nothing}. `
          }</span>`,
      )}
      ${missing > 0 && parts.length > 0 ? html`<span class="quiet">${formatInteger(missing)} of ${formatInteger(count)} tensors are not analyzed yet.</span>` : nothing}
    </p>`;
  }

  private controls(): TemplateResult {
    const { session, page, statistic, range } = this;
    const { outliers } = page.state;
    const complete = session.stats.known >= session.catalogue.tensors.count;
    return mapControls(page, {
      figures: statistics,
      chosen: statistic,
      choose: (id) => this.patch({ statistic: id }),
      view: outliers.view,
      show: (view) => this.patch({ view }),
      tableTitle: 'All tensors as a sortable table (t)',
      legend: range
        ? mapLegend(statistic, range, session.settings.colorMap)
        : html`<span class="quiet small" data-testid="map-legend">no value known yet</span>`,
      more: session.analysis
        ? analysisProgress(session)
        : html`<vscode-button
            ?secondary=${complete || session.stats.known > 0}
            data-testid="analyze-all"
            ?disabled=${complete}
            title=${complete ? 'Every tensor is analyzed' : 'Read the statistics of every tensor'}
            @click=${() => page.analyzeAll()}
            >${complete ? 'Analyzed' : session.stats.known > 0 ? 'Analyze the rest' : 'Analyze all'}</vscode-button
          >`,
      testIds: { figure: 'statistic', view: 'outlier-view' },
    });
  }

  private map(): TemplateResult {
    const { session } = this;
    return html`<tl-figure-map
      .session=${session}
      .groups=${this.moduleMap.groups}
      .open=${this.shownAs.open}
      .statistic=${this.statistic}
      .range=${this.range}
      .version=${session.stats.version}
      .selected=${this.selected.index}
      .colorMap=${session.settings.colorMap}
      .events=${this.shownAs.mapEvents}
    ></tl-figure-map>`;
  }

  private table(): TemplateResult {
    const { session, page } = this;
    return html`<tl-outlier-table
      .session=${session}
      .version=${session.stats.version}
      .sort=${page.state.outliers.sort}
      .selected=${this.selected.index}
      .events=${this.shownAs.tableEvents}
    ></tl-outlier-table>`;
  }

  private details(): TemplateResult {
    const tensor = this.selected.index;
    if (tensor === undefined) {
      return html`<div class="details-empty" data-testid="outlier-help">
        <p>Each cell is one tensor: layers down, kinds of modules across. Select one to see its figures, distribution and channels.</p>
        <p class="quiet">${this.statistic.description}.</p>
        <dl class="keys">
          <div><dt>hatched</dt><dd>not analyzed yet</dd></div>
          <div><dt>✕</dt><dd>its values cannot be read</dd></div>
          <div><dt>◢</dt><dd>several tensors, such as experts: the largest is shown, and the row opens to each</dd></div>
          <div><dt><kbd>t</kbd></dt><dd>the same as a table, sorted by any statistic</dd></div>
        </dl>
      </div>`;
    }
    return tensorDetails(this.session, tensor, this.selected.details, {
      copy: (text) => this.page.copy(text),
      announce: (text) => this.page.announce(text),
      retry: () => this.selected.read(tensor),
      view: (index) => this.page.viewTensor(index),
    });
  }

  private select(tensor: number): void {
    if (this.selected.index !== tensor) this.selected.read(tensor);
    this.page.patch({ selected: this.session.catalogue.tensors.names[tensor] });
    this.page.requestRender();
  }

  private patch(change: Partial<OutliersState>): void {
    this.page.patch({ outliers: { ...this.page.state.outliers, ...change } });
  }
}
