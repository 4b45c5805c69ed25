/**
 * `<tl-matrix>`: a tensor's matrix as a heatmap at any zoom, with a profile along two of its edges and an overview in
 * their corner. It draws by itself, at most once a frame, and renders no DOM while it moves.
 *
 * Fires `tl-hover` and `tl-select` with a MatrixPlace (hover: or null), `tl-mark` with the marked Region or null, `tl-view`
 * some times a second while the view moves, `tl-pending` with a count, `tl-failure` with an error, `tl-tile`.
 */
import { html, LitElement, type PropertyValues } from 'lit';
import type { AxisStats, Region } from '../../../src/protocol/engineApi';
import { sequentialMap } from '../../draw/colorMaps';
import { paintMatrix } from '../../draw/matrixPainter';
import { paintMinimap } from '../../draw/minimap';
import { paintStrip } from '../../draw/profileStrip';
import { onThemeChange, readTheme, type ThemeColours } from '../../draw/theme';
import { type Palette, paletteOf } from '../../draw/tileBitmap';
import { type ValueScale, valueScale } from '../../draw/valueScale';
import { formatNumber } from '../../state/format';
import { FrameTimes } from '../../state/frameTimes';
import {
  type CanvasSize,
  cameraOn,
  clampCamera,
  elementAt,
  fitCamera,
  panCamera,
  revealElement,
  zoomCamera,
} from '../../state/matrixCamera';
import type { MatrixPlace } from '../../state/matrixPlace';
import { ProfilePyramid } from '../../state/profilePyramid';
import { MatrixGestures } from './matrixGestures';
import { type CellReading, MatrixScene, type MatrixSource } from './matrixScene';

export type ProfileKind = 'absmax' | 'rms';

export interface MatrixProfile {
  readonly rows: AxisStats;
  readonly columns: AxisStats;
}

/** Going to an element zooms in where cells are smaller than this many CSS pixels, to so many elements around it. */
const seenFrom = 6;
const near = 40;
/** Views are told of this often while they move, ms. */
const tellMs = 90;
/** Tiles are asked for this often while the view moves, ms. */
const askMs = 60;

const noCanvas: CanvasSize = { width: 0, height: 0, ratio: 1 };
const noScale = valueScale({
  kind: 'linear',
  map: sequentialMap('viridis'),
  min: 0,
  max: 1,
  ranks: undefined,
});

export class MatrixView extends LitElement {
  static override properties = {
    source: { attribute: false },
    scale: { attribute: false },
    isMagnitude: { attribute: false },
    profile: { attribute: false },
    profileKind: { attribute: false },
    groupColumns: { attribute: false },
    label: { attribute: false },
    selected: { attribute: false },
  };
  declare source: MatrixSource;
  declare scale: ValueScale | undefined;
  declare isMagnitude: boolean;
  declare profile: MatrixProfile | undefined;
  declare profileKind: ProfileKind;
  declare groupColumns: number;
  declare label: string;
  declare selected: MatrixPlace | undefined;

  scene: MatrixScene | undefined;
  marked: Region | null = null;
  private hovered: MatrixPlace | null = null;
  private canvasSize = noCanvas;
  private frame = 0;
  private theme: ThemeColours | undefined;
  private palette: Palette | undefined;
  private pyramids: { rows: ProfilePyramid; columns: ProfilePyramid } | undefined;
  private readonly times = new FrameTimes();
  private startRegion: Region | undefined;
  private resize: ResizeObserver | undefined;
  private gestures: MatrixGestures | undefined;
  private endTheme: (() => void) | undefined;
  private askTimer: ReturnType<typeof setTimeout> | undefined;
  private tellTimer: ReturnType<typeof setTimeout> | undefined;
  private restTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.isMagnitude = false;
    this.profileKind = 'absmax';
    this.groupColumns = 0;
    this.label = '';
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.scene?.stop();
    this.scene = undefined;
    this.resize?.disconnect();
    this.endTheme?.();
    this.gestures?.dispose();
    cancelAnimationFrame(this.frame);
    for (const timer of [this.askTimer, this.tellTimer, this.restTimer]) clearTimeout(timer);
  }

  protected override render() {
    return html`<div class="matrix">
      <canvas class="minimap" data-part="minimap" aria-hidden="true"></canvas>
      <canvas class="strip-columns" data-part="columns" title=${`${this.profileKind === 'rms' ? 'RMS' : 'absmax'} of each column, on a square root scale`} aria-hidden="true"></canvas>
      <canvas class="strip-rows" data-part="rows" title=${`${this.profileKind === 'rms' ? 'RMS' : 'absmax'} of each row, on a square root scale`} aria-hidden="true"></canvas>
      <div class="heatmap" role="application" tabindex="0" data-testid="matrix" aria-label=${this.label} aria-describedby="tensor-readout">
        <canvas class="cells" data-part="cells" aria-hidden="true"></canvas>
      </div>
    </div>`;
  }

  protected override firstUpdated(): void {
    this.theme = readTheme();
    this.endTheme = onThemeChange(() => {
      this.theme = readTheme();
      this.palette = undefined;
      this.schedule();
    });
    this.resize = new ResizeObserver((entries) => this.measure(entries.at(-1)!));
    try {
      this.resize.observe(this.canvas('cells'), { box: 'device-pixel-content-box' });
    } catch {
      this.resize.observe(this.canvas('cells'));
    }
    this.gestures = new MatrixGestures(this, this.heatmap, {
      columns: this.canvas('columns'),
      rows: this.canvas('rows'),
      minimap: this.canvas('minimap'),
    });
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('source')) this.openScene();
    if (changed.has('scale') || changed.has('isMagnitude')) this.palette = undefined;
    if (changed.has('profile') || changed.has('profileKind'))
      this.pyramids = this.profile && {
        rows: new ProfilePyramid(this.profile.rows[this.profileKind]),
        columns: new ProfilePyramid(this.profile.columns[this.profileKind]),
      };
    this.schedule();
  }

  /** Moves keyboard focus to the heatmap. */
  override focus(): void {
    this.heatmap.focus();
  }

  get heatmap(): HTMLElement {
    return this.querySelector<HTMLElement>('.heatmap')!;
  }

  canvas(part: 'cells' | 'rows' | 'columns' | 'minimap'): HTMLCanvasElement {
    return this.querySelector<HTMLCanvasElement>(`canvas[data-part="${part}"]`)!;
  }

  /** Shows a region once the size of the canvas is known. */
  startAt(region: Region | undefined): void {
    this.startRegion = region;
  }

  /** The element under a point of the window. */
  placeAt(clientX: number, clientY: number): MatrixPlace | null {
    if (!this.scene) return null;
    const box = this.canvas('cells').getBoundingClientRect();
    const { ratio } = this.canvasSize;
    const at = { x: (clientX - box.left) * ratio, y: (clientY - box.top) * ratio };
    return elementAt(this.scene.camera, at, this.scene.size);
  }

  /** What the view knows of an element's cell. */
  read(place: MatrixPlace): CellReading | undefined {
    return this.scene?.read(place);
  }

  hover(place: MatrixPlace | null): void {
    if (place?.row === this.hovered?.row && place?.column === this.hovered?.column) return;
    this.hovered = place;
    this.schedule();
    this.tell('tl-hover', place);
  }

  /** Puts the selection on an element and shows it. */
  select(place: MatrixPlace, how: 'nearest' | 'middle' = 'nearest'): void {
    const { scene } = this;
    if (!scene) return;
    this.selected = place;
    scene.camera = revealElement(scene.camera, place, scene.size, scene.canvas, how);
    this.moved();
    this.tell('tl-select', place);
  }

  /** Goes nearest to an element, so that single values are seen. */
  goTo(place: MatrixPlace): void {
    const { scene } = this;
    if (!scene) return;
    const { rowScale, columnScale } = scene.camera;
    if (Math.min(rowScale, columnScale) < seenFrom * scene.canvas.ratio) {
      const region = {
        row0: place.row - near,
        row1: place.row + near,
        column0: place.column - near,
        column1: place.column + near,
      };
      scene.camera = cameraOn(region, scene.size, scene.canvas);
    }
    this.select(place, 'middle');
  }

  mark(region: Region | null): void {
    this.marked = region;
    this.schedule();
    this.tell('tl-mark', region);
  }

  /** By device pixels. */
  pan(x: number, y: number): void {
    const { scene } = this;
    if (!scene) return;
    scene.camera = panCamera(scene.camera, { x, y }, scene.size, scene.canvas);
    this.moved();
  }

  /** Around a point of the window; without one around the selected element, or the middle. */
  zoom(factor: number, clientX?: number, clientY?: number): void {
    const { scene } = this;
    if (!scene) return;
    const { ratio } = this.canvasSize;
    let at = { x: scene.canvas.width / 2, y: scene.canvas.height / 2 };
    if (clientX !== undefined && clientY !== undefined) {
      const box = this.canvas('cells').getBoundingClientRect();
      at = { x: (clientX - box.left) * ratio, y: (clientY - box.top) * ratio };
    } else if (this.selected) {
      const x = (this.selected.column + 0.5 - scene.camera.column) * scene.camera.columnScale;
      const y = (this.selected.row + 0.5 - scene.camera.row) * scene.camera.rowScale;
      if (x >= 0 && y >= 0 && x < scene.canvas.width && y < scene.canvas.height) at = { x, y };
    }
    scene.camera = zoomCamera(scene.camera, factor, at, scene.size, scene.canvas);
    this.moved();
  }

  fit(): void {
    if (!this.scene) return;
    this.scene.camera = fitCamera(this.scene.size, this.scene.canvas);
    this.moved();
  }

  /** The middle of the view goes to an element; what is undefined stays. */
  centre(at: { row?: number; column?: number }): void {
    const { scene } = this;
    if (!scene) return;
    const { region } = scene;
    const place = {
      row: Math.floor(at.row ?? (region.row0 + region.row1) / 2),
      column: Math.floor(at.column ?? (region.column0 + region.column1) / 2),
    };
    const moved = revealElement(scene.camera, place, scene.size, scene.canvas, 'middle');
    scene.camera = {
      ...moved,
      row: at.row === undefined ? scene.camera.row : moved.row,
      column: at.column === undefined ? scene.camera.column : moved.column,
    };
    this.moved();
  }

  retry(): void {
    this.scene?.retry();
  }

  /** Draws what is seen into another canvas, of the same size in device pixels. */
  drawInto(context: CanvasRenderingContext2D): CanvasSize {
    this.paint(context, true);
    return this.canvasSize;
  }

  /** Draws on the next frame; many calls make one drawing. */
  schedule(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame((now) => this.draw(now));
  }

  private openScene(): void {
    const before = this.scene;
    before?.stop();
    const scene: MatrixScene = new MatrixScene(
      this.source,
      this.canvasSize,
      {
        onTile: () => {
          if (this.scene !== scene) return;
          this.schedule();
          this.tell('tl-tile', undefined);
        },
        onFailure: (error) => this.scene === scene && this.tell('tl-failure', error),
        onPending: (count) => {
          if (this.scene !== scene) return;
          this.heatmap.dataset.pending = String(count);
          this.tell('tl-pending', count);
        },
      },
      () => this.currentPalette(),
    );
    this.scene = scene;
    const { size } = scene;
    const isSame = before && before.size.rows === size.rows && before.size.columns === size.columns;
    if (isSame) scene.camera = before.camera;
    else {
      this.hovered = null;
      this.marked = null;
    }
    if (this.canvasSize.width > 0) this.applyStart();
    this.moved();
  }

  private applyStart(): void {
    if (!this.startRegion || !this.scene) return;
    this.scene.camera = cameraOn(this.startRegion, this.scene.size, this.scene.canvas);
    this.startRegion = undefined;
  }

  private measure(entry: ResizeObserverEntry): void {
    const ratio = window.devicePixelRatio || 1;
    const device = entry.devicePixelContentBoxSize?.[0];
    const cssWidth = entry.contentRect.width * ratio;
    const cssHeight = entry.contentRect.height * ratio;
    // The device's box is exact to the pixel; under an emulated ratio it ignores the ratio and is of no use.
    const isExact = device !== undefined && Math.abs(device.inlineSize - cssWidth) <= 2;
    const width = isExact ? device.inlineSize : Math.round(cssWidth);
    const height = isExact ? device.blockSize : Math.round(cssHeight);
    const before = this.canvasSize;
    if (width === before.width && height === before.height && ratio === before.ratio) return;
    this.canvasSize = { width, height, ratio };
    for (const [part, w, h] of [
      ['cells', width, height],
      ['columns', width, this.canvas('columns').clientHeight * ratio],
      ['rows', this.canvas('rows').clientWidth * ratio, height],
      ['minimap', this.canvas('minimap').clientWidth * ratio, this.canvas('minimap').clientHeight * ratio],
    ] as const) {
      const canvas = this.canvas(part);
      canvas.width = Math.round(w);
      canvas.height = Math.round(h);
    }
    const { scene } = this;
    if (!scene || width === 0 || height === 0) return;
    const wasWhole = before.width === 0 || scene.isWhole;
    scene.canvas = this.canvasSize;
    scene.camera = wasWhole
      ? fitCamera(scene.size, scene.canvas)
      : clampCamera(scene.camera, scene.size, scene.canvas);
    this.applyStart();
    // At once, not on the next frame: a resized canvas is blank until it is drawn.
    this.paint();
    this.moved();
  }

  private moved(): void {
    this.schedule();
    this.askTimer ??= setTimeout(() => {
      this.askTimer = undefined;
      this.scene?.ask();
    }, askMs);
    this.tellTimer ??= setTimeout(() => {
      this.tellTimer = undefined;
      this.tell('tl-view', undefined);
    }, tellMs);
  }

  private currentPalette(): Palette {
    this.theme ??= readTheme();
    this.palette ??= paletteOf(this.scale ?? noScale, this.isMagnitude, this.theme);
    return this.palette;
  }

  private draw(now: number): void {
    this.frame = 0;
    const start = performance.now();
    if (!this.paint()) this.schedule();
    this.times.add(now, performance.now() - start);
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.tellTimes(), 300);
  }

  /** Measurements, written when the view has come to rest. */
  private tellTimes(): void {
    const { dataset } = this.heatmap;
    for (const [name, value] of Object.entries(this.times.summary()))
      dataset[name] = name === 'frames' ? String(value) : (value as number).toFixed(2);
    const { region, level } = this.scene ?? {};
    if (region) dataset.region = `${region.row0},${region.row1},${region.column0},${region.column1}`;
    if (level) dataset.level = `${level.rowLevel},${level.columnLevel}`;
  }

  /** Draws; false when some tiles still have old colours. `alone`: only the cells, without cursors. */
  private paint(into?: CanvasRenderingContext2D, alone = false): boolean {
    const { scene, canvasSize } = this;
    if (!scene || !this.scale || canvasSize.width === 0 || canvasSize.height === 0) return true;
    const context = into ?? this.canvas('cells').getContext('2d', { alpha: false });
    if (!context) return true;
    const palette = this.currentPalette();
    const theme = this.theme!;
    const { tiles, singles, isRecoloured } = scene.frameTiles();
    const value = this.isMagnitude ? (each: number) => Math.abs(each) : (each: number) => each;
    paintMatrix(context, {
      camera: scene.camera,
      canvas: canvasSize,
      size: scene.size,
      tiles,
      singles,
      palette,
      theme,
      groupColumns: this.groupColumns,
      format: (each) => formatNumber(value(each), 4),
      shortFormat: (each) => formatNumber(value(each), 2),
      selected: this.selected && !alone ? single(this.selected) : null,
      hovered: alone ? null : this.hovered,
      marked: alone ? null : this.marked,
    });
    if (!alone) {
      this.paintStrips(theme);
      this.paintOverview(theme);
    }
    return isRecoloured;
  }

  private paintStrips(theme: ThemeColours): void {
    const { scene, canvasSize, pyramids, profile } = this;
    if (!scene) return;
    for (const axis of ['rows', 'columns'] as const) {
      const canvas = this.canvas(axis);
      const context = canvas.getContext('2d', { alpha: false });
      if (!context || canvas.width === 0 || canvas.height === 0) continue;
      const isRows = axis === 'rows';
      paintStrip(context, {
        axis,
        width: canvas.width,
        height: canvas.height,
        ratio: canvasSize.ratio,
        start: isRows ? scene.camera.row : scene.camera.column,
        scale: isRows ? scene.camera.rowScale : scene.camera.columnScale,
        profile: pyramids?.[axis],
        outliers: profile?.[axis].outliers ?? [],
        median: this.profileKind === 'absmax' ? (profile?.[axis].median ?? 0) : 0,
        hovered: isRows ? this.hovered?.row : this.hovered?.column,
        selected: isRows ? this.selected?.row : this.selected?.column,
        theme,
      });
    }
  }

  private paintOverview(theme: ThemeColours): void {
    const canvas = this.canvas('minimap');
    const context = canvas.getContext('2d', { alpha: false });
    const { scene } = this;
    if (!context || !scene || canvas.width === 0) return;
    const { overview } = scene;
    const bitmap = overview && scene.bitmapOf(overview);
    if (bitmap && !bitmap.isPaintedWith(this.currentPalette())) bitmap.paint(this.currentPalette());
    paintMinimap(context, {
      width: canvas.width,
      height: canvas.height,
      ratio: this.canvasSize.ratio,
      image: bitmap?.image,
      size: scene.size,
      region: scene.region,
      theme,
    });
  }

  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

const single = ({ row, column }: MatrixPlace): Region => ({
  row0: row,
  row1: row + 1,
  column0: column,
  column1: column + 1,
});

customElements.define('tl-matrix', MatrixView);
