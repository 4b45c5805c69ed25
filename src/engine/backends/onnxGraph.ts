/**
 * A small writer of ONNX models, enough for elementwise graphs.
 * Protocol buffers wire format (varint and length-delimited fields only) and the field numbers of
 * onnx/onnx.proto: ModelProto, GraphProto, NodeProto, ValueInfoProto, TensorProto.
 */

import { roundingLimit, roundingMagic } from '../../numeric/floats';

/** TensorProto.DataType. */
export const onnxFloat = 1;
export const onnxUint8 = 2;
export const onnxInt32 = 6;

/** Named dimensions stay open until the session runs. */
export type OnnxDimension = number | string;

export interface OnnxValue {
  readonly name: string;
  readonly elementType: number;
  readonly shape: readonly OnnxDimension[];
}

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Integer attributes; all that these graphs need. */
  readonly attributes?: Readonly<Record<string, number>> | undefined;
}

export interface OnnxGraph {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Float scalars and vectors by name. */
  readonly constants: Readonly<Record<string, number | readonly number[]>>;
  readonly nodes: readonly OnnxNode[];
}

const text = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

const integer = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, value: ArrayLike<number>): number[] => [
  ...varint(field * 8 + 2),
  ...varint(value.length),
  ...Array.from(value),
];
const string = (field: number, value: string): number[] => bytes(field, text.encode(value));

function valueInfo(value: OnnxValue): number[] {
  const dimensions = value.shape.flatMap((size) =>
    bytes(1, typeof size === 'number' ? integer(1, size) : string(2, size)),
  );
  const tensorType = [...integer(1, value.elementType), ...bytes(2, dimensions)];
  return [...string(1, value.name), ...bytes(2, bytes(1, tensorType))];
}

function node(item: OnnxNode): number[] {
  const attributes = Object.entries(item.attributes ?? {}).flatMap(([name, value]) =>
    // AttributeProto: name 1, i 3, type 20 (INT = 2).
    bytes(5, [...string(1, name), ...integer(3, value), ...integer(20, 2)]),
  );
  return [
    ...item.inputs.flatMap((name) => string(1, name)),
    ...string(2, item.output),
    ...string(3, item.output),
    ...string(4, item.operator),
    ...attributes,
  ];
}

function constant(name: string, value: number | readonly number[]): number[] {
  // TensorProto: dims 1, none of which a scalar has, data_type 2, name 8, raw_data 9 (little-endian).
  const values = typeof value === 'number' ? [value] : value;
  const raw = new Uint8Array(4 * values.length);
  const view = new DataView(raw.buffer);
  for (const [i, one] of values.entries()) view.setFloat32(4 * i, one, true);
  const dims = typeof value === 'number' ? [] : integer(1, value.length);
  return [...dims, ...integer(2, onnxFloat), ...string(8, name), ...bytes(9, raw)];
}

/** Serializes a model of IR version 8 and opset 17, which every onnxruntime since 1.12 reads. */
export function writeOnnxModel(graph: OnnxGraph): Uint8Array {
  const graphBytes = [
    ...graph.nodes.flatMap((item) => bytes(1, node(item))),
    ...string(2, graph.name),
    ...Object.entries(graph.constants).flatMap(([name, value]) => bytes(5, constant(name, value))),
    ...graph.inputs.flatMap((value) => bytes(11, valueInfo(value))),
    ...graph.outputs.flatMap((value) => bytes(12, valueInfo(value))),
  ];
  return Uint8Array.from([
    ...integer(1, 8),
    ...string(2, 'tensor-loupe'),
    ...bytes(7, graphBytes),
    ...bytes(8, integer(2, 17)),
  ]);
}

/**
 * The encoder of linear integers as a graph:
 * codes = clamp(round(x * inverse) + zero, low, high), all in float32, rounding half to even.
 * Inputs: x [rows, columns], inverse and zero [rows, 1], or [1, columns] with `byColumn`; output: codes U8 [rows, columns].
 * One operator a step, so that no compiler fuses the product into the sum; no Round and no
 * QuantizeLinear, which the WebGPU provider leaves to the CPU. `low` and `high` are baked in, since Clip wants
 * constants there.
 */
export function encodeGraph(low: number, high: number, byColumn = false): Uint8Array {
  const shape = byColumn ? [1, 'columns'] : ['rows', 1];
  return writeOnnxModel({
    name: 'encode8',
    inputs: [
      { name: 'x', elementType: onnxFloat, shape: ['rows', 'columns'] },
      { name: 'inverse', elementType: onnxFloat, shape },
      { name: 'zero', elementType: onnxFloat, shape },
    ],
    outputs: [{ name: 'codes', elementType: onnxUint8, shape: ['rows', 'columns'] }],
    constants: { magic: roundingMagic, limitLow: -roundingLimit, limitHigh: roundingLimit, low, high },
    nodes: [
      { operator: 'Mul', inputs: ['x', 'inverse'], output: 'scaled' },
      { operator: 'Clip', inputs: ['scaled', 'limitLow', 'limitHigh'], output: 'bounded' },
      { operator: 'Add', inputs: ['bounded', 'magic'], output: 'lifted' },
      { operator: 'Sub', inputs: ['lifted', 'magic'], output: 'rounded' },
      { operator: 'Add', inputs: ['rounded', 'zero'], output: 'shifted' },
      { operator: 'Clip', inputs: ['shifted', 'low', 'high'], output: 'clamped' },
      { operator: 'Cast', inputs: ['clamped'], output: 'codes', attributes: { to: onnxUint8 } },
    ],
  });
}

/**
 * The encoder of integers whose zero points are none (half-quadratic refinement): codes = round(clamp(x * inverse + zero, low,
 * high)), in float32 and half to even. Inputs and output as those of `encodeGraph` by row.
 */
export function refinedGraph(low: number, high: number): Uint8Array {
  const parameter = { elementType: onnxFloat, shape: ['rows', 1] };
  return writeOnnxModel({
    name: 'encodeRefined',
    inputs: [
      { name: 'x', elementType: onnxFloat, shape: ['rows', 'columns'] },
      { name: 'inverse', ...parameter },
      { name: 'zero', ...parameter },
    ],
    outputs: [{ name: 'codes', elementType: onnxUint8, shape: ['rows', 'columns'] }],
    constants: { magic: roundingMagic, low, high },
    nodes: [
      { operator: 'Mul', inputs: ['x', 'inverse'], output: 'scaled' },
      { operator: 'Add', inputs: ['scaled', 'zero'], output: 'raised' },
      { operator: 'Clip', inputs: ['raised', 'low', 'high'], output: 'clamped' },
      { operator: 'Add', inputs: ['clamped', 'magic'], output: 'lifted' },
      { operator: 'Sub', inputs: ['lifted', 'magic'], output: 'rounded' },
      { operator: 'Cast', inputs: ['rounded'], output: 'codes', attributes: { to: onnxUint8 } },
    ],
  });
}
