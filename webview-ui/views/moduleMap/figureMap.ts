/**
 * `<tl-figure-map>`: layers down and kinds of modules across, a cell for each tensor. Only what is on screen is
 * drawn, so 200 layers of 128 experts scroll like four.
 */
import type { PropertyValues } from 'lit';
import { sequentialMap, signedMap } from '../../draw/colorMaps';
import type { MapGroup, MapRow } from '../../state/moduleMap';
import {
  type CellFigure,
  cellFigure,
  type MapStatistic,
  type StatisticRange,
} from '../../state/outlierStatistics';
import { CanvasMap, type CanvasMapEvents, type CellEdges, type MapSight } from './canvasMap';
import { cellWords, type MapCell, type MapSubject } from './cellWords';
import {
  type CellPlace,
  columnCount,
  columnLeft,
  lineAt,
  type MapGeometry,
  mapGeometry,
  tensorsAt,
} from './mapGeometry';
import { placeAfter } from './mapKeys';
import { paintMap } from './mapPainter';
import { placeAtPoint, placeOfTensor } from './mapPlaces';

/** What happens in the map. */
export interface MapEvents extends CanvasMapEvents<MapRow> {
  select(tensor: number): void;
  /** Enter on the chosen cell, or a double click. */
  view(tensor: number): void;
}

/** Tensors that an analysis is asked to read before all others. */
const mostPrioritized = 2000;

export class FigureMap extends CanvasMap<CellPlace, MapRow, MapGeometry, MapEvents> {
  static override properties = {
    session: { attribute: false },
    groups: { attribute: false },
    statistic: { attribute: false },
    range: { attribute: false },
    selected: { attribute: false },
  };
  declare session: MapSubject;
  declare groups: readonly MapGroup[];
  declare statistic: MapStatistic;
  declare range: StatisticRange | undefined;
  declare selected: number | undefined;
  protected override readonly ids = { map: 'figure-map', cursor: 'map-cursor' };
  private figuresOf = new WeakMap<MapRow, readonly (CellFigure | undefined)[]>();
  private prioritized = '';

  protected override get label(): string {
    return `${this.statistic.label} of every tensor, layers down and kinds of modules across. Arrow keys move, Enter selects, T is the table.`;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (['session', 'groups', 'statistic', 'version'].some((key) => changed.has(key))) {
      this.figuresOf = new WeakMap();
    }
  }

  protected override isLaidAnew(changed: PropertyValues): boolean {
    return changed.has('groups') || changed.has('open');
  }

  /** The cursor stays on its row. */
  protected override lay(): void {
    if (!this.groups) return;
    const before = this.geometry && this.cursor && this.geometry.lines[this.cursor.line]?.row;
    super.lay();
    if (!before || !this.cursor) return;
    const line = this.geometry!.lines.findIndex(({ row }) => row === before);
    this.cursor = line < 0 ? undefined : { line, column: this.cursor.column };
  }

  protected override layOut(available: number, measure: (text: string) => number): MapGeometry {
    return mapGeometry(this.groups, this.open, available, measure);
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

  protected override paintSight(context: CanvasRenderingContext2D, sight: MapSight<CellPlace>): void {
    this.prioritize(sight.scrollTop, sight.height);
    const { statistic } = this;
    paintMap(context, {
      ...sight,
      groups: this.groups,
      geometry: this.geometry!,
      open: this.open,
      statistic,
      range: this.range,
      map: statistic.scale === 'signed' ? signedMap(sight.theme.background) : sequentialMap(this.colorMap),
      figures: (group, row) => this.figures(group, row),
      selected: this.selected,
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

  protected override cellAt(x: number, y: number, scroller: HTMLElement): CellPlace | undefined {
    return placeAtPoint(this.geometry!, this.groups, x, y, scroller);
  }

  protected override labelAt(x: number, y: number, { scrollTop }: HTMLElement): MapRow | undefined {
    const geometry = this.geometry!;
    return x < geometry.labelWidth ? geometry.lines[lineAt(geometry, y + scrollTop)]?.row : undefined;
  }

  private cellOf(place: CellPlace): MapCell | undefined {
    const line = this.geometry?.lines[place.line];
    const group = this.groups[line?.group ?? -1];
    const tensors = group && line?.row && tensorsAt(group, line.row, place.column);
    if (!group || !line?.row || !tensors) return undefined;
    return { group, row: line.row, tensors, figure: this.figureOf(tensors) };
  }

  protected override rowOf(place: CellPlace): MapRow | undefined {
    return this.cellOf(place)?.row;
  }

  protected override edgesOf({ line, column }: CellPlace): CellEdges | undefined {
    const { geometry } = this;
    const at = geometry?.lines[line];
    if (!geometry || !at) return undefined;
    const left = columnLeft(geometry, this.groups[at.group]!, column);
    return { left, top: at.top, headerHeight: geometry.headers[at.group]!.height };
  }

  protected override isSame(one: CellPlace | undefined, other: CellPlace | undefined): boolean {
    return one?.line === other?.line && one?.column === other?.column;
  }

  protected override describe(place: CellPlace): string {
    const cell = this.cellOf(place);
    return cell ? cellWords(this.session, this.statistic, cell, place.column) : '';
  }

  protected override cursorData(cursor: CellPlace | undefined): Readonly<Record<string, string>> {
    const figure = cursor && this.cellOf(cursor)?.figure;
    return {
      place: cursor ? `${cursor.line},${cursor.column}` : '',
      tensor: figure ? this.session.catalogue.tensors.names[figure.tensor]! : '',
      value: figure && !Number.isNaN(figure.value) ? String(figure.value) : '',
    };
  }

  protected override firstPlace(): CellPlace | undefined {
    return this.geometry && placeOfTensor(this.geometry, this.groups, this.selected);
  }

  protected override placeAfter(event: KeyboardEvent, from: CellPlace, page: number): CellPlace | undefined {
    return placeAfter(event, this.geometry!, this.groups, from, page);
  }

  protected override onDoubleClick(place: CellPlace): void {
    const cell = this.cellOf(place);
    if (cell && cell.figure.unreadable === 0) this.events.view(cell.figure.tensor);
  }

  /** Selects the tensor that a cell shows; a cell of several also opens its row. */
  protected override choose(place: CellPlace): void {
    const cell = this.cellOf(place);
    if (!cell) return;
    const { row, figure, tensors } = cell;
    if (tensors.length > 1 && row.children.length > 0 && !this.open.has(row.key)) this.events.toggle(row);
    this.events.select(figure.tensor);
    this.requestPaint();
  }

  protected override onCommand(key: string, place: CellPlace): boolean {
    const cell = this.cellOf(place);
    if (key === 'Enter' && cell?.tensors.length === 1 && cell.figure.tensor === this.selected) {
      this.events.view(cell.figure.tensor);
      return true;
    }
    if (key === 'v') {
      if (cell && cell.figure.unreadable === 0) this.events.view(cell.figure.tensor);
      return true;
    }
    return super.onCommand(key, place);
  }
}

customElements.define('tl-figure-map', FigureMap);
