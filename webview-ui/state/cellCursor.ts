/** Moving a cursor over the cells of a picture by keys. */

export interface CellPlace {
  readonly row: number;
  readonly column: number;
}

const steps: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Where an arrow key leads, ten cells far with Shift, within the picture; undefined for other keys. */
export function cellAfterKey(
  { key, shiftKey }: { readonly key: string; readonly shiftKey: boolean },
  cursor: CellPlace | undefined,
  size: { readonly rows: number; readonly columns: number },
): CellPlace | undefined {
  const step = steps[key];
  if (!step) return undefined;
  // The first key of all leads to the first cell.
  const { row, column } = cursor ?? { row: 0, column: -1 };
  const many = shiftKey ? 10 : 1;
  const within = (at: number, count: number) => Math.max(0, Math.min(count - 1, at));
  return {
    row: within(row + step[0] * many, size.rows),
    column: within(column + step[1] * many, size.columns),
  };
}
