import { describe, expect, it } from 'vitest';
import {
  divide,
  partElements,
  parts,
  rowParts,
  sampleBlocks,
  segmentElements,
} from '../../../src/engine/matrix';
import { cellStart } from '../../../src/engine/worker/cellStart';
import { inOrder } from '../../../src/engine/worker/inOrder';
import { LoupeError } from '../../../src/errors';
import { matrixShape } from '../../../src/stats/matrixShape';

it('sees tensors of every rank as a matrix', () => {
  expect([[], [7], [2, 3], [2, 3, 4], [0, 5]].map((shape) => matrixShape(shape))).toEqual([
    { rows: 1, columns: 1 },
    { rows: 1, columns: 7 },
    { rows: 2, columns: 3 },
    { rows: 2, columns: 12 },
    { rows: 0, columns: 5 },
  ]);
});

describe('the division of a matrix', () => {
  const shapes = [
    { rows: 1, columns: 1 },
    { rows: 1, columns: 10_000_000 },
    { rows: 9_999_999, columns: 1 },
    { rows: 3000, columns: 5000 },
    { rows: 3, columns: 5_000_001 },
    { rows: 0, columns: 5 },
    { rows: 5, columns: 0 },
  ];

  it.each(shapes)('covers $rows x $columns once, in order, in contiguous blocks', ({ rows, columns }) => {
    for (const [blocks, most] of [
      [[...parts({ rows, columns })], partElements],
      [[...rowParts({ rows, columns })], Math.max(partElements, columns)],
      [[...parts({ rows, columns })].flatMap((part) => [...divide(part, segmentElements)]), segmentElements],
    ] as const) {
      let at = 0;
      for (const block of blocks) {
        expect(block.row * columns + block.column).toBe(at);
        expect(block.rows === 1 || block.columns === columns).toBe(true);
        expect(block.rows * block.columns).toBeLessThanOrEqual(most);
        at += block.rows * block.columns;
      }
      expect(at).toBe(rows * columns);
    }
  });

  it('shares rows out to cells without gaps', () => {
    const starts = Array.from({ length: 8 }, (_, cell) => cellStart(cell, 7, 100));
    expect([starts[0], starts[7]]).toEqual([0, 100]);
    for (let i = 1; i < 8; i++) expect(starts[i]! - starts[i - 1]!).toBeOneOf([14, 15]);
  });
});

describe('a sample', () => {
  it('is of whole blocks in reach, few enough, in places that differ in rows and columns', () => {
    for (const [rows, columns] of [
      [1, 10_000_000],
      [9_999_999, 1],
      [3000, 5000],
      [2048, 4096],
      [700, 384],
      [1, 5],
    ] as const) {
      const blocks = sampleBlocks({ rows, columns });
      const elements = blocks.reduce((sum, block) => sum + block.rows * block.columns, 0);
      expect(elements).toBeLessThanOrEqual(Math.max(2048, (rows * columns) / 15));
      for (const block of blocks) {
        expect(block.row + block.rows).toBeLessThanOrEqual(rows);
        expect(block.column + block.columns).toBeLessThanOrEqual(columns);
        expect(block.rows === 1 || block.columns === columns).toBe(true);
        expect(block.column % 256).toBe(0);
      }
    }
    const blocks = sampleBlocks({ rows: 2048, columns: 16384 });
    expect(blocks.length).toBe(16);
    expect(new Set(blocks.map(({ row }) => row)).size).toBe(16);
    // Each quarter of the columns has its share.
    for (const column of [0, 4096, 8192, 12288])
      expect(blocks.filter((block) => block.column === column).length).toBeGreaterThan(2);
    expect(sampleBlocks({ rows: 0, columns: 5 })).toEqual([]);
  });
});

describe('inOrder', () => {
  it('hands results over in order whatever the timing, a bounded number under way', async () => {
    const items = Array.from({ length: 20 }, (_, i) => i);
    const taken: number[] = [];
    let [underWay, most] = [0, 0];
    await inOrder(
      items,
      3,
      undefined,
      async (item) => {
        most = Math.max(most, ++underWay);
        await new Promise((resolve) => setTimeout(resolve, (item * 7) % 5));
        underWay--;
        return item * 2;
      },
      (result) => {
        taken.push(result);
      },
    );
    expect(taken).toEqual(items.map((item) => item * 2));
    expect(most).toBe(3);
  });

  it('stops at a failure, and only after everything under way has settled', async () => {
    const finished: number[] = [];
    const failing = inOrder(
      [0, 1, 2, 3, 4, 5],
      3,
      undefined,
      async (item) => {
        await new Promise((resolve) => setTimeout(resolve, 5 * item));
        finished.push(item);
        if (item === 0) throw new LoupeError('compute', 'no');
      },
      () => {},
    );
    await expect(failing).rejects.toThrow('no');
    expect(finished).toEqual([0, 1, 2]);
  });

  it('starts nothing after an abort', async () => {
    const controller = new AbortController();
    let started = 0;
    const failing = inOrder(
      [1, 2, 3, 4],
      1,
      controller.signal,
      async () => {
        started++;
        controller.abort();
      },
      () => {},
    );
    await expect(failing).rejects.toMatchObject({ code: 'cancelled' });
    expect(started).toBe(1);
  });
});
