/** `<tl-sensitivity-map>`: tensors down and schemes across, on a canvas. */
import type { PropertyValues } from 'lit';
import { sequentialMap } from '../../draw/colorMaps';
import { type RowCell, rowCell } from '../../state/rowCells';
import type { SensitivityCells } from '../../state/sensitivityCells';
import type { Metric, MetricRange } from '../../state/sensitivityMetrics';
import type { SensitivityRow } from '../../state/sensitivityRows';
import { CanvasMap, type CanvasMapEvents, type CellEdges, type MapSight } from '../moduleMap/canvasMap';
import {
  type Place,
  placeAfter,
  rowAt,
  type SensitivityGeometry,
  sensitivityGeometry,
} from './sensitivityGeometry';
import { paintSensitivity } from './sensitivityPainter';

export interface SchemeColumn {
  readonly key: string;
  readonly name: string;
  /** Size, bits a weight and error of the whole model. */
  readonly totals: readonly string[];
}

export interface SensitivityMapEvents extends CanvasMapEvents<SensitivityRow> {
  select(row: SensitivityRow, column: number): void;
  describe(row: SensitivityRow, column: number): string;
}

export class SensitivityMap extends CanvasMap<
  Place,
  SensitivityRow,
  SensitivityGeometry,
  SensitivityMapEvents
> {
  static override properties = {
    rows: { attribute: false },
    columns: { attribute: false },
    cells: { attribute: false },
    metric: { attribute: false },
    range: { attribute: false },
    picked: { attribute: false },
    selected: { attribute: false },
  };
  declare rows: readonly SensitivityRow[];
  declare columns: readonly SchemeColumn[];
  declare cells: SensitivityCells;
  declare metric: Metric;
  declare range: MetricRange | undefined;
  /** Column that the recipe takes for a row; -1: none or several. */
  declare picked: (row: SensitivityRow) => number;
  /** Key of the chosen row, and its column. */
  declare selected: { readonly row: string; readonly column: number } | undefined;
  protected override readonly ids = { map: 'sensitivity-map', cursor: 'sensitivity-cursor' };

  protected override get label(): string {
    return `${this.metric.label} of every tensor under each scheme. Arrow keys move, Enter selects, T is the table.`;
  }

  protected override get extent() {
    return { rows: this.rows.length, columns: this.columns.length };
  }

  protected override get coveredHeight(): number {
    return this.geometry?.headerHeight ?? 0;
  }

  protected override isLaidAnew(changed: PropertyValues): boolean {
    return changed.has('rows') || changed.has('columns');
  }

  /** The cursor stays on its row. */
  protected override updated(changed: PropertyValues): void {
    const before = changed.get('rows') as readonly SensitivityRow[] | undefined;
    if (this.cursor && before && before !== this.rows) {
      const key = before[this.cursor.row]?.key;
      const row = this.rows.findIndex((other) => other.key === key);
      this.cursor = row < 0 ? undefined : { row, column: this.cursor.column };
    }
    super.updated(changed);
  }

  protected override layOut(available: number, measure: (text: string) => number): SensitivityGeometry {
    const heads = this.columns.map(({ name }) => name);
    return sensitivityGeometry({ rows: this.rows, heads, available, measure });
  }

  protected override paintSight(context: CanvasRenderingContext2D, sight: MapSight<Place>): void {
    const { selected } = this;
    paintSensitivity(context, {
      ...sight,
      rows: this.rows,
      geometry: this.geometry!,
      open: this.open,
      heads: this.columns,
      map: sequentialMap(this.colorMap),
      cell: (row, column) => this.cell(row, column),
      text: this.metric.short,
      picked: this.picked,
      selected: selected && {
        row: this.rows.findIndex(({ key }) => key === selected.row),
        column: selected.column,
      },
    });
  }

  private cell(row: SensitivityRow, column: number): RowCell {
    return rowCell(this.cells, row, this.columns[column]!.key, this.metric, this.range);
  }

  private rowUnder(y: number, { scrollTop }: HTMLElement): number {
    const geometry = this.geometry!;
    const { headerHeight } = geometry;
    return y < headerHeight ? -1 : rowAt(geometry, y + scrollTop - headerHeight);
  }

  protected override cellAt(x: number, y: number, scroller: HTMLElement): Place | undefined {
    const { labelWidth, cellWidth } = this.geometry!;
    const row = this.rowUnder(y, scroller);
    if (row < 0 || x < labelWidth) return undefined;
    const column = Math.floor((x + scroller.scrollLeft - labelWidth) / cellWidth);
    return column < this.columns.length ? { row, column } : undefined;
  }

  protected override labelAt(x: number, y: number, scroller: HTMLElement): SensitivityRow | undefined {
    return x < this.geometry!.labelWidth ? this.rows[this.rowUnder(y, scroller)] : undefined;
  }

  protected override rowOf({ row }: Place): SensitivityRow | undefined {
    return this.rows[row];
  }

  protected override edgesOf({ row, column }: Place): CellEdges | undefined {
    const { geometry } = this;
    if (!geometry) return undefined;
    const { headerHeight, labelWidth, cellWidth, tops } = geometry;
    return { left: labelWidth + column * cellWidth, top: headerHeight + tops[row]!, headerHeight };
  }

  protected override isSame(one: Place | undefined, other: Place | undefined): boolean {
    return one?.row === other?.row && one?.column === other?.column;
  }

  protected override describe({ row, column }: Place): string {
    const at = this.rows[row];
    return at && column >= 0 ? this.events.describe(at, column) : '';
  }

  protected override cursorData(cursor: Place | undefined): Readonly<Record<string, string>> {
    const row = cursor && this.rows[cursor.row];
    const column = cursor && this.columns[cursor.column];
    const value = row && column ? this.cell(row, cursor.column).value : Number.NaN;
    return {
      row: row?.key ?? '',
      scheme: column?.key ?? '',
      value: Number.isNaN(value) ? '' : String(value),
    };
  }

  protected override firstPlace(): Place | undefined {
    if (this.rows.length === 0 || this.columns.length === 0) return undefined;
    const row = this.selected ? this.rows.findIndex(({ key }) => key === this.selected?.row) : -1;
    return row < 0 ? { row: 0, column: 0 } : { row, column: this.selected!.column };
  }

  protected override placeAfter(event: KeyboardEvent, from: Place, page: number): Place | undefined {
    return placeAfter(event, from, this.rows.length, this.columns.length, page);
  }

  protected override choose({ row, column }: Place): void {
    const at = this.rows[row];
    if (at) this.events.select(at, column);
  }
}

customElements.define('tl-sensitivity-map', SensitivityMap);
