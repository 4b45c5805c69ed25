import { describe, expect, it } from 'vitest';
import { type MatrixFrame, paintMatrix } from '../../../webview-ui/draw/matrixPainter';

/** A canvas 100 by 60 that writes down which numbers are drawn, each character 10 wide. */
function drawnTexts(column: number, row: number): { text: string; x: number; y: number }[] {
  const drawn: { text: string; x: number; y: number }[] = [];
  const context = new Proxy({} as CanvasRenderingContext2D, {
    get: (_, name) => {
      if (name === 'fillText') return (text: string, x: number, y: number) => void drawn.push({ text, x, y });
      if (name === 'measureText') return (text: string) => ({ width: 10 * text.length });
      return () => undefined;
    },
    set: () => true,
  });
  const region = { row0: 0, row1: 4, column0: 0, column1: 4 };
  const values = Float32Array.from({ length: 16 }, (_, i) => i);
  const bitmap = { tile: { region, rows: 4, columns: 4, values }, nanCells: [], image: undefined };
  const frame = {
    camera: { column, row, columnScale: 50, rowScale: 20 },
    canvas: { width: 100, height: 60, ratio: 1 },
    size: { rows: 4, columns: 4 },
    tiles: [bitmap],
    singles: [bitmap],
    palette: { scale: { position: () => 0 }, isMagnitude: false, pixels: Uint32Array.of(0) },
    theme: { background: [0, 0, 0], foreground: 'white', font: 'mono' },
    groupColumns: 0,
    format: (value: number) => String(Math.round(value)).padStart(3, '0'),
    shortFormat: String,
    selected: null,
    hovered: null,
    marked: null,
  } as unknown as MatrixFrame;
  paintMatrix(context, frame);
  return drawn;
}

describe('numbers in cells', () => {
  it('stand in the middle of theirs', () => {
    const whole = drawnTexts(0, 0);
    expect(whole.map(({ text }) => text)).toEqual(['000', '001', '004', '005', '008', '009']);
    expect(whole[3]).toEqual({ text: '005', x: 75, y: 30 });
  });

  it('are left out where the edge of the picture would cut off digits', () => {
    // Half of the first column is to the left: 25 pixels, the text's middle on the edge.
    expect(drawnTexts(0.5, 0).map(({ text }) => text)).toEqual(['001', '005', '009']);
    // A fifth: the text of 30 pixels in the 50 still fits, and that of the third column does not.
    expect(drawnTexts(0.2, 0).map(({ text }) => text)).toEqual(['000', '001', '004', '005', '008', '009']);
    expect(drawnTexts(0, 0.6).map(({ text }) => text)).toEqual(['004', '005', '008', '009']);
  });
});
