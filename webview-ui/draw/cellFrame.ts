/** A frame around a cell of a picture. */

/** Device pixels; the edges of a cell. */
export interface CellEdges {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Strokes lines of these colours one inside the other, dark and light in turn: visible over any colour. The frame is at least
 * `least` lines wide and high, and stands around a cell that is smaller.
 */
export function strokeCellFrame(
  context: CanvasRenderingContext2D,
  { left, top, right, bottom }: CellEdges,
  thickness: number,
  least: number,
  colours: readonly string[],
): void {
  const widen = Math.max(0, Math.ceil((least * thickness - (right - left)) / 2));
  const heighten = Math.max(0, Math.ceil((least * thickness - (bottom - top)) / 2));
  context.lineWidth = thickness;
  for (const [at, colour] of colours.entries()) {
    const by = (at + 0.5) * thickness;
    context.strokeStyle = colour;
    context.strokeRect(
      left - widen + by,
      top - heighten + by,
      right - left + 2 * widen - 2 * by,
      bottom - top + 2 * heighten - 2 * by,
    );
  }
}
