/** The value of larger magnitude, the positive one of two that are equal but for their sign; NaN if there is one. */
export function largerMagnitude(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
  const [x, y] = [Math.abs(a), Math.abs(b)];
  if (x === y) return a > 0 || Object.is(a, 0) ? a : b;
  return x > y ? a : b;
}

/** Extreme, sum and sum of squares of each cell of one row of cells; `edges` has one more entry than there are cells. */
export function foldReference(
  values: Float32Array,
  columns: number,
  edges: readonly number[],
): { extreme: number[]; sum: number[]; squares: number[] } {
  const extreme: number[] = [];
  const sum: number[] = [];
  const squares: number[] = [];
  for (let cell = 0; cell + 1 < edges.length; cell++) {
    let [largest, total, squared] = [-0, 0, 0];
    for (let row = 0; row * columns < values.length; row++) {
      for (let column = edges[cell]!; column < edges[cell + 1]!; column++) {
        const x = values[row * columns + column]!;
        largest = largerMagnitude(largest, x);
        total += x;
        squared += x * x;
      }
    }
    extreme.push(largest);
    sum.push(total);
    squares.push(squared);
  }
  return { extreme, sum, squares };
}
