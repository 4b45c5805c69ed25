/** Quantized weights of ONNX graphs through the real engine, against the operators' published formulas in plain loops. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  AttributeProto_AttributeType as Attribute,
  type AttributeProto_AttributeType,
  TensorProto_DataType as Type,
} from 'onnx-buf';
import { expect, it } from 'vitest';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { type AttributeFields, makeOnnx, rawTensor, type TensorFields } from '../../../fixtures/makeOnnx';
import { packDense, randomCodes, randomScales, rowsOf } from '../../../fixtures/packedWeights';
import { startEngine, temporaryFolder } from '../support';

const engine = startEngine();
const folder = temporaryFolder();
let models = 0;

interface Node {
  readonly opType: string;
  readonly input: string[];
  readonly attributes?: Readonly<Record<string, number>>;
  readonly tensors: readonly TensorFields[];
}

const integer = (name: string, i: number): AttributeFields => ({
  name,
  type: Attribute.INT as AttributeProto_AttributeType,
  i: BigInt(i),
});
const floats = (name: string, dims: readonly number[], values: readonly number[]) =>
  rawTensor(name, Type.FLOAT, dims, f32Data(values) as Uint8Array<ArrayBuffer>);
const bytes = (name: string, type: Type, dims: readonly number[], data: Uint8Array) =>
  rawTensor(name, type, dims, data.slice() as Uint8Array<ArrayBuffer>);

function write(nodes: readonly Node[]): string {
  const path = join(folder, `${models++}`, 'model.onnx');
  mkdirSync(dirname(path));
  writeFileSync(
    path,
    makeOnnx({
      node: nodes.map(({ opType, input, attributes = {} }) => ({
        ...{ opType, input, output: ['y'] },
        attribute: Object.entries(attributes).map(([name, value]) => integer(name, value)),
      })),
      initializer: nodes.flatMap(({ tensors }) => [...tensors]),
    }),
  );
  return path;
}

/** Opens a model of one node, and compares the logical weight and its statistics. */
async function expectValues(node: Node, shape: readonly number[], values: readonly number[]): Promise<void> {
  const path = write([node]);
  const { tensors } = await engine.call('open', { path });
  expect([tensors.count, tensors.unreadable, [...tensors.shapes]]).toEqual([1, [], shape]);
  const [rows = 1] = shape;
  const columns = values.length / rows;
  const tile = await engine.call('tile', { path, tensor: 0, rows, columns });
  expect([...tile.values].map((value) => value + 0)).toEqual(values.map((value) => Math.fround(value) + 0));
  const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'none' });
  expect(stats!.absmax).toBe(values.reduce((most, value) => Math.max(most, Math.abs(Math.fround(value))), 0));
}

/** Bytes that each row of codes fills up. */
const packRows = (codes: readonly number[], width: number, bits: number, rowBytes: number): Uint8Array => {
  const rows = rowsOf(codes, width);
  const result = new Uint8Array(rows.length * rowBytes);
  for (const [i, row] of rows.entries())
    result.set(packDense(row, bits).subarray(0, Math.ceil((width * bits) / 8)), i * rowBytes);
  return result;
};

it.each([
  [4, 'packed'],
  [2, 'packed'],
  [8, 'packed'],
  [4, 'float'],
  [4, 'none'],
] as const)('MatMulNBits of %i bits, %s zero points', async (bits, zeroKind) => {
  // The last block of a row is cut, and the zero points of a row do not fill their bytes.
  const [N, K, block] = [5, 90, 32];
  const groups = 3;
  const codes = randomCodes(N * K, 2 ** bits, 1);
  const zeros =
    zeroKind === 'float'
      ? randomScales(N * groups, 7).map((zero) => Math.fround(zero * 50))
      : randomCodes(N * groups, 2 ** bits, 2);
  const scales = randomScales(N * groups, 3);
  const zeroBytes = Math.ceil((groups * bits) / 8);
  await expectValues(
    {
      opType: 'MatMulNBits',
      input: ['a', 'b', 's', ...(zeroKind === 'none' ? [] : ['z'])],
      attributes: { N, K, bits, block_size: block },
      tensors: [
        bytes(
          'b',
          Type.UINT8,
          [N, groups, (block * bits) / 8],
          packRows(codes, K, bits, (groups * block * bits) / 8),
        ),
        floats('s', [N * groups], scales),
        ...(zeroKind === 'packed'
          ? [bytes('z', Type.UINT8, [N * zeroBytes], packRows(zeros, groups, bits, zeroBytes))]
          : []),
        ...(zeroKind === 'float' ? [floats('z', [N, groups], zeros)] : []),
      ],
    },
    [N, K],
    codes.map((code, i) => {
      const at = Math.floor(i / K) * groups + Math.floor((i % K) / block);
      return Math.fround(code - (zeroKind === 'none' ? 2 ** (bits - 1) : zeros[at]!)) * scales[at]!;
    }),
  );
});

it.each([0, 1])('MatMulBnb4 of type %i', async (type) => {
  const [N, K, block] = [3, 50, 32];
  const codes = randomCodes(N * K, 16, 4);
  const absmax = randomScales(Math.ceil((N * K) / block), 5);
  // onnxruntime's tables, blockwise_quant_block_bnb4.h: FP4 as twelfths, NF4 from the paper.
  const fp4 = [0, 0.00520833333, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25].map(Math.fround);
  const nf4 = [
    ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453],
    ...[-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0],
    ...[0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
    ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
  ];
  const table = type === 0 ? [...fp4, ...fp4.map((value) => -value)] : nf4;
  await expectValues(
    {
      opType: 'MatMulBnb4',
      input: ['a', 'b', 'm'],
      attributes: { N, K, block_size: block, quant_type: type },
      tensors: [
        bytes(
          'b',
          Type.UINT8,
          [75],
          Uint8Array.from({ length: 75 }, (_, i) => (codes[2 * i]! << 4) | codes[2 * i + 1]!),
        ),
        floats('m', [absmax.length], absmax),
      ],
    },
    [N, K],
    codes.map((code, i) => table[code]! * absmax[Math.floor(i / block)]!),
  );
});

it.each([
  ['signed, a scale a column', { axis: 1 }, [9, 12], 'I8'],
  ['unsigned, a scale a row', { axis: 0 }, [9, 12], 'U8'],
  ['signed, a scale for the last of three dimensions', { axis: -1 }, [4, 3, 5], 'I8'],
  ['of a convolution', { axis: 0 }, [6, 4, 3, 3], 'I8'],
  ['signed, 4 bits, a scale a column', { axis: 1 }, [9, 12], 'I4'],
  ['unsigned, 4 bits, a scale a row', { axis: 0 }, [9, 12], 'U4'],
  ['signed, 4 bits, blocks of a column', { axis: 0, block_size: 4 }, [10, 12], 'I4'],
  ['signed, blocks of a row', { axis: 1, block_size: 5 }, [4, 12], 'I8'],
] as const)('DequantizeLinear: %s', async (_, attributes, shape, dtype) => {
  const { axis, block_size: block = 0 } = attributes as { axis: number; block_size?: number };
  const at = axis < 0 ? axis + shape.length : axis;
  const count = shape.reduce((a: number, b) => a * b, 1);
  const [bits, signed] = [dtype.endsWith('8') ? 8 : 4, dtype.startsWith('I')];
  const type = { I8: Type.INT8, U8: Type.UINT8, I4: Type.INT4, U4: Type.UINT4 }[dtype];
  const scaleShape = block
    ? shape.map((size, i) => (i === at ? Math.ceil(size / block) : size))
    : [shape[at]!];
  const scaleCount = scaleShape.reduce((a, b) => a * b, 1);
  const codes = randomCodes(count, 2 ** bits, 5);
  const zeros = randomCodes(scaleCount, 2 ** bits, 6);
  const scales = randomScales(scaleCount, 7);
  const own = (code: number) => (signed && code >= 2 ** (bits - 1) ? code - 2 ** bits : code);
  const pack = (each: readonly number[]) =>
    bits === 8 ? Uint8Array.from(each) : packDense(each, 4).subarray(0, Math.ceil(each.length / 2));
  /** The place of an element's scale, from its indices one by one. */
  const scaleOf = (index: number) => {
    const indices: number[] = [];
    for (let rest = index, i = shape.length - 1; i >= 0; i--) {
      indices[i] = rest % shape[i]!;
      rest = Math.floor(rest / shape[i]!);
    }
    if (!block) return indices[at]!;
    return indices.reduce(
      (sum, each, i) => sum * scaleShape[i]! + (i === at ? Math.floor(each / block) : each),
      0,
    );
  };
  await expectValues(
    {
      opType: 'DequantizeLinear',
      input: ['x', 's', 'z'],
      attributes,
      tensors: [
        bytes('x', type, shape, pack(codes)),
        floats('s', scaleShape, scales),
        bytes('z', type, scaleShape, pack(zeros)),
      ],
    },
    shape,
    codes.map((code, i) => (own(code) - own(zeros[scaleOf(i)]!)) * scales[scaleOf(i)]!),
  );
});

it('GatherBlockQuantized of packed bytes and of an integer type', async () => {
  const [rows, columns, block] = [6, 64, 16];
  const codes = randomCodes(rows * columns, 16, 8);
  const scales = randomScales((rows * columns) / block, 9);
  const zeros = randomCodes(scales.length, 16, 10);
  const attributes = { quantize_axis: 1, block_size: block, bits: 4 };
  const input = ['x', 'i', 's', 'z'];
  await expectValues(
    {
      ...{ opType: 'GatherBlockQuantized', input, attributes },
      tensors: [
        bytes('x', Type.UINT8, [rows, columns / 2], packDense(codes, 4)),
        floats('s', [rows, 4], scales),
        bytes('z', Type.UINT8, [rows, 2], packDense(zeros, 4)),
      ],
    },
    [rows, columns],
    codes.map((code, i) => (code - zeros[Math.floor(i / block)]!) * scales[Math.floor(i / block)]!),
  );
  const signed = (code: number) => (code > 7 ? code - 16 : code);
  await expectValues(
    {
      ...{ opType: 'GatherBlockQuantized', input: input.slice(0, 3), attributes },
      tensors: [bytes('x', Type.INT4, [rows, columns], packDense(codes, 4)), floats('s', [rows, 4], scales)],
    },
    [rows, columns],
    codes.map((code, i) => signed(code) * scales[Math.floor(i / block)]!),
  );
});

it('weights share a scale and a zero point, and one without scales stays as it is stored', async () => {
  const node = (name: string, scale: string, tensors: readonly TensorFields[]): Node => ({
    opType: 'DequantizeLinear',
    input: [name, scale, 'z'],
    tensors: [bytes(name, Type.INT8, [2, 2], Uint8Array.of(1, 2, 3, 0xff)), ...tensors],
  });
  const path = write([
    node('first', 's', [floats('s', [], [0.5]), bytes('z', Type.INT8, [], Uint8Array.of(1))]),
    node('second', 's', []),
    node('third', 'computed', []),
  ]);
  const { tensors } = await engine.call('open', { path });
  expect(tensors.names).toEqual(['first', 'second', 'third']);
  expect(tensors.pieces.map(({ pieces }) => pieces.parts.map(({ span }) => span.name))).toEqual([
    ['first', 's', 'z'],
    ['second'],
  ]);
  const valuesOf = async (tensor: number) =>
    [...(await engine.call('tile', { path, tensor, rows: 2, columns: 2 })).values].map((value) => value + 0);
  expect(await valuesOf(0)).toEqual([0, 0.5, 1, -1]);
  expect(await valuesOf(1)).toEqual([0, 0.5, 1, -1]);
  expect(await valuesOf(2)).toEqual([1, 2, 3, -1]);
});
