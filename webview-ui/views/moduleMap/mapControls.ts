/** Over a map and its table: which figure is shown, its colours, and the switch between the two. */
import { html, nothing, type TemplateResult } from 'lit';
import { sequentialMap, signedMap } from '../../draw/colorMaps';
import '../../draw/legend';
import type { ViewSettings } from '../../../src/protocol/webviewApi';
import { readTheme } from '../../draw/theme';
import type { MapStatistic, StatisticRange } from '../../state/outlierStatistics';
import type { PageContext } from '../pageContext';

export interface Figure<Id extends string> {
  readonly id: Id;
  readonly label: string;
  readonly description: string;
}

export interface MapControls<Id extends string> {
  readonly figures: readonly Figure<Id>[];
  readonly chosen: Figure<Id>;
  choose(id: Id): void;
  readonly view: 'map' | 'table';
  show(view: 'map' | 'table'): void;
  /** What the table shows. */
  readonly tableTitle: string;
  /** Shown with the map. */
  readonly legend: TemplateResult | typeof nothing;
  /** At the end of the line. */
  readonly more?: TemplateResult | typeof nothing;
  readonly testIds: { readonly figure: string; readonly view: string };
}

export function mapControls<Id extends string>(page: PageContext, controls: MapControls<Id>): TemplateResult {
  const { figures, chosen, view, testIds } = controls;
  const onChange = (event: Event): void => {
    const figure = figures.find(({ id }) => id === (event.target as HTMLSelectElement).value)!;
    controls.choose(figure.id);
    page.announce(`${figure.label}: ${figure.description}.`);
  };
  return html`<div class="toolbar map-controls">
    <label class="statistic-label">
      <span class="visually-hidden">Statistic</span>
      <select class="plain-select" data-testid=${testIds.figure} title=${chosen.description} @change=${onChange}>
        ${figures.map(({ id, label }) => html`<option value=${id} ?selected=${id === chosen.id}>${label}</option>`)}
      </select>
    </label>
    ${view === 'map' ? controls.legend : nothing}
    <span class="spring"></span>
    <button
      type="button"
      class="toggle"
      data-testid=${testIds.view}
      aria-pressed=${view === 'table'}
      title=${controls.tableTitle}
      @click=${() => controls.show(view === 'map' ? 'table' : 'map')}
    >Table</button>
    ${controls.more ?? nothing}
  </div>`;
}

/** From the colour of the smallest value to that of the largest. */
export function mapLegend(
  statistic: MapStatistic,
  range: StatisticRange,
  colorMap: ViewSettings['colorMap'],
): TemplateResult {
  const map = statistic.scale === 'signed' ? signedMap(readTheme().background) : sequentialMap(colorMap);
  const isLog = statistic.scale === 'log' || statistic.scale === 'log1p';
  return html`<span class="map-legend" data-testid="map-legend">
    <tl-legend
      .scale=${{ map, min: 0, max: 1 }}
      .low=${`${range.isCut ? '≤ ' : ''}${statistic.format(range.min)}`}
      .high=${statistic.format(range.max)}
      .label=${`${statistic.label}${isLog ? ', logarithmic' : ''}`}
    ></tl-legend>
    ${isLog ? html`<span class="quiet small">log</span>` : nothing}
  </span>`;
}
