/** Original, dequantized and |error| of one tensor: three heatmaps that share zoom, pan and cursor. */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import type { ErrorTile, Region } from '../../../src/protocol/engineApi';
import { type ColorScale, type SequentialName, sequentialMap, signedMap } from '../../draw/colorMaps';
import { Heatmap, type HeatmapLayer } from '../../draw/heatmap';
import { readTheme } from '../../draw/theme';
import '../../draw/legend';
import { type ColourRange, colourRange, type RangeMode } from './colourRange';
import { figure } from './figures';
import { renderReadout } from './readout';
import { styled } from './styled';
import { type FetchTile, readTile, TileLoader, type TileReading } from './tileLoader';
import {
  cellsOf,
  reduceViewport,
  sameRegion,
  type Viewport,
  type ViewportAction,
  wholeTensor,
} from './viewport';

const kinds = ['original', 'dequantized', 'error'] as const;
type Kind = (typeof kinds)[number];
const titles: Readonly<Record<Kind, string>> = {
  original: 'Original',
  dequantized: 'Dequantized',
  error: '|Error|',
};

/** A page that scrolls under the pointer must not start to zoom: wheel turns this soon after a scroll scroll on. */
const scrollRestMs = 250;

/** `<tl-pictures>`: fires `tl-region` with the region shown, to be remembered. */
export class Pictures extends LitElement {
  static override properties = {
    tensor: { attribute: false },
    name: { attribute: false },
    rows: { attribute: false },
    columns: { attribute: false },
    maxError: { attribute: false },
    fetchTile: { attribute: false },
    mode: { attribute: false },
    colorMap: { attribute: false },
    startRegion: { attribute: false },
    viewport: { state: true },
    overview: { state: true },
    tile: { state: true },
    failure: { state: true },
    busy: { state: true },
    themeCount: { state: true },
    spoken: { state: true },
  };

  /** Index into the catalogue. */
  declare tensor: number;
  declare name: string;
  declare rows: number;
  declare columns: number;
  declare maxError: number;
  declare fetchTile: FetchTile;
  declare mode: RangeMode;
  declare colorMap: SequentialName;
  declare startRegion: Region | undefined;
  declare private viewport: Viewport;
  declare private overview: ErrorTile | undefined;
  declare private tile: ErrorTile | undefined;
  declare private failure: string | undefined;
  declare private busy: boolean;
  declare private themeCount: number;
  /** The cursor is moved by keys: its figures are told as it moves. Under a pointer that would be noise. */
  declare private spoken: boolean;

  private loader: TileLoader | undefined;
  private heatmaps: Heatmap[] = [];
  private pixels = { width: 0, height: 0 };
  private drag: { x: number; y: number; moved: boolean } | undefined;
  private wheelSum = 0;
  private lastScroll = 0;

  constructor() {
    super();
    this.busy = false;
    this.themeCount = 0;
    this.spoken = false;
    this.viewport = wholeTensor(1, 1);
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('scroll', this.onScroll, { capture: true, passive: true });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('scroll', this.onScroll, { capture: true });
    this.loader?.stop();
    for (const heatmap of this.heatmaps) heatmap.dispose();
    this.heatmaps = [];
  }

  /** Puts the cursor on a row, a column or both, and brings it into the middle of the view. */
  showElement(at: { row?: number; column?: number }): void {
    const { region, cursor } = this.viewport;
    const row = at.row ?? cursor?.row ?? Math.floor((region.row0 + region.row1) / 2);
    const column = at.column ?? cursor?.column ?? Math.floor((region.column0 + region.column1) / 2);
    this.act({ kind: 'point', row, column });
    const middle = {
      rows: row - Math.floor((region.row0 + region.row1) / 2),
      columns: column - Math.floor((region.column0 + region.column1) / 2),
    };
    this.act({ kind: 'pan', ...middle });
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('tensor') || changed.has('rows') || changed.has('columns')) {
      this.viewport = wholeTensor(this.rows, this.columns);
      this.overview = undefined;
      this.tile = undefined;
      this.failure = undefined;
      this.loader ??= new TileLoader(this.fetchTile, {
        onTile: (tile) => this.takeTile(tile),
        onFailure: (error) => {
          this.failure = error instanceof Error ? error.message : String(error);
        },
        onBusy: (busy) => {
          this.busy = busy;
        },
      });
      this.loader.setTensor(this.tensor);
      this.wish('once');
    }
    this.updateScales(changed as ReadonlyMap<PropertyKey, unknown>);
  }

  protected override firstUpdated(): void {
    this.heatmaps = kinds.map((kind) => {
      const canvas = this.querySelector<HTMLCanvasElement>(`canvas[data-picture="${kind}"]`)!;
      return new Heatmap(canvas, {
        scale: { map: sequentialMap('viridis'), min: 0, max: 1 },
        format: (value) => figure(value, 3),
        shortFormat: (value) => figure(value, 2),
        // All three change together; the first speaks for them.
        onTheme:
          kind === 'original'
            ? () => {
                this.themeCount++;
              }
            : undefined,
        onResize:
          kind === 'original'
            ? (width, height) => {
                this.pixels = { width, height };
                this.wish('rest');
              }
            : undefined,
      });
    });
    for (const heatmap of this.heatmaps)
      heatmap.canvas.addEventListener('wheel', this.onWheel, { passive: false });
  }

  protected override updated(): void {
    const { overview, viewport } = this;
    const top = this.tile ?? overview;
    const reading = this.reading();
    const { scales } = this;
    for (const [index, kind] of kinds.entries()) {
      const heatmap = this.heatmaps[index]!;
      const layers: HeatmapLayer[] = [];
      for (const each of overview === top ? [overview] : [overview, top])
        if (each) layers.push(layerOf(each, kind));
      heatmap.setScale(kind === 'error' ? scales.error : scales.signed);
      heatmap.setLayers(layers, viewport.region);
      heatmap.setCursor(reading?.cell ?? null);
    }
  }

  /** The cell under the cursor, read from the finest tile that is there. */
  private reading(): TileReading | null {
    const top = this.tile ?? this.overview;
    return top && this.viewport.cursor ? readTile(top, this.viewport.cursor) : null;
  }

  private range: ColourRange | undefined;
  private scales: { signed: ColorScale; error: ColorScale } = {
    signed: { map: sequentialMap('viridis'), min: -1, max: 1 },
    error: { map: sequentialMap('viridis'), min: 0, max: 1 },
  };

  /** Ranges look at every cell, so they are taken anew only when something changed that they depend on. */
  private updateScales(changed: ReadonlyMap<PropertyKey, unknown>): void {
    const keys: PropertyKey[] = ['mode', 'overview', 'maxError', 'colorMap', 'themeCount'];
    if (this.mode === 'view') keys.push('tile');
    if (!keys.some((key) => changed.has(key))) return;
    const { overview } = this;
    this.range = overview && colourRange(this.mode, overview, this.tile ?? overview, this.maxError);
    const { signed, error } = this.range ?? { signed: 1, error: 1 };
    this.scales = {
      signed: { map: signedMap(readTheme().background), min: -signed, max: signed },
      error: { map: sequentialMap(this.colorMap), min: 0, max: error },
    };
  }

  protected override render() {
    const height = Math.round(Math.min(150, Math.max(96, (420 * this.rows) / Math.max(1, this.columns))));
    return html`<div
        class=${this.failure && !this.overview ? 'pictures failed' : 'pictures'}
        role="application"
        tabindex="0"
        aria-label=${`Original, dequantized and error of ${this.name}. Arrow keys move the cursor, plus and minus zoom, 0 shows the whole tensor.`}
        aria-describedby="picture-readout"
        data-testid="pictures"
        data-region=${Object.values(this.viewport.region).join(',')}
        data-busy=${this.busy ? 'true' : 'false'}
        ${styled({ '--picture-height': `${this.rows === 1 ? 28 : height}px` })}
        @keydown=${this.onKey}
      >
        ${kinds.map((kind) => this.renderPicture(kind))}
        ${
          this.failure
            ? html`<p class="failure" role="alert">The picture could not be computed: ${this.failure}
                <button class="link" @click=${() => this.retry()}>Try again</button></p>`
            : nothing
        }
      </div>
      ${renderReadout(this.reading(), this.viewport.region, this.spoken)}`;
  }

  private renderPicture(kind: Kind) {
    const { range, scales } = this;
    const [low, high] = !range
      ? ['', '']
      : kind === 'error'
        ? ['0', `${range.errorClipped ? '≥ ' : ''}${figure(range.error, 3)}`]
        : [
            `${range.signedClipped ? '≤ ' : ''}${figure(-range.signed, 3)}`,
            `${range.signedClipped ? '≥ ' : ''}${figure(range.signed, 3)}`,
          ];
    return html`<figure>
      <figcaption>
        <span>${titles[kind]}</span>
        ${
          kind === 'dequantized'
            ? html`<span class="quiet">same colours</span>`
            : range
              ? html`<tl-legend
                  data-legend=${kind}
                  .scale=${kind === 'error' ? scales.error : scales.signed}
                  .low=${low}
                  .high=${high}
                  .label=${kind === 'error' ? 'Error' : 'Original and dequantized'}
                ></tl-legend>`
              : html`<span class="quiet" role="status">${this.failure ? '' : 'Reading the values…'}</span>`
        }
      </figcaption>
      <canvas
        data-picture=${kind}
        aria-hidden="true"
        @pointerdown=${this.onDown}
        @pointermove=${this.onMove}
        @pointerup=${this.onUp}
        @pointercancel=${this.onUp}
        @dblclick=${this.onDoubleClick}
      ></canvas>
    </figure>`;
  }

  /** One step of zoom around the cursor, or the middle; for buttons and keys. */
  zoom(factor: number): void {
    const { region, cursor } = this.viewport;
    const inside = cursor && readTile({ ...emptyTile, region }, cursor) !== null;
    const row = inside ? cursor!.row + 0.5 : (region.row0 + region.row1) / 2;
    const column = inside ? cursor!.column + 0.5 : (region.column0 + region.column1) / 2;
    this.act({ kind: 'zoom', factor, row, column });
  }

  /** Back to the whole tensor. */
  fit(): void {
    this.act({ kind: 'fit' });
  }

  private act(action: ViewportAction): void {
    // The colours come from the overview: until it is there, the whole tensor stays wished for.
    if (!this.overview && action.kind !== 'point') return;
    const before = this.viewport;
    this.viewport = reduceViewport(before, action);
    if (sameRegion(before.region, this.viewport.region)) return;
    this.wish('rest');
    this.dispatchEvent(new CustomEvent('tl-region', { detail: this.viewport.region }));
  }

  private wish(at: 'once' | 'rest'): void {
    if (this.pixels.width > 0 && this.loader) this.loader.want(this.viewport.region, this.pixels, at);
  }

  private retry(): void {
    this.failure = undefined;
    this.loader?.retry();
  }

  private takeTile(tile: ErrorTile): void {
    this.failure = undefined;
    this.tile = tile;
    const whole = wholeTensor(this.rows, this.columns).region;
    const first = this.overview === undefined;
    if (sameRegion(tile.region, whole)) this.overview = tile;
    // The overview comes first, for the colours; then what was zoomed to before the page was hidden.
    if (first && this.startRegion) this.act({ kind: 'show', region: this.startRegion });
  }

  private readonly onScroll = (): void => {
    this.lastScroll = performance.now();
  };

  private readonly onWheel = (event: WheelEvent): void => {
    const zoomsOut = event.deltaY > 0;
    const whole = sameRegion(this.viewport.region, wholeTensor(this.rows, this.columns).region);
    if (performance.now() - this.lastScroll < scrollRestMs || (zoomsOut && whole && !event.ctrlKey)) return;
    event.preventDefault();
    // Touch pads send many small turns, wheels few large ones; both add up to the same way.
    this.wheelSum += event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 33 : event.deltaY;
    if (Math.abs(this.wheelSum) < 30) return;
    const factor = 1.3 ** Math.min(4, Math.max(-4, -this.wheelSum / 100));
    this.wheelSum = 0;
    const at = this.elementAt(event);
    if (at) this.act({ kind: 'zoom', factor, ...at });
  };

  private readonly onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.drag = { x: event.clientX, y: event.clientY, moved: false };
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
  };

  private readonly onMove = (event: PointerEvent): void => {
    const at = this.elementAt(event);
    this.spoken = false;
    if (!this.drag) {
      if (at) this.act({ kind: 'point', ...at });
      return;
    }
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const { region } = this.viewport;
    const columns = Math.trunc(
      ((this.drag.x - event.clientX) / box.width) * (region.column1 - region.column0),
    );
    const rows = Math.trunc(((this.drag.y - event.clientY) / box.height) * (region.row1 - region.row0));
    if (rows === 0 && columns === 0) return;
    this.act({ kind: 'pan', rows, columns });
    this.drag = {
      x: columns === 0 ? this.drag.x : event.clientX,
      y: rows === 0 ? this.drag.y : event.clientY,
      moved: true,
    };
  };

  private readonly onUp = (): void => {
    this.drag = undefined;
  };

  private readonly onDoubleClick = (event: MouseEvent): void => {
    const at = this.elementAt(event);
    if (at) this.act({ kind: 'zoom', factor: event.shiftKey ? 0.25 : 4, ...at });
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const cells = cellsOf(this.viewport.region, this.pixels);
    const by = event.shiftKey ? 10 : 1;
    const steps: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
      ArrowUp: [-by, 0],
      ArrowDown: [by, 0],
      ArrowLeft: [0, -by],
      ArrowRight: [0, by],
    };
    const step = steps[event.key];
    this.spoken = true;
    if (step) this.act({ kind: 'step', rows: step[0], columns: step[1], cells });
    else if (event.key === '+' || event.key === '=') this.zoom(2);
    else if (event.key === '-') this.zoom(0.5);
    else if (event.key === '0') this.fit();
    else return;
    event.preventDefault();
  };

  /** The element under the pointer, with its fraction. */
  private elementAt(event: MouseEvent): { row: number; column: number } | null {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return null;
    const { region } = this.viewport;
    const across = Math.min(0.999999, Math.max(0, (event.clientX - box.left) / box.width));
    const down = Math.min(0.999999, Math.max(0, (event.clientY - box.top) / box.height));
    return {
      row: region.row0 + down * (region.row1 - region.row0),
      column: region.column0 + across * (region.column1 - region.column0),
    };
  }
}

const emptyTile = {
  rows: 1,
  columns: 1,
  original: new Float32Array(1),
  dequantized: new Float32Array(1),
  error: new Float32Array(1),
  signed: new Float32Array(1),
};

function layerOf(tile: ErrorTile, kind: Kind): HeatmapLayer {
  return { extent: tile.region, rows: tile.rows, columns: tile.columns, values: tile[kind] };
}

customElements.define('tl-pictures', Pictures);
