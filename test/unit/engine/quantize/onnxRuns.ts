/** Runs ONNX models by onnxruntime and reads quantized weights from them by onnx-buf and the operators' formulas. */
import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType as Type,
} from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { f16ToNumber } from '../../../../src/numeric/floats';

export const parsed = (path: string): ModelProto => fromBinary(ModelProtoSchema, readFileSync(path));

export type Feeds = Record<string, ort.Tensor>;

/**
 * `basic` keeps onnxruntime from making DequantizeLinear and MatMul one operator that rounds activations to 8 bits, which it
 * does by itself from `extended` on.
 */
export async function run(
  model: string | Uint8Array,
  feeds: Feeds,
  graphOptimizationLevel: 'basic' | 'all' = 'basic',
): Promise<Float32Array[]> {
  const options = { graphOptimizationLevel, logSeverityLevel: 3 } as const;
  const session =
    typeof model === 'string'
      ? await ort.InferenceSession.create(model, options)
      : await ort.InferenceSession.create(model, options);
  const results = await session.run(feeds);
  await session.release();
  return Object.values(results).map(({ data }) => Float32Array.from(data as Float32Array));
}

/** The largest difference by the largest magnitude. */
export function distance(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const most = a.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  return a.reduce((m, x, i) => Math.max(m, Math.abs(x - b[i]!)), 0) / most;
}

/** Values of a weight by the operators' published formulas, in the original's order; `step`: what a code counts. */
export interface Decoded {
  readonly values: Float32Array;
  readonly step: (index: number) => number;
}

export const floatsOf = (tensor: TensorProto): Float32Array =>
  new Float32Array(Uint8Array.from(tensor.rawData).buffer);
/** F32, or F16 as float32. */
const scalesOf = (tensor: TensorProto): Float32Array =>
  tensor.dataType === Type.FLOAT
    ? floatsOf(tensor)
    : Float32Array.from(new Uint16Array(Uint8Array.from(tensor.rawData).buffer), f16ToNumber);
const attributeOf = (node: NodeProto, name: string): number | undefined => {
  const found = node.attribute.find((attribute) => attribute.name === name);
  return found && Number(found.i);
};

/** Weights that a model holds as [N, K]: those of a Gemm with transB. */
function heldByChannels(path: string): ReadonlySet<string> {
  const nodes = parsed(path).graph!.node.filter((node) => attributeOf(node, 'transB') === 1);
  return new Set(nodes.map((node) => node.input[1]!));
}

/** The code at a place of a line of packed codes, the first one lowest. */
const pick = (bytes: Uint8Array, line: number, lineBytes: number, i: number, bits: number): number =>
  (bytes[line * lineBytes + Math.floor((i * bits) / 8)]! >> ((i * bits) % 8)) & (2 ** bits - 1);

const codeTypes: ReadonlyMap<Type, { bits: number; signed: boolean }> = new Map([
  [Type.INT8, { bits: 8, signed: true }],
  [Type.UINT8, { bits: 8, signed: false }],
  [Type.INT4, { bits: 4, signed: true }],
  [Type.UINT4, { bits: 4, signed: false }],
]);

/** Numbers of an ONNX integer type. */
function integersOf(tensor: TensorProto): Int32Array {
  const { bits, signed } = codeTypes.get(tensor.dataType)!;
  const count = tensor.dims.reduce((product, size) => product * Number(size), 1);
  expect(tensor.rawData.length).toBe(Math.ceil((count * bits) / 8));
  return Int32Array.from({ length: count }, (_, i) => {
    const code = pick(tensor.rawData, 0, 0, i, bits);
    return signed && code >= 2 ** (bits - 1) ? code - 2 ** bits : code;
  });
}

/** All quantized weights of a model, found from its nodes. `original`: the model it was made from. */
export function decodedWeights(path: string, original?: string): Map<string, Decoded> {
  const { graph } = parsed(path);
  const byChannels = original === undefined ? new Set<string>() : heldByChannels(original);
  const tensors = new Map(graph!.initializer.map((tensor) => [tensor.name, tensor]));
  const result = new Map<string, Decoded>();
  /** Values and steps by channel and input, in the order of the original. */
  const put = (
    name: string,
    [N, K]: readonly [number, number],
    value: (n: number, k: number) => number,
    step: (n: number, k: number) => number,
    ordered = byChannels.has(name),
  ): void => {
    const at = (i: number): [number, number] =>
      ordered ? [Math.floor(i / K), i % K] : [i % N, Math.floor(i / N)];
    const values = Float32Array.from({ length: N * K }, (_, i) => value(...at(i)));
    result.set(name, { values, step: (i) => step(...at(i)) });
  };
  for (const node of graph!.node) {
    const at = (input: number) => tensors.get(node.input[input] ?? '');
    const integer = (name: string) => attributeOf(node, name)!;
    if (node.opType === 'DequantizeLinear') {
      const [codes, scale, zero] = [at(0)!, scalesOf(at(1)!), at(2)];
      const shape = codes.dims.map(Number);
      const axis = attributeOf(node, 'axis') ?? 0;
      const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
      const block = attributeOf(node, 'block_size') ?? 0;
      const blocks = Math.ceil(shape[axis]! / block);
      const scaleShape = block > 0 ? shape.map((size, i) => (i === axis ? blocks : size)) : [shape[axis]];
      const group = (i: number) => {
        if (scale.length === 1) return 0;
        const along = Math.floor(i / inner) % shape[axis]!;
        if (block === 0) return along;
        const outer = Math.floor(i / inner / shape[axis]!);
        return (outer * blocks + Math.floor(along / block)) * inner + (i % inner);
      };
      expect([codeTypes.get(codes.dataType)!.signed, at(1)!.dims.map(Number)]).toEqual([
        zero === undefined,
        at(1)!.dims.length === 0 ? [] : scaleShape,
      ]);
      expect(zero?.dims).toEqual(zero && at(1)!.dims);
      const zeros = zero && integersOf(zero);
      const values = Float32Array.from(
        integersOf(codes),
        (code, i) => (code - (zeros ? zeros[group(i)]! : 0)) * scale[group(i)]!,
      );
      result.set(codes.name, { values, step: (i) => scale[group(i)]! });
    } else if (node.opType === 'MatMulNBits' || node.opType === 'GatherBlockQuantized') {
      const isGather = node.opType === 'GatherBlockQuantized';
      const [codes, scale, zero] = [at(isGather ? 0 : 1)!, scalesOf(at(2)!), at(3)];
      const [bits, size] = [integer('bits'), integer('block_size')];
      const shape = codes.dims.map(Number);
      const [K, N] = isGather ? [(shape[1]! * 8) / bits, shape[0]!] : [integer('K'), integer('N')];
      const blocks = Math.ceil(K / size);
      if (!isGather) expect(shape).toEqual([N, blocks, (size * bits) / 8]);
      const lineBytes = isGather ? shape[1]! : (blocks * size * bits) / 8;
      const block = (k: number) => Math.floor(k / size);
      const scaleAt = (n: number, k: number) => scale[n * blocks + block(k)]!;
      const zeroAt = (n: number, k: number) =>
        zero ? pick(zero.rawData, n, Math.ceil((blocks * bits) / 8), block(k), bits) : 2 ** (bits - 1);
      const value = (n: number, k: number) =>
        (pick(codes.rawData, n, lineBytes, k, bits) - zeroAt(n, k)) * scaleAt(n, k);
      put(codes.name, [N, K], value, scaleAt, isGather || byChannels.has(codes.name));
    } else if (node.opType === 'MatMulBnb4') {
      const [codes, absmax] = [at(1)!, floatsOf(at(2)!)];
      const [K, N, size, type] = [integer('K'), integer('N'), integer('block_size'), integer('quant_type')];
      const scaleAt = (n: number, k: number) => absmax[Math.floor((n * K + k) / size)]!;
      const value = (n: number, k: number) => {
        const flat = n * K + k;
        const code = (codes.rawData[flat >> 1]! >> (flat % 2 === 0 ? 4 : 0)) & 15;
        return (type === 1 ? nf4 : fp4)[code]! * scaleAt(n, k);
      };
      // The widest gap between two levels, by the largest value of the block.
      const gap = type === 1 ? 0.304 : 0.34;
      put(codes.name, [N, K], value, (n, k) => gap * scaleAt(n, k));
    }
  }
  return result;
}
// onnxruntime, blockwise_quant_block_bnb4.h.
const fp4Half = [0, 0.00520833333, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25];
const fp4 = Float32Array.of(...fp4Half, ...fp4Half.map((value) => -value));
const nf4 = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453],
  ...[-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0],
  ...[0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
);

/** The original's bytes with the values of some weights replaced. */
export function withValues(path: string, replaced: ReadonlyMap<string, Decoded>): Uint8Array {
  const model = parsed(path);
  const put = (tensor: TensorProto | undefined, name: string) => {
    const values = replaced.get(name)?.values;
    if (values && tensor) {
      tensor.rawData = new Uint8Array(Float32Array.from(values).buffer);
      tensor.floatData = [];
    }
  };
  for (const tensor of model.graph!.initializer) put(tensor, tensor.name);
  for (const node of model.graph!.node)
    if (node.opType === 'Constant') put(node.attribute[0]?.t, node.output[0]!);
  return toBinary(ModelProtoSchema, model);
}
