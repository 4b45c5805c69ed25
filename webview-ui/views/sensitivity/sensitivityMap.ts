/**
 * `<tl-sensitivity-map>`: tensors down and schemes across, on a canvas. One element has the focus and names the cell
 * at the cursor. Only what is on screen is drawn.
 */
import { html, LitElement, type PropertyValues } from 'lit';
import { type SequentialName, sequentialMap } from '../../draw/colorMaps';
import { onThemeChange, readTheme, type ThemeColours } from '../../draw/theme';
import { type RowCell, rowCell } from '../../state/rowCells';
import type { SensitivityCells } from '../../state/sensitivityCells';
import type { Metric, MetricRange } from '../../state/sensitivityMetrics';
import type { SensitivityRow } from '../../state/sensitivityRows';
import {
  type Place,
  placeAfter,
  rowAt,
  rowHeight,
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

export interface SensitivityMapEvents {
  select(row: SensitivityRow, column: number): void;
  /** Shows or hides the tensors of a row. */
  toggle(row: SensitivityRow): void;
  openTable(): void;
  announce(text: string): void;
  /** What the pointer or the cursor is on, in words; empty when on nothing. */
  point(text: string): void;
  describe(row: SensitivityRow, column: number): string;
}

export class SensitivityMap extends LitElement {
  static override properties = {
    rows: { attribute: false },
    columns: { attribute: false },
    cells: { attribute: false },
    version: { attribute: false },
    metric: { attribute: false },
    range: { attribute: false },
    open: { attribute: false },
    picked: { attribute: false },
    selected: { attribute: false },
    colorMap: { attribute: false },
    events: { attribute: false },
  };
  declare rows: readonly SensitivityRow[];
  declare columns: readonly SchemeColumn[];
  declare cells: SensitivityCells;
  /** Of the cells: another one draws anew. */
  declare version: number;
  declare metric: Metric;
  declare range: MetricRange | undefined;
  declare open: ReadonlySet<string>;
  /** Column that the recipe takes for a row; -1: none or several. */
  declare picked: (row: SensitivityRow) => number;
  /** Key of the chosen row, and its column. */
  declare selected: { readonly row: string; readonly column: number } | undefined;
  declare colorMap: SequentialName;
  declare events: SensitivityMapEvents;
  private geometry: SensitivityGeometry | undefined;
  private cursor: Place | undefined;
  private hover: Place | undefined;
  private theme: ThemeColours | undefined;
  private frame = 0;
  private endTheme: (() => void) | undefined;
  private readonly resize = new ResizeObserver(() => this.lay());

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.endTheme = onThemeChange(() => {
      this.theme = undefined;
      this.lay();
    });
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
    this.endTheme?.();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  /** Moves keyboard focus to the map. */
  override focus(): void {
    this.scroller?.focus();
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('rows') || changed.has('columns')) {
      const before = changed.get('rows') as readonly SensitivityRow[] | undefined;
      if (this.cursor && before && before !== this.rows) {
        const key = before[this.cursor.row]?.key;
        const row = this.rows.findIndex((other) => other.key === key);
        this.cursor = row < 0 ? undefined : { row, column: this.cursor.column };
      }
      this.lay();
    } else this.requestPaint();
    this.tellCursor();
  }

  protected override render() {
    return html`<div
        class="map-scroller"
        role="grid"
        tabindex="0"
        data-testid="sensitivity-map"
        aria-label=${`${this.metric.label} of every tensor under each scheme. Arrow keys move, Enter selects, T is the table.`}
        aria-readonly="true"
        aria-rowcount=${this.rows.length}
        aria-colcount=${this.columns.length}
        aria-activedescendant="sensitivity-cursor"
        @scroll=${() => this.requestPaint()}
        @keydown=${this.onKey}
        @focus=${this.onFocus}
        @blur=${() => this.requestPaint()}
        @pointermove=${this.onPointer}
        @pointerleave=${() => this.setHover(undefined)}
        @click=${this.onClick}
      >
        <div class="map-size">
          <canvas aria-hidden="true"></canvas>
        </div>
      </div>
      <div class="visually-hidden" role="presentation">
        <div role="row"><div role="gridcell" id="sensitivity-cursor" data-testid="sensitivity-cursor"></div></div>
      </div>`;
  }

  private get scroller(): HTMLElement | null {
    return this.querySelector('.map-scroller');
  }

  /** Places everything anew: other rows, another width or font. */
  private lay(): void {
    const { scroller } = this;
    if (!scroller || scroller.clientWidth === 0) return;
    this.theme ??= readTheme();
    const context = this.querySelector('canvas')!.getContext('2d')!;
    context.font = `600 11px ${this.theme.font}`;
    const widths = new Map<string, number>();
    this.geometry = sensitivityGeometry({
      rows: this.rows,
      heads: this.columns.map(({ name }) => name),
      available: scroller.clientWidth,
      measure: (text) => {
        let width = widths.get(text);
        if (width === undefined) {
          width = context.measureText(text).width;
          widths.set(text, width);
        }
        return width;
      },
    });
    const size = this.querySelector<HTMLElement>('.map-size')!;
    size.style.width = `${this.geometry.width}px`;
    size.style.height = `${this.geometry.height}px`;
    this.hover = undefined;
    this.requestPaint();
  }

  private requestPaint(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    const { scroller, geometry } = this;
    const canvas = this.querySelector('canvas');
    if (!scroller || !canvas || !geometry) return;
    const { clientWidth: width, clientHeight: height, scrollLeft, scrollTop } = scroller;
    const ratio = window.devicePixelRatio || 1;
    const [deviceWidth, deviceHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== deviceWidth || canvas.height !== deviceHeight) {
      canvas.width = deviceWidth;
      canvas.height = deviceHeight;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext('2d')!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.theme ??= readTheme();
    const { selected } = this;
    paintSensitivity(context, {
      rows: this.rows,
      geometry,
      open: this.open,
      heads: this.columns,
      map: sequentialMap(this.colorMap),
      theme: this.theme,
      cell: (row, column) => this.cell(row, column),
      text: this.metric.short,
      picked: this.picked,
      selected: selected && {
        row: this.rows.findIndex(({ key }) => key === selected.row),
        column: selected.column,
      },
      cursor: this.cursor,
      hasFocus: document.activeElement === scroller,
      hover: this.hover,
      scrollLeft,
      scrollTop,
      width,
      height,
    });
  }

  private cell(row: SensitivityRow, column: number): RowCell {
    return rowCell(this.cells, row, this.columns[column]!.key, this.metric, this.range);
  }

  /** Row and column under a point of the window; column -1: a label. */
  private placeAt(clientX: number, clientY: number): Place | undefined {
    const { scroller, geometry } = this;
    if (!scroller || !geometry) return undefined;
    const box = scroller.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    if (y < geometry.headerHeight) return undefined;
    const row = rowAt(geometry, y + scroller.scrollTop - geometry.headerHeight);
    if (row < 0) return undefined;
    if (x < geometry.labelWidth) return { row, column: -1 };
    const column = Math.floor((x + scroller.scrollLeft - geometry.labelWidth) / geometry.cellWidth);
    return column < this.columns.length ? { row, column } : undefined;
  }

  private describe({ row, column }: Place): string {
    const at = this.rows[row];
    return at && column >= 0 ? this.events.describe(at, column) : '';
  }

  private tellCursor(): void {
    const element = this.querySelector<HTMLElement>('#sensitivity-cursor');
    if (!element) return;
    const { cursor } = this;
    const row = cursor && this.rows[cursor.row];
    element.textContent = cursor ? this.describe(cursor) : '';
    element.dataset.row = row?.key ?? '';
    element.dataset.scheme = cursor ? (this.columns[cursor.column]?.key ?? '') : '';
    const value = row && this.columns[cursor.column] ? this.cell(row, cursor.column).value : Number.NaN;
    element.dataset.value = Number.isNaN(value) ? '' : String(value);
  }

  private setHover(place: Place | undefined): void {
    if (place?.row === this.hover?.row && place?.column === this.hover?.column) return;
    this.hover = place;
    const shown = place ?? (document.activeElement === this.scroller ? this.cursor : undefined);
    this.events.point(shown ? this.describe(shown) : '');
    this.requestPaint();
  }

  private moveTo(place: Place): void {
    this.cursor = place;
    this.reveal(place);
    this.tellCursor();
    const text = this.describe(place);
    this.events.announce(text);
    this.events.point(text);
    this.requestPaint();
  }

  /** Scrolls a cell into view, clear of the header and the labels. */
  private reveal({ row, column }: Place): void {
    const { scroller, geometry } = this;
    if (!scroller || !geometry) return;
    const { labelWidth, cellWidth, headerHeight } = geometry;
    const top = geometry.tops[row]!;
    if (top < scroller.scrollTop) scroller.scrollTop = Math.max(0, top - 4);
    else if (top + rowHeight + headerHeight > scroller.scrollTop + scroller.clientHeight)
      scroller.scrollTop = top + rowHeight + headerHeight + 4 - scroller.clientHeight;
    const left = column * cellWidth;
    const room = scroller.clientWidth - labelWidth;
    if (left < scroller.scrollLeft) scroller.scrollLeft = left;
    else if (left + cellWidth > scroller.scrollLeft + room) scroller.scrollLeft = left + cellWidth + 4 - room;
  }

  private firstPlace(): Place | undefined {
    if (this.rows.length === 0 || this.columns.length === 0) return undefined;
    const row = this.selected ? this.rows.findIndex(({ key }) => key === this.selected?.row) : -1;
    return row < 0 ? { row: 0, column: 0 } : { row, column: this.selected!.column };
  }

  private readonly onFocus = (): void => {
    this.cursor ??= this.firstPlace();
    if (this.cursor) {
      this.tellCursor();
      this.events.point(this.describe(this.cursor));
    }
    this.requestPaint();
  };

  private readonly onPointer = (event: PointerEvent): void => {
    const place = this.placeAt(event.clientX, event.clientY);
    const isLink = place && (place.column >= 0 || this.rows[place.row]!.children.length > 0);
    this.scroller!.classList.toggle('pointing', isLink === true);
    this.setHover(place && place.column >= 0 ? place : undefined);
  };

  private readonly onClick = (event: MouseEvent): void => {
    const place = this.placeAt(event.clientX, event.clientY);
    const row = place && this.rows[place.row];
    if (!place || !row) return;
    if (place.column < 0) {
      if (row.children.length > 0) this.events.toggle(row);
      return;
    }
    this.cursor = place;
    this.tellCursor();
    this.events.select(row, place.column);
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    const { geometry, rows, columns } = this;
    if (!geometry || event.altKey || event.metaKey) return;
    const from = this.cursor ?? this.firstPlace();
    if (!from) return;
    const shown = this.scroller!.clientHeight - geometry.headerHeight;
    const page = Math.max(1, Math.floor(shown / rowHeight) - 1);
    const next = placeAfter(event, from, rows.length, columns.length, page);
    if (next) this.moveTo(next);
    else if (!this.onCommand(event, from)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** True when the key means something here. */
  private onCommand(event: KeyboardEvent, place: Place): boolean {
    const row = this.rows[place.row];
    if (event.ctrlKey || !row) return false;
    switch (event.key) {
      case 'Enter':
      case ' ':
        this.events.select(row, place.column);
        return true;
      case '+':
      case '-':
        if (row.children.length > 0 && this.open.has(row.key) === (event.key === '-'))
          this.events.toggle(row);
        return true;
      case 't':
        this.events.openTable();
        return true;
      default:
        return false;
    }
  }
}

customElements.define('tl-sensitivity-map', SensitivityMap);
