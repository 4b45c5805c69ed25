/**
 * `<tl-sensitivity-table>`: the map's rows with each scheme's figure as a sortable table; totals stand below the names of the
 * schemes. Rows have one height and only those on screen exist.
 */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import { rowCell } from '../../state/rowCells';
import type { SensitivityCells } from '../../state/sensitivityCells';
import type { Metric } from '../../state/sensitivityMetrics';
import type { SensitivityRow } from '../../state/sensitivityRows';
import { type Direction, naturalRanks, sortedOrder } from '../../state/sortOrder';
import { type ListGeometry, rowWindow, scrollTopFor } from '../../state/virtualWindow';
import { styled } from '../report/styled';
import type { SchemeColumn } from './sensitivityMap';

export interface TableSort {
  /** A scheme's key, or 'name'. */
  readonly column: string;
  readonly direction: Direction;
}

export interface SensitivityTableEvents {
  select(row: SensitivityRow, column: number): void;
  sort(sort: TableSort): void;
  openMap(): void;
  announce(text: string): void;
  describe(row: SensitivityRow, column: number): string;
}

const rowHeight = 22;
const headerHeight = 66;

export class SensitivityTable extends LitElement {
  static override properties = {
    rows: { attribute: false },
    names: { attribute: false },
    columns: { attribute: false },
    cells: { attribute: false },
    version: { attribute: false },
    metric: { attribute: false },
    sort: { attribute: false },
    selected: { attribute: false },
    events: { attribute: false },
    scrolled: { state: true },
    active: { state: true },
    column: { state: true },
  };
  /** One a tensor. */
  declare rows: readonly SensitivityRow[];
  declare names: readonly string[];
  declare columns: readonly SchemeColumn[];
  declare cells: SensitivityCells;
  declare version: number;
  declare metric: Metric;
  declare sort: TableSort;
  declare selected: { readonly row: string; readonly column: number } | undefined;
  declare events: SensitivityTableEvents;
  declare private scrolled: number;
  /** Position in the order, and column, of the cursor; -1: none. */
  declare private active: number;
  declare private column: number;
  private order: Uint32Array = new Uint32Array(0);
  private viewportHeight = 0;
  private readonly resize = new ResizeObserver(() => this.measure());

  constructor() {
    super();
    this.scrolled = 0;
    this.active = -1;
    this.column = 0;
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  override focus(): void {
    this.scroller?.focus();
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

  private get scroller(): HTMLElement | null {
    return this.querySelector('.sensitivity-rows');
  }

  private get geometry(): ListGeometry {
    return {
      rowCount: this.order.length,
      rowHeight,
      viewportHeight: Math.max(rowHeight, this.viewportHeight - headerHeight),
    };
  }

  private measure(): void {
    const height = this.scroller?.clientHeight ?? 0;
    if (height === this.viewportHeight) return;
    this.viewportHeight = height;
    this.requestUpdate();
  }

  protected override render() {
    const { first, end, top, contentHeight } = rowWindow(this.scrolled, this.geometry);
    const shown = Array.from(this.order.subarray(first, end));
    const template = { 'grid-template-columns': `minmax(220px, 1fr) repeat(${this.columns.length}, 104px)` };
    const least = { 'min-width': `${220 + this.columns.length * 104}px` };
    return html`<div
      class="sensitivity-rows"
      role="grid"
      tabindex="0"
      data-testid="sensitivity-table"
      aria-label=${`${this.metric.label} of every tensor under each scheme. T goes back to the map.`}
      aria-rowcount=${this.order.length + 1}
      aria-colcount=${this.columns.length + 1}
      aria-activedescendant=${this.active >= first && this.active < end ? `sensitivity-row-${this.active}` : nothing}
      @scroll=${(event: Event) => {
        this.scrolled = (event.target as HTMLElement).scrollTop;
      }}
      @keydown=${this.onKey}
    >
      <div class="sensitivity-head" role="row" aria-rowindex="1" ${styled({ ...template, ...least })}>
        ${this.header('name', 'Tensor', [])}
        ${this.columns.map(({ key, name, totals }) => this.header(key, name, totals))}
      </div>
      <div class="sensitivity-body" role="rowgroup" ${styled({ height: `${contentHeight}px`, ...least })}>
        ${shown.map((index, at) => this.row(index, first + at, top + at * rowHeight, template))}
      </div>
    </div>`;
  }

  private header(column: string, label: string, totals: readonly string[]) {
    const { sort } = this;
    const isSorted = sort.column === column;
    const worst: Direction = this.metric.isError ? 'descending' : 'ascending';
    const first: Direction = column === 'name' ? 'ascending' : worst;
    const next: Direction = !isSorted ? first : sort.direction === 'ascending' ? 'descending' : 'ascending';
    const [size, bits, error] = totals;
    const title = totals.length > 0 ? `Whole model: ${size}, ${bits} bits a weight, SQNR ${error} dB` : label;
    return html`<div role="columnheader" class=${column === 'name' ? 'cell name' : 'cell number'} aria-sort=${isSorted ? sort.direction : 'none'}>
      <button
        type="button"
        data-sort=${column}
        title=${title}
        @click=${() => {
          this.events.sort({ column, direction: next });
          this.events.announce(`Sorted by ${label}, ${next}.`);
        }}
      >${label}<span class="sort-arrow" aria-hidden="true"></span></button>
      ${totals.length > 0 ? html`<div class="quiet small">${size}</div><div class="quiet small">${bits} bit · ${error}</div>` : nothing}
    </div>`;
  }

  private row(index: number, position: number, top: number, template: Readonly<Record<string, string>>) {
    const row = this.rows[index]!;
    const name = this.names[row.tensors[0]!]!;
    const { selected } = this;
    const isSelected = row.key === selected?.row;
    return html`<div
      role="row"
      id="sensitivity-row-${position}"
      class="sensitivity-row${isSelected ? ' selected' : ''}${position === this.active ? ' active' : ''}"
      aria-rowindex=${position + 2}
      aria-selected=${isSelected}
      data-tensor=${name}
      ${styled({ ...template, transform: `translateY(${top}px)` })}
    >
      <div role="gridcell" class="cell name mono" title=${name}><bdi>${name}</bdi></div>
      ${this.columns.map(({ key }, column) => {
        const cell = rowCell(this.cells, row, key, this.metric, undefined);
        const known = this.cells.get(key, row.tensors[0]!);
        const text =
          cell.state === 'quantized'
            ? `${known?.sampled ? '≈ ' : ''}${this.metric.isError ? this.metric.format(cell.value) : this.metric.short(cell.value)}`
            : { unknown: '', kept: 'kept', failed: '✕' }[cell.state];
        const isHere =
          (isSelected && selected?.column === column) || (position === this.active && this.column === column);
        return html`<div
          role="gridcell"
          class="cell number${isHere ? ' here' : ''}${cell.state === 'quantized' ? '' : ' quiet'}"
          title=${known?.note ?? nothing}
          data-scheme=${key}
          data-value=${Number.isNaN(cell.value) ? '' : String(cell.value)}
          @click=${() => this.choose(position, column)}
        >${text}</div>`;
      })}
    </div>`;
  }

  private choose(position: number, column: number): void {
    this.active = position;
    this.column = column;
    const row = this.rows[this.order[position] ?? -1];
    if (row) this.events.select(row, column);
  }

  private activate(position: number, column: number): void {
    const { scroller } = this;
    if (!scroller || this.order.length === 0) return;
    this.active = Math.max(0, Math.min(this.order.length - 1, position));
    this.column = Math.max(0, Math.min(this.columns.length - 1, column));
    scroller.scrollTop = scrollTopFor(this.active, scroller.scrollTop, this.geometry);
    this.scrolled = scroller.scrollTop;
    this.events.announce(this.events.describe(this.rows[this.order[this.active]!]!, this.column));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.target !== this.scroller || event.altKey || event.metaKey || event.ctrlKey) return;
    const page = Math.max(1, Math.floor(this.geometry.viewportHeight / rowHeight) - 1);
    const { active, column } = this;
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowDown: [active + 1, column],
      ArrowUp: [active - 1, column],
      ArrowRight: [active, column + 1],
      ArrowLeft: [active, column - 1],
      PageDown: [active + page, column],
      PageUp: [active - page, column],
      Home: [0, column],
      End: [this.order.length - 1, column],
    };
    const move = moves[event.key];
    if (move) this.activate(...move);
    else if (event.key === 'Enter' || event.key === ' ') {
      if (active < 0) this.activate(0, 0);
      else this.choose(active, column);
    } else if (event.key === 't' || event.key === 'Escape') this.events.openMap();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

customElements.define('tl-sensitivity-table', SensitivityTable);
