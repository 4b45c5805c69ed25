/** `<tl-outlier-table>`: all tensors with the map's statistics, sortable. */
import { html, type PropertyValues } from 'lit';
import { formatInteger } from '../../state/format';
import { type Statistic, type StatisticId, statistics } from '../../state/outlierStatistics';
import type { CheckpointSession } from '../../state/session';
import { naturalRanks } from '../../state/sortOrder';
import { FigureTable } from '../moduleMap/figureTable';
import type { GridHead, GridRow } from '../moduleMap/gridTable';

export class OutlierTable extends FigureTable<StatisticId> {
  static override properties = { session: { attribute: false } };
  declare session: CheckpointSession;
  protected override readonly kind = 'outlier';
  protected override readonly orderedBy = ['session', 'version', 'sort'];
  private ranks: Float64Array | undefined;

  protected override get label(): string {
    return 'Statistics of every tensor. T goes back to the map.';
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('session')) this.ranks = undefined;
    super.willUpdate(changed);
  }

  protected override keys(): Float64Array {
    const { stats, catalogue } = this.session;
    const { column } = this.sort;
    if (column === 'name') {
      this.ranks ??= naturalRanks(catalogue.tensors.names);
      return this.ranks;
    }
    const statistic = statistics.find(({ id }) => id === column)!;
    const { count, elements } = catalogue.tensors;
    const keys = new Float64Array(count);
    for (let tensor = 0; tensor < count; tensor++)
      keys[tensor] = statistic.value(stats, tensor, elements[tensor]!);
    return keys;
  }

  protected override get heads(): readonly GridHead<StatisticId>[] {
    return [
      { column: 'name', label: 'Tensor', title: 'Name of the tensor', first: 'ascending' },
      ...statistics.map(({ id, label, description }) => ({
        column: id,
        label: shortLabels[id] ?? label,
        title: description,
        first: 'descending' as const,
      })),
    ];
  }

  protected override rowOf(tensor: number, position: number): GridRow {
    const { stats, catalogue } = this.session;
    const knowledge = stats.knowledge(tensor);
    return {
      name: catalogue.tensors.names[tensor]!,
      cells: statistics.map((statistic) => this.cell(statistic, tensor, knowledge)),
      ...this.choosing(tensor, position),
    };
  }

  private cell(statistic: Statistic, tensor: number, knowledge: string) {
    const { stats, catalogue } = this.session;
    const value = statistic.value(stats, tensor, catalogue.tensors.elements[tensor]!);
    const missing = knowledge === 'unknown' ? '' : '–';
    const isMissing = Number.isNaN(value);
    return html`<div
      role="gridcell"
      class="cell number${!isMissing && statistic.isUnusual(value) ? ' unusual' : ''}"
      data-statistic=${statistic.id}
      data-value=${isMissing ? '' : String(value)}
    >${isMissing ? missing : statistic.format(value)}</div>`;
  }

  protected override describeActive(): string {
    const tensor = this.order[this.active]!;
    const { stats, catalogue } = this.session;
    const name = catalogue.tensors.names[tensor]!;
    const knowledge = stats.knowledge(tensor);
    if (knowledge === 'unknown') return `${name}, not analyzed yet`;
    if (knowledge === 'unreadable') return `${name}, cannot be read`;
    const figures = statistics.flatMap((statistic) => {
      const value = statistic.value(stats, tensor, catalogue.tensors.elements[tensor]!);
      return Number.isNaN(value) ? [] : [`${statistic.label} ${statistic.format(value)}`];
    });
    return `${name}, row ${formatInteger(this.active + 1)}: ${figures.join(', ')}`;
  }

  protected override onCommand(key: string): boolean {
    const tensor = this.order[this.active];
    if (key !== 'v' || tensor === undefined) return super.onCommand(key);
    this.events.view(tensor);
    return true;
  }
}

/** The select has room for the long names, a column's head has not. */
const shortLabels: Partial<Record<StatisticId, string>> = {
  energy: 'Energy',
  crest: 'Crest',
  nonFinite: 'NaN, Inf',
  sigma6: '>6σ',
  channels: 'Channels',
  int8Columns: 'int8() columns',
};

customElements.define('tl-outlier-table', OutlierTable);
