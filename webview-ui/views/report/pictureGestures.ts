/** Pointer, wheel and keys over the pictures, as actions on their common viewport. */
import { type CellCount, sameRegion, type Viewport, type ViewportAction, wholeTensor } from './viewport';

/** A page that scrolls under the pointer must not start to zoom: wheel turns this soon after a scroll scroll on. */
const scrollRestMs = 250;

export interface GestureTarget {
  readonly viewport: Viewport;
  /** Cells of a picture as it is. */
  readonly cells: CellCount;
  act(action: ViewportAction): void;
  /** One step of zoom around the cursor, or the middle. */
  zoom(factor: number): void;
  /** The cursor is moved by keys: its figures are told as it moves. Under a pointer that would be noise. */
  setSpoken(spoken: boolean): void;
}

export class PictureGestures {
  private drag: { x: number; y: number } | undefined;
  private wheelSum = 0;
  private lastScroll = 0;

  constructor(private readonly target: GestureTarget) {}

  /** Begins to watch the page's scrolling. */
  connect(): void {
    document.addEventListener('scroll', this.onScroll, { capture: true, passive: true });
  }

  disconnect(): void {
    document.removeEventListener('scroll', this.onScroll, { capture: true });
  }

  private readonly onScroll = (): void => {
    this.lastScroll = performance.now();
  };

  readonly onWheel = (event: WheelEvent): void => {
    const { viewport } = this.target;
    const zoomsOut = event.deltaY > 0;
    const whole = sameRegion(viewport.region, wholeTensor(viewport.rows, viewport.columns).region);
    if (performance.now() - this.lastScroll < scrollRestMs || (zoomsOut && whole && !event.ctrlKey)) return;
    event.preventDefault();
    // Touch pads send many small turns, wheels few large ones; both add up to the same way.
    this.wheelSum += event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 33 : event.deltaY;
    if (Math.abs(this.wheelSum) < 30) return;
    const factor = 1.3 ** Math.min(4, Math.max(-4, -this.wheelSum / 100));
    this.wheelSum = 0;
    const at = this.elementAt(event);
    if (at) this.target.act({ kind: 'zoom', factor, ...at });
  };

  readonly onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.drag = { x: event.clientX, y: event.clientY };
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
  };

  readonly onMove = (event: PointerEvent): void => {
    const at = this.elementAt(event);
    this.target.setSpoken(false);
    if (!this.drag) {
      if (at) this.target.act({ kind: 'point', ...at });
      return;
    }
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const { region } = this.target.viewport;
    const columns = Math.trunc(
      ((this.drag.x - event.clientX) / box.width) * (region.column1 - region.column0),
    );
    const rows = Math.trunc(((this.drag.y - event.clientY) / box.height) * (region.row1 - region.row0));
    if (rows === 0 && columns === 0) return;
    this.target.act({ kind: 'pan', rows, columns });
    this.drag = {
      x: columns === 0 ? this.drag.x : event.clientX,
      y: rows === 0 ? this.drag.y : event.clientY,
    };
  };

  readonly onUp = (): void => {
    this.drag = undefined;
  };

  readonly onDoubleClick = (event: MouseEvent): void => {
    const at = this.elementAt(event);
    if (at) this.target.act({ kind: 'zoom', factor: event.shiftKey ? 0.25 : 4, ...at });
  };

  readonly onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = this;
    const by = event.shiftKey ? 10 : 1;
    const steps: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
      ArrowUp: [-by, 0],
      ArrowDown: [by, 0],
      ArrowLeft: [0, -by],
      ArrowRight: [0, by],
    };
    const step = steps[event.key];
    target.setSpoken(true);
    if (step) target.act({ kind: 'step', rows: step[0], columns: step[1], cells: target.cells });
    else if (event.key === '+' || event.key === '=') target.zoom(2);
    else if (event.key === '-') target.zoom(0.5);
    else if (event.key === '0') target.act({ kind: 'fit' });
    else return;
    event.preventDefault();
  };

  /** The element under the pointer, with its fraction. */
  private elementAt(event: MouseEvent): { row: number; column: number } | null {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return null;
    const { region } = this.target.viewport;
    const across = Math.min(0.999999, Math.max(0, (event.clientX - box.left) / box.width));
    const down = Math.min(0.999999, Math.max(0, (event.clientY - box.top) / box.height));
    return {
      row: region.row0 + down * (region.row1 - region.row0),
      column: region.column0 + across * (region.column1 - region.column0),
    };
  }
}
