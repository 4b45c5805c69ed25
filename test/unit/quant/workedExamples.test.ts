/** Small examples worked out by hand or in the founding documents (test titles say which). */
import { describe, expect, it } from 'vitest';
import { highNibblesFirst, packColumns, packRows } from '../../../src/quant/packing';
import { layerOf, smallestLayers } from '../../../src/quant/pruning/layers';
import type { SchemeChoice } from '../../../src/quant/types';
import { encodeWhole, floats } from './encodeWhole';

const run = (choice: SchemeChoice, values: readonly number[], rows = 1) =>
  encodeWhole(choice, Float32Array.from(values), rows);
const rounded = (values: Float32Array, digits = 6) =>
  [...values].map((value) => Number(value.toFixed(digits)));

describe('the founding examples', () => {
  it('absmax: 3.2 makes 0.1 a 4', () => {
    const { codes } = run({ scheme: 'int8-absmax', granularity: 'tensor' }, [0.1, 3.2, -3]);
    expect([...codes].map((code) => code - 128)).toEqual([4, 127, -119]);
  });

  it('zero-point: 3.2 and -3.0 make 0.1 a -1', () => {
    const { codes } = run({ scheme: 'int8-zeropoint', granularity: 'row' }, [0.1, 3.2, -3]);
    expect([...codes].map((code) => code - 128)).toEqual([-1, 127, -128]);
  });

  it('linear: 0.50 becomes 255 and -0.40 becomes 0', () => {
    const { codes } = run({ scheme: 'int8-zeropoint', granularity: 'column' }, [0.5, -0.4], 2);
    expect([...codes]).toEqual([255, 0]);
  });

  it('pruning: a ratio of 0.3', () => {
    const values = [0.2, -0.5, 0.1, 0.4, -0.2, 0.3, 0.05, -0.05, 0.25, -0.15];
    const pruned = run({ scheme: 'prune-magnitude', granularity: 'none', ratio: 0.3 }, values);
    expect(rounded(pruned.dequantized)).toEqual([0.2, -0.5, 0, 0.4, -0.2, 0.3, 0, 0, 0.25, -0.15]);
  });

  it('a 3 x 3 matrix: 36 bytes become 9', () => {
    const matrix = Float32Array.from({ length: 9 }, (_, i) => i - 4);
    expect(matrix.byteLength).toBe(36);
    const { pieces } = encodeWhole({ scheme: 'bnb-int8', granularity: 'row' }, matrix, 3);
    expect(pieces.find(({ suffix }) => suffix === '')!.bytes).toBe(9);
  });
});

describe('packing', () => {
  it('has the golden vector of layouts.md', () => {
    const codes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    expect([...packRows(codes, 8, 4)]).toEqual([0x10, 0x32, 0x54, 0x76]);
    expect([...highNibblesFirst(codes)]).toEqual([0x01, 0x23, 0x45, 0x67]);
  });

  it.each([2, 3, 4, 5, 6, 7, 8])('is dense for %i bits along rows and columns', (bits) => {
    const [rows, columns] = [33, 37];
    const codes = Uint8Array.from({ length: rows * columns }, (_, i) => (i * 7919) % 2 ** bits);
    const words = (line: number[]) => {
      // Code i at bit b * i, the lowest bit first: a string of bits from right to left.
      const text = line
        .map((code) => code.toString(2).padStart(bits, '0'))
        .reduceRight((all, one) => all + one, '');
      const whole = text.padStart(32 * Math.ceil((line.length * bits) / 32), '0');
      return Array.from({ length: whole.length / 32 }, (_, i) =>
        Number.parseInt(whole.slice(whole.length - 32 * (i + 1), whole.length - 32 * i), 2),
      );
    };
    const byRow = new Uint32Array(packRows(codes, columns, bits).buffer);
    const byColumn = new Uint32Array(packColumns(codes, columns, bits).buffer);
    const perRow = Math.ceil((columns * bits) / 32);
    for (let row = 0; row < rows; row++) {
      const line = [...codes.subarray(row * columns, (row + 1) * columns)];
      expect([...byRow.subarray(row * perRow, (row + 1) * perRow)]).toEqual(words(line));
    }
    for (let column = 0; column < columns; column++) {
      const line = Array.from({ length: rows }, (_, row) => codes[row * columns + column]!);
      expect([...byColumn].filter((_, i) => i % columns === column)).toEqual(words(line));
    }
  });
});

describe('linear integers', () => {
  it("INT4 by blocks: 7 steps to each block's largest value, a short block at the end", () => {
    const values = [...Array.from({ length: 15 }, (_, i) => i - 7), 0.4, 70, -36, 10];
    const { codes, stored, pieces } = run(
      { scheme: 'int4-absmax', granularity: 'block', blockSize: 16 },
      values,
    );
    // 7 / 7 = 1 a step, and 70 / 7 = 10.
    expect([...codes].map((code) => code - 8)).toEqual([
      -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 0, 7, -4, 1,
    ]);
    expect(rounded(floats(stored.get('_scale')!))).toEqual([1, 10]);
    expect(pieces.map(({ suffix, shape }) => [suffix, shape.join()])).toEqual([
      ['_packed', '1,3'],
      ['_scale', '1,2'],
      ['_shape', '2'],
    ]);
  });

  it('INT2 zero-point: 0 .. 3 with its zero point packed along the rows', () => {
    const { codes, stored, dequantized } = run(
      { scheme: 'int2-zeropoint', granularity: 'row' },
      [-1, 0, 1, 2, 0, 3, 6, 9],
      2,
    );
    expect([...codes]).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    expect([...dequantized]).toEqual([-1, 0, 1, 2, 0, 3, 6, 9]);
    expect([...stored.get('_zero_point')!]).toEqual([1, 0, 0, 0]);
  });

  it('one scale a column', () => {
    const { codes, stored } = run({ scheme: 'int8-absmax', granularity: 'column' }, [127, 0.5, -64, -1], 2);
    expect([...codes].map((code) => code - 128)).toEqual([127, 64, -64, -127]);
    expect(rounded(floats(stored.get('_scale')!))).toEqual([1, 0.007874]);
  });

  it('the search for the least squared error clips a lone outlier', () => {
    const values = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i * 12.9898) * 0.1);
    values[7] = 0.35;
    const squares = (choice: SchemeChoice) =>
      encodeWhole(choice, values, 1).dequantized.reduce((sum, y, i) => sum + (values[i]! - y) ** 2, 0);
    for (const granularity of ['row', 'tensor'] as const) {
      const plain = squares({ scheme: 'int4-absmax', granularity });
      const searched = squares({ scheme: 'int4-absmax', granularity, clip: 'mse' });
      expect(searched).toBeLessThan(0.8 * plain);
    }
    // One scale: a row's own search and the tensor's find the same.
    expect(squares({ scheme: 'int3-zeropoint', granularity: 'tensor', clip: 'mse' })).toBe(
      squares({ scheme: 'int3-zeropoint', granularity: 'row', clip: 'mse' }),
    );
  });

  it('half-quadratic refinement lowers the mean error of skewed values, with a zero point between codes', () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => 0.3 + (i / 64) ** 3);
    const mean = (choice: SchemeChoice) =>
      encodeWhole(choice, values, 1).dequantized.reduce((sum, y, i) => sum + Math.abs(values[i]! - y), 0);
    const choice = { scheme: 'int2-zeropoint', granularity: 'block', blockSize: 64 } as const;
    expect(mean({ ...choice, clip: 'hqq' })).toBeLessThan(0.9 * mean(choice));
    const { stored } = encodeWhole({ ...choice, clip: 'hqq' }, values, 1);
    expect(Number.isInteger(floats(stored.get('_zero')!)[0])).toBe(false);
  });
});

describe('microscaling', () => {
  it('MXFP4 and MXFP8: the scale is the power of two of the largest value over that of the largest element', () => {
    const values = Array.from({ length: 32 }, () => 0);
    values.splice(0, 6, 24, -12, 2, 3, 14, 0.9);
    const four = run({ scheme: 'mxfp4', granularity: 'block' }, values);
    expect([...four.stored.get('_scale')!]).toEqual([127 + 2]);
    // 24/4 = 6, 3, 0.5, 0.75 (a tie, to the even 1), 3.5 (a tie, to the even 4), 0.225 (down to 0).
    expect([...four.dequantized.subarray(0, 6)]).toEqual([24, -12, 2, 4, 16, 0]);
    expect([...four.stored.get('_packed')!.subarray(0, 3)]).toEqual([0xd7, 0x21, 0x06]);
    const eight = run({ scheme: 'mxfp8', granularity: 'block' }, values);
    expect([...eight.stored.get('_scale')!]).toEqual([127 + 4 - 8]);
    expect([...eight.dequantized.subarray(0, 6)]).toEqual([24, -12, 2, 3, 14, 0.875]);
  });

  it('NVFP4: 448 * 6 over the largest value divides the scales of 16 values', () => {
    const grid = [6, -4, 3, 2, 1.5, 1, 0.5, 0, -6, 4, -3, -2, -1.5, -1, -0.5, 0];
    const values = [...grid, ...grid.map((value) => value / 4)];
    const { dequantized, stored } = run({ scheme: 'nvfp4', granularity: 'block' }, values);
    expect(floats(stored.get('_global_scale')!)[0]).toBe(448);
    // 448 is 0x7e and 112 is 0x6e in E4M3.
    expect([...stored.get('_scale')!]).toEqual([0x7e, 0x6e]);
    expect([...dequantized]).toEqual(values);
  });
});

describe('ternary, LLM.int8() and pruning', () => {
  it('BitNet: the mean magnitude 0.275 makes 0.5 a 1 and 0.1 a 0', () => {
    const { codes, dequantized, stored } = run(
      { scheme: 'ternary', granularity: 'tensor' },
      [0.5, -0.5, 0.1, 0],
      2,
    );
    expect([...codes]).toEqual([2, 0, 1, 1]);
    expect(rounded(dequantized)).toEqual([0.275, -0.275, 0, 0]);
    expect([...stored.get('_packed')!]).toEqual([0b0010, 0b0101]);
  });

  it('LLM.int8(): a column beyond the threshold stays in F16 and does not widen its rows', () => {
    const values = [1, 8.0009765625, 0.5, -2, 1, 1];
    const { codes, dequantized, stored, pieces } = run(
      { scheme: 'llm-int8', granularity: 'row', outlierThreshold: 6 },
      values,
      2,
    );
    expect([...codes].map((code) => code - 128)).toEqual([127, 0, 64, -127, 0, 64]);
    expect([...dequantized].map((y) => Number(y.toFixed(3)))).toEqual([1, 8, 0.504, -2, 1, 1.008]);
    expect([...floats(stored.get('/SCB')!)]).toEqual([1, 2]);
    expect(stored.get('.outlier_columns')![0]).toBe(1);
    expect(pieces.find(({ suffix }) => suffix === '.outlier_weights')!.shape).toEqual([2, 1]);
    // 8 times the median column's largest magnitude: none is beyond it here.
    expect(
      run({ scheme: 'llm-int8', granularity: 'row' }, values, 2).stored.get('.outlier_columns')!.length,
    ).toBe(0);
  });

  it('2:4 keeps the two largest of four, the first ones on ties, and what fits in a short rest', () => {
    const values = [1, -3, 2, 0.5, 1, 1, 1, 1, 5, 0.1, 9, 8, 7, 6, 5, 4, 3, 2];
    const { dequantized } = run({ scheme: 'prune-nm', granularity: 'none' }, values, 3);
    expect([...dequantized]).toEqual([0, -3, 2, 0, 1, 1, 1, 0, 5, 0, 9, 8, 7, 6, 0, 0, 3, 2]);
  });

  it('structured: the rows, columns and heads of smallest norm', () => {
    const values = [1, 5, 0, 2, 5, 0, 1, 6, 3, 9, 0, 3];
    const zeroed = (choice: SchemeChoice) => [...run(choice, values, 4).dequantized];
    expect(zeroed({ scheme: 'prune-rows', granularity: 'none', ratio: 0.25 }).slice(0, 3)).toEqual([0, 0, 0]);
    expect(zeroed({ scheme: 'prune-columns', granularity: 'none', ratio: 0.4 })).toEqual([
      1, 5, 0, 2, 5, 0, 1, 6, 0, 9, 0, 0,
    ]);
    expect(zeroed({ scheme: 'prune-heads', granularity: 'none', headSize: 2 })).toEqual([
      0, 0, 0, 0, 0, 0, 1, 6, 3, 9, 0, 3,
    ]);
  });

  it('layers: told by names, the ones of smallest norm', () => {
    const squares = new Map([
      [0, 4],
      [1, 2],
      [2, 9],
      [3, 2],
      [4, 1],
    ]);
    expect(smallestLayers(squares, 0.4)).toEqual([1, 4]);
    expect(smallestLayers(squares, 0.7)).toEqual([1, 3, 4]);
    const names = [
      'model.layers.11.mlp.up_proj.weight',
      'transformer.h.3.attn.c_attn.weight',
      'blk.7.ffn_up.weight',
    ];
    expect(names.map(layerOf)).toEqual([11, 3, 7]);
    expect(layerOf('model.norm.weight')).toBe(undefined);
  });

  it('before a quantization the scale comes from what is left', () => {
    const values = [1, 100, 2, 3, -4, 51];
    const { dequantized, to } = run(
      { scheme: 'int8-absmax', granularity: 'tensor', prune: 'columns', ratio: 0.5 },
      values,
      3,
    );
    expect(to).toBe('INT8 pruned');
    // The first column is the smaller one.
    expect(rounded(dequantized, 3)).toEqual([0, 100, 0, 3.15, 0, 51.181]);
  });
});
