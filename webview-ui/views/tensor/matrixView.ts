/**
 * `<tl-matrix>`: a tensor's matrix as a heatmap at any zoom, with a profile along two of its edges and an overview in
 * their corner. It draws by itself, at most once a frame, and renders no DOM while it moves.
 *
 * Fires `tl-hover` and `tl-select` with a MatrixPlace (hover: or null), `tl-mark` with the marked Region or null, `tl-view`
 * some times a second while the view moves, `tl-pending` with a count, `tl-failure` with an error, `tl-tile`.
 */
import { html, LitElement, type PropertyValues } from 'lit';
import type { Region } from '../../../src/protocol/engineApi';
import { onThemeChange } from '../../draw/theme';
import type { ValueScale } from '../../draw/valueScale';
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
import { type CanvasPart, MatrixDrawing, type MatrixProfile, type ProfileKind } from './matrixDrawing';
import { MatrixGestures } from './matrixGestures';
import { type CellReading, MatrixScene, type MatrixSource } from './matrixScene';

/** Going to an element zooms in where cells are smaller than this many CSS pixels, until their numbers can be read. */
const seenFrom = 6;
const readableCell = { width: 76, height: 22 };
/** Views are told of this often while they move, ms. */
const tellMs = 90;
/** Tiles are asked for this often while the view moves, ms. */
const askMs = 60;

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
  private readonly drawing = new MatrixDrawing((part) => this.canvas(part));
  private frame = 0;
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
    this.endTheme = onThemeChange(() => {
      this.drawing.takeTheme();
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
    if (changed.has('scale') || changed.has('isMagnitude'))
      this.drawing.setColours(this.scale, this.isMagnitude);
    if (changed.has('profile') || changed.has('profileKind'))
      this.drawing.setProfile(this.profile, this.profileKind);
    this.schedule();
  }

  /** Moves keyboard focus to the heatmap. */
  override focus(): void {
    this.heatmap.focus();
  }

  get heatmap(): HTMLElement {
    return this.querySelector<HTMLElement>('.heatmap')!;
  }

  canvas(part: CanvasPart): HTMLCanvasElement {
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
    const { ratio } = this.drawing.size;
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
      const { width, height, ratio } = scene.canvas;
      const down = height / ratio / readableCell.height / 2;
      const across = width / ratio / readableCell.width / 2;
      const region = {
        row0: place.row - down,
        row1: place.row + down,
        column0: place.column - across,
        column1: place.column + across,
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
    const { ratio } = this.drawing.size;
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

  /** Draws the cells into another canvas of the same size, without cursors. */
  drawInto(context: CanvasRenderingContext2D): CanvasSize {
    const alone = { selected: undefined, hovered: null, marked: null, groupColumns: this.groupColumns };
    if (this.scene) this.drawing.paintCells(context, this.scene, alone);
    return this.drawing.size;
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
      this.drawing.size,
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
      () => this.drawing.palette,
    );
    this.scene = scene;
    const { size } = scene;
    const isSame = before && before.size.rows === size.rows && before.size.columns === size.columns;
    if (isSame) scene.camera = before.camera;
    else {
      this.hovered = null;
      this.marked = null;
    }
    if (this.drawing.size.width > 0) this.applyStart();
    this.moved();
  }

  private applyStart(): void {
    if (!this.startRegion || !this.scene) return;
    this.scene.camera = cameraOn(this.startRegion, this.scene.size, this.scene.canvas);
    this.startRegion = undefined;
  }

  private measure(entry: ResizeObserverEntry): void {
    const before = this.drawing.size;
    if (!this.drawing.resize(entry)) return;
    const { width, height } = this.drawing.size;
    const { scene } = this;
    if (!scene || width === 0 || height === 0) return;
    const wasWhole = before.width === 0 || scene.isWhole;
    scene.canvas = this.drawing.size;
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

  /** False when some tiles still have old colours. */
  private paint(): boolean {
    const { scene, selected, hovered, marked, groupColumns } = this;
    return !scene || this.drawing.paint(scene, { selected, hovered, marked, groupColumns });
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

  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define('tl-matrix', MatrixView);
