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

const bytesOf = (tensor: TensorProto): Uint8Array => tensor.rawData;
export const floatsOf = (tensor: TensorProto): Float32Array =>
  new Float32Array(Uint8Array.from(tensor.rawData).buffer);
const attributeOf = (node: NodeProto, name: string): number | undefined => {
  const found = node.attribute.find((attribute) => attribute.name === name);
  return found && Number(found.i);
};

/** All quantized weights of a model, found from its nodes. */
export function decodedWeights(path: string): Map<string, Decoded> {
  const { graph } = parsed(path);
  const tensors = new Map(graph!.initializer.map((tensor) => [tensor.name, tensor]));
  const result = new Map<string, Decoded>();
  for (const node of graph!.node) {
    const at = (input: number) => tensors.get(node.input[input] ?? '');
    if (node.opType === 'DequantizeLinear') {
      const [codes, scale, zero] = [at(0)!, floatsOf(at(1)!), at(2)];
      const shape = codes.dims.map(Number);
      const axis = attributeOf(node, 'axis') ?? 0;
      const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
      const channel = (i: number) => (scale.length === 1 ? 0 : Math.floor(i / inner) % shape[axis]!);
      expect([codes.dataType, scale.length]).toEqual([
        zero ? Type.UINT8 : Type.INT8,
        at(1)!.dims.length === 0 ? 1 : shape[axis],
      ]);
      const raw = zero ? bytesOf(codes) : new Int8Array(Uint8Array.from(bytesOf(codes)).buffer);
      const values = Float32Array.from(
        raw,
        (code, i) => (code - (zero ? bytesOf(zero)[channel(i)]! : 0)) * scale[channel(i)]!,
      );
      result.set(codes.name, { values, step: (i) => scale[channel(i)]! });
    } else if (node.opType === 'MatMulNBits') {
      const [codes, scale, zero] = [at(1)!, floatsOf(at(2)!), at(3)];
      const [K, N, bits, size] = ['K', 'N', 'bits', 'block_size'].map((name) => attributeOf(node, name)!) as [
        number,
        number,
        number,
        number,
      ];
      const blocks = Math.ceil(K / size);
      expect(codes.dims.map(Number)).toEqual([N, blocks, (size * bits) / 8]);
      const pick = (bytes: Uint8Array, row: number, rowBytes: number, i: number) =>
        (bytes[row * rowBytes + Math.floor((i * bits) / 8)]! >> ((i * bits) % 8)) & (2 ** bits - 1);
      const values = new Float32Array(K * N);
      for (let n = 0; n < N; n++)
        for (let k = 0; k < K; k++) {
          const block = Math.floor(k / size);
          const code = pick(bytesOf(codes), n, (blocks * size * bits) / 8, k);
          const zeroPoint = zero
            ? pick(bytesOf(zero), n, Math.ceil((blocks * bits) / 8), block)
            : 2 ** (bits - 1);
          values[k * N + n] = (code - zeroPoint) * scale[n * blocks + block]!;
        }
      result.set(codes.name, {
        values,
        step: (i) => scale[(i % N) * blocks + Math.floor(Math.floor(i / N) / size)]!,
      });
    } else if (node.opType === 'MatMulBnb4') {
      const [codes, absmax] = [at(1)!, floatsOf(at(2)!)];
      const [K, N, size, type] = ['K', 'N', 'block_size', 'quant_type'].map(
        (name) => attributeOf(node, name)!,
      ) as [number, number, number, number];
      const values = new Float32Array(K * N);
      for (let flat = 0; flat < K * N; flat++) {
        const code = (bytesOf(codes)[flat >> 1]! >> (flat % 2 === 0 ? 4 : 0)) & 15;
        values[(flat % K) * N + Math.floor(flat / K)] =
          (type === 1 ? nf4 : fp4)[code]! * absmax[Math.floor(flat / size)]!;
      }
      // The widest gap between two levels, by the largest value of the block.
      const gap = type === 1 ? 0.304 : 0.34;
      result.set(codes.name, {
        values,
        step: (i) => gap * absmax[Math.floor(((i % N) * K + Math.floor(i / N)) / size)]!,
      });
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
