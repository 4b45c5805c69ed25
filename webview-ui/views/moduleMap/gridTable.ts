/**
 * What the tables behind the maps share: rows of one height of which only those on screen exist, a head that sorts, and
 * a cursor. One element has the focus and names the active row.
 */
import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import type { Direction } from '../../state/sortOrder';
import { type ListGeometry, rowWindow, scrollTopFor } from '../../state/virtualWindow';
import { styled } from '../report/styled';

/** Which column sorts the rows, and how. */
export interface GridSort<Column extends string> {
  /** Key of a column; 'name' is that of the tensors. */
  readonly column: Column;
  readonly direction: Direction;
}

/** What happens in any table. */
export interface GridTableEvents<Column extends string> {
  sort(sort: GridSort<Column>): void;
  openMap(): void;
  announce(text: string): void;
}

export interface GridHead<Column extends string> {
  readonly column: Column | 'name';
  readonly label: string;
  readonly title: string;
  /** The direction that the first click sorts in. */
  readonly first: Direction;
  /** Below the button. */
  readonly more?: TemplateResult;
}

export interface GridRow {
  /** Name of its tensor. */
  readonly name: string;
  readonly isSelected: boolean;
  readonly cells: readonly TemplateResult[];
  readonly onClick?: () => void;
  readonly onDoubleClick?: () => void;
}

/** Styles by name, as the CSSOM takes them. */
export type Styles = Readonly<Record<string, string>>;

/** CSS pixels. */
const rowHeight = 22;

export abstract class GridTable<
  Column extends string,
  Events extends GridTableEvents<Column | 'name'>,
> extends LitElement {
  static override properties: PropertyDeclarations = {
    version: { attribute: false },
    sort: { attribute: false },
    events: { attribute: false },
    scrolled: { state: true },
    active: { state: true },
  };
  /** Of the figures: another one sorts anew. */
  declare version: number;
  declare sort: GridSort<Column | 'name'>;
  declare events: Events;
  declare private scrolled: number;
  /** Position in the order; -1: none. */
  declare protected active: number;
  /** What stands at each position. */
  protected order: Uint32Array = new Uint32Array(0);
  private viewportHeight = 0;
  private readonly resize = new ResizeObserver(() => this.measure());

  /** Begins the names of its classes and elements. */
  protected abstract readonly kind: string;
  /** CSS pixels, with its line. */
  protected abstract readonly headerHeight: number;
  /** What a screen reader is told of the table. */
  protected abstract get label(): string;
  protected abstract get heads(): readonly GridHead<Column>[];
  protected abstract rowOf(index: number, position: number): GridRow;
  /** What a screen reader is told of the active row. */
  protected abstract describeActive(): string;
  /** Selects at the active row; `index` stands there. */
  protected abstract enter(index: number | undefined, key: string): void;
  /** Tracks of the head and of each row, where the style sheet does not give them. */
  protected get tracks(): Styles {
    return {};
  }
  /** Least width, likewise. */
  protected get least(): Styles {
    return {};
  }

  constructor() {
    super();
    this.scrolled = 0;
    this.active = -1;
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

  /** Moves keyboard focus to the table. */
  override focus(): void {
    this.scroller?.focus();
  }

  protected get scroller(): HTMLElement | null {
    return this.querySelector('.grid-rows');
  }

  private get geometry(): ListGeometry {
    return {
      rowCount: this.order.length,
      rowHeight,
      viewportHeight: Math.max(rowHeight, this.viewportHeight - this.headerHeight),
    };
  }

  private measure(): void {
    const height = this.scroller?.clientHeight ?? 0;
    if (height === this.viewportHeight) return;
    this.viewportHeight = height;
    this.requestUpdate();
  }

  protected override render() {
    const { kind, heads, tracks, least } = this;
    const { first, end, top, contentHeight } = rowWindow(this.scrolled, this.geometry);
    const shown = Array.from(this.order.subarray(first, end));
    return html`<div
      class="grid-rows ${kind}-rows"
      role="grid"
      tabindex="0"
      data-testid="${kind}-table"
      aria-label=${this.label}
      aria-rowcount=${this.order.length + 1}
      aria-colcount=${heads.length}
      aria-activedescendant=${this.active >= first && this.active < end ? `${kind}-row-${this.active}` : nothing}
      @scroll=${(event: Event) => {
        this.scrolled = (event.target as HTMLElement).scrollTop;
      }}
      @keydown=${this.onKey}
    >
      <div class="grid-head ${kind}-head" role="row" aria-rowindex="1" ${styled({ ...tracks, ...least })}>
        ${heads.map((head) => this.head(head))}
      </div>
      <div class="grid-body ${kind}-body" role="rowgroup" ${styled({ height: `${contentHeight}px`, ...least })}>
        ${shown.map((index, at) => this.row(index, first + at, top + at * rowHeight, tracks))}
      </div>
    </div>`;
  }

  private head({ column, label, title, first, more }: GridHead<Column>) {
    const { sort } = this;
    const isSorted = sort.column === column;
    const next: Direction = !isSorted ? first : sort.direction === 'ascending' ? 'descending' : 'ascending';
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
      ${more ?? nothing}
    </div>`;
  }

  private row(index: number, position: number, top: number, tracks: Styles) {
    const { name, isSelected, cells, onClick, onDoubleClick } = this.rowOf(index, position);
    return html`<div
      role="row"
      id="${this.kind}-row-${position}"
      class="grid-row ${this.kind}-row${isSelected ? ' selected' : ''}${position === this.active ? ' active' : ''}"
      aria-rowindex=${position + 2}
      aria-selected=${isSelected}
      data-tensor=${name}
      ${styled({ ...tracks, transform: `translateY(${top}px)` })}
      @click=${onClick}
      @dblclick=${onDoubleClick}
    >
      <div role="gridcell" class="cell name mono" title=${name}><bdi>${name}</bdi></div>
      ${cells}
    </div>`;
  }

  /** Moves the cursor to a position, or to the nearest that there is, and tells of it. */
  protected activate(position: number): void {
    const { scroller } = this;
    if (!scroller || this.order.length === 0) return;
    this.active = Math.max(0, Math.min(this.order.length - 1, position));
    scroller.scrollTop = scrollTopFor(this.active, scroller.scrollTop, this.geometry);
    this.scrolled = scroller.scrollTop;
    this.events.announce(this.describeActive());
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.target !== this.scroller || event.altKey || event.metaKey || event.ctrlKey) return;
    if (!this.onCommand(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** True when the key means something here. */
  protected onCommand(key: string): boolean {
    const page = Math.max(1, Math.floor(this.geometry.viewportHeight / rowHeight) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.order.length - 1,
    };
    const move = moves[key];
    if (move !== undefined) this.activate(move);
    else if (key === 'Enter' || key === ' ') this.enter(this.order[this.active], key);
    else if (key === 't' || key === 'Escape') this.events.openMap();
    else return false;
    return true;
  }
}
