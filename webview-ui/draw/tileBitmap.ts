/** Tiles as bitmaps that a frame only has to copy: coloured once, and again when the scale changes. */
import type { Tile } from '../../src/protocol/engineApi';
import type { ThemeColours } from './theme';
import type { ValueScale } from './valueScale';

/** ImageData is red, green, blue, alpha in memory; every platform that runs VS Code is little-endian. */
const packed = (red: number, green: number, blue: number): number =>
  ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** A scale with its colours as pixels, and how NaN is drawn; `version` tells bitmaps whether they are of this one. */
export interface Palette {
  readonly version: number;
  readonly scale: ValueScale;
  readonly isMagnitude: boolean;
  readonly pixels: Uint32Array;
  /** The two colours of NaN's chequers. */
  readonly nan: readonly [number, number];
}

let versions = 0;

/** `isMagnitude`: cells are coloured by |x|. */
export function paletteOf(scale: ValueScale, isMagnitude: boolean, theme: ThemeColours): Palette {
  const { map } = scale;
  const pixels = new Uint32Array(map.size);
  for (let i = 0; i < map.size; i++)
    pixels[i] = packed(map.bytes[i * 3]!, map.bytes[i * 3 + 1]!, map.bytes[i * 3 + 2]!);
  const isDark = theme.kind === 'dark' || theme.kind === 'high-contrast';
  const nan: [number, number] = isDark
    ? [packed(150, 150, 150), packed(20, 20, 20)]
    : [packed(110, 110, 110), packed(250, 250, 250)];
  return { version: ++versions, scale, isMagnitude, pixels, nan };
}

/** Cells of NaN that get a mark of their own at most; beyond it the chequers are large enough to be seen. */
const markedNans = 512;

/** All tiles are coloured here, one after the other. */
let scratch: OffscreenCanvas | undefined;

/** One tile's colours. */
export class TileBitmap {
  /** Cells with NaN, at most `markedNans`. */
  readonly nanCells: readonly number[];
  private bitmap: ImageBitmap | undefined;
  private version = 0;

  constructor(readonly tile: Tile) {
    const nanCells: number[] = [];
    const { values } = tile;
    for (let at = 0; at < values.length && nanCells.length < markedNans; at++)
      if (Number.isNaN(values[at]!)) nanCells.push(at);
    this.nanCells = nanCells;
  }

  /** undefined before the first painting. */
  get image(): ImageBitmap | undefined {
    return this.bitmap;
  }

  isPaintedWith(palette: Palette): boolean {
    return this.version === palette.version;
  }

  /** Colours every cell: about two milliseconds for 256 x 256. */
  paint(palette: Palette): void {
    const { values, columns, rows } = this.tile;
    scratch ??= new OffscreenCanvas(1, 1);
    scratch.width = columns;
    scratch.height = rows;
    const context = scratch.getContext('2d', { alpha: false });
    if (!context) return;
    const { scale, isMagnitude, pixels, nan } = palette;
    const image = context.createImageData(columns, rows);
    const target = new Uint32Array(image.data.buffer);
    const last = pixels.length - 1;
    for (let at = 0; at < values.length; at++) {
      const value = values[at]!;
      const place = scale.position(isMagnitude && value < 0 ? -value : value);
      if (place >= 0) target[at] = pixels[(place * last + 0.5) | 0]!;
      else target[at] = nan[((at % columns) + Math.floor(at / columns)) & 1]!;
    }
    context.putImageData(image, 0, 0);
    this.bitmap?.close();
    this.bitmap = scratch.transferToImageBitmap();
    this.version = palette.version;
  }
}
