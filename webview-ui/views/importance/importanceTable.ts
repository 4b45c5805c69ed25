/** `<tl-importance-table>`: the weights of an importance matrix with all their figures, sortable. */
import { html, type PropertyValues } from 'lit';
import type { WeightImportance } from '../../../src/protocol/importanceApi';
import { formatInteger } from '../../state/format';
import {
  figureWords,
  type ImportanceFigureId,
  importanceFigure,
  importanceFigures,
} from '../../state/importanceState';
import { naturalRanks, sortedOrder } from '../../state/sortOrder';
import { type GridHead, type GridRow, GridTable, type GridTableEvents } from '../moduleMap/gridTable';

export interface ImportanceTableEvents extends GridTableEvents<ImportanceFigureId | 'name'> {
  select(weight: number): void;
  /** Enter on the selected row, or a double click. */
  view(weight: number): void;
}

export class ImportanceTable extends GridTable<ImportanceFigureId, ImportanceTableEvents> {
  static override properties = {
    weights: { attribute: false },
    selected: { attribute: false },
  };
  declare weights: readonly WeightImportance[];
  declare selected: number | undefined;
  protected override readonly kind = 'importance';
  protected override readonly headerHeight = 26;

  protected override get label(): string {
    return 'Statistics of the inputs of every weight. T goes to the map.';
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has('weights') && !changed.has('sort')) return;
    const before = this.order[this.active] ?? this.selected;
    this.order = sortedOrder(this.keys(), this.sort.direction);
    this.active = before === undefined ? -1 : this.order.indexOf(before);
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('sort') && changed.get('sort') !== undefined) this.scroller?.scrollTo({ top: 0 });
  }

  private keys(): Float64Array {
    const { column } = this.sort;
    if (column === 'name') return naturalRanks(this.weights.map(({ name }) => name));
    const figure = importanceFigure(column);
    return Float64Array.from(this.weights, (weight) => figure.value(weight));
  }

  protected override get heads(): readonly GridHead<ImportanceFigureId>[] {
    return [
      { column: 'name', label: 'Weight', title: 'Name of the weight', first: 'ascending' },
      ...importanceFigures.map(({ id, short, description }) => ({
        column: id,
        label: short,
        title: description,
        first: 'descending' as const,
      })),
    ];
  }

  protected override rowOf(index: number, position: number): GridRow {
    const weight = this.weights[index]!;
    return {
      name: weight.name,
      isSelected: index === this.selected,
      cells: importanceFigures.map((figure) => {
        const value = figure.value(weight);
        return html`<div
          role="gridcell"
          class="cell number"
          data-figure=${figure.id}
          data-value=${Number.isNaN(value) ? '' : String(value)}
        >${figureWords(figure, weight)}</div>`;
      }),
      onClick: () => this.choose(position),
      onDoubleClick: () => this.events.view(index),
    };
  }

  private choose(position: number): void {
    this.active = position;
    const weight = this.order[position];
    if (weight !== undefined) this.events.select(weight);
  }

  protected override describeActive(): string {
    const weight = this.weights[this.order[this.active]!]!;
    const figures = importanceFigures.map((figure) => `${figure.label} ${figureWords(figure, weight)}`);
    return `${weight.name}, row ${formatInteger(this.active + 1)}: ${figures.join(', ')}`;
  }

  protected override enter(index: number | undefined, key: string): void {
    if (index === undefined) this.activate(0);
    else if (index === this.selected && key === 'Enter') this.events.view(index);
    else this.choose(this.active);
  }
}

customElements.define('tl-importance-table', ImportanceTable);
