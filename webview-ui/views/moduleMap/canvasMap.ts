/**
 * What the maps of modules share: a canvas in a scroller that draws only what is on screen, and a cursor. One element
 * has the focus and names the cell at the cursor; a screen reader hears each move.
 */
import { html, LitElement, nothing, type PropertyDeclarations, type PropertyValues } from 'lit';
import type { SequentialName } from '../../draw/colorMaps';
import { onThemeChange, readTheme, type ThemeColours } from '../../draw/theme';
import { rowHeight } from './mapMeasures';

/** What happens in any map. */
export interface CanvasMapEvents<Row> {
  /** Shows or hides the rows below one. */
  toggle(row: Row): void;
  openTable(): void;
  announce(text: string): void;
  /** What the pointer or the cursor is on, in words; empty when on nothing. */
  point(text: string): void;
}

/** The part of a map that is on screen, in CSS pixels, and what is marked in it. */
export interface MapSight<Place> {
  readonly theme: ThemeColours;
  readonly cursor: Place | undefined;
  readonly hasFocus: boolean;
  readonly hover: Place | undefined;
  readonly scrollLeft: number;
  readonly scrollTop: number;
  readonly width: number;
  readonly height: number;
}

/** What every layout has, in CSS pixels. */
export interface MapExtent {
  readonly width: number;
  readonly height: number;
  readonly labelWidth: number;
  readonly cellWidth: number;
}

/** Where a cell stands before scrolling, and the height of the header that covers the rows above it. */
export interface CellEdges {
  readonly left: number;
  readonly top: number;
  readonly headerHeight: number;
}

/** A row of a map; one with children opens to them. */
export interface MapLike<Row> {
  readonly key: string;
  readonly children: readonly Row[];
}

export abstract class CanvasMap<
  Place,
  Row extends MapLike<unknown>,
  Extent extends MapExtent,
  Events extends CanvasMapEvents<Row>,
> extends LitElement {
  static override properties: PropertyDeclarations = {
    version: { attribute: false },
    open: { attribute: false },
    colorMap: { attribute: false },
    events: { attribute: false },
  };
  /** Of the figures: another one draws anew. */
  declare version: number;
  /** Keys of the rows that are open. */
  declare open: ReadonlySet<string>;
  declare colorMap: SequentialName;
  declare events: Events;
  protected geometry: Extent | undefined;
  protected cursor: Place | undefined;
  private hover: Place | undefined;
  private theme: ThemeColours | undefined;
  private frame = 0;
  private endTheme: (() => void) | undefined;
  private readonly resize = new ResizeObserver(() => this.lay());

  /** Names of the map and of the element that tells of its cursor. */
  protected abstract readonly ids: { readonly map: string; readonly cursor: string };
  /** What a screen reader is told of the map. */
  protected abstract get label(): string;
  /** Rows and columns, where a map has as many in all of its parts. */
  protected get extent(): { readonly rows: number; readonly columns: number } | undefined {
    return undefined;
  }
  /** Height of what always covers the rows at the top. */
  protected get coveredHeight(): number {
    return 0;
  }
  /** Lays everything out for a width; `measure` gives the width of a label. */
  protected abstract layOut(available: number, measure: (text: string) => number): Extent;
  /** Draws what is on screen; the context is scaled to CSS pixels before. */
  protected abstract paintSight(context: CanvasRenderingContext2D, sight: MapSight<Place>): void;
  /** The cell at a point of the visible part; undefined where there is none. */
  protected abstract cellAt(x: number, y: number, scroller: HTMLElement): Place | undefined;
  /** The row whose label is at a point of the visible part. */
  protected abstract labelAt(x: number, y: number, scroller: HTMLElement): Row | undefined;
  protected abstract rowOf(place: Place): Row | undefined;
  protected abstract edgesOf(place: Place): CellEdges | undefined;
  protected abstract isSame(one: Place | undefined, other: Place | undefined): boolean;
  /** A place in words. */
  protected abstract describe(place: Place): string;
  /** What is known of the place at the cursor, as data attributes of the element that tells of it. */
  protected abstract cursorData(cursor: Place | undefined): Readonly<Record<string, string>>;
  /** Where the cursor starts. */
  protected abstract firstPlace(): Place | undefined;
  /** Where a key leads; undefined for keys that move nowhere. `page`: rows of one screen. */
  protected abstract placeAfter(event: KeyboardEvent, from: Place, page: number): Place | undefined;
  /** Selects what a cell shows. */
  protected abstract choose(place: Place): void;
  protected onDoubleClick(_place: Place): void {}

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

  /** True when a change means another layout. */
  protected abstract isLaidAnew(changed: PropertyValues): boolean;

  protected override updated(changed: PropertyValues): void {
    if (this.isLaidAnew(changed)) this.lay();
    else this.requestPaint();
    this.tellCursor();
  }

  protected override render() {
    const { ids, extent } = this;
    return html`<div
        class="map-scroller"
        role="grid"
        tabindex="0"
        data-testid=${ids.map}
        aria-label=${this.label}
        aria-readonly="true"
        aria-rowcount=${extent?.rows ?? nothing}
        aria-colcount=${extent?.columns ?? nothing}
        aria-activedescendant=${ids.cursor}
        @scroll=${() => this.requestPaint()}
        @keydown=${this.onKey}
        @focus=${this.onFocus}
        @blur=${() => this.requestPaint()}
        @pointermove=${this.onPointer}
        @pointerleave=${() => this.setHover(undefined)}
        @click=${this.onClick}
        @dblclick=${(event: MouseEvent) => {
          const place = this.under(event).place;
          if (place) this.onDoubleClick(place);
        }}
      >
        <div class="map-size">
          <canvas aria-hidden="true"></canvas>
        </div>
      </div>
      <div class="visually-hidden" role="presentation">
        <div role="row"><div role="gridcell" id=${ids.cursor} data-testid=${ids.cursor}></div></div>
      </div>`;
  }

  private get scroller(): HTMLElement | null {
    return this.querySelector('.map-scroller');
  }

  /** Places everything anew: other rows, another width or font. */
  protected lay(): void {
    const { scroller } = this;
    if (!scroller || scroller.clientWidth === 0) return;
    this.theme ??= readTheme();
    const context = this.querySelector('canvas')!.getContext('2d')!;
    context.font = `600 11px ${this.theme.font}`;
    const widths = new Map<string, number>();
    this.geometry = this.layOut(scroller.clientWidth, (text) => {
      let width = widths.get(text);
      if (width === undefined) {
        width = context.measureText(text).width;
        widths.set(text, width);
      }
      return width;
    });
    const size = this.querySelector<HTMLElement>('.map-size')!;
    size.style.width = `${this.geometry.width}px`;
    size.style.height = `${this.geometry.height}px`;
    this.hover = undefined;
    this.requestPaint();
  }

  protected requestPaint(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    const { scroller } = this;
    const canvas = this.querySelector('canvas');
    if (!scroller || !canvas || !this.geometry) return;
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
    this.paintSight(context, {
      theme: this.theme,
      cursor: this.cursor,
      hasFocus: document.activeElement === scroller,
      hover: this.hover,
      scrollLeft,
      scrollTop,
      width,
      height,
    });
  }

  /** The cell, or the row whose label, is under the pointer. */
  private under({ clientX, clientY }: MouseEvent): { place?: Place | undefined; label?: Row | undefined } {
    const { scroller } = this;
    if (!scroller || !this.geometry) return {};
    const box = scroller.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    return { place: this.cellAt(x, y, scroller), label: this.labelAt(x, y, scroller) };
  }

  private tellCursor(): void {
    const { cursor } = this;
    const element = this.querySelector<HTMLElement>(`#${this.ids.cursor}`);
    if (!element) return;
    element.textContent = cursor ? this.describe(cursor) : '';
    Object.assign(element.dataset, this.cursorData(cursor));
  }

  private setHover(place: Place | undefined): void {
    if (this.isSame(place, this.hover)) return;
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
  private reveal(place: Place): void {
    const { scroller, geometry } = this;
    const edges = this.edgesOf(place);
    if (!scroller || !geometry || !edges) return;
    const { left, top, headerHeight } = edges;
    const { labelWidth, cellWidth } = geometry;
    const { clientHeight, clientWidth } = scroller;
    if (top - headerHeight < scroller.scrollTop) scroller.scrollTop = Math.max(0, top - headerHeight - 4);
    else if (top + rowHeight > scroller.scrollTop + clientHeight)
      scroller.scrollTop = top + rowHeight + 4 - clientHeight;
    if (left - labelWidth < scroller.scrollLeft) scroller.scrollLeft = left - labelWidth;
    else if (left + cellWidth > scroller.scrollLeft + clientWidth)
      scroller.scrollLeft = left + cellWidth + 4 - clientWidth;
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
    const { place, label } = this.under(event);
    this.scroller!.classList.toggle('pointing', place !== undefined || (label?.children.length ?? 0) > 0);
    this.setHover(place);
  };

  private readonly onClick = (event: MouseEvent): void => {
    const { place, label } = this.under(event);
    if (place) {
      this.cursor = place;
      this.tellCursor();
      this.choose(place);
    } else if (label && label.children.length > 0) this.events.toggle(label);
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (!this.geometry || event.altKey || event.metaKey) return;
    const from = this.cursor ?? this.firstPlace();
    if (!from) return;
    const shown = this.scroller!.clientHeight - this.coveredHeight;
    const next = this.placeAfter(event, from, Math.max(1, Math.floor(shown / rowHeight) - 1));
    if (next) this.moveTo(next);
    else if (event.ctrlKey || !this.onCommand(event.key, from)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** True when the key means something at a place. */
  protected onCommand(key: string, place: Place): boolean {
    switch (key) {
      case 'Enter':
      case ' ':
        this.choose(place);
        return true;
      case '+':
      case '-': {
        const row = this.rowOf(place);
        if (row && row.children.length > 0 && this.open.has(row.key) === (key === '-'))
          this.events.toggle(row);
        return true;
      }
      case 't':
        this.events.openTable();
        return true;
      default:
        return false;
    }
  }
}
