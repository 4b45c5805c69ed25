/**
 * `<tl-outlier-map>`: the map on a canvas. One element has the focus and names the cell at the cursor; a screen
 * reader hears each move. Only what is on screen is drawn, so 200 layers of 128 experts scroll like four.
 */
import { html, LitElement, type PropertyValues } from 'lit';
import { type SequentialName, sequentialMap, signedMap } from '../../draw/colorMaps';
import { onThemeChange, readTheme, type ThemeColours } from '../../draw/theme';
import type { MapGroup, MapRow } from '../../state/moduleMap';
import {
  type CellFigure,
  cellFigure,
  type Statistic,
  type StatisticRange,
} from '../../state/outlierStatistics';
import type { CheckpointSession } from '../../state/session';
import { cellWords, type MapCell } from './cellWords';
import {
  type CellPlace,
  columnCount,
  columnLeft,
  lineAt,
  type MapGeometry,
  mapGeometry,
  rowHeight,
  tensorsAt,
} from './mapGeometry';
import { placeAfter } from './mapKeys';
import { paintMap } from './mapPainter';
import { placeAtPoint, placeOfTensor } from './mapPlaces';

/** What happens in the map. */
export interface MapEvents {
  select(tensor: number): void;
  /** Enter on the chosen cell, or a double click. */
  view(tensor: number): void;
  /** Shows or hides the rows below one. */
  toggle(row: MapRow): void;
  openTable(): void;
  announce(text: string): void;
  /** What the pointer or the cursor is on, in words; empty when on nothing. */
  point(text: string): void;
}

/** Tensors that an analysis is asked to read before all others. */
const mostPrioritized = 2000;

export class OutlierMap extends LitElement {
  static override properties = {
    session: { attribute: false },
    groups: { attribute: false },
    open: { attribute: false },
    statistic: { attribute: false },
    range: { attribute: false },
    version: { attribute: false },
    selected: { attribute: false },
    colorMap: { attribute: false },
    events: { attribute: false },
  };
  declare session: CheckpointSession;
  declare groups: readonly MapGroup[];
  declare open: ReadonlySet<string>;
  declare statistic: Statistic;
  declare range: StatisticRange | undefined;
  /** Of the statistics: another one draws anew. */
  declare version: number;
  declare selected: number | undefined;
  declare colorMap: SequentialName;
  declare events: MapEvents;
  private geometry: MapGeometry | undefined;
  private cursor: CellPlace | undefined;
  private hover: CellPlace | undefined;
  private figuresOf = new WeakMap<MapRow, readonly (CellFigure | undefined)[]>();
  private theme: ThemeColours | undefined;
  private frame = 0;
  private prioritized = '';
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

  protected override willUpdate(changed: PropertyValues): void {
    if (['session', 'groups', 'statistic', 'version'].some((key) => changed.has(key))) {
      this.figuresOf = new WeakMap();
    }
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('groups') || changed.has('open')) this.lay();
    else this.requestPaint();
    this.tellCursor();
  }

  protected override render() {
    return html`<div
        class="map-scroller"
        role="grid"
        tabindex="0"
        data-testid="outlier-map"
        aria-label=${`${this.statistic.label} of every tensor, layers down and kinds of modules across. Arrow keys move, Enter selects, T is the table.`}
        aria-readonly="true"
        aria-activedescendant="map-cursor"
        @scroll=${() => this.requestPaint()}
        @keydown=${this.onKey}
        @focus=${this.onFocus}
        @blur=${() => this.requestPaint()}
        @pointermove=${this.onPointer}
        @pointerleave=${() => this.setHover(undefined)}
        @click=${this.onClick}
        @dblclick=${this.onDoubleClick}
      >
        <div class="map-size">
          <canvas aria-hidden="true"></canvas>
        </div>
      </div>
      <div class="visually-hidden" role="presentation">
        <div role="row"><div role="gridcell" id="map-cursor" data-testid="map-cursor"></div></div>
      </div>`;
  }

  private get scroller(): HTMLElement | null {
    return this.querySelector('.map-scroller');
  }

  /** Places everything anew: other rows, another width or font. */
  private lay(): void {
    const { scroller } = this;
    if (!scroller || scroller.clientWidth === 0 || !this.groups) return;
    this.theme ??= readTheme();
    const before = this.geometry && this.cursor && this.geometry.lines[this.cursor.line]?.row;
    const context = this.querySelector('canvas')!.getContext('2d')!;
    context.font = `600 11px ${this.theme.font}`;
    const widths = new Map<string, number>();
    this.geometry = mapGeometry(this.groups, this.open, scroller.clientWidth, (text) => {
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
    if (before && this.cursor) {
      const line = this.geometry.lines.findIndex(({ row }) => row === before);
      this.cursor = line < 0 ? undefined : { line, column: this.cursor.column };
    }
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

  /** Has what is on screen analyzed first; a cell of many experts is not waited for as a whole. */
  private prioritize(scrollTop: number, height: number): void {
    const { geometry, session } = this;
    if (!geometry || !session.analysis) {
      this.prioritized = '';
      return;
    }
    const [first, last] = [lineAt(geometry, scrollTop), lineAt(geometry, scrollTop + height)];
    const key = `${first} ${last} ${geometry.lines.length}`;
    if (key === this.prioritized) return;
    this.prioritized = key;
    const tensors = geometry.lines
      .slice(first, last + 1)
      .flatMap(({ kind, row }) => (kind === 'row' ? row!.cells.flatMap((cell) => cell ?? []) : []));
    session.prioritize(tensors.slice(0, mostPrioritized));
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
    this.prioritize(scrollTop, height);
    const context = canvas.getContext('2d')!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.theme ??= readTheme();
    paintMap(context, {
      groups: this.groups,
      geometry,
      open: this.open,
      statistic: this.statistic,
      range: this.range,
      map:
        this.statistic.scale === 'signed' ? signedMap(this.theme.background) : sequentialMap(this.colorMap),
      theme: this.theme,
      figures: (group, row) => this.figures(group, row),
      selected: this.selected,
      cursor: this.cursor,
      hasFocus: document.activeElement === scroller,
      hover: this.hover,
      scrollLeft,
      scrollTop,
      width,
      height,
    });
  }

  private figures(group: MapGroup, row: MapRow): readonly (CellFigure | undefined)[] {
    let figures = this.figuresOf.get(row);
    if (!figures) {
      figures = Array.from({ length: columnCount(group) }, (_, column) => {
        const tensors = tensorsAt(group, row, column);
        return tensors && this.figureOf(tensors);
      });
      this.figuresOf.set(row, figures);
    }
    return figures;
  }

  private figureOf(tensors: readonly number[]): CellFigure {
    const { stats, catalogue } = this.session;
    return cellFigure(this.statistic, stats, catalogue.tensors.elements, tensors);
  }

  /** The place under a point of the window; undefined when no cell is there. */
  private placeAt(clientX: number, clientY: number): CellPlace | undefined {
    const { scroller, geometry } = this;
    if (!scroller || !geometry) return undefined;
    const box = scroller.getBoundingClientRect();
    const x = clientX - box.left;
    const y = clientY - box.top;
    return placeAtPoint(geometry, this.groups, x, y, scroller);
  }

  /** The row whose label is under a point. */
  private labelAt(clientX: number, clientY: number): MapRow | undefined {
    const { scroller, geometry } = this;
    if (!scroller || !geometry) return undefined;
    const box = scroller.getBoundingClientRect();
    if (clientX - box.left >= geometry.labelWidth) return undefined;
    return geometry.lines[lineAt(geometry, clientY - box.top + scroller.scrollTop)]?.row;
  }

  private cellOf(place: CellPlace): MapCell | undefined {
    const line = this.geometry?.lines[place.line];
    const group = this.groups[line?.group ?? -1];
    const tensors = group && line?.row && tensorsAt(group, line.row, place.column);
    if (!group || !line?.row || !tensors) return undefined;
    return { group, row: line.row, tensors, figure: this.figureOf(tensors) };
  }

  private describe(place: CellPlace): string {
    const cell = this.cellOf(place);
    return cell ? cellWords(this.session, this.statistic, cell, place.column) : '';
  }

  private tellCursor(): void {
    const cell = this.querySelector<HTMLElement>('#map-cursor');
    if (!cell) return;
    const { cursor } = this;
    cell.textContent = cursor ? this.describe(cursor) : '';
    cell.dataset.place = cursor ? `${cursor.line},${cursor.column}` : '';
    const figure = cursor && this.cellOf(cursor)?.figure;
    cell.dataset.tensor = figure ? this.session.catalogue.tensors.names[figure.tensor]! : '';
    cell.dataset.value = figure && !Number.isNaN(figure.value) ? String(figure.value) : '';
  }

  private setHover(place: CellPlace | undefined): void {
    if (place?.line === this.hover?.line && place?.column === this.hover?.column) return;
    this.hover = place;
    const shown = place ?? (document.activeElement === this.scroller ? this.cursor : undefined);
    this.events.point(shown ? this.describe(shown) : '');
    this.requestPaint();
  }

  private moveTo(place: CellPlace): void {
    this.cursor = place;
    this.reveal(place);
    this.tellCursor();
    const text = this.describe(place);
    this.events.announce(text);
    this.events.point(text);
    this.requestPaint();
  }

  /** Scrolls a cell into view, clear of the header and the labels. */
  private reveal({ line, column }: CellPlace): void {
    const { scroller, geometry } = this;
    const at = geometry?.lines[line];
    if (!scroller || !geometry || !at) return;
    const { labelWidth, cellWidth } = geometry;
    const headerHeight = geometry.headers[at.group]!.height;
    const { clientHeight, clientWidth } = scroller;
    if (at.top - headerHeight < scroller.scrollTop)
      scroller.scrollTop = Math.max(0, at.top - headerHeight - 4);
    else if (at.top + rowHeight > scroller.scrollTop + clientHeight)
      scroller.scrollTop = at.top + rowHeight + 4 - clientHeight;
    const left = columnLeft(geometry, this.groups[at.group]!, column);
    if (left - labelWidth < scroller.scrollLeft) scroller.scrollLeft = left - labelWidth;
    else if (left + cellWidth > scroller.scrollLeft + clientWidth)
      scroller.scrollLeft = left + cellWidth + 4 - clientWidth;
  }

  private firstPlace(): CellPlace | undefined {
    return this.geometry && placeOfTensor(this.geometry, this.groups, this.selected);
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
    const label = this.labelAt(event.clientX, event.clientY);
    this.scroller!.classList.toggle('pointing', place !== undefined || (label?.children.length ?? 0) > 0);
    this.setHover(place);
  };

  private readonly onClick = (event: MouseEvent): void => {
    const place = this.placeAt(event.clientX, event.clientY);
    if (place) {
      this.cursor = place;
      this.tellCursor();
      this.choose(place);
      return;
    }
    const row = this.labelAt(event.clientX, event.clientY);
    if (row && row.children.length > 0) this.events.toggle(row);
  };

  private readonly onDoubleClick = (event: MouseEvent): void => {
    const place = this.placeAt(event.clientX, event.clientY);
    const cell = place && this.cellOf(place);
    if (cell && cell.figure.unreadable === 0) this.events.view(cell.figure.tensor);
  };

  /** Selects the tensor that a cell shows; a cell of several also opens its row. */
  private choose(place: CellPlace): void {
    const cell = this.cellOf(place);
    if (!cell) return;
    const { row, figure, tensors } = cell;
    if (tensors.length > 1 && row.children.length > 0 && !this.open.has(row.key)) this.events.toggle(row);
    this.events.select(figure.tensor);
    this.requestPaint();
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const { geometry, groups } = this;
    if (!geometry || event.altKey || event.metaKey) return;
    const from = this.cursor ?? this.firstPlace();
    if (!from) return;
    const page = Math.max(1, Math.floor(this.scroller!.clientHeight / rowHeight) - 1);
    const next = placeAfter(event, geometry, groups, from, page);
    if (next) this.moveTo(next);
    else if (!this.onCommand(event, from)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** True when the key means something here. */
  private onCommand(event: KeyboardEvent, place: CellPlace): boolean {
    if (event.ctrlKey) return false;
    const cell = this.cellOf(place);
    switch (event.key) {
      case 'Enter':
        if (cell && cell.tensors.length === 1 && cell.figure.tensor === this.selected)
          this.events.view(cell.figure.tensor);
        else this.choose(place);
        return true;
      case ' ':
        this.choose(place);
        return true;
      case 'v':
        if (cell && cell.figure.unreadable === 0) this.events.view(cell.figure.tensor);
        return true;
      case '+':
      case '-':
        if (cell && cell.row.children.length > 0 && this.open.has(cell.row.key) === (event.key === '-')) {
          this.events.toggle(cell.row);
        }
        return true;
      case 't':
        this.events.openTable();
        return true;
      default:
        return false;
    }
  }
}

customElements.define('tl-outlier-map', OutlierMap);
