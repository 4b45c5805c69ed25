/**
 * A heatmap on a canvas. Each device pixel takes the colour of the one cell under its centre, so
 * edges are sharp at any pixel ratio and nothing is blended. Several layers may lie over each other in the
 * coordinates of one matrix: a coarse overview stays visible until the fine tile has come.
 */
import { strokeCellFrame } from './cellFrame';
import { type CellFrame, type CellNotes, drawCellTexts, drawGroups, type GroupOf } from './cellTexts';
import { type ColorScale, positionOn } from './colorMaps';
import { cssColour } from './colour';
import type { Extent, HeatmapLayer } from './heatmapLayer';
import { onThemeChange, readTheme, type ThemeColours } from './theme';

export type { Extent, HeatmapLayer } from './heatmapLayer';

/** One cell of a layer. */
export interface HeatmapCell {
  readonly row: number;
  readonly column: number;
}

export interface HeatmapOptions {
  readonly scale: ColorScale;
  /** Writes a cell's value; numbers appear when every cell is large enough for them. */
  readonly format?: ((value: number) => string) | undefined;
  /** Tried where the numbers of `format` are too wide. */
  readonly shortFormat?: ((value: number) => string) | undefined;
  /** Called after each change of theme, before the redraw: the place to give a new scale. */
  readonly onTheme?: ((theme: ThemeColours) => void) | undefined;
  /** Called when the canvas has got another size in device pixels. */
  readonly onResize?: ((widthPixels: number, heightPixels: number) => void) | undefined;
}

/** Cells from this size on, in CSS pixels, are set apart by a line. */
const gapFrom = 9;

/** Index of the cell under the centre of device pixel `pixel` of `pixels` that show start..end. */
export function cellUnder(
  pixel: number,
  pixels: number,
  view: readonly [start: number, end: number],
  layer: readonly [start: number, end: number],
  cells: number,
): number {
  const place = view[0] + ((pixel + 0.5) / pixels) * (view[1] - view[0]);
  if (place < layer[0] || place >= layer[1]) return -1;
  return Math.min(cells - 1, Math.floor(((place - layer[0]) / (layer[1] - layer[0])) * cells));
}

export class Heatmap {
  private layers: readonly HeatmapLayer[] = [];
  private view: Extent = { row0: 0, row1: 1, column0: 0, column1: 1 };
  private scale: ColorScale;
  private cursor: HeatmapCell | null = null;
  private notes: CellNotes | null = null;
  private groupOf: GroupOf | null = null;
  private theme: ThemeColours;
  private frame = 0;
  private width = 0;
  private height = 0;
  private ratio = 1;
  /** The cells as painted; null when they must be painted anew. A moved cursor needs no painting. */
  private painted: ImageData | null = null;
  private readonly context: CanvasRenderingContext2D;
  private readonly resize: ResizeObserver;
  private readonly endTheme: () => void;

  /** The canvas's CSS size is the caller's affair; its pixel size is kept equal to the device's. */
  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly options: HeatmapOptions,
  ) {
    this.scale = options.scale;
    this.theme = readTheme();
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('This window gives no 2D canvas.');
    this.context = context;
    this.resize = new ResizeObserver((entries) => this.measure(entries.at(-1)!));
    try {
      this.resize.observe(canvas, { box: 'device-pixel-content-box' });
    } catch {
      this.resize.observe(canvas);
    }
    this.endTheme = onThemeChange(() => {
      this.theme = readTheme();
      this.options.onTheme?.(this.theme);
      this.repaint();
    });
  }

  /** One layer that fills the view: the simple case. */
  setGrid(rows: number, columns: number, values: Float32Array): void {
    const extent = { row0: 0, row1: rows, column0: 0, column1: columns };
    this.setLayers([{ extent, rows, columns, values }], extent);
  }

  /** Layers from bottom to top, and the part of the matrix that the canvas shows. */
  setLayers(layers: readonly HeatmapLayer[], view: Extent): void {
    if (sameLayers(layers, this.layers) && sameExtent(view, this.view)) return;
    this.layers = layers;
    this.view = view;
    this.repaint();
  }

  setScale(scale: ColorScale): void {
    if (scale === this.scale) return;
    this.scale = scale;
    this.repaint();
  }

  /** A second line in the cells of the topmost layer, by index into its values; null: none. */
  setNotes(notes: CellNotes | null): void {
    if (notes === this.notes) return;
    this.notes = notes;
    this.redraw();
  }

  /** Draws a line between neighbours of different groups, where cells are large enough; null: none. */
  setGroups(groupOf: GroupOf | null): void {
    if (groupOf === this.groupOf) return;
    this.groupOf = groupOf;
    this.redraw();
  }

  /** Outlines a cell of the topmost layer; null: none. */
  setCursor(cell: HeatmapCell | null): void {
    this.cursor = cell;
    this.redraw();
  }

  /** The cell of the topmost layer under a point of the window, or null outside of it. */
  cellAt(clientX: number, clientY: number): HeatmapCell | null {
    const box = this.canvas.getBoundingClientRect();
    const top = this.layers.at(-1);
    if (!top || box.width === 0 || box.height === 0) return null;
    const { view } = this;
    // In halves of a pixel less, because cellUnder looks at a pixel's centre.
    const column = cellUnder(
      clientX - box.left - 0.5,
      box.width,
      [view.column0, view.column1],
      [top.extent.column0, top.extent.column1],
      top.columns,
    );
    const row = cellUnder(
      clientY - box.top - 0.5,
      box.height,
      [view.row0, view.row1],
      [top.extent.row0, top.extent.row1],
      top.rows,
    );
    return row < 0 || column < 0 ? null : { row, column };
  }

  /** Size in device pixels; 0 before the first layout. */
  get pixels(): { readonly width: number; readonly height: number } {
    return { width: this.width, height: this.height };
  }

  dispose(): void {
    this.resize.disconnect();
    this.endTheme();
    cancelAnimationFrame(this.frame);
  }

  private repaint(): void {
    this.painted = null;
    this.redraw();
  }

  /** Draws on the next animation frame; many calls make one drawing. */
  redraw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private measure(entry: ResizeObserverEntry): void {
    this.ratio = window.devicePixelRatio || 1;
    const device = entry.devicePixelContentBoxSize?.[0];
    const [cssWidth, cssHeight] = [
      entry.contentRect.width * this.ratio,
      entry.contentRect.height * this.ratio,
    ];
    // The device's box is exact to the pixel; under an emulated ratio it ignores the ratio and is of no use.
    const exact = device !== undefined && Math.abs(device.inlineSize - cssWidth) <= 2;
    const width = exact ? device.inlineSize : Math.round(cssWidth);
    const height = exact ? device.blockSize : Math.round(cssHeight);
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    if (width === 0 || height === 0) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.painted = null;
    // At once, not on the next frame: a resized canvas is blank until it is drawn.
    this.draw();
    this.options.onResize?.(width, height);
  }

  private draw(): void {
    const { width, height, context } = this;
    if (width === 0 || height === 0) return;
    if (!this.painted) {
      this.painted = context.createImageData(width, height);
      const pixels = new Uint32Array(this.painted.data.buffer);
      const [red, green, blue] = this.theme.background;
      pixels.fill(packed(red, green, blue));
      for (const layer of this.layers) this.paint(pixels, layer);
    }
    context.putImageData(this.painted, 0, 0);
    const top = this.layers.at(-1);
    if (!top) return;
    const cellWidth = this.cellPixels(top, 'column');
    const cellHeight = this.cellPixels(top, 'row');
    if (Math.min(cellWidth, cellHeight) >= gapFrom * this.ratio) {
      this.drawGaps(top);
      if (this.groupOf) drawGroups(context, this.cellFrame(top), this.groupOf);
    }
    const { format, shortFormat } = this.options;
    drawCellTexts(context, this.cellFrame(top), [format, shortFormat], this.notes);
    if (this.cursor) this.drawCursor(top, this.cursor);
  }

  private paint(pixels: Uint32Array, layer: HeatmapLayer): void {
    const { width, height, view, scale } = this;
    const { extent, rows, columns, values } = layer;
    const table = new Uint32Array(scale.map.size);
    for (let i = 0; i < table.length; i++) {
      const at = i * 3;
      table[i] = packed(scale.map.bytes[at]!, scale.map.bytes[at + 1]!, scale.map.bytes[at + 2]!);
    }
    const columnUnder = new Int32Array(width);
    for (let x = 0; x < width; x++)
      columnUnder[x] = cellUnder(
        x,
        width,
        [view.column0, view.column1],
        [extent.column0, extent.column1],
        columns,
      );
    const dark = this.theme.kind === 'dark' || this.theme.kind === 'high-contrast';
    const hatch = dark ? packed(120, 120, 120) : packed(150, 150, 150);
    const between = dark ? packed(40, 40, 40) : packed(235, 235, 235);
    const period = Math.max(4, Math.round(5 * this.ratio));
    const last = table.length - 1;
    for (let y = 0; y < height; y++) {
      const row = cellUnder(y, height, [view.row0, view.row1], [extent.row0, extent.row1], rows);
      if (row < 0) continue;
      for (let x = 0; x < width; x++) {
        const column = columnUnder[x]!;
        if (column < 0) continue;
        const t = positionOn(scale, values[row * columns + column]!);
        pixels[y * width + x] = Number.isNaN(t)
          ? (x + y) % period < period / 3
            ? hatch
            : between
          : table[Math.round(t * last)]!;
      }
    }
  }

  /** Device pixels that a cell takes along an axis. */
  private cellPixels(layer: HeatmapLayer, axis: 'row' | 'column'): number {
    const { extent } = layer;
    return axis === 'row'
      ? (this.height * (extent.row1 - extent.row0)) / layer.rows / (this.view.row1 - this.view.row0)
      : (this.width * (extent.column1 - extent.column0)) /
          layer.columns /
          (this.view.column1 - this.view.column0);
  }

  /** Device pixel at which a cell starts, rounded as `paint` rounds. */
  private edge(layer: HeatmapLayer, axis: 'row' | 'column', cell: number): number {
    const from =
      axis === 'row' ? layer.extent.row0 - this.view.row0 : layer.extent.column0 - this.view.column0;
    const [view, pixels] =
      axis === 'row'
        ? [this.view.row1 - this.view.row0, this.height]
        : [this.view.column1 - this.view.column0, this.width];
    return Math.ceil((from / view) * pixels + cell * this.cellPixels(layer, axis) - 0.5);
  }

  /** First and last (exclusive) cell of a layer that the view shows: a coarse layer may reach far beyond it. */
  private visible(layer: HeatmapLayer, axis: 'row' | 'column'): [from: number, to: number] {
    const [start, end, cells, viewStart, viewEnd] =
      axis === 'row'
        ? [layer.extent.row0, layer.extent.row1, layer.rows, this.view.row0, this.view.row1]
        : [layer.extent.column0, layer.extent.column1, layer.columns, this.view.column0, this.view.column1];
    const perElement = cells / (end - start);
    return [
      Math.max(0, Math.floor((viewStart - start) * perElement)),
      Math.min(cells, Math.ceil((viewEnd - start) * perElement)),
    ];
  }

  private cellFrame(layer: HeatmapLayer): CellFrame {
    return {
      layer,
      rows: this.visible(layer, 'row'),
      columns: this.visible(layer, 'column'),
      cellWidth: this.cellPixels(layer, 'column'),
      cellHeight: this.cellPixels(layer, 'row'),
      edge: (axis, cell) => this.edge(layer, axis, cell),
      ratio: this.ratio,
      scale: this.scale,
      theme: this.theme,
    };
  }

  private drawGaps(layer: HeatmapLayer): void {
    const { context } = this;
    const thickness = Math.max(1, Math.round(this.ratio));
    context.fillStyle = cssColour(this.theme.background);
    const [column0, column1] = this.visible(layer, 'column');
    for (let column = column0 + 1; column < column1; column++)
      context.fillRect(this.edge(layer, 'column', column) - thickness, 0, thickness, this.height);
    const [row0, row1] = this.visible(layer, 'row');
    for (let row = row0 + 1; row < row1; row++)
      context.fillRect(0, this.edge(layer, 'row', row) - thickness, this.width, thickness);
  }

  private drawCursor(layer: HeatmapLayer, cell: HeatmapCell): void {
    const edges = {
      left: this.edge(layer, 'column', cell.column),
      top: this.edge(layer, 'row', cell.row),
      right: this.edge(layer, 'column', cell.column + 1),
      bottom: this.edge(layer, 'row', cell.row + 1),
    };
    strokeCellFrame(this.context, edges, Math.max(1, Math.round(this.ratio)), 7, ['#000000', '#ffffff']);
  }
}

function sameExtent(one: Extent, other: Extent): boolean {
  return (
    one.row0 === other.row0 &&
    one.row1 === other.row1 &&
    one.column0 === other.column0 &&
    one.column1 === other.column1
  );
}

/** The same values over the same extents: layers are made anew for each call, their arrays are not. */
function sameLayers(some: readonly HeatmapLayer[], others: readonly HeatmapLayer[]): boolean {
  return (
    some.length === others.length &&
    some.every(
      (layer, at) => layer.values === others[at]!.values && sameExtent(layer.extent, others[at]!.extent),
    )
  );
}

/** ImageData is red, green, blue, alpha in memory; every platform that runs VS Code is little-endian. */
function packed(red: number, green: number, blue: number): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
