import { describe, expect, it } from 'vitest';
import {
  type Camera,
  cameraOn,
  clampCamera,
  columnEdge,
  elementAt,
  fitCamera,
  panCamera,
  revealElement,
  visibleRegion,
  zoomCamera,
} from '../../../webview-ui/state/matrixCamera';

const size = { rows: 1000, columns: 4000 };
const canvas = { width: 800, height: 500, ratio: 1 };

describe('the camera over a matrix', () => {
  it('fits the whole matrix, each axis for itself', () => {
    const camera = fitCamera(size, canvas);
    expect(camera).toEqual({ row: 0, column: 0, rowScale: 0.5, columnScale: 0.2 });
    expect(visibleRegion(camera, size, canvas)).toEqual({ row0: 0, row1: 1000, column0: 0, column1: 4000 });
  });

  it('does not blow a small matrix up beyond its largest cells', () => {
    const camera = fitCamera({ rows: 4, columns: 3 }, canvas);
    expect(camera.columnScale).toBe(84);
    expect(camera.rowScale).toBe(96);
    expect(
      fitCamera({ rows: 4, columns: 3 }, { ...canvas, width: 1600, height: 1000, ratio: 2 }).columnScale,
    ).toBe(168);
  });

  it('keeps what lies under the pointer when zooming, in and out', () => {
    const start = cameraOn({ row0: 300, row1: 500, column0: 1000, column1: 1800 }, size, canvas);
    for (const factor of [1.3, 2, 0.7]) {
      const at = { x: 321, y: 123 };
      const under = (camera: Camera) => ({
        row: camera.row + at.y / camera.rowScale,
        column: camera.column + at.x / camera.columnScale,
      });
      const zoomed = zoomCamera(start, factor, at, size, canvas);
      expect(under(zoomed).row).toBeCloseTo(under(start).row, 9);
      expect(under(zoomed).column).toBeCloseTo(under(start).column, 9);
      expect(zoomed.rowScale / start.rowScale).toBeCloseTo(factor, 12);
    }
  });

  it('comes back to the whole however far it went, and never leaves the matrix', () => {
    let camera = fitCamera(size, canvas);
    for (let step = 0; step < 30; step++) camera = zoomCamera(camera, 2, { x: 790, y: 490 }, size, canvas);
    const near = visibleRegion(camera, size, canvas);
    expect(near.row1).toBeLessThanOrEqual(1000);
    expect(near.column1).toBeLessThanOrEqual(4000);
    camera = panCamera(camera, { x: 1e9, y: 1e9 }, size, canvas);
    expect(visibleRegion(camera, size, canvas)).toMatchObject({ row1: 1000, column1: 4000 });
    for (let step = 0; step < 40; step++) camera = zoomCamera(camera, 0.5, { x: 3, y: 3 }, size, canvas);
    expect(camera).toEqual(fitCamera(size, canvas));
  });

  it('moves by pixels, and shares edges between neighbours', () => {
    const start = cameraOn({ row0: 10, row1: 60, column0: 20, column1: 120 }, size, canvas);
    const moved = panCamera(start, { x: 16, y: -20 }, size, canvas);
    expect(moved.column - start.column).toBeCloseTo(2, 12);
    expect(moved.row - start.row).toBeCloseTo(-2, 12);
    for (let column = 20; column < 120; column++)
      expect(columnEdge(moved, column + 1)).toBeGreaterThan(columnEdge(moved, column));
  });

  it('brings an element into view by the least movement, or into the middle', () => {
    const start = cameraOn({ row0: 100, row1: 200, column0: 100, column1: 200 }, size, canvas);
    expect(revealElement(start, { row: 150, column: 150 }, size, canvas)).toEqual(start);
    const right = revealElement(start, { row: 150, column: 230 }, size, canvas);
    expect(visibleRegion(right, size, canvas)).toMatchObject({ row0: 100, column0: 131, column1: 231 });
    const middle = visibleRegion(
      revealElement(start, { row: 500, column: 900 }, size, canvas, 'middle'),
      size,
      canvas,
    );
    expect((middle.row0 + middle.row1) / 2).toBeCloseTo(500.5, 0);
    expect((middle.column0 + middle.column1) / 2).toBeCloseTo(900.5, 0);
  });

  it('finds the element under a pixel, and none beside the matrix', () => {
    const small = { rows: 2, columns: 3 };
    const camera = fitCamera(small, canvas);
    expect(elementAt(camera, { x: 84 * 2 + 1, y: 97 }, small)).toEqual({ row: 1, column: 2 });
    expect(elementAt(camera, { x: 84 * 3 + 1, y: 10 }, small)).toBeNull();
    expect(elementAt(camera, { x: 10, y: 96 * 2 + 1 }, small)).toBeNull();
  });

  it('takes any numbers for a camera, also out of a damaged state', () => {
    const broken = { row: Number.NaN, column: -50, rowScale: Number.POSITIVE_INFINITY, columnScale: 0 };
    const camera = clampCamera(broken, size, canvas);
    expect(Object.values(camera).every(Number.isFinite)).toBe(true);
    expect(visibleRegion(camera, size, canvas).row0).toBe(0);
  });
});
