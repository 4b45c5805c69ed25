/** What the maps of modules draw alike: frames, marks and texts of cells and labels. Pixels are CSS pixels. */

/** A cell without the gap to the next. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** `text`, or its end behind an ellipsis: the end of a text that is too long tells more than its start. */
export function cut(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let short = text;
  while (short.length > 1 && context.measureText(`…${short}`).width > width) short = short.slice(1);
  return `…${short}`;
}

/** The mark of a row that opens, in the fill style that is set. */
export function paintChevron(context: CanvasRenderingContext2D, x: number, y: number, isOpen: boolean): void {
  context.beginPath();
  if (isOpen) {
    context.moveTo(x - 4, y - 2);
    context.lineTo(x + 4, y - 2);
    context.lineTo(x, y + 3);
  } else {
    context.moveTo(x - 2, y - 4);
    context.lineTo(x + 3, y);
    context.lineTo(x - 2, y + 4);
  }
  context.fill();
}

/** Surrounds a cell: selected, at the cursor, or under the pointer. */
export function outline(context: CanvasRenderingContext2D, box: Box, colour: string, width: number): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.strokeRect(box.left - 0.5, box.top - 0.5, box.width + 1, box.height + 1);
}

/** The edge of a cell, inside of it. */
export function frame(context: CanvasRenderingContext2D, box: Box, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
}

/** A cell whose figure is not known yet. */
export function hatch(context: CanvasRenderingContext2D, box: Box, colour: string): void {
  context.save();
  context.beginPath();
  context.rect(box.left + 1, box.top + 1, box.width - 2, box.height - 2);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.35;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = -box.height; x < box.width; x += 6) {
    context.moveTo(box.left + x, box.top + box.height);
    context.lineTo(box.left + x + box.height, box.top);
  }
  context.stroke();
  context.restore();
}

/** The corner of a cell that stands for several tensors. */
export function paintCorner(context: CanvasRenderingContext2D, box: Box, colour: string): void {
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(box.left + box.width, box.top + box.height - 5);
  context.lineTo(box.left + box.width, box.top + box.height);
  context.lineTo(box.left + box.width - 5, box.top + box.height);
  context.fill();
}

/** Writes in the middle of a cell, in the font that is set; nothing where there is no room. */
export function writeInCell(context: CanvasRenderingContext2D, box: Box, text: string, colour: string): void {
  context.textAlign = 'center';
  if (context.measureText(text).width > box.width - 3) return;
  context.fillStyle = colour;
  context.fillText(text, box.left + box.width / 2, box.top + box.height / 2 + 0.5);
}

/** A line below a header that rows have scrolled under. */
export function paintRule(context: CanvasRenderingContext2D, y: number, width: number, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, y);
  context.lineTo(width, y);
  context.stroke();
}
