/** The Importance tab of an importance matrix: where it comes from, the map of the model or its table, and the chosen weight. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-ring/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import type { ImportanceStatistics, WeightImportance } from '../../../src/protocol/importanceApi';
import { LoupeError } from '../../../src/protocol/rpc';
import { formatInteger, formatNumber } from '../../state/format';
import {
  figureWords,
  type ImportanceFigureId,
  type ImportanceState,
  importanceFigure,
  importanceFigures,
  mapStatistic,
} from '../../state/importanceState';
import { buildModuleMap, type ModuleMap } from '../../state/moduleMap';
import { type MapStatistic, rangeOf } from '../../state/outlierStatistics';
import type { CheckpointSession } from '../../state/session';
import type { MapSubject } from '../moduleMap/cellWords';
import { mapControls, mapLegend } from '../moduleMap/mapControls';
import { MapOrTable } from '../moduleMap/mapOrTable';
import { mapTab } from '../moduleMap/mapTab';
import '../moduleMap/figureMap';
import type { CheckpointRpc, PageContext } from '../pageContext';
import './importanceTable';

type Loaded =
  | { readonly kind: 'unasked' | 'loading' }
  | { readonly kind: 'failed'; readonly message: string }
  | {
      readonly kind: 'known';
      readonly statistics: ImportanceStatistics;
      readonly map: ModuleMap;
      readonly subject: MapSubject;
    };
type Known = Extract<Loaded, { kind: 'known' }>;

const elements = { map: 'tl-figure-map', table: 'tl-importance-table' };

export class ImportanceView {
  private loaded: Loaded = { kind: 'unasked' };
  private readonly abort = new AbortController();
  private readonly shownAs: MapOrTable<ImportanceFigureId | 'name'>;
  /** The same object as long as the figure stays: the map draws anew for another. */
  private shownStatistic: { readonly id: ImportanceFigureId; readonly statistic: MapStatistic } | undefined;

  constructor(
    private readonly session: CheckpointSession,
    private readonly page: PageContext,
    private readonly rpc: CheckpointRpc,
  ) {
    this.shownAs = new MapOrTable(page, {
      elements,
      hints: {
        map: 'Arrow keys move · Enter selects, twice views the sums · T table',
        table: 'Arrow keys move · Enter selects, twice views the sums · T map',
      },
      state: () => page.state.importance,
      patch: (change) => this.patch(change),
      select: (index) => this.selectIndex(index),
      view: (index) => this.view(index),
    });
  }

  dispose(): void {
    this.abort.abort();
  }

  /** Reads the matrix when it is looked at for the first time, and again after a failure. */
  shown(): void {
    if (this.loaded.kind === 'unasked' || this.loaded.kind === 'failed') void this.load();
  }

  private async load(): Promise<void> {
    this.loaded = { kind: 'loading' };
    this.page.requestRender();
    try {
      const statistics = await this.rpc.call('importance', {}, { signal: this.abort.signal });
      const names = statistics.weights.map(({ name }) => name);
      const elements = statistics.weights.map((weight) => weight.elements);
      this.loaded = {
        kind: 'known',
        statistics,
        map: buildModuleMap(names),
        subject: {
          catalogue: { tensors: { names, elements } },
          stats: { knowledge: () => 'known', get: () => Number.NaN },
          analysis: undefined,
          prioritize: () => {},
          unreadable: () => undefined,
        },
      };
      this.shownStatistic = undefined;
    } catch (thrown) {
      if (this.abort.signal.aborted) return;
      this.loaded = { kind: 'failed', message: LoupeError.from(thrown).message };
      this.page.announce(this.loaded.message);
    }
    this.page.requestRender();
  }

  render(): TemplateResult {
    const { loaded } = this;
    if (loaded.kind === 'failed')
      return html`<section class="page" data-testid="importance-failed">
        <p>The statistics could not be computed. ${loaded.message}</p>
        <vscode-button @click=${() => void this.load()}>Try again</vscode-button>
      </section>`;
    if (loaded.kind !== 'known')
      return html`<section class="page" data-testid="importance-loading"><p class="quiet">Reading the sums of every weight …</p></section>`;
    const { importance } = this.page.state;
    return mapTab(this.page, {
      testId: 'importance-tab',
      content: html`${this.summary(loaded.statistics)} ${this.controls(loaded)}
        ${this.shownAs.line()} ${importance.view === 'map' ? this.map(loaded) : this.table(loaded)}`,
      details: this.details(loaded),
      back: `${elements.map}, ${elements.table}`,
    });
  }

  /** Where the matrix comes from, and what stands out. */
  private summary({ weights, datasets, chunks, unseen, isLegacy }: ImportanceStatistics): TemplateResult {
    const text = datasets.length === 0 ? 'a text that the file does not name' : datasets.join(', ');
    const from = `${chunks > 0 ? `${formatInteger(chunks)} chunks of ` : ''}${text}`;
    const least = weights.reduce<WeightImportance | undefined>(
      (one, other) => (one === undefined || other.evenness < one.evenness ? other : one),
      undefined,
    );
    const partial = weights.filter(({ unasked }) => unasked > 0).length;
    return html`<p class="map-summary" data-testid="importance-summary">
      How strong the inputs of ${formatInteger(weights.length)} weights were, over ${from}${isLegacy ? ' (the older form of the file)' : ''}.
      ${
        least
          ? html`Most uneven: <button type="button" class="link mono" @click=${() => this.select(least.name)}>${least.name.replace(/\.weight$/, '')}</button>, where few columns count (${figureWords(importanceFigure('evenness'), least)}).`
          : nothing
      }
      ${partial > 0 ? html`<span class="unusual">In ${formatInteger(partial)} weights some experts were never asked: a longer text would help.</span>` : nothing}
      ${unseen.length > 0 ? html`<span class="unusual">${formatInteger(unseen.length)} weights have no data.</span>` : nothing}
    </p>`;
  }

  private controls({ statistics }: Known): TemplateResult {
    const { importance } = this.page.state;
    const range = this.range(statistics);
    return mapControls(this.page, {
      figures: importanceFigures,
      chosen: importanceFigure(importance.figure),
      choose: (figure) => this.patch({ figure }),
      view: importance.view,
      show: (view) => this.patch({ view }),
      tableTitle: 'All weights as a sortable table (t)',
      legend: range ? mapLegend(this.statistic(statistics), range, this.session.settings.colorMap) : nothing,
      testIds: { figure: 'importance-figure', view: 'importance-view' },
    });
  }

  private statistic({ weights }: ImportanceStatistics): MapStatistic {
    const { figure } = this.page.state.importance;
    if (this.shownStatistic?.id !== figure)
      this.shownStatistic = { id: figure, statistic: mapStatistic(importanceFigure(figure), weights) };
    return this.shownStatistic.statistic;
  }

  private range(statistics: ImportanceStatistics) {
    const figure = importanceFigure(this.page.state.importance.figure);
    return rangeOf(
      this.statistic(statistics),
      statistics.weights.map((weight) => figure.value(weight)),
    );
  }

  private map({ statistics, map, subject }: Known): TemplateResult {
    return html`<tl-figure-map
      .session=${subject}
      .groups=${map.groups}
      .open=${this.shownAs.open}
      .statistic=${this.statistic(statistics)}
      .range=${this.range(statistics)}
      .version=${0}
      .selected=${this.selectedIndex(statistics)}
      .colorMap=${this.session.settings.colorMap}
      .events=${this.shownAs.mapEvents}
    ></tl-figure-map>`;
  }

  private table({ statistics }: Known): TemplateResult {
    return html`<tl-importance-table
      .weights=${statistics.weights}
      .version=${0}
      .sort=${this.page.state.importance.sort}
      .selected=${this.selectedIndex(statistics)}
      .events=${this.shownAs.tableEvents}
    ></tl-importance-table>`;
  }

  private selectedIndex({ weights }: ImportanceStatistics): number | undefined {
    const { selected } = this.page.state.importance;
    const index = weights.findIndex(({ name }) => name === selected);
    return index < 0 ? undefined : index;
  }

  private details({ statistics }: Known): TemplateResult {
    const index = this.selectedIndex(statistics);
    const weight = index === undefined ? undefined : statistics.weights[index];
    return weight ? this.weightDetails(weight, index!) : this.layerDetails(statistics);
  }

  private weightDetails(weight: WeightImportance, index: number): TemplateResult {
    return html`<div class="importance-details" data-testid="importance-details" data-weight=${weight.name}>
      <h2 class="mono">${weight.name}</h2>
      <dl class="figures">
        ${importanceFigures.map((figure) => {
          const value = figure.value(weight);
          return html`<div>
            <dt title=${figure.description}>${figure.label}</dt>
            <dd data-figure=${figure.id} data-value=${Number.isNaN(value) ? '' : value}>${figureWords(figure, weight)}</dd>
          </div>`;
        })}
        ${
          weight.experts > 1
            ? html`<div><dt>Experts never asked</dt><dd class=${weight.unasked > 0 ? 'unusual' : ''}>${formatInteger(weight.unasked)} of ${formatInteger(weight.experts)}</dd></div>`
            : nothing
        }
      </dl>
      <vscode-button secondary data-testid="view-sums" title="The sums of this weight's columns, in the tensor viewer" @click=${() => this.view(index)}>View the sums</vscode-button>
    </div>`;
  }

  /** Means by layer, while no weight is chosen. */
  private layerDetails({ layers }: ImportanceStatistics): TemplateResult {
    return html`<div class="importance-details" data-testid="importance-layers">
      <p>Columns with strong inputs matter most: a quantization that is given this file spends its precision on them.</p>
      ${
        layers.length === 0
          ? nothing
          : html`<table class="sheet">
              <caption>Means by layer, over the columns of its weights</caption>
              <thead>
                <tr><th scope="col" class="number">Layer</th><th scope="col" class="number">Σ(Act²)</th><th scope="col" class="number">ZD</th><th scope="col" class="number">CosSim</th></tr>
              </thead>
              <tbody>
                ${layers.map(
                  ({ layer, total, zd, similarity }) => html`<tr>
                    <th scope="row" class="number">${layer}</th>
                    <td class="number">${formatNumber(total, 4)}</td>
                    <td class="number">${(100 * zd).toFixed(2)} %</td>
                    <td class="number">${similarity.toFixed(4)}</td>
                  </tr>`,
                )}
              </tbody>
            </table>`
      }
    </div>`;
  }

  private select(name: string): void {
    this.patch({ selected: name });
    this.page.announce(`${name} selected.`);
  }

  /** The tensor of the file that holds a weight's sums. */
  private view(index: number): void {
    if (this.loaded.kind !== 'known') return;
    const { name } = this.loaded.statistics.weights[index]!;
    const { names } = this.session.catalogue.tensors;
    const tensor = [names.indexOf(`${name}.in_sum2`), names.indexOf(name)].find((at) => at >= 0);
    if (tensor !== undefined) this.page.viewTensor(tensor);
  }

  private selectIndex(index: number): void {
    if (this.loaded.kind === 'known') this.patch({ selected: this.loaded.statistics.weights[index]?.name });
  }

  private patch(change: Partial<ImportanceState>): void {
    this.page.patch({ importance: { ...this.page.state.importance, ...change } });
  }
}
