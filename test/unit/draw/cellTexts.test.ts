import { describe, expect, it } from 'vitest';
import { type CellFrame, drawCellTexts } from '../../../webview-ui/draw/cellTexts';

/** Texts over cells 50 by 30 that begin `left` and `top` before a canvas of 100 by 60; each character is 10 wide. */
function drawnTexts(left: number, top: number, notes: ((index: number) => string) | null = null): string[] {
  const drawn: string[] = [];
  const context = new Proxy({} as CanvasRenderingContext2D, {
    get: (_, name) => {
      if (name === 'canvas') return { width: 100, height: 60 };
      if (name === 'measureText') return (text: string) => ({ width: 10 * text.length });
      if (name === 'fillText') return (text: string) => void drawn.push(text);
      return undefined;
    },
    set: () => true,
  });
  const frame = {
    layer: { rows: 3, columns: 3, values: Float32Array.from({ length: 9 }, (_, i) => i) },
    rows: [0, 3],
    columns: [0, 3],
    cellWidth: 50,
    cellHeight: 30,
    edge: (axis: string, cell: number) => (axis === 'row' ? 30 * cell - top : 50 * cell - left),
    ratio: 1,
    scale: { min: 0, max: 9, map: { at: () => [0, 0, 0] } },
    theme: { foreground: 'white', font: 'mono' },
  } as unknown as CellFrame;
  drawCellTexts(context, frame, [(value) => `1${value}0`], notes);
  return drawn;
}

describe('numbers over cells', () => {
  it('are left out where the edge of the picture would cut them', () => {
    expect(drawnTexts(0, 0)).toEqual(['100', '110', '130', '140']);
    expect(drawnTexts(9, 0)).toEqual(['100', '110', '130', '140']);
    expect(drawnTexts(25, 0)).toEqual(['110', '140']);
    expect(drawnTexts(0, 15)).toEqual(['130', '140']);
  });

  it('go with their second line', () => {
    expect(drawnTexts(0, 0, () => 'a')).toEqual(['100', 'a', '110', 'a', '130', 'a', '140', 'a']);
    expect(drawnTexts(0, 5, () => 'a')).toEqual(['130', 'a', '140', 'a']);
  });
});
