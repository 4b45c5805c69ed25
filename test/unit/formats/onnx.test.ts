import { mkdir, mkdtemp, open as openFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  AttributeProto_AttributeType as Attribute,
  ModelProtoSchema,
  TensorProto_DataType as Type,
} from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countingSource, memorySource, openFileSource } from '../../../src/bytes/byteSource';
import { toCatalogue } from '../../../src/engine/catalogue';
import { LoupeError } from '../../../src/errors';
import { readOnnx } from '../../../src/formats/onnx/reader';
import { openCheckpoint } from '../../../src/formats/open';
import { f32Data } from '../../fixtures/makeCheckpoint';
import {
  type AttributeFields,
  externalTensor,
  type GraphFields,
  makeOnnx,
  rawTensor,
} from '../../fixtures/makeOnnx';
import { sharedPath } from '../../fixtures/shared';

const read = (file: Uint8Array) => readOnnx(memorySource(file, 'test.onnx'));
const floats = (name: string, ...values: number[]) =>
  rawTensor(name, Type.FLOAT, [values.length], Uint8Array.from(f32Data(values)));
const valueInfo = (name: string, elemType: Type, dims: readonly (number | string | undefined)[]) => ({
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
const integer = (name: string, i: number): AttributeFields => ({ name, type: Attribute.INT, i: BigInt(i) });

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

describe('ONNX external data', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loupe-onnx-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const open = async (pairs: Record<string, string>, dims: readonly number[] = [2]) => {
    const path = join(folder, 'model.onnx');
    await writeFile(path, makeOnnx({ initializer: [floats('inline', 1), externalTensor('t', dims, pairs)] }));
    return openCheckpoint(path);
  };

  it('gives the place in the other file, and never opens that one', async () => {
    await mkdir(join(folder, 'weights'), { recursive: true });
    await writeFile(join(folder, 'weights', 'a.data'), new Uint8Array(4096 + 8));
    const checkpoint = await open({ location: 'weights/a.data', offset: '4096', length: '8' });
    expect(checkpoint.findings).toEqual([]);
    expect(checkpoint.files.map(({ path, bytes }) => [basename(path), bytes > 0])).toEqual([
      ['model.onnx', true],
      ['a.data', true],
    ]);
    expect(checkpoint.tensors[1]).toMatchObject({ name: 't', file: 1, byteOffset: 4096, bytes: 8 });
    expect(toCatalogue(checkpoint).graph!.irVersion).toBe(10);
    expect(checkpoint.name).toBe('model');
  });

  it('reaches beyond 4 GB', async () => {
    const path = join(folder, 'huge.data');
    await (await openFile(path, 'w')).close();
    await truncate(path, 6_000_000_000);
    const { tensors, findings } = await open({ location: 'huge.data', offset: '5999999992' });
    expect(findings).toEqual([]);
    expect(tensors[1]!.byteOffset).toBe(5_999_999_992);
  });

  it.each([
    ['a file outside', { location: '../secret' }, 'external-data-escapes'],
    ['a way out in the middle', { location: 'weights/../../secret' }, 'external-data-escapes'],
    ['an absolute path', { location: '/etc/passwd' }, 'external-data-escapes'],
    ['a drive', { location: 'C:\\secret' }, 'external-data-escapes'],
    ['no place at all', {}, 'external-data-escapes'],
    ['a missing file', { location: 'absent.data' }, 'missing-external-data'],
    ['a folder', { location: 'weights' }, 'missing-external-data'],
    ['an offset that is no count', { location: 'weights/a.data', offset: '-4' }, 'external-data-range'],
    [
      'an offset beyond 2^53',
      { location: 'weights/a.data', offset: '9999999999999999' },
      'external-data-range',
    ],
    ['a length that is not the shape', { location: 'weights/a.data', length: '9' }, 'size-mismatch'],
    ['a file that is too short', { location: 'weights/a.data', offset: '4100' }, 'truncated-data'],
  ])('finds %s', async (_, pairs, code) => {
    const { tensors, findings } = await open(pairs as Record<string, string>);
    expect(findings.map((finding) => [finding.severity, finding.code, finding.tensor])).toEqual([
      ['error', code, 't'],
    ]);
    expect(tensors[1]!.unreadable).toBeDefined();
    expect(tensors[1]!.file).toBe(0);
    expect(tensors[0]!.unreadable).toBeUndefined();
  });
});

describe('hostile ONNX files', () => {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
  const message = (field: number, content: readonly number[]) => [
    ...varint(field * 8 + 2),
    ...varint(content.length),
    ...content,
  ];
  const repeated = (part: readonly number[], count: number) => {
    const bytes = new Uint8Array(part.length * count);
    for (let i = 0; i < count; i++) bytes.set(part, i * part.length);
    return bytes;
  };
  const inGraph = (content: Uint8Array) =>
    new Uint8Array(
      Buffer.concat([Uint8Array.from([8, 8, ...varint(7 * 8 + 2), ...varint(content.length)]), content]),
    );
  let nest: number[] = [];
  for (let level = 0; level < 60; level++) nest = message(1, message(5, message(6, nest)));

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', Uint8Array.from([8, 8]), /no ONNX graph/],
    ['a group', Uint8Array.from([0x0b, 0x0c]), /wire type 3/],
    ['field 0', Uint8Array.from([0x02, 0x01, 0x00]), /no field number/],
    ['an endless varint', Uint8Array.from(Array(20).fill(0xff)), /more than 10 bytes/],
    [
      'a length beyond 2^53',
      Uint8Array.from([0x12, 255, 255, 255, 255, 255, 255, 255, 127]),
      /beyond its message/,
    ],
    ['a field beyond its message', inGraph(Uint8Array.from([0x2a, 50, 1, 2])), /beyond its message/],
    ['graphs 60 levels deep', inGraph(Uint8Array.from(nest)), /nested more than/],
    [
      'a tensor of 1,000 dimensions',
      inGraph(Uint8Array.from(message(5, message(1, Array(1000).fill(1))))),
      /more than 64/,
    ],
    [
      'a negative dimension',
      inGraph(Uint8Array.from(message(5, [8, ...Array(9).fill(255), 1, ...message(8, [97])]))),
      /negative/,
    ],
    [
      'elements beyond 2^53',
      inGraph(
        Uint8Array.from(
          message(5, [...message(1, [...varint(2 ** 40), ...varint(2 ** 40)]), 16, 1, ...message(8, [97])]),
        ),
      ),
      /more elements/,
    ],
    ['an initializer without a name', inGraph(Uint8Array.from(message(5, []))), /no name/],
    ['two graphs', Uint8Array.from([...message(7, []), ...message(7, [])]), /two graphs/],
    [
      'a million tensors of one name',
      inGraph(repeated(message(5, message(8, [97])), 1_000_000)),
      /share their names/,
    ],
    ['two million nodes', inGraph(repeated(message(1, []), 2_000_000)), /more than 1000000 nodes/],
    ['a million operator sets', repeated(message(8, [16, 1]), 1_000_000), /operator sets/],
  ])('refuses %s', async (_, file, reason) => {
    await expect(read(file)).rejects.toThrow(reason);
    await expect(read(file)).rejects.toBeInstanceOf(LoupeError);
  });

  it('either opens mutated files with sound tensors or throws a LoupeError', async () => {
    const base = makeOnnx({
      node: [{ opType: 'MatMulNBits', input: ['x', 'a'], attribute: [integer('bits', 4)] }],
      initializer: [floats('a', 1, 2, 3), externalTensor('e', [2], { location: 'x' })],
      input: [valueInfo('x', Type.FLOAT, ['n', 3])],
    });
    const edits = fc.array(fc.record({ at: fc.nat(base.length - 1), byte: fc.nat(255) }), {
      minLength: 1,
      maxLength: 3,
    });
    let opened = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(edits, fc.option(fc.nat(base.length), { freq: 1 }), async (changes, cut) => {
        const file = base.slice(0, cut ?? base.length);
        for (const { at, byte } of changes) if (at < file.length) file[at] = byte;
        try {
          const { tensors } = await read(file);
          opened++;
          for (const tensor of tensors)
            if (tensor.unreadable === undefined && tensor.file === 0)
              expect(tensor.byteOffset + tensor.bytes).toBeLessThanOrEqual(file.length);
        } catch (error) {
          if (!(error instanceof LoupeError)) throw error;
          refused++;
          expect(['malformed', 'unsupported', 'not-a-checkpoint']).toContain(error.code);
          expect(error.byteOffset).toBeLessThanOrEqual(file.length);
        }
      }),
      { numRuns: 2500 },
    );
    expect(opened).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
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
