/** Original, dequantized and error of one tensor under one or two schemes: heatmaps that share zoom, pan, cursor and colours. */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import type { Region } from '../../../src/protocol/engineApi';
import type { SequentialName } from '../../draw/colorMaps';
import { Heatmap, type HeatmapLayer } from '../../draw/heatmap';
import '../../draw/legend';
import type { RangeMode } from './colourRange';
import './errorStrip';
import { figure } from './figures';
import { PictureGestures } from './pictureGestures';
import { type PictureKind, pictureTitles } from './pictureKinds';
import { PictureScales } from './pictureScales';
import { renderReadout } from './readout';
import { SideTiles } from './sideTiles';
import type { StripProfile } from './stripProfile';
import { styled } from './styled';
import { type FetchTile, readTile, type TileReading } from './tileLoader';
import {
  type CellCount,
  cellsOf,
  nearest,
  reduceViewport,
  sameRegion,
  type Viewport,
  type ViewportAction,
  wholeTensor,
} from './viewport';

/** One scheme's pictures. */
export interface PictureSide {
  /** Tells it from another scheme; empty where there is none. */
  readonly label: string;
  readonly maxError: number;
  readonly fetchTile: FetchTile;
  /** Error by row and column, once it is known. */
  readonly rows?: StripProfile | undefined;
  readonly columns?: StripProfile | undefined;
}

/** Two pictures beside each other have room for the numbers of so many columns. */
const nearestBeside = 5;

interface Figure {
  readonly side: number;
  readonly kind: PictureKind;
}

/** `<tl-pictures>`: fires `tl-region` with the region shown, to be remembered. */
export class Pictures extends LitElement {
  static override properties = {
    tensor: { attribute: false },
    name: { attribute: false },
    rows: { attribute: false },
    columns: { attribute: false },
    sides: { attribute: false },
    kinds: { attribute: false },
    mode: { attribute: false },
    colorMap: { attribute: false },
    startRegion: { attribute: false },
    viewport: { state: true },
    tileCount: { state: true },
    themeCount: { state: true },
    spoken: { state: true },
  };

  /** Index into the catalogue. */
  declare tensor: number;
  declare name: string;
  declare rows: number;
  declare columns: number;
  /** One or two. */
  declare sides: readonly PictureSide[];
  declare kinds: readonly PictureKind[];
  declare mode: RangeMode;
  declare colorMap: SequentialName;
  declare startRegion: Region | undefined;
  declare viewport: Viewport;
  /** Raised with each tile and each change of a loader's state. */
  declare private tileCount: number;
  declare private themeCount: number;
  declare private spoken: boolean;

  private loaders: { readonly fetch: FetchTile; readonly tiles: SideTiles }[] = [];
  private readonly heatmaps = new Map<HTMLCanvasElement, Heatmap>();
  private pixels = { width: 0, height: 0 };
  private readonly gestures = new PictureGestures(this);
  private readonly scales = new PictureScales();

  constructor() {
    super();
    this.tileCount = 0;
    this.themeCount = 0;
    this.spoken = false;
    this.viewport = wholeTensor(1, 1);
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.gestures.connect();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.gestures.disconnect();
    for (const { tiles } of this.loaders) tiles.stop();
    for (const heatmap of this.heatmaps.values()) heatmap.dispose();
    this.heatmaps.clear();
  }

  /** Puts the cursor on a row, a column or both, and brings it into the middle of the view; `close`: with numbers in the cells. */
  showElement(at: { row?: number; column?: number }, close = false): void {
    const { region, cursor } = this.viewport;
    const row = at.row ?? cursor?.row ?? Math.floor((region.row0 + region.row1) / 2);
    const column = at.column ?? cursor?.column ?? Math.floor((region.column0 + region.column1) / 2);
    this.act({ kind: 'point', row, column });
    if (close) this.act({ kind: 'zoom', factor: Math.max(this.rows, this.columns), row, column });
    const { region: now } = this.viewport;
    this.act({
      kind: 'pan',
      rows: row - Math.floor((now.row0 + now.row1) / 2),
      columns: column - Math.floor((now.column0 + now.column1) / 2),
    });
  }

  get cells(): CellCount {
    return cellsOf(this.viewport.region, this.pixels);
  }

  setSpoken(spoken: boolean): void {
    this.spoken = spoken;
  }

  /** One step of zoom around the cursor, or the middle; for buttons and keys. */
  zoom(factor: number): void {
    const { region, cursor } = this.viewport;
    const inside =
      cursor !== null &&
      cursor.row >= region.row0 &&
      cursor.row < region.row1 &&
      cursor.column >= region.column0 &&
      cursor.column < region.column1;
    const row = inside ? cursor.row + 0.5 : (region.row0 + region.row1) / 2;
    const column = inside ? cursor.column + 0.5 : (region.column0 + region.column1) / 2;
    this.act({ kind: 'zoom', factor, row, column });
  }

  /** Back to the whole tensor. */
  fit(): void {
    this.act({ kind: 'fit' });
  }

  act(action: ViewportAction): void {
    const before = this.viewport;
    this.viewport = reduceViewport(before, action);
    if (sameRegion(before.region, this.viewport.region)) return;
    this.wish('rest');
    this.dispatchEvent(new CustomEvent('tl-region', { detail: this.viewport.region }));
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('tensor') || changed.has('rows') || changed.has('columns')) {
      this.viewport = wholeTensor(this.rows, this.columns);
      if (this.startRegion)
        this.viewport = reduceViewport(this.viewport, { kind: 'show', region: this.startRegion });
      for (const { tiles } of this.loaders) tiles.stop();
      this.loaders = [];
    }
    const nearestColumns = this.sides.length > 1 ? nearestBeside : nearest.columns;
    if (this.viewport.nearestColumns !== nearestColumns) this.viewport = { ...this.viewport, nearestColumns };
    if (this.loaders.length !== this.sides.length || changed.has('sides')) this.updateLoaders();
    this.updateScales();
  }

  /** A side keeps its tiles as long as it asks the same. */
  private updateLoaders(): void {
    const before = this.loaders;
    this.loaders = this.sides.map(({ fetchTile }) => {
      const kept = before.find(({ fetch }) => fetch === fetchTile);
      if (kept) return kept;
      const tiles = new SideTiles(fetchTile, this.tensor, this, (what) => {
        this.tileCount++;
        if (what === 'overview') this.wish('once');
      });
      return { fetch: fetchTile, tiles };
    });
    for (const each of before) if (!this.loaders.includes(each)) each.tiles.stop();
    this.wish('once');
  }

  private wish(at: 'once' | 'rest'): void {
    if (this.pixels.width === 0) return;
    for (const { tiles } of this.loaders) tiles.want(this.viewport.region, this.pixels, at);
  }

  private updateScales(): void {
    const tiles = this.loaders.flatMap(({ tiles: { overview, top } }, side) =>
      overview && top ? [{ overview, shown: top, maxError: this.sides[side]!.maxError }] : [],
    );
    this.scales.update(this.mode, tiles, this.colorMap, this.themeCount);
  }

  protected override updated(): void {
    const canvases = [...this.querySelectorAll<HTMLCanvasElement>('canvas[data-picture]')];
    for (const [canvas, heatmap] of this.heatmaps) {
      if (canvases.includes(canvas)) continue;
      heatmap.dispose();
      this.heatmaps.delete(canvas);
    }
    for (const canvas of canvases) this.drawPicture(canvas);
  }

  private drawPicture(canvas: HTMLCanvasElement): void {
    const kind = canvas.dataset.picture as PictureKind;
    const { tiles } = this.loaders[Number(canvas.dataset.side)]!;
    const heatmap = this.heatmaps.get(canvas) ?? this.newHeatmap(canvas);
    const { overview, top } = tiles;
    const layers: HeatmapLayer[] = [];
    for (const each of overview === top ? [overview] : [overview, top])
      if (each)
        layers.push({ extent: each.region, rows: each.rows, columns: each.columns, values: each[kind] });
    const { notes, groupOf } = tiles.details(kind);
    const { cursor, region } = this.viewport;
    heatmap.setScale(this.scales.of(kind));
    heatmap.setLayers(layers, region);
    heatmap.setNotes(notes);
    heatmap.setGroups(groupOf);
    heatmap.setCursor(top && cursor ? (readTile(top, cursor)?.cell ?? null) : null);
  }

  private newHeatmap(canvas: HTMLCanvasElement): Heatmap {
    // All of them change together; the first speaks for them.
    const speaks = () => this.heatmaps.keys().next().value === canvas;
    const heatmap = new Heatmap(canvas, {
      scale: this.scales.of(canvas.dataset.picture as PictureKind),
      format: (value) => figure(value, 3),
      shortFormat: (value) => figure(value, 2),
      onTheme: () => {
        if (speaks()) this.themeCount++;
      },
      onResize: (width, height) => {
        if (!speaks() || (width === this.pixels.width && height === this.pixels.height)) return;
        this.pixels = { width, height };
        this.wish('rest');
      },
    });
    canvas.addEventListener('wheel', this.gestures.onWheel, { passive: false });
    this.heatmaps.set(canvas, heatmap);
    return heatmap;
  }

  /** The cells under the cursor, read from the finest tiles that are there. */
  private readings(): (TileReading | null)[] {
    const { cursor } = this.viewport;
    return this.loaders.map(({ tiles: { top } }) => (top && cursor ? readTile(top, cursor) : null));
  }

  private get figures(): Figure[] {
    // The original is the same for both.
    return this.kinds.flatMap((kind): Figure[] =>
      kind === 'original' ? [{ side: 0, kind }] : this.sides.map((_, side) => ({ side, kind })),
    );
  }

  protected override render() {
    const height = Math.round(Math.min(160, Math.max(136, (420 * this.rows) / Math.max(1, this.columns))));
    const busy = this.loaders.some(({ tiles }) => tiles.busy);
    const bare = this.loaders.every(({ tiles }) => tiles.failure && !tiles.overview);
    // With two schemes the original has no counterpart, and the figures take the place beside it.
    const inGrid = this.sides.length > 1 && this.kinds.includes('original');
    const readout = renderReadout(
      this.readings(),
      this.sides.map(({ label }) => label),
      this.viewport.region,
      this.spoken,
    );
    return html`<div
        class=${bare ? 'pictures failed' : 'pictures'}
        role="application"
        tabindex="0"
        aria-label=${`Original, dequantized and error of ${this.name}. Arrow keys move the cursor, plus and minus zoom, 0 shows the whole tensor.`}
        aria-describedby="picture-readout"
        data-testid="pictures"
        data-sides=${this.sides.length}
        data-region=${Object.values(this.viewport.region).join(',')}
        data-busy=${busy ? 'true' : 'false'}
        ${styled({ '--picture-height': `${this.rows === 1 ? 28 : height}px` })}
        @keydown=${this.gestures.onKey}
      >
        <div class="picture-grid">
          ${this.figures.map((figure) => [
            this.renderPicture(figure),
            figure.kind === 'original' && inGrid ? html`<div class="readout-cell">${readout}</div>` : nothing,
          ])}
        </div>
        ${this.loaders.map(({ tiles }, side) =>
          tiles.failure
            ? html`<p class="failure" role="alert">${this.sides[side]!.label ? `${this.sides[side]!.label}: the` : 'The'} picture could not be computed: ${tiles.failure}
                <button class="link" @click=${() => tiles.retry()}>Try again</button></p>`
            : nothing,
        )}
      </div>
      ${inGrid ? nothing : readout}`;
  }

  private renderPicture({ side, kind }: Figure) {
    const { sides, viewport, gestures } = this;
    const { region, cursor } = viewport;
    const own = sides[side]!;
    const alone = kind === 'original' || sides.length === 1;
    const strip = (axis: 'rows' | 'columns') =>
      html`<tl-error-strip
        class=${axis}
        .axis=${axis}
        .profile=${own[axis]}
        .start=${axis === 'rows' ? region.row0 : region.column0}
        .end=${axis === 'rows' ? region.row1 : region.column1}
        .cursor=${axis === 'rows' ? cursor?.row : cursor?.column}
        title=${`Mean |error| of each ${axis === 'rows' ? 'row' : 'column'}`}
        @tl-go=${(event: CustomEvent<number>) =>
          this.act({
            kind: 'point',
            row: cursor?.row ?? region.row0,
            column: cursor?.column ?? region.column0,
            ...(axis === 'rows' ? { row: event.detail } : { column: event.detail }),
          })}
      ></tl-error-strip>`;
    return html`<figure class=${`picture ${kind}`}>
      <figcaption>
        <span class="picture-title" title=${alone ? nothing : own.label}
          >${pictureTitles[kind]}${alone ? nothing : html` <b>${own.label}</b>`}</span
        >
        ${this.renderLegend(kind, side)}
      </figcaption>
      <div class="picture-frame">
        ${kind === 'error' || kind === 'signed' ? strip('columns') : nothing} ${strip('rows')}
        <canvas
          data-picture=${kind}
          data-side=${side}
          aria-hidden="true"
          @pointerdown=${gestures.onDown}
          @pointermove=${gestures.onMove}
          @pointerup=${gestures.onUp}
          @pointercancel=${gestures.onUp}
          @dblclick=${gestures.onDoubleClick}
        ></canvas>
      </div>
    </figure>`;
  }

  private renderLegend(kind: PictureKind, side: number) {
    const failed = this.loaders[side]?.tiles.failure;
    const legend = this.scales.legend(kind);
    if (!legend) return html`<span class="quiet" role="status">${failed ? '' : 'Reading the values…'}</span>`;
    if (side > 0) return nothing;
    if (kind === 'dequantized') return html`<span class="quiet">same colours</span>`;
    return html`<tl-legend
      data-legend=${kind}
      .scale=${this.scales.of(kind)}
      .low=${legend.low}
      .high=${legend.high}
      .label=${kind === 'original' ? 'Original and dequantized' : pictureTitles[kind]}
    ></tl-legend>`;
  }
}

customElements.define('tl-pictures', Pictures);
