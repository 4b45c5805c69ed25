import { AttributeProto_AttributeType as Attribute, TensorProto_DataType as Type } from 'onnx-buf';
import { memorySource } from '../../../src/bytes/byteSource';
import { readOnnx } from '../../../src/formats/onnx/reader';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { type AttributeFields, rawTensor } from '../../fixtures/makeOnnx';

export const read = (file: Uint8Array) => readOnnx(memorySource(file, 'test.onnx'));
export const floats = (name: string, ...values: number[]) =>
  rawTensor(name, Type.FLOAT, [values.length], Uint8Array.from(f32Data(values)));
export const valueInfo = (name: string, elemType: Type, dims: readonly (number | string | undefined)[]) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType,
        shape: {
          dim: dims.map((dim) => ({
            value:
              dim === undefined
                ? { case: undefined }
                : typeof dim === 'number'
                  ? { case: 'dimValue' as const, value: BigInt(dim) }
                  : { case: 'dimParam' as const, value: dim },
          })),
        },
      },
    },
  },
});
export const integer = (name: string, i: number): AttributeFields => ({
  name,
  type: Attribute.INT,
  i: BigInt(i),
});
