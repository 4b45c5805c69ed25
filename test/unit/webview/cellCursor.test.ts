import { expect, it } from 'vitest';
import { cellAfterKey } from '../../../webview-ui/state/cellCursor';

const size = { rows: 4, columns: 25 };
const after = (key: string, shiftKey: boolean, row: number, column: number) =>
  cellAfterKey({ key, shiftKey }, { row, column }, size);

it('begins at the first cell and goes one cell at a time', () => {
  expect(cellAfterKey({ key: 'ArrowRight', shiftKey: false }, undefined, size)).toEqual({
    row: 0,
    column: 0,
  });
  expect(after('ArrowRight', false, 2, 3)).toEqual({ row: 2, column: 4 });
  expect(after('ArrowUp', false, 2, 3)).toEqual({ row: 1, column: 3 });
});

it('goes ten cells with Shift, and stays within the picture', () => {
  expect(after('ArrowLeft', true, 2, 14)).toEqual({ row: 2, column: 4 });
  expect(after('ArrowRight', true, 2, 20)).toEqual({ row: 2, column: 24 });
  expect(after('ArrowDown', false, 3, 3)).toEqual({ row: 3, column: 3 });
});

it('leaves other keys alone', () => {
  expect(after('Enter', false, 1, 1)).toBeUndefined();
});
