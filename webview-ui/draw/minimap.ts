/** The whole matrix in a corner, with a frame around what is shown. */
import type { Region } from '../../src/protocol/engineApi';
import { cssColour } from './colour';
import type { ThemeColours } from './theme';

export interface MinimapFrame {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
  readonly image: ImageBitmap | undefined;
  readonly size: { readonly rows: number; readonly columns: number };
  readonly region: Region;
  readonly theme: ThemeColours;
}

/** Space left free around the picture, CSS pixels. */
export const minimapMargin = 4;

export function paintMinimap(context: CanvasRenderingContext2D, frame: MinimapFrame): void {
  const { width, height, ratio, image, size, region, theme } = frame;
  context.fillStyle = cssColour(theme.background);
  context.fillRect(0, 0, width, height);
  const margin = Math.round(minimapMargin * ratio);
  const [across, down] = [width - 2 * margin, height - 2 * margin];
  // Cells that share a pixel here are blended: they still tell where something is.
  context.imageSmoothingEnabled = image !== undefined && (image.width > across || image.height > down);
  if (image) context.drawImage(image, margin, margin, across, down);
  const line = Math.max(1, Math.round(ratio));
  const least = 3 * line;
  const left = margin + Math.floor((region.column0 / size.columns) * across);
  const top = margin + Math.floor((region.row0 / size.rows) * down);
  const wide = Math.max(least, Math.ceil(((region.column1 - region.column0) / size.columns) * across));
  const high = Math.max(least, Math.ceil(((region.row1 - region.row0) / size.rows) * down));
  context.lineWidth = line;
  for (const [by, colour] of [
    [0, '#000000'],
    [-line, '#ffffff'],
  ] as const) {
    context.strokeStyle = colour;
    context.strokeRect(left + by + line / 2, top + by + line / 2, wide - 2 * by - line, high - 2 * by - line);
  }
}
