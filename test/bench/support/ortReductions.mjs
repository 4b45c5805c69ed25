/**
 * Seconds that ONNX Runtime's CPU provider takes for the reductions it has, over a safetensors file of equal float32 matrices:
 * median of some rounds, as JSON. It has no histogram, percentiles, places of the largest values per tensor without a full
 * sort, or counts of denormals; NaN, infinities and counts beyond sigma are left out too, in its favour.
 *
 * Usage: node ortReductions.mjs FILE ROUNDS
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { create, toBinary } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, ModelProtoSchema } from 'onnx-buf';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [path, rounds] = [process.argv[2], Number(process.argv[3])];

const node = (opType, input, output, axes) => ({
  opType,
  input,
  output: [output],
  attribute: [
    ...(axes ? [{ name: 'axes', type: AttributeProto_AttributeType.INTS, ints: axes.map(BigInt) }] : []),
    ...(opType.startsWith('Reduce')
      ? [{ name: 'keepdims', type: AttributeProto_AttributeType.INT, i: 0n }]
      : []),
  ],
});
const float = { value: { case: 'tensorType', value: { elemType: 1 } } };
const outputs = ['min', 'max', 'mean', 'm2', 'm3', 'm4', 'rowMax', 'columnMax', 'rowSum', 'columnSum'];
const model = create(ModelProtoSchema, {
  irVersion: 8n,
  opsetImport: [{ domain: '', version: 17n }],
  graph: {
    name: 'reductions',
    input: [{ name: 'x', type: float }],
    output: outputs.map((name) => ({ name, type: float })),
    node: [
      node('ReduceMin', ['x'], 'min'),
      node('ReduceMax', ['x'], 'max'),
      node('ReduceMean', ['x'], 'mean'),
      node('Sub', ['x', 'mean'], 'd'),
      node('Mul', ['d', 'd'], 'squared'),
      node('Mul', ['squared', 'd'], 'cubed'),
      node('Mul', ['squared', 'squared'], 'fourth'),
      node('ReduceMean', ['squared'], 'm2'),
      node('ReduceMean', ['cubed'], 'm3'),
      node('ReduceMean', ['fourth'], 'm4'),
      node('Abs', ['x'], 'magnitude'),
      node('ReduceMax', ['magnitude'], 'rowMax', [1]),
      node('ReduceMax', ['magnitude'], 'columnMax', [0]),
      node('ReduceSumSquare', ['x'], 'rowSum', [1]),
      node('ReduceSumSquare', ['x'], 'columnSum', [0]),
    ],
  },
});
const session = await InferenceSession.create(toBinary(ModelProtoSchema, model), {
  executionProviders: ['cpu'],
  intraOpNumThreads: 2,
});

async function wholeFile() {
  const file = openSync(path, 'r');
  const length = new Uint8Array(8);
  readSync(file, length, 0, 8, 0);
  const headerBytes = Number(new DataView(length.buffer).getBigUint64(0, true));
  const text = new Uint8Array(headerBytes);
  readSync(file, text, 0, headerBytes, 8);
  for (const [name, tensor] of Object.entries(JSON.parse(new TextDecoder().decode(text)))) {
    if (name === '__metadata__') continue;
    const [begin, end] = tensor.data_offsets;
    const values = new Float32Array((end - begin) / 4);
    readSync(file, values, 0, end - begin, 8 + headerBytes + begin);
    await session.run({ x: new Tensor('float32', values, tensor.shape) });
  }
  closeSync(file);
}

await wholeFile();
const seconds = [];
for (let round = 0; round < rounds; round++) {
  const start = performance.now();
  await wholeFile();
  seconds.push((performance.now() - start) / 1000);
}
seconds.sort((a, b) => a - b);
console.log(JSON.stringify({ seconds: seconds[rounds >> 1] }));
