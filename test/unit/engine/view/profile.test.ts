/** Profiles of slices of every kind against plain loops. */
import { describe, expect, it } from 'vitest';
import { startEngine, temporaryFolder } from '../support';
import { fillsBlocks, flatIndex, matrixFixture, sizeOf, slicesOfEveryKind } from './matrixFixture';

const engine = startEngine();
const folder = temporaryFolder();

describe.each(['F32', 'F64', 'BF16', 'I64', 'Q8_0'])('profiles of %s', (dtype) => {
  const fitting = slicesOfEveryKind.filter(([, shape]) => fillsBlocks(dtype, shape));
  it.each(fitting)('of %s are those of its values', async (_, shape, slice) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const tame = Float64Array.from({ length: count }, (_, i) => Math.sin(i * i));
    const fixture = matrixFixture(
      folder,
      dtype,
      shape,
      dtype === 'F64' ? new Uint8Array(tame.buffer) : undefined,
    );
    const size = sizeOf(shape, slice);
    const profile = await engine.call('profile', { path: fixture.path, tensor: 0, slice, outlierFactor: 2 });
    const check = (
      axis: typeof profile.rows,
      channels: number,
      length: number,
      valueAt: (c: number, i: number) => number,
    ) => {
      const absmax = Array.from({ length: channels }, (_, c) => {
        let [largest, squares, finite] = [0, 0, 0];
        for (let i = 0; i < length; i++) {
          const value = valueAt(c, i);
          if (!Number.isFinite(value)) continue;
          largest = Math.max(largest, Math.fround(Math.abs(value)));
          squares += value * value;
          finite++;
        }
        const rms = finite > 0 ? Math.sqrt(squares / finite) : 0;
        expect(Math.abs(axis.rms[c]! - rms)).toBeLessThanOrEqual(1e-6 * rms);
        return largest;
      });
      expect(Array.from(axis.absmax)).toEqual(absmax);
      const sorted = absmax.toSorted((a, b) => a - b);
      const middle = sorted.length >> 1;
      const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
      expect(axis.outliers).toEqual(absmax.flatMap((one, c) => (median > 0 && one > 2 * median ? [c] : [])));
    };
    const value = (row: number, column: number) => fixture.values[flatIndex(shape, slice, row, column)]!;
    check(profile.rows, size.rows, size.columns, value);
    check(profile.columns, size.columns, size.rows, (column, row) => value(row, column));
  });
});
