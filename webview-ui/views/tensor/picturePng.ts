/** What a viewer shows as a PNG file: the matrix, a line that says what it is, and the legend. */

import type { TensorSlice } from '../../../src/protocol/engineApi';
import type { TensorSubject } from '../../../src/protocol/tensorViewApi';
import { cssColour } from '../../draw/colour';
import { type LegendContent, legendHeight, paintLegend } from '../../draw/scaleLegend';
import { readTheme } from '../../draw/theme';
import { formatShape } from '../../state/format';
import type { MatrixView } from './matrixView';
import { indicesText } from './pageParts';
import { positionText } from './readout';

/** CSS pixels. */
const margin = 10;
const lineHeight = 16;

/** The tensor's name, and where the picture was taken in it. */
function titleLines(subject: TensorSubject, { scene }: MatrixView, slice: TensorSlice | undefined): string[] {
  const { name, checkpoint, dtype, shape } = subject;
  const where = slice ? `[${indicesText(slice)}] · ` : '';
  const part = scene ? positionText(scene) : '';
  return [name, `${checkpoint} · ${dtype} · ${formatShape(shape)} · ${where}${part}`];
}

/** Bytes of the file. Throws when the window gives no picture. */
export async function picturePng(
  subject: TensorSubject,
  view: MatrixView,
  slice: TensorSlice | undefined,
  legend: LegendContent | undefined,
): Promise<Uint8Array> {
  const lines = titleLines(subject, view, slice);
  const cells = document.createElement('canvas');
  const source = view.canvas('cells');
  cells.width = source.width;
  cells.height = source.height;
  const cellContext = cells.getContext('2d', { alpha: false });
  const page = document.createElement('canvas');
  const context = page.getContext('2d', { alpha: false });
  if (!cellContext || !context) throw new Error('This window gives no 2D canvas.');
  const { ratio } = view.drawInto(cellContext);
  const theme = readTheme();
  const head = margin + lines.length * lineHeight + 4;
  const foot = legend ? legendHeight + 2 * margin : margin;
  const px = (css: number) => Math.round(css * ratio);
  page.width = cells.width + px(2 * margin);
  page.height = cells.height + px(head + foot);
  context.fillStyle = cssColour(theme.background);
  context.fillRect(0, 0, page.width, page.height);
  context.fillStyle = theme.foreground;
  context.textBaseline = 'top';
  for (const [at, line] of lines.entries()) {
    context.font = `${at === 0 ? '600 ' : ''}${px(12)}px ${theme.font}`;
    context.fillText(line, px(margin), px(margin + at * lineHeight), cells.width);
  }
  context.drawImage(cells, px(margin), px(head));
  if (legend) {
    const box = {
      left: px(margin),
      top: px(head) + cells.height + px(margin),
      width: Math.min(cells.width, px(480)),
      ratio,
    };
    paintLegend(context, box, legend, theme);
  }
  const blob = await new Promise<Blob | null>((resolve) => page.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error('The picture could not be made.');
  return new Uint8Array(await blob.arrayBuffer());
}
