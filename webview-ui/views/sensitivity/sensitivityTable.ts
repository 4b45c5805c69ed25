/**
 * `<tl-sensitivity-table>`: the map's rows with each scheme's figure as a sortable table; totals stand below the names of the
 * schemes.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { rowCell } from '../../state/rowCells';
import type { SensitivityCells } from '../../state/sensitivityCells';
import type { Metric } from '../../state/sensitivityMetrics';
import type { SensitivityRow } from '../../state/sensitivityRows';
import { type Direction, naturalRanks, sortedOrder } from '../../state/sortOrder';
import {
  type GridHead,
  type GridRow,
  GridTable,
  type GridTableEvents,
  type Styles,
} from '../moduleMap/gridTable';
import type { SchemeColumn } from './sensitivityMap';

export interface SensitivityTableEvents extends GridTableEvents<string> {
  select(row: SensitivityRow, column: number): void;
  describe(row: SensitivityRow, column: number): string;
}

/** Least width of the names and width of a scheme, in CSS pixels. */
const [nameWidth, schemeWidth] = [220, 104];

/** Its columns have the keys of the schemes. */
export class SensitivityTable extends GridTable<string, SensitivityTableEvents> {
  static override properties = {
    rows: { attribute: false },
    names: { attribute: false },
    columns: { attribute: false },
    cells: { attribute: false },
    metric: { attribute: false },
    selected: { attribute: false },
    column: { state: true },
  };
  /** One a tensor. */
  declare rows: readonly SensitivityRow[];
  declare names: readonly string[];
  declare columns: readonly SchemeColumn[];
  declare cells: SensitivityCells;
  declare metric: Metric;
  declare selected: { readonly row: string; readonly column: number } | undefined;
  /** Of the cursor. */
  declare private column: number;
  protected override readonly kind = 'sensitivity';
  protected override readonly headerHeight = 66;

  constructor() {
    super();
    this.column = 0;
  }

  protected override get label(): string {
    return `${this.metric.label} of every tensor under each scheme. T goes back to the map.`;
  }

  protected override get tracks(): Styles {
    return {
      'grid-template-columns': `minmax(${nameWidth}px, 1fr) repeat(${this.columns.length}, ${schemeWidth}px)`,
    };
  }

  protected override get least(): Styles {
    return { 'min-width': `${nameWidth + this.columns.length * schemeWidth}px` };
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!['rows', 'version', 'sort', 'metric', 'columns'].some((key) => changed.has(key))) return;
    const before = this.rows[this.order[this.active] ?? -1]?.key ?? this.selected?.row;
    this.order = sortedOrder(this.keys(), this.sort.direction);
    const at = this.rows.findIndex(({ key }) => key === before);
    this.active = at < 0 ? -1 : this.order.indexOf(at);
  }

  private keys(): Float64Array {
    const { column } = this.sort;
    if (!this.columns.some(({ key }) => key === column)) {
      return naturalRanks(this.rows.map(({ tensors }) => this.names[tensors[0]!]!));
    }
    return Float64Array.from(this.rows, ({ tensors }) =>
      this.cells.figure(column, tensors[0]!, this.metric.id),
    );
  }

  protected override get heads(): readonly GridHead<string>[] {
    const worst: Direction = this.metric.isError ? 'descending' : 'ascending';
    return [
      { column: 'name', label: 'Tensor', title: 'Tensor', first: 'ascending' },
      ...this.columns.map(({ key, name, totals: [size, bits, error] }) => ({
        column: key,
        label: name,
        ...(size === undefined
          ? { title: name }
          : {
              title: `Whole model: ${size}, ${bits} bits a weight, SQNR ${error} dB`,
              more: html`<div class="quiet small">${size}</div><div class="quiet small">${bits} bit · ${error}</div>`,
            }),
        first: worst,
      })),
    ];
  }

  protected override rowOf(index: number, position: number): GridRow {
    const row = this.rows[index]!;
    const isSelected = row.key === this.selected?.row;
    return {
      name: this.names[row.tensors[0]!]!,
      isSelected,
      cells: this.columns.map((_, column) => this.cell(row, column, position, isSelected)),
    };
  }

  private cell(row: SensitivityRow, column: number, position: number, isSelected: boolean): TemplateResult {
    const { key } = this.columns[column]!;
    const cell = rowCell(this.cells, row, key, this.metric, undefined);
    const known = this.cells.get(key, row.tensors[0]!);
    const text =
      cell.state === 'quantized'
        ? `${known?.sampled ? '≈ ' : ''}${this.metric.isError ? this.metric.format(cell.value) : this.metric.short(cell.value)}`
        : { unknown: '', kept: 'kept', failed: '✕' }[cell.state];
    const isHere =
      (isSelected && this.selected?.column === column) ||
      (position === this.active && this.column === column);
    return html`<div
      role="gridcell"
      class="cell number${isHere ? ' here' : ''}${cell.state === 'quantized' ? '' : ' quiet'}"
      title=${known?.note ?? nothing}
      data-scheme=${key}
      data-value=${Number.isNaN(cell.value) ? '' : String(cell.value)}
      @click=${() => this.choose(position, column)}
    >${text}</div>`;
  }

  private choose(position: number, column: number): void {
    this.active = position;
    this.column = column;
    const row = this.rows[this.order[position] ?? -1];
    if (row) this.events.select(row, column);
  }

  protected override describeActive(): string {
    return this.events.describe(this.rows[this.order[this.active]!]!, this.column);
  }

  protected override activate(position: number): void {
    this.column = Math.max(0, Math.min(this.columns.length - 1, this.column));
    super.activate(position);
  }

  protected override enter(index: number | undefined): void {
    if (index === undefined) {
      this.column = 0;
      this.activate(0);
    } else this.choose(this.active, this.column);
  }

  protected override onCommand(key: string): boolean {
    if (key !== 'ArrowRight' && key !== 'ArrowLeft') return super.onCommand(key);
    this.column += key === 'ArrowRight' ? 1 : -1;
    this.activate(this.active);
    return true;
  }
}

customElements.define('tl-sensitivity-table', SensitivityTable);
