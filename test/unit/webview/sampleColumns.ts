/** Catalogue columns and statistics for the tests of the page's logic. */
import type { TensorColumns, TensorStats } from '../../../src/protocol/engineApi';

/** Rows of name, dtype, shape and file; bytes are those of the dtype's plain width (4.5 bits for Q4_0). */
export function tensorColumns(
  rows: readonly (readonly [name: string, dtype: string, shape: readonly number[], file?: number])[],
): TensorColumns {
  const dtypes = [...new Set(rows.map(([, dtype]) => dtype))];
  const width: Record<string, number> = { F32: 4, F16: 2, BF16: 2, Q4_0: 18 / 32 };
  const elements = rows.map(([, , shape]) => shape.reduce((product, size) => product * size, 1));
  let end = 0;
  return {
    count: rows.length,
    names: rows.map(([name]) => name),
    dtypes,
    dtype: Uint16Array.from(rows, ([, dtype]) => dtypes.indexOf(dtype)),
    shapes: Float64Array.from(rows.flatMap(([, , shape]) => [...shape])),
    shapeEnd: Uint32Array.from(rows, ([, , shape]) => {
      end += shape.length;
      return end;
    }),
    elements: Float64Array.from(elements),
    bytes: Float64Array.from(rows, ([, dtype], i) => elements[i]! * width[dtype]!),
    file: Uint32Array.from(rows, ([, , , file]) => file ?? 0),
    byteOffset: new Float64Array(rows.length),
    unreadable: [],
    pieces: [],
  };
}

/** Columns for names alone. */
export const namedColumns = (names: readonly string[]) =>
  tensorColumns(names.map((name) => [name, 'F32', [4]] as const));

/** Statistics of which only the given figures matter. */
export function statsWith(figures: {
  kurtosis?: number | null;
  absmax?: number | null;
  std?: number | null;
  sigma6?: number;
}): TensorStats {
  return {
    name: '',
    count: 1,
    min: null,
    max: null,
    mean: null,
    std: figures.std ?? null,
    absmax: figures.absmax ?? null,
    kurtosis: figures.kurtosis ?? null,
    skewness: null,
    rms: null,
    crest: null,
    entropy: null,
    nan: 0,
    inf: 0,
    posInf: 0,
    negInf: 0,
    zeros: 0,
    denormals: 0,
    top: [],
    outliers: { sigma3: 0, sigma6: figures.sigma6 ?? 0 },
    percentiles: { '0.1': null, '1': null, '50': null, '99': null, '99.9': null },
    histogram: null,
  };
}
