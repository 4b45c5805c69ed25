/** Small ONNX networks with what they are fed, and files for them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TensorProto_DataType as Type } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { rawTensor } from '../../../fixtures/makeOnnx';
import { type SmallModel, smallOnnx, weightTensor } from '../../../fixtures/onnxModels';
import { randomValues, temporaryFolder } from '../support';
import type { Feeds } from './onnxRuns';

const folder = temporaryFolder();
let models = 0;

/** A folder that is not there yet. */
export const newFolder = (): string => join(folder, `${models++}`);

/** Writes a model into a folder of its own. */
export function save(bytes: Uint8Array): string {
  const path = join(newFolder(), 'net.onnx');
  mkdirSync(dirname(path));
  writeFileSync(path, bytes);
  return path;
}

export const weight = (name: string, shape: readonly number[], seed: number) => ({
  name,
  shape,
  values: randomValues(
    shape.reduce((a, b) => a * b, 1),
    seed,
  ).map((value) => value * 0.3),
});

export const floats = (shape: readonly number[], seed: number) =>
  new ort.Tensor(
    'float32',
    randomValues(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  );

/** Two MatMuls and both kinds of Gemm; the first weight's rows do not fill blocks. */
export const dense: SmallModel = {
  nodes: [
    { opType: 'MatMul', input: ['x', 'w1'], output: ['a'] },
    { opType: 'Relu', input: ['a'], output: ['b'] },
    { opType: 'MatMul', input: ['b', 'w2'], output: ['c'] },
    { opType: 'Gemm', input: ['c', 'w3', 'bias'], output: ['d'], integers: { transB: 1 } },
    { opType: 'Gemm', input: ['d', 'w4'], output: ['y'] },
  ],
  weights: [
    weight('w1', [90, 64], 1),
    weight('w2', [64, 40], 2),
    weight('w3', [33, 40], 3),
    weight('w4', [33, 10], 4),
    weight('bias', [33], 5),
  ],
  inputs: [{ name: 'x', shape: [3, 90] }],
  outputs: ['y'],
};
export const denseFeeds: Feeds = { x: floats([3, 90], 9) };

/** Shared between two nodes, taken by rows, and a convolution by channels; an old operator set. */
const mixed: SmallModel = {
  opset: 11,
  nodes: [
    {
      opType: 'Conv',
      input: ['x', 'conv'],
      output: ['a'],
      lists: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    },
    { opType: 'Relu', input: ['a'], output: ['b'] },
    { opType: 'Reshape', input: ['b', 'shape'], output: ['c'] },
    { opType: 'MatMul', input: ['c', 'shared'], output: ['d'] },
    { opType: 'MatMul', input: ['d', 'shared'], output: ['e'] },
    { opType: 'Gather', input: ['table', 'ids'], output: ['f'] },
    { opType: 'Add', input: ['e', 'f'], output: ['y'] },
  ],
  weights: [weight('conv', [8, 3, 3, 3], 6), weight('shared', [64, 64], 7), weight('table', [20, 64], 8)],
  inputs: [
    { name: 'x', shape: [1, 3, 4, 4] },
    { name: 'ids', shape: [2], type: Type.INT64 },
  ],
  outputs: ['y'],
  more: {},
};
export const mixedBytes = (): Uint8Array => {
  const reshape = rawTensor('shape', Type.INT64, [2], new Uint8Array(BigInt64Array.of(2n, 64n).buffer));
  return smallOnnx({
    ...mixed,
    more: { initializer: [...mixed.weights.map(weightTensor), reshape] },
  });
};
export const mixedFeeds: Feeds = {
  x: floats([1, 3, 4, 4], 3),
  ids: new ort.Tensor('int64', BigInt64Array.of(3n, 17n), [2]),
};
