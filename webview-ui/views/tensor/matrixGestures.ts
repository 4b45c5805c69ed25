/** Pointers, wheel and keys over a matrix view. Keys for commands (go to, copy, save, table) are the page's. */
import type { Region } from '../../../src/protocol/engineApi';
import { minimapMargin } from '../../draw/minimap';
import type { MatrixPlace } from '../../state/matrixPlace';
import type { MatrixScene } from './matrixScene';

/** A pointer that moves less than this clicks, CSS pixels. */
const clickSlack = 3;

/** What gestures do to a matrix view. Points are of the window, movements in device pixels. */
export interface GestureTarget {
  readonly scene: MatrixScene | undefined;
  readonly selected: MatrixPlace | undefined;
  readonly marked: Region | null;
  placeAt(clientX: number, clientY: number): MatrixPlace | null;
  hover(place: MatrixPlace | null): void;
  select(place: MatrixPlace): void;
  mark(region: Region | null): void;
  pan(x: number, y: number): void;
  zoom(factor: number, clientX?: number, clientY?: number): void;
  centre(at: { row?: number; column?: number }): void;
  fit(): void;
}

export class MatrixGestures {
  private readonly ended = new AbortController();
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private start: { x: number; y: number } | undefined;
  private hasMoved = false;
  private anchor: MatrixPlace | undefined;
  private pinch = 0;
  /** Where a marked range began by key. */
  private keyAnchor: MatrixPlace | undefined;

  constructor(
    private readonly view: GestureTarget,
    private readonly heatmap: HTMLElement,
    strips: { columns: HTMLElement; rows: HTMLElement; minimap: HTMLElement },
  ) {
    const options = { signal: this.ended.signal };
    heatmap.addEventListener('wheel', (event) => this.onWheel(event), { ...options, passive: false });
    heatmap.addEventListener('pointerdown', (event) => this.onDown(event), options);
    heatmap.addEventListener('pointermove', (event) => this.onMove(event), options);
    for (const end of ['pointerup', 'pointercancel'] as const)
      heatmap.addEventListener(end, (event) => this.onUp(event), options);
    heatmap.addEventListener('pointerleave', () => view.hover(null), options);
    heatmap.addEventListener(
      'dblclick',
      (event) => view.zoom(event.shiftKey ? 0.25 : 4, event.clientX, event.clientY),
      options,
    );
    heatmap.addEventListener('keydown', (event) => this.onKey(event), options);
    for (const axis of ['columns', 'rows'] as const) {
      const strip = strips[axis];
      strip.addEventListener('click', (event) => this.onStrip(event, axis), options);
      strip.addEventListener('wheel', (event) => this.onWheel(event), { ...options, passive: false });
      strip.addEventListener('pointermove', (event) => view.hover(this.placeBeside(event, axis)), options);
      strip.addEventListener('pointerleave', () => view.hover(null), options);
    }
    strips.minimap.addEventListener('pointerdown', (event) => this.onMinimap(event), options);
    strips.minimap.addEventListener(
      'pointermove',
      (event) => event.buttons === 1 && this.onMinimap(event),
      options,
    );
  }

  dispose(): void {
    this.ended.abort();
  }

  private onWheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
    const ratio = window.devicePixelRatio || 1;
    if (event.shiftKey) {
      this.view.pan((event.deltaX || event.deltaY) * unit * ratio, 0);
      return;
    }
    if (event.deltaX !== 0 && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.view.pan(event.deltaX * unit * ratio, 0);
      return;
    }
    // A pinch on a touch pad comes as a wheel with Ctrl and small steps.
    const step = Math.max(-240, Math.min(240, event.deltaY * unit * (event.ctrlKey ? 4 : 1)));
    this.view.zoom(1.3 ** (-step / 100), event.clientX, event.clientY);
  }

  private onDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.heatmap.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.start = { x: event.clientX, y: event.clientY };
    this.hasMoved = false;
    this.anchor = event.shiftKey ? (this.view.placeAt(event.clientX, event.clientY) ?? undefined) : undefined;
    this.pinch = this.spread();
  }

  private onMove(event: PointerEvent): void {
    const last = this.pointers.get(event.pointerId);
    if (!last) {
      this.view.hover(this.view.placeAt(event.clientX, event.clientY));
      return;
    }
    const { start } = this;
    if (start && Math.hypot(event.clientX - start.x, event.clientY - start.y) > clickSlack)
      this.hasMoved = true;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (!this.hasMoved) return;
    if (this.anchor) {
      const place = this.view.placeAt(event.clientX, event.clientY);
      if (place) this.view.mark(regionBetween(this.anchor, place));
      return;
    }
    this.view.hover(null);
    if (this.pointers.size === 2) {
      const spread = this.spread();
      const [one, other] = [...this.pointers.values()] as [
        { x: number; y: number },
        { x: number; y: number },
      ];
      if (this.pinch > 0 && spread > 0)
        this.view.zoom(spread / this.pinch, (one.x + other.x) / 2, (one.y + other.y) / 2);
      this.pinch = spread;
      return;
    }
    const ratio = window.devicePixelRatio || 1;
    this.view.pan((last.x - event.clientX) * ratio, (last.y - event.clientY) * ratio);
  }

  private onUp(event: PointerEvent): void {
    const wasDown = this.pointers.delete(event.pointerId);
    if (!wasDown || this.pointers.size > 0) return;
    if (!this.hasMoved && event.type === 'pointerup') {
      const place = this.view.placeAt(event.clientX, event.clientY);
      if (place) {
        if (this.view.marked) this.view.mark(null);
        this.view.select(place);
      }
    }
    this.anchor = undefined;
    this.start = undefined;
  }

  private spread(): number {
    if (this.pointers.size !== 2) return 0;
    const [one, other] = [...this.pointers.values()] as [{ x: number; y: number }, { x: number; y: number }];
    return Math.hypot(one.x - other.x, one.y - other.y);
  }

  private onStrip(event: MouseEvent, axis: 'rows' | 'columns'): void {
    const place = this.placeBeside(event, axis);
    const { scene, selected } = this.view;
    if (!place || !scene) return;
    const { region } = scene;
    const row = selected?.row ?? region.row0;
    const column = selected?.column ?? region.column0;
    this.view.select(axis === 'rows' ? { row: place.row, column } : { row, column: place.column });
    this.view.centre(axis === 'rows' ? { row: place.row } : { column: place.column });
  }

  /** The channel beside the pointer, on the other axis at the selected element or where the view begins. */
  private placeBeside(event: MouseEvent, axis: 'rows' | 'columns'): MatrixPlace | null {
    const box = this.heatmap.getBoundingClientRect();
    return axis === 'rows'
      ? this.view.placeAt(box.left + 1, event.clientY)
      : this.view.placeAt(event.clientX, box.top + 1);
  }

  private onMinimap(event: PointerEvent): void {
    const { scene } = this.view;
    if (!scene) return;
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const part = (at: number, extent: number) =>
      Math.min(0.9999, Math.max(0, (at - minimapMargin) / (extent - 2 * minimapMargin)));
    this.view.centre({
      row: Math.floor(part(event.clientY - box.top, box.height) * scene.size.rows),
      column: Math.floor(part(event.clientX - box.left, box.width) * scene.size.columns),
    });
  }

  private onKey(event: KeyboardEvent): void {
    const { scene } = this.view;
    if (!scene || event.altKey || event.metaKey) return;
    const target = this.target(event);
    if (target) {
      const { rows, columns } = scene.size;
      const place = {
        row: Math.min(rows - 1, Math.max(0, target.row)),
        column: Math.min(columns - 1, Math.max(0, target.column)),
      };
      this.view.select(place);
      if (this.keyAnchor) this.view.mark(regionBetween(this.keyAnchor, place));
    } else if (event.ctrlKey) return;
    else if (event.key === '+' || event.key === '=') this.view.zoom(2);
    else if (event.key === '-') this.view.zoom(0.5);
    else if (event.key === '0') this.view.fit();
    else if (event.key === 'm' || event.key === 'M') {
      this.keyAnchor = this.keyAnchor ? undefined : (this.view.selected ?? undefined);
      if (this.keyAnchor) this.view.mark(regionBetween(this.keyAnchor, this.keyAnchor));
    } else if (event.key === 'Escape' && (this.keyAnchor || this.view.marked)) {
      this.keyAnchor = undefined;
      this.view.mark(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The element that a key goes to, perhaps beyond the edge; undefined for other keys. */
  private target(event: KeyboardEvent): MatrixPlace | undefined {
    const { scene, selected } = this.view;
    if (!scene) return undefined;
    const { region, level, size } = scene;
    const steps: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    const step = steps[event.key];
    const isShown =
      selected &&
      selected.row >= region.row0 &&
      selected.row < region.row1 &&
      selected.column >= region.column0 &&
      selected.column < region.column1;
    const middle = {
      row: Math.floor((region.row0 + region.row1 - 1) / 2),
      column: Math.floor((region.column0 + region.column1 - 1) / 2),
    };
    const from = selected ?? middle;
    const page = { rows: region.row1 - region.row0, columns: region.column1 - region.column0 };
    if (step) {
      // The first key after a look elsewhere brings the cursor there.
      if (!isShown && !event.ctrlKey) return middle;
      const many = event.shiftKey ? 10 : 1;
      const rows = event.ctrlKey ? page.rows : many * 2 ** level.rowLevel;
      const columns = event.ctrlKey ? page.columns : many * 2 ** level.columnLevel;
      return { row: from.row + step[0] * rows, column: from.column + step[1] * columns };
    }
    switch (event.key) {
      case 'PageUp':
        return { ...from, row: from.row - page.rows };
      case 'PageDown':
        return { ...from, row: from.row + page.rows };
      case 'Home':
        return event.ctrlKey ? { row: 0, column: 0 } : { ...from, column: 0 };
      case 'End':
        return { row: event.ctrlKey ? size.rows - 1 : from.row, column: size.columns - 1 };
      default:
        return undefined;
    }
  }
}

/** Both corners belong to it. */
function regionBetween(one: MatrixPlace, other: MatrixPlace): Region {
  return {
    row0: Math.min(one.row, other.row),
    row1: Math.max(one.row, other.row) + 1,
    column0: Math.min(one.column, other.column),
    column1: Math.max(one.column, other.column) + 1,
  };
}
