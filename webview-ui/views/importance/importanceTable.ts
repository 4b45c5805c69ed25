/** `<tl-importance-table>`: the weights of an importance matrix with all their figures, sortable. */
import { html } from 'lit';
import type { WeightImportance } from '../../../src/protocol/importanceApi';
import { formatInteger } from '../../state/format';
import {
  figureWords,
  type ImportanceFigureId,
  importanceFigure,
  importanceFigures,
} from '../../state/importanceState';
import { naturalRanks } from '../../state/sortOrder';
import { FigureTable } from '../moduleMap/figureTable';
import type { GridHead, GridRow } from '../moduleMap/gridTable';

export class ImportanceTable extends FigureTable<ImportanceFigureId> {
  static override properties = { weights: { attribute: false } };
  declare weights: readonly WeightImportance[];
  protected override readonly kind = 'importance';
  protected override readonly orderedBy = ['weights', 'sort'];

  protected override get label(): string {
    return 'Statistics of the inputs of every weight. T goes to the map.';
  }

  protected override keys(): Float64Array {
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
      cells: importanceFigures.map((figure) => {
        const value = figure.value(weight);
        return html`<div
          role="gridcell"
          class="cell number"
          data-figure=${figure.id}
          data-value=${Number.isNaN(value) ? '' : String(value)}
        >${figureWords(figure, weight)}</div>`;
      }),
      ...this.choosing(index, position),
    };
  }

  protected override describeActive(): string {
    const weight = this.weights[this.order[this.active]!]!;
    const figures = importanceFigures.map((figure) => `${figure.label} ${figureWords(figure, weight)}`);
    return `${weight.name}, row ${formatInteger(this.active + 1)}: ${figures.join(', ')}`;
  }
}

customElements.define('tl-importance-table', ImportanceTable);
