/** Statistics of an array in plain code: slow, readable, and independent of the engine. For the harness only. */
import type { AxisStats, TensorStats, Tile } from '../../src/protocol/engineApi';

const bins = 128;

function axisStats(absmax: Float32Array, energy: Float64Array, total: number, factor: number): AxisStats {
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
  return { absmax, outliers, outlierEnergy: total > 0 ? outlierSum / total : 0, median };
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
  let m4 = 0;
  let squares = 0;
  for (const value of values) {
    const d = (value - mean) ** 2;
    m2 += d;
    m4 += d * d;
    squares += value * value;
  }
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
  return {
    name,
    count,
    min,
    max,
    mean,
    std,
    absmax: Math.max(Math.abs(min), Math.abs(max)),
    kurtosis: std > 0 ? m4 / count / std ** 4 - 3 : null,
    nan: 0,
    inf: 0,
    zeros,
    outliers: { sigma3, sigma6 },
    percentiles: {
      '0.1': percentile(0.1),
      '1': percentile(1),
      '50': percentile(50),
      '99': percentile(99),
      '99.9': percentile(99.9),
    },
    histogram: { min, max, counts },
    channels: {
      rows: axisStats(rowMax, rowEnergy, squares, factor),
      columns: axisStats(columnMax, columnEnergy, squares, factor),
    },
  };
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
