import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { encodeGraph, onnxUint8, writeOnnxModel } from '../../../../src/engine/backends/onnxGraph';

/** onnx-buf parses with the official definitions, and so is an oracle for what was written. */
const parse = (bytes: Uint8Array) => fromBinary(ModelProtoSchema, bytes);

describe('the encode graph, parsed by the official definitions', () => {
  const model = parse(encodeGraph(1, 255));

  it('has the versions that a runtime asks for and no unknown fields', () => {
    expect(model.irVersion).toBe(8n);
    expect(model.opsetImport.map(({ version }) => version)).toEqual([17n]);
    const unknown = (value: unknown): number => {
      if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return 0;
      const own = (value as { $unknown?: unknown[] }).$unknown?.length ?? 0;
      return Object.entries(value).reduce(
        (sum, [key, part]) => sum + (key === '$unknown' ? 0 : unknown(part)),
        own,
      );
    };
    expect(unknown(model)).toBe(0);
  });

  it('names its inputs and output with open dimensions', () => {
    const shapes = [...model.graph!.input, ...model.graph!.output].map((value) => {
      const tensor = value.type!.value.value as {
        elemType: number;
        shape: { dim: { value: { value: unknown } }[] };
      };
      return [value.name, tensor.elemType, tensor.shape.dim.map((dimension) => dimension.value.value)];
    });
    expect(shapes).toEqual([
      ['x', TensorProto_DataType.FLOAT, ['rows', 'columns']],
      ['inverse', TensorProto_DataType.FLOAT, ['rows', 1n]],
      ['zero', TensorProto_DataType.FLOAT, ['rows', 1n]],
      ['codes', TensorProto_DataType.UINT8, ['rows', 'columns']],
    ]);
  });

  it('has the steps of the kernel, none of which a GPU leaves to the CPU', () => {
    const steps = model.graph!.node.map((node) => [node.opType, [...node.input], [...node.output]]);
    expect(steps).toEqual([
      ['Mul', ['x', 'inverse'], ['scaled']],
      ['Clip', ['scaled', 'limitLow', 'limitHigh'], ['bounded']],
      ['Add', ['bounded', 'magic'], ['lifted']],
      ['Sub', ['lifted', 'magic'], ['rounded']],
      ['Add', ['rounded', 'zero'], ['shifted']],
      ['Clip', ['shifted', 'low', 'high'], ['clamped']],
      ['Cast', ['clamped'], ['codes']],
    ]);
    const cast = model.graph!.node.at(-1)!.attribute;
    expect(cast.map(({ name, i }) => [name, i])).toEqual([['to', BigInt(onnxUint8)]]);
  });

  it('holds its constants as float scalars', () => {
    const constants = model.graph!.initializer.map(({ name, dims, dataType, rawData }) => {
      expect([dims.length, dataType]).toEqual([0, TensorProto_DataType.FLOAT]);
      return [name, new DataView(rawData.buffer, rawData.byteOffset, 4).getFloat32(0, true)];
    });
    expect(Object.fromEntries(constants)).toEqual({
      magic: 12582912,
      limitLow: -2097152,
      limitHigh: 2097152,
      low: 1,
      high: 255,
    });
  });
});

it('writes lengths and sizes beyond one varint byte', () => {
  const name = 'n'.repeat(300);
  const value = { name, elementType: 1, shape: [40_000_000_000, 127, 128] };
  const model = parse(writeOnnxModel({ name, inputs: [value], outputs: [], constants: {}, nodes: [] }));
  const [input] = model.graph!.input;
  expect([model.graph!.name, input!.name]).toEqual([name, name]);
  const { shape } = input!.type!.value.value as { shape: { dim: { value: { value: bigint } }[] } };
  expect(shape.dim.map((dimension) => dimension.value.value)).toEqual([40_000_000_000n, 127n, 128n]);
});
