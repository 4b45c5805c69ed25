/** Statistics of an array in plain code: slow, readable, and independent of the engine. For the harness only. */
import type { AxisStats, TensorStats, Tile } from '../../src/protocol/engineApi';

const bins = 128;
/** LLM.int8()'s threshold. */
const int8Threshold = 6;
function axisStats(absmax: Float32Array, energy: Float64Array, length: number, factor: number): AxisStats {
  const total = energy.reduce((sum, value) => sum + value, 0);
  const sorted = Array.from(absmax).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 1
      ? sorted[Math.floor(middle)]!
      : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  const outliers: number[] = [];
  let outlierSum = 0;
  for (let i = 0; i < absmax.length; i++) {
    if (median > 0 && absmax[i]! > factor * median) {
      outliers.push(i);
      outlierSum += energy[i]!;
    }
  }
  const rms = Float32Array.from(energy, (sum) => Math.sqrt(sum / length));
  return { absmax, rms, outliers, outlierEnergy: total > 0 ? outlierSum / total : 0, median };
}

/** Figures of finite values seen as rows x columns. */
export function plainStats(
  name: string,
  values: Float32Array,
  rows: number,
  columns: number,
  factor: number,
): TensorStats {
  const count = values.length;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  let zeros = 0;
  for (const value of values) {
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
    if (value === 0) zeros++;
  }
  const mean = sum / count;
  let m2 = 0;
  let m3 = 0;
  let m4 = 0;
  let squares = 0;
  for (const value of values) {
    const d = (value - mean) ** 2;
    m2 += d;
    m3 += d * (value - mean);
    m4 += d * d;
    squares += value * value;
  }
  const rms = Math.sqrt(squares / count);
  const absmax = Math.max(Math.abs(min), Math.abs(max));
  const std = Math.sqrt(m2 / count);
  const rowMax = new Float32Array(rows);
  const rowEnergy = new Float64Array(rows);
  const columnMax = new Float32Array(columns);
  const columnEnergy = new Float64Array(columns);
  const counts = new Float64Array(bins);
  let sigma3 = 0;
  let sigma6 = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    const magnitude = Math.abs(value);
    const row = Math.floor(i / columns);
    const column = i % columns;
    rowMax[row] = Math.max(rowMax[row]!, magnitude);
    columnMax[column] = Math.max(columnMax[column]!, magnitude);
    rowEnergy[row]! += value * value;
    columnEnergy[column]! += value * value;
    const distance = Math.abs(value - mean);
    if (distance > 3 * std) sigma3++;
    if (distance > 6 * std) sigma6++;
    counts[Math.min(bins - 1, Math.floor(((value - min) / (max - min || 1)) * bins))]!++;
  }
  const sorted = values.slice().sort();
  const percentile = (p: number) => sorted[Math.min(count - 1, Math.floor((p / 100) * count))]!;
  const rowStats = axisStats(rowMax, rowEnergy, columns, factor);
  const columnStats = axisStats(columnMax, columnEnergy, rows, factor);
  const int8Columns = [...columnMax.keys()].filter((column) => columnMax[column]! >= int8Threshold);
  return {
    name,
    count,
    min,
    max,
    mean,
    std,
    skewness: std > 0 ? m3 / count / std ** 3 : null,
    absmax,
    rms,
    crest: rms > 0 ? absmax / rms : null,
    kurtosis: std > 0 ? m4 / count / std ** 4 - 3 : null,
    entropy: entropy(values),
    nan: 0,
    inf: 0,
    posInf: 0,
    negInf: 0,
    zeros,
    denormals: values.filter((value) => value !== 0 && Math.abs(value) < 2 ** -126).length,
    outliers: { sigma3, sigma6 },
    percentiles: {
      '0.1': percentile(0.1),
      '1': percentile(1),
      '50': percentile(50),
      '99': percentile(99),
      '99.9': percentile(99.9),
    },
    top: largest(values),
    histogram: { min, max, counts },
    channels: { rows: rowStats, columns: columnStats, int8Columns },
    outlierChannels: {
      rows: rowStats.outliers.length,
      columns: columnStats.outliers.length,
      rowEnergy: rowStats.outlierEnergy,
      columnEnergy: columnStats.outlierEnergy,
      int8Columns: int8Columns.length,
    },
  };
}

/** Entropy in bits of the values' first 16 bits. */
function entropy(values: Float32Array): number {
  const counts = new Map<number, number>();
  for (const bits of new Uint32Array(values.buffer, values.byteOffset, values.length)) {
    counts.set(bits >>> 16, (counts.get(bits >>> 16) ?? 0) + 1);
  }
  let sum = 0;
  for (const n of counts.values()) sum -= (n / values.length) * Math.log2(n / values.length);
  return sum;
}

function largest(values: Float32Array): { index: number; value: number }[] {
  return Array.from(values, (value, index) => ({ index, value }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.index - b.index)
    .slice(0, 16);
}

/** Counts over a range, and beyond k sigma: what the engine's `distribution` answers. */
export function plainDistribution(
  values: Float32Array,
  bins: number,
  range: { readonly min: number; readonly max: number } | undefined,
  sigmas: readonly number[],
): {
  histogram: { min: number; max: number; counts: Float64Array };
  beyond: { sigma: number; count: number; isExact: boolean }[];
} {
  const finite = values.filter(Number.isFinite);
  const min = range?.min ?? finite.reduce((a, b) => Math.min(a, b), Infinity);
  const max = range?.max ?? finite.reduce((a, b) => Math.max(a, b), -Infinity);
  const counts = new Float64Array(bins);
  for (const value of finite) {
    if (value < min || value > max) continue;
    counts[Math.min(bins - 1, Math.floor(((value - min) / (max - min || 1)) * bins))]!++;
  }
  const mean = finite.reduce((a, b) => a + b, 0) / finite.length;
  const std = Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / finite.length);
  const beyond = sigmas.map((sigma) => ({
    sigma,
    count: finite.filter((value) => Math.abs(value - mean) > sigma * std).length,
    isExact: true,
  }));
  return { histogram: { min, max, counts }, beyond };
}

/** The value of largest magnitude of each cell. */
export function plainTile(
  values: Float32Array,
  rows: number,
  columns: number,
  tileRows: number,
  tileColumns: number,
): Tile {
  const cells = new Float32Array(tileRows * tileColumns);
  let min = Infinity;
  let max = -Infinity;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const value = values[r * columns + c]!;
      const cell = Math.floor((r * tileRows) / rows) * tileColumns + Math.floor((c * tileColumns) / columns);
      if (Math.abs(value) > Math.abs(cells[cell]!)) cells[cell] = value;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return {
    region: { row0: 0, row1: rows, column0: 0, column1: columns },
    rows: tileRows,
    columns: tileColumns,
    values: cells,
    min,
    max,
  };
}
