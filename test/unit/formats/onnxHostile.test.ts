/** ONNX data in other files, and files that claim what they do not hold. */
import { mkdir, mkdtemp, open as openFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { TensorProto_DataType as Type } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toCatalogue } from '../../../src/engine/catalogue';
import { LoupeError } from '../../../src/errors';
import { openCheckpoint } from '../../../src/formats/open';
import { externalTensor, makeOnnx } from '../../fixtures/makeOnnx';
import { floats, integer, read, valueInfo } from './onnxSupport';

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
