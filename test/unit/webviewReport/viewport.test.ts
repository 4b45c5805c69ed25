import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cellOf,
  cellsOf,
  clampRegion,
  elementsOf,
  matrixShape,
  nearest,
  reduceViewport,
  type Viewport,
  type ViewportAction,
  wholeTensor,
} from '../../../webview-ui/views/report/viewport';

const whole = wholeTensor(256, 768);

describe('zoom', () => {
  it('halves the region and keeps the anchor where it was', () => {
    const next = reduceViewport(whole, { kind: 'zoom', factor: 2, row: 64, column: 576 });
    expect(next.region).toEqual({ row0: 32, row1: 160, column0: 288, column1: 672 });
    // (64 - 32) / 128 = 64 / 256 and (576 - 288) / 384 = 576 / 768.
  });

  it('ends at the nearest zoom, and at the whole tensor', () => {
    let near: Viewport = whole;
    for (let i = 0; i < 40; i++)
      near = reduceViewport(near, { kind: 'zoom', factor: 2, row: 100, column: 300 });
    expect(near.region.row1 - near.region.row0).toBe(nearest.rows);
    expect(near.region.column1 - near.region.column0).toBe(nearest.columns);
    expect(near.region.row0).toBeLessThanOrEqual(100);
    expect(near.region.row1).toBeGreaterThan(100);
    let far = near;
    for (let i = 0; i < 40; i++)
      far = reduceViewport(far, { kind: 'zoom', factor: 0.5, row: 100, column: 300 });
    expect(far.region).toEqual(whole.region);
  });

  it('always moves by at least one element for a small factor', () => {
    const near = { ...whole, region: { row0: 0, row1: 10, column0: 0, column1: 12 } };
    const next = reduceViewport(near, { kind: 'zoom', factor: 0.99, row: 5, column: 5 });
    expect(next.region.row1 - next.region.row0).toBe(11);
    expect(next.region.column1 - next.region.column0).toBe(13);
  });
});

describe('pan', () => {
  it('stops at the edges without changing the extent', () => {
    const near = { ...whole, region: { row0: 10, row1: 30, column0: 700, column1: 760 } };
    expect(reduceViewport(near, { kind: 'pan', rows: -50, columns: 50 }).region).toEqual({
      row0: 0,
      row1: 20,
      column0: 708,
      column1: 768,
    });
  });
});

describe('cursor', () => {
  it('starts in the middle, steps by cells, and takes the region along', () => {
    const near: Viewport = { ...whole, region: { row0: 10, row1: 20, column0: 100, column1: 120 } };
    const cells = { rows: 10, columns: 20 };
    const first = reduceViewport(near, { kind: 'step', rows: 0, columns: 1, cells });
    expect(first.cursor).toEqual({ row: 14, column: 109 });
    let now = first;
    for (let i = 0; i < 7; i++) now = reduceViewport(now, { kind: 'step', rows: 1, columns: 0, cells });
    expect(now.cursor).toEqual({ row: 21, column: 109 });
    expect(now.region).toEqual({ row0: 12, row1: 22, column0: 100, column1: 120 });
  });

  it('steps over folded cells', () => {
    const cells = { rows: 64, columns: 192 };
    const at: Viewport = { ...whole, cursor: { row: 5, column: 9 } };
    expect(reduceViewport(at, { kind: 'step', rows: 1, columns: -1, cells }).cursor).toEqual({
      row: 8,
      column: 4,
    });
  });
});

describe('any sequence of actions', () => {
  const action: fc.Arbitrary<ViewportAction> = fc.oneof(
    fc.record({
      kind: fc.constant('zoom' as const),
      factor: fc.double({ min: 0.2, max: 5, noNaN: true }),
      row: fc.double({ min: 0, max: 33, noNaN: true }),
      column: fc.double({ min: 0, max: 9, noNaN: true }),
    }),
    fc.record({
      kind: fc.constant('pan' as const),
      rows: fc.integer({ min: -50, max: 50 }),
      columns: fc.integer({ min: -50, max: 50 }),
    }),
    fc.record({
      kind: fc.constant('step' as const),
      rows: fc.integer({ min: -2, max: 2 }),
      columns: fc.integer({ min: -2, max: 2 }),
      cells: fc.constant({ rows: 3, columns: 2 }),
    }),
    fc.constant({ kind: 'fit' as const }),
  );

  it('keeps the region and the cursor inside of the tensor, in whole elements', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        let state = wholeTensor(33, 9);
        for (const each of actions) state = reduceViewport(state, each);
        const { row0, row1, column0, column1 } = state.region;
        for (const edge of [row0, row1, column0, column1]) expect(Number.isInteger(edge)).toBe(true);
        expect(row0).toBeGreaterThanOrEqual(0);
        expect(row1).toBeLessThanOrEqual(33);
        expect(row1 - row0).toBeGreaterThanOrEqual(nearest.rows);
        expect(column0).toBeGreaterThanOrEqual(0);
        expect(column1).toBeLessThanOrEqual(9);
        expect(column1 - column0).toBeGreaterThanOrEqual(nearest.columns);
        if (state.cursor) {
          expect(state.cursor.row).toBeGreaterThanOrEqual(0);
          expect(state.cursor.row).toBeLessThan(33);
          expect(state.cursor.column).toBeLessThan(9);
        }
      }),
    );
  });
});

describe('cells and elements', () => {
  it('cover every element once, and are each other inverse', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 1, max: 400 }),
        fc.nat(),
        (start, extent, pick) => {
          const cells = 1 + (pick % extent);
          let next = start;
          for (let index = 0; index < cells; index++) {
            const [from, to] = elementsOf(start, start + extent, cells, index);
            expect(from).toBe(next);
            expect(to).toBeGreaterThan(from);
            for (let element = from; element < to; element++)
              if (cellOf(start, start + extent, cells, element) !== index) expect.fail(`element ${element}`);
            next = to;
          }
          expect(next).toBe(start + extent);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are at most as many as pixels', () => {
    expect(cellsOf(whole.region, { width: 368, height: 400 })).toEqual({ rows: 256, columns: 368 });
  });
});

it('matrixShape folds all but the first dimension', () => {
  expect(matrixShape([2, 3, 4])).toEqual({ rows: 2, columns: 12 });
  expect(matrixShape([7])).toEqual({ rows: 1, columns: 7 });
  expect(matrixShape([])).toEqual({ rows: 1, columns: 1 });
});

it('clampRegion mends what an old state may hold', () => {
  const bad = { row0: -4, row1: 900, column0: Number.NaN, column1: Number.NaN };
  expect(clampRegion(bad, 10, 20)).toEqual({ row0: 0, row1: 10, column0: 0, column1: 20 });
});
