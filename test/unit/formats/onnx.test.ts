import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as Attribute,
  ModelProtoSchema,
  TensorProto_DataType as Type,
} from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { countingSource, memorySource, openFileSource } from '../../../src/bytes/byteSource';
import { readOnnx } from '../../../src/formats/onnx/reader';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { type GraphFields, makeOnnx, rawTensor } from '../../fixtures/makeOnnx';
import { sharedPath } from '../../fixtures/shared';
import { floats, integer, read, valueInfo } from './onnxSupport';

describe('readOnnx', () => {
  it('tells versions, producer, inputs, outputs, operators and properties', async () => {
    const file = makeOnnx(
      {
        name: 'net',
        node: [
          { opType: 'MatMul', input: ['x', 'w'], output: ['y'] },
          { opType: 'MatMul', input: ['y', 'w'], output: ['z'] },
          { opType: 'Gelu', domain: 'com.microsoft', input: ['z'], output: ['out'] },
        ],
        initializer: [floats('w', 1, 2)],
        input: [valueInfo('x', Type.FLOAT, ['batch', 512, undefined]), valueInfo('w', Type.FLOAT, [2])],
        output: [
          valueInfo('out', Type.FLOAT16, []),
          { name: 'list', type: { value: { case: 'sequenceType', value: {} } } },
        ],
      },
      {
        opsetImport: [
          { domain: '', version: 21n },
          { domain: 'com.microsoft', version: 1n },
        ],
        metadataProps: [{ key: '__proto__', value: 'x' }],
      },
    );
    const { graph, metadata, findings, format } = await read(file);
    expect(format).toBe('onnx');
    expect(findings).toEqual([]);
    expect(graph).toEqual({
      name: 'net',
      irVersion: 10,
      producer: 'maker 1.2',
      opsets: [
        { domain: 'ai.onnx', version: 21 },
        { domain: 'com.microsoft', version: 1 },
      ],
      inputs: [{ name: 'x', type: 'F32', shape: ['batch', 512, '?'] }],
      outputs: [
        { name: 'out', type: 'F16', shape: [] },
        { name: 'list', type: 'sequence' },
      ],
      operators: [
        { name: 'MatMul', count: 2 },
        { name: 'com.microsoft.Gelu', count: 1 },
      ],
      quantizedWeights: [],
    });
    expect(metadata.map(({ key, value }) => [key, value])).toEqual(
      expect.arrayContaining([
        ['onnx.opset.com.microsoft', 1],
        ['onnx.input.x', 'F32 [batch, 512, ?]'],
        ['onnx.operators.MatMul', 2],
        ['__proto__', 'x'],
      ]),
    );
  });

  it.each<[keyof typeof Type, string, number]>([
    ['FLOAT', 'F32', 32],
    ['UINT8', 'U8', 8],
    ['INT8', 'I8', 8],
    ['UINT16', 'U16', 16],
    ['INT16', 'I16', 16],
    ['INT32', 'I32', 32],
    ['INT64', 'I64', 64],
    ['BOOL', 'BOOL', 8],
    ['FLOAT16', 'F16', 16],
    ['DOUBLE', 'F64', 64],
    ['UINT32', 'U32', 32],
    ['UINT64', 'U64', 64],
    ['COMPLEX64', 'C64', 64],
    ['COMPLEX128', 'C128', 128],
    ['BFLOAT16', 'BF16', 16],
    ['FLOAT8E4M3FN', 'F8_E4M3', 8],
    ['FLOAT8E4M3FNUZ', 'F8_E4M3FNUZ', 8],
    ['FLOAT8E5M2', 'F8_E5M2', 8],
    ['FLOAT8E5M2FNUZ', 'F8_E5M2FNUZ', 8],
    ['FLOAT8E8M0', 'F8_E8M0', 8],
    ['UINT4', 'U4', 4],
    ['INT4', 'I4', 4],
    ['FLOAT4E2M1', 'F4', 4],
    ['UINT2', 'U2', 2],
    ['INT2', 'I2', 2],
  ])('knows the type %s, in whole bytes for the tensor', async (type, dtype, bits) => {
    const bytes = Math.ceil((7 * bits) / 8);
    const file = makeOnnx({ initializer: [rawTensor('t', Type[type] as Type, [7], new Uint8Array(bytes))] });
    const { tensors, findings } = await read(file);
    expect(tensors).toMatchObject([{ name: 't', dtype, bytes, elements: 7 }]);
    expect(tensors[0]!.unreadable).toBeUndefined();
    expect(findings).toEqual([]);
  });

  it('finds raw, float and double values where they are, and refuses numbers of variable length', async () => {
    const file = makeOnnx({
      initializer: [
        rawTensor('raw', Type.FLOAT, [1, 2], Uint8Array.from(f32Data([1.5, 2]))),
        { name: 'float', dataType: Type.FLOAT, dims: [3n], floatData: [2.5, 3, 4] },
        { name: 'double', dataType: Type.DOUBLE, dims: [1n], doubleData: [3.5] },
        { name: 'int', dataType: Type.INT64, dims: [2n], int64Data: [1n, -1n] },
        { name: 'half', dataType: Type.FLOAT16, dims: [1n], int32Data: [15360] },
        { name: 'text', dataType: Type.STRING, dims: [1n], stringData: [new Uint8Array(3)] },
        { name: 'empty', dataType: Type.FLOAT, dims: [0n] },
      ],
    });
    const { tensors, findings } = await read(file);
    const view = new DataView(file.buffer, file.byteOffset);
    expect(findings).toEqual([]);
    expect(view.getFloat32(tensors[0]!.byteOffset, true)).toBe(1.5);
    expect(view.getFloat32(tensors[1]!.byteOffset, true)).toBe(2.5);
    expect(view.getFloat64(tensors[2]!.byteOffset, true)).toBe(3.5);
    expect(tensors.map(({ unreadable }) => unreadable?.split(' ').slice(0, 3).join(' '))).toEqual([
      undefined,
      undefined,
      undefined,
      'Its values are',
      'Its values are',
      'It holds text.',
      undefined,
    ]);
  });

  it('finds the weights of subgraphs, functions and Constant nodes, and lists sparse ones', async () => {
    const body: GraphFields = { initializer: [floats('inner', 1)], node: [{ opType: 'Relu' }] };
    const weight = rawTensor('', Type.FLOAT, [8, 8], new Uint8Array(256));
    const { tensors, graph } = await read(
      makeOnnx(
        {
          node: [
            {
              opType: 'If',
              name: 'branch',
              attribute: [
                { name: 'then_branch', type: Attribute.GRAPH, g: body },
                { name: 'else_branch', type: Attribute.GRAPH, g: body },
              ],
            },
            {
              opType: 'Constant',
              output: ['c'],
              attribute: [{ name: 'value', type: Attribute.TENSOR, t: weight }],
            },
            { opType: 'Constant', output: ['axis'], attribute: [{ name: 'value', t: floats('', 1) }] },
          ],
          sparseInitializer: [{ values: floats('sparse', 1), indices: { dims: [1n] }, dims: [10n, 10n] }],
        },
        {
          functions: [
            {
              name: 'f',
              node: [{ opType: 'Constant', output: ['fc'], attribute: [{ name: 'value', t: weight }] }],
            },
          ],
        },
      ),
    );
    expect(tensors.map(({ name, shape, unreadable }) => [name, shape, unreadable?.slice(0, 12)])).toEqual([
      ['branch.then_branch.inner', [1], undefined],
      ['branch.else_branch.inner', [1], undefined],
      ['c', [8, 8], undefined],
      ['sparse', [10, 10], 'It is sparse'],
      ['fc', [8, 8], undefined],
    ]);
    expect(graph!.operators).toContainEqual({ name: 'Relu', count: 2 });
  });

  it('recognises quantized weights by the operators that take them', async () => {
    const codes = (name: string) => rawTensor(name, Type.UINT8, [4], new Uint8Array(4));
    const { graph, findings } = await read(
      makeOnnx({
        node: [
          {
            opType: 'MatMulNBits',
            domain: 'com.microsoft',
            input: ['x', 'nbits', 'scales'],
            attribute: [integer('K', 8), integer('bits', 4), integer('block_size', 32)],
          },
          { opType: 'DequantizeLinear', input: ['qdq', 'scales'] },
          { opType: 'DequantizeLinear', input: ['activation', 'scales'] },
          { opType: 'MatMulInteger', input: ['x', 'dynamic'] },
        ],
        initializer: [codes('nbits'), codes('qdq'), codes('dynamic'), floats('scales', 1)],
      }),
    );
    expect(graph!.quantizedWeights).toEqual([
      { tensor: 'nbits', method: 'MatMulNBits, 4 bits, blocks of 32' },
      { tensor: 'qdq', method: 'QDQ' },
      { tensor: 'dynamic', method: 'dynamic quantization, MatMulInteger' },
    ]);
    expect(findings.map(({ severity, code }) => [severity, code])).toEqual([['info', 'quantized-weights']]);
  });

  it('reads the structure and no values', async () => {
    const big = (name: string) => rawTensor(name, Type.FLOAT, [500_000], new Uint8Array(2_000_000));
    const source = countingSource(memorySource(makeOnnx({ initializer: [big('a'), big('b'), big('c')] })));
    const { tensors } = await readOnnx(source);
    expect(tensors).toHaveLength(3);
    expect(source.bytesRead).toBeLessThan(4096);
  });

  it.each([
    ['a size that is not the shape', { ...floats('t', 1, 2), dims: [3n] }, 'size-mismatch'],
    ['a tensor without values', { name: 't', dataType: Type.FLOAT, dims: [3n] }, 'size-mismatch'],
    [
      'an unknown type',
      { name: 't', dataType: 77 as Type, dims: [1n], rawData: new Uint8Array(9) },
      'unknown-type',
    ],
    [
      'values in the wrong list',
      { name: 't', dataType: Type.INT32, dims: [1n], floatData: [1] },
      'size-mismatch',
    ],
  ])('finds %s', async (_, tensor, code) => {
    const { tensors, findings } = await read(makeOnnx({ initializer: [tensor, floats('good', 1)] }));
    expect(findings.map((finding) => [finding.severity, finding.code, finding.tensor])).toEqual([
      ['error', code, 't'],
    ]);
    expect(tensors.map(({ unreadable }) => unreadable === undefined)).toEqual([false, true]);
  });

  it('finds two tensors of one name', async () => {
    const { findings } = await read(makeOnnx({ initializer: [floats('t', 1), floats('t', 2)] }));
    expect(findings.map(({ code }) => code)).toEqual(['duplicate-tensor']);
  });

  it('opens a file that ends inside its graph, as far as it goes', async () => {
    const file = makeOnnx({ initializer: [floats('a', 1, 2, 3), floats('b', 4, 5, 6)] }, { opsetImport: [] });
    const { tensors, findings } = await read(file.subarray(0, file.length - 5));
    expect(findings.map(({ code }) => code)).toEqual(['truncated-data']);
    expect(tensors.map(({ name, unreadable }) => [name, unreadable])).toEqual([
      ['a', undefined],
      ['b', 'The file ends before this tensor does.'],
    ]);
  });
});

const models = sharedPath('models/onnx');
describe.skipIf(!models)('real models, against the official definitions', () => {
  it.each(['silero_vad_16k_op15.onnx', 'ch_ppocr_mobile_v2.0_cls_infer.onnx'])('%s', async (name) => {
    const path = join(models!, name);
    const file = await readFile(path);
    const model = fromBinary(ModelProtoSchema, file);
    const source = countingSource(await openFileSource(path));
    const { tensors, graph, findings } = await readOnnx(source);
    await source.close();
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    expect(findings).toEqual([]);
    expect(model.graph!.initializer.length + model.graph!.node.length).toBeGreaterThan(10);
    for (const { name: own, dims, rawData, floatData } of model.graph!.initializer) {
      const tensor = byName.get(own)!;
      expect(tensor.shape).toEqual(dims.map(Number));
      if (rawData.length === 0 && floatData.length === 0) continue;
      const expected = rawData.length > 0 ? rawData : f32Data(floatData);
      expect(
        Buffer.compare(file.subarray(tensor.byteOffset, tensor.byteOffset + tensor.bytes), expected),
      ).toBe(0);
    }
    expect(graph!.opsets.map(({ version }) => version)).toEqual(
      model.opsetImport.map(({ version }) => Number(version)),
    );
    expect(graph!.outputs.map(({ name: own }) => own)).toEqual(
      model.graph!.output.map(({ name: own }) => own),
    );
    // What is no tensor's data is the structure; each tensor may cost a window behind its data.
    const data = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(source.bytesRead).toBeLessThan(file.length - data + tensors.length * 512 + 65_536);
  });
});
