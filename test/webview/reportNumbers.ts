/**
 * A quantization's report, tiles and details in plain loops, apart from the product's code: INT8 absmax, one
 * float32 scale a tensor. The page's fake host answers from here, and the tests compare the page with it.
 */
import type {
  Catalogue,
  ErrorDetail,
  ErrorTile,
  PlacedError,
  QuantizeReport,
  Region,
  TensorError,
} from '../../src/protocol/engineApi';
import type { ComparedScheme } from '../../src/protocol/webviewApi';
import { plainValues, readPlainSafetensors } from '../fixtures/plainSafetensors';

export interface PlainPair {
  readonly rows: number;
  readonly columns: number;
  readonly original: Float32Array;
  readonly dequantized: Float32Array;
  readonly codes: Int16Array;
  readonly scales: Float32Array;
}

/** The scheme that the fake host compares with: 4 bits in blocks of 32 columns. */
export const otherScheme: ComparedScheme = {
  choice: { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
  label: 'INT4 absmax per block of 32',
};

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** x -> round(x / s) s with s = max|x| / steps of each run of `width` values. */
function dequantize(x: Float32Array, width: number, steps: number): Omit<PlainPair, 'rows' | 'columns'> {
  const dequantized = new Float32Array(x.length);
  const codes = new Int16Array(x.length);
  const scales = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    const run = x.subarray(at, at + width);
    const scale = Math.fround(run.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / steps);
    for (let i = at; i < at + run.length; i++) {
      const code = scale === 0 ? 0 : roundHalfEven(Math.fround(x[i]! / scale));
      codes[i] = Math.max(-steps, Math.min(steps, code));
      dequantized[i] = codes[i]! * scale;
      scales[i] = scale;
    }
  }
  return { original: x, dequantized, codes, scales };
}

export function errorOf(
  name: string,
  { original, dequantized }: Pick<PlainPair, 'original' | 'dequantized'>,
): TensorError {
  let [squares, errorSquares, sumAbs, maxAbs, product, otherSquares] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < original.length; i++) {
    const [x, y] = [original[i]!, dequantized[i]!];
    squares += x * x;
    otherSquares += y * y;
    product += x * y;
    errorSquares += (x - y) ** 2;
    sumAbs += Math.abs(x - y);
    maxAbs = Math.max(maxAbs, Math.abs(x - y));
  }
  return {
    name,
    from: 'BF16',
    to: 'INT8',
    bytes: original.length + 4,
    mse: errorSquares / original.length,
    sqnr: 10 * Math.log10(squares / errorSquares),
    maxAbs,
    cosine: product / Math.sqrt(squares * otherSquares),
    meanAbs: sumAbs / original.length,
  };
}

/** The 16 largest errors, of equal ones the first. */
function worstOf({ columns, original, dequantized }: PlainPair): PlacedError[] {
  const size = (i: number) => Math.abs(original[i]! - dequantized[i]!);
  return [...original.keys()]
    .sort((a, b) => size(b) - size(a) || a - b)
    .slice(0, 16)
    .map((i) => ({
      row: Math.floor(i / columns),
      column: i % columns,
      original: original[i]!,
      dequantized: dequantized[i]!,
    }));
}

/** The model of a safetensors file, its 2-D projections quantized. */
export class PlainReport {
  readonly pairs = new Map<string, PlainPair>();
  /** The same tensors under the other scheme. */
  readonly others = new Map<string, PlainPair>();
  readonly report: QuantizeReport;
  readonly catalogue: Catalogue;

  constructor(path: string, sourceName: string) {
    const tensors = readPlainSafetensors(path);
    const names = [...tensors.keys()];
    const rows: TensorError[] = [];
    const shapes: number[] = [];
    const ends: number[] = [];
    let [before, after] = [0, 0];
    for (const name of names) {
      const tensor = tensors.get(name)!;
      shapes.push(...tensor.shape);
      ends.push(shapes.length);
      before += tensor.bytes.length;
      if (name.includes('_proj.')) {
        const original = plainValues(tensor);
        const [height, width] = tensor.shape as [number, number];
        const pair = { rows: height, columns: width, ...dequantize(original, original.length, 127) };
        this.pairs.set(name, pair);
        this.others.set(name, { rows: height, columns: width, ...dequantize(original, 32, 7) });
        rows.push(errorOf(name, pair));
      } else {
        const note =
          tensor.shape.length === 1
            ? 'a norm'
            : name.includes('lm_head')
              ? 'the output head'
              : 'an embedding';
        const exact = { mse: 0, sqnr: null, maxAbs: 0, cosine: 1, meanAbs: 0 };
        rows.push({ name, from: 'BF16', to: 'BF16', bytes: tensor.bytes.length, ...exact, note });
      }
      after += rows.at(-1)!.bytes;
    }
    this.report = {
      source: path,
      sourceName,
      outputs: ['out/model.safetensors'],
      open: 'out/model.safetensors',
      scheme: 'int8-absmax',
      granularity: 'tensor',
      backend: { requested: 'auto', used: 'cpu', reason: 'CPU: no GPU adapter found' },
      bytesBefore: before,
      bytesAfter: after,
      seconds: 0.42,
      tensors: rows,
    };
    const elements = names.map((name) =>
      tensors.get(name)!.shape.reduce((product, size) => product * size, 1),
    );
    this.catalogue = {
      format: 'safetensors',
      name: sourceName,
      path,
      folder: '',
      files: [],
      tensors: {
        count: names.length,
        names,
        dtypes: ['BF16'],
        dtype: new Uint16Array(names.length),
        shapes: Float64Array.from(shapes),
        shapeEnd: Uint32Array.from(ends),
        elements: Float64Array.from(elements),
        bytes: Float64Array.from(names, (name) => tensors.get(name)!.bytes.length),
        file: new Uint32Array(names.length),
        byteOffset: Float64Array.from(names, (name) => tensors.get(name)!.byteOffset),
        unreadable: [],
        pieces: [],
      },
      metadata: [],
      findings: [],
      parameters: elements.reduce((sum, each) => sum + each, 0),
      bytes: before,
      memory: [],
      generation: '1',
    };
  }

  pairAt(index: number, other = false): PlainPair {
    const pair = (other ? this.others : this.pairs).get(this.catalogue.tensors.names[index]!);
    if (!pair) throw new Error(`no quantized tensor at ${index}`);
    return pair;
  }

  tile(
    index: number,
    region: Region,
    rows: number,
    columns: number,
    { other = false, codes = false } = {},
  ): ErrorTile {
    const pair = this.pairAt(index, other);
    const cells = rows * columns;
    const tile = {
      original: new Float32Array(cells),
      dequantized: new Float32Array(cells),
      error: new Float32Array(cells),
      signed: new Float32Array(cells),
    };
    const edge = (from: number, to: number, count: number, at: number) =>
      from + Math.floor((at * (to - from)) / count);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) {
        const cell = r * columns + c;
        let [sum, number] = [0, 0];
        for (
          let row = edge(region.row0, region.row1, rows, r);
          row < edge(region.row0, region.row1, rows, r + 1);
          row++
        )
          for (
            let column = edge(region.column0, region.column1, columns, c);
            column < edge(region.column0, region.column1, columns, c + 1);
            column++
          ) {
            const at = row * pair.columns + column;
            for (const kind of ['original', 'dequantized'] as const)
              if (Math.abs(pair[kind][at]!) > Math.abs(tile[kind][cell]!)) tile[kind][cell] = pair[kind][at]!;
            const error = pair.original[at]! - pair.dequantized[at]!;
            if (Math.abs(error) > Math.abs(tile.signed[cell]!)) tile.signed[cell] = error;
            sum += Math.abs(error);
            number++;
          }
        tile.error[cell] = sum / number;
      }
    if (!codes) return { region, rows, columns, ...tile };
    const cut = (whole: Int16Array | Float32Array) =>
      Array.from(
        { length: cells },
        (_, i) =>
          whole[(region.row0 + Math.floor(i / columns)) * pair.columns + region.column0 + (i % columns)]!,
      );
    const own = { codes: Int16Array.from(cut(pair.codes)), scales: Float32Array.from(cut(pair.scales)) };
    const groups = other ? ({ groups: { kind: 'block', size: 32, flat: false } } as const) : {};
    return { region, rows, columns, ...tile, codes: { ...own, ...groups } };
  }

  detail(index: number, other = false): ErrorDetail {
    const pair = this.pairAt(index, other);
    const { rows, columns, original, dequantized } = pair;
    let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const values of [original, dequantized])
      for (const value of values) {
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
    const bins = 200;
    const histogram = (values: Float32Array) => {
      const counts = new Float64Array(bins);
      for (const value of values)
        counts[Math.min(bins - 1, Math.floor(((value - min) / (max - min)) * bins))]!++;
      return { min, max, counts };
    };
    const rowError = new Float32Array(rows);
    const columnError = new Float32Array(columns);
    for (let i = 0; i < original.length; i++) {
      const error = Math.abs(original[i]! - dequantized[i]!);
      rowError[Math.floor(i / columns)]! += error / columns;
      columnError[i % columns]! += error / rows;
    }
    return {
      tensor: {
        ...errorOf(this.catalogue.tensors.names[index]!, pair),
        ...(other ? { to: 'INT4', bytes: (original.length / 2) * 1.125 } : {}),
      },
      original: histogram(original),
      dequantized: histogram(dequantized),
      rowError,
      columnError,
      worst: worstOf(pair),
      kl: other ? 0.5 : 0.25,
    };
  }
}
