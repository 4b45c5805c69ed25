/** Draws a matrix view's four canvases: cells, the two profiles along their edges, and the overview in the corner. */
import type { AxisStats, Region } from '../../../src/protocol/engineApi';
import { sequentialMap } from '../../draw/colorMaps';
import { paintMatrix } from '../../draw/matrixPainter';
import { paintMinimap } from '../../draw/minimap';
import { paintStrip } from '../../draw/profileStrip';
import { readTheme, type ThemeColours } from '../../draw/theme';
import { type Palette, paletteOf } from '../../draw/tileBitmap';
import { type ValueScale, valueScale } from '../../draw/valueScale';
import { formatNumber } from '../../state/format';
import type { CanvasSize } from '../../state/matrixCamera';
import type { MatrixPlace } from '../../state/matrixPlace';
import { ProfilePyramid } from '../../state/profilePyramid';
import type { MatrixScene } from './matrixScene';

export type CanvasPart = 'cells' | 'rows' | 'columns' | 'minimap';
export type ProfileKind = 'absmax' | 'rms';

export interface MatrixProfile {
  readonly rows: AxisStats;
  readonly columns: AxisStats;
}

/** What lies over the cells. */
export interface MatrixCursors {
  readonly selected: MatrixPlace | undefined;
  readonly hovered: MatrixPlace | null;
  readonly marked: Region | null;
  readonly groupColumns: number;
}

const noScale = valueScale({
  kind: 'linear',
  map: sequentialMap('viridis'),
  min: 0,
  max: 1,
  ranks: undefined,
});

export class MatrixDrawing {
  /** Of the cells. */
  size: CanvasSize = { width: 0, height: 0, ratio: 1 };
  private theme: ThemeColours = readTheme();
  private scale: ValueScale | undefined;
  private isMagnitude = false;
  private known: Palette | undefined;
  private profile: MatrixProfile | undefined;
  private profileKind: ProfileKind = 'absmax';
  private pyramids: { rows: ProfilePyramid; columns: ProfilePyramid } | undefined;

  constructor(private readonly canvasOf: (part: CanvasPart) => HTMLCanvasElement) {}

  setColours(scale: ValueScale | undefined, isMagnitude: boolean): void {
    this.scale = scale;
    this.isMagnitude = isMagnitude;
    this.known = undefined;
  }

  setProfile(profile: MatrixProfile | undefined, kind: ProfileKind): void {
    this.profile = profile;
    this.profileKind = kind;
    this.pyramids = profile && {
      rows: new ProfilePyramid(profile.rows[kind]),
      columns: new ProfilePyramid(profile.columns[kind]),
    };
  }

  takeTheme(): void {
    this.theme = readTheme();
    this.known = undefined;
  }

  get palette(): Palette {
    this.known ??= paletteOf(this.scale ?? noScale, this.isMagnitude, this.theme);
    return this.known;
  }

  /** Takes the size of the cells' canvas, and gives all canvases their pixels. False when nothing has changed. */
  resize(entry: ResizeObserverEntry): boolean {
    const ratio = window.devicePixelRatio || 1;
    const device = entry.devicePixelContentBoxSize?.[0];
    const cssWidth = entry.contentRect.width * ratio;
    const cssHeight = entry.contentRect.height * ratio;
    // The device's box is exact to the pixel; under an emulated ratio it ignores the ratio and is of no use.
    const isExact = device !== undefined && Math.abs(device.inlineSize - cssWidth) <= 2;
    const width = isExact ? device.inlineSize : Math.round(cssWidth);
    const height = isExact ? device.blockSize : Math.round(cssHeight);
    const { size } = this;
    if (width === size.width && height === size.height && ratio === size.ratio) return false;
    this.size = { width, height, ratio };
    const beside = (part: CanvasPart, edge: 'clientWidth' | 'clientHeight') =>
      this.canvasOf(part)[edge] * ratio;
    for (const [part, across, down] of [
      ['cells', width, height],
      ['columns', width, beside('columns', 'clientHeight')],
      ['rows', beside('rows', 'clientWidth'), height],
      ['minimap', beside('minimap', 'clientWidth'), beside('minimap', 'clientHeight')],
    ] as const) {
      const canvas = this.canvasOf(part);
      canvas.width = Math.round(across);
      canvas.height = Math.round(down);
    }
    return true;
  }

  /** Draws everything; false when some tiles still have old colours. */
  paint(scene: MatrixScene, cursors: MatrixCursors): boolean {
    const { size } = this;
    const context = this.canvasOf('cells').getContext('2d', { alpha: false });
    if (!context || !this.scale || size.width === 0 || size.height === 0) return true;
    const isRecoloured = this.paintCells(context, scene, cursors);
    this.paintStrips(scene, cursors);
    this.paintOverview(scene);
    return isRecoloured;
  }

  /** Draws the cells alone, into a canvas of the same size. */
  paintCells(context: CanvasRenderingContext2D, scene: MatrixScene, cursors: MatrixCursors): boolean {
    const { tiles, singles, isRecoloured } = scene.frameTiles();
    const { selected, hovered, marked, groupColumns } = cursors;
    const value = this.isMagnitude ? (each: number) => Math.abs(each) : (each: number) => each;
    paintMatrix(context, {
      camera: scene.camera,
      canvas: this.size,
      size: scene.size,
      tiles,
      singles,
      palette: this.palette,
      theme: this.theme,
      groupColumns,
      format: (each) => formatNumber(value(each), 4),
      shortFormat: (each) => formatNumber(value(each), 2),
      selected: selected
        ? {
            row0: selected.row,
            row1: selected.row + 1,
            column0: selected.column,
            column1: selected.column + 1,
          }
        : null,
      hovered,
      marked,
    });
    return isRecoloured;
  }

  private paintStrips({ camera }: MatrixScene, { hovered, selected }: MatrixCursors): void {
    for (const axis of ['rows', 'columns'] as const) {
      const canvas = this.canvasOf(axis);
      const context = canvas.getContext('2d', { alpha: false });
      if (!context || canvas.width === 0 || canvas.height === 0) continue;
      const isRows = axis === 'rows';
      paintStrip(context, {
        axis,
        width: canvas.width,
        height: canvas.height,
        ratio: this.size.ratio,
        start: isRows ? camera.row : camera.column,
        scale: isRows ? camera.rowScale : camera.columnScale,
        profile: this.pyramids?.[axis],
        outliers: this.profile?.[axis].outliers ?? [],
        // The median is that of absmax.
        median: this.profileKind === 'absmax' ? (this.profile?.[axis].median ?? 0) : 0,
        hovered: isRows ? hovered?.row : hovered?.column,
        selected: isRows ? selected?.row : selected?.column,
        theme: this.theme,
      });
    }
  }

  private paintOverview(scene: MatrixScene): void {
    const canvas = this.canvasOf('minimap');
    const context = canvas.getContext('2d', { alpha: false });
    if (!context || canvas.width === 0) return;
    const { overview } = scene;
    const bitmap = overview && scene.bitmapOf(overview);
    if (bitmap && !bitmap.isPaintedWith(this.palette)) bitmap.paint(this.palette);
    paintMinimap(context, {
      width: canvas.width,
      height: canvas.height,
      ratio: this.size.ratio,
      image: bitmap?.image,
      size: scene.size,
      region: scene.region,
      theme: this.theme,
    });
  }
}
