import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countingSource, memorySource } from '../../../src/bytes/byteSource';
import { LoupeError } from '../../../src/errors';
import { readArchive } from '../../../src/formats/archive';
import { readNpy } from '../../../src/formats/numpy/reader';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { makeNpy, npyDict, rawNpy } from '../../fixtures/makeNumpy';
import { makeZip } from '../../fixtures/makeZip';

const read = (file: Uint8Array) => readNpy(memorySource(file, 'test.npy'), 'weights');
const codes = (findings: readonly { code: string }[]) => findings.map(({ code }) => code);

describe('readNpy', () => {
  it.each([1, 2, 3])('reads version %i, with the place of the data', async (version) => {
    const file = rawNpy(npyDict('<f4', [2, 3]), f32Data([1, 2, 3, 4, 5, 6]), version);
    const { tensors, findings, format } = await read(file);
    expect(format).toBe('numpy');
    expect(findings).toEqual([]);
    const [tensor] = tensors;
    expect(tensor).toMatchObject({ name: 'weights', dtype: 'F32', shape: [2, 3], elements: 6, bytes: 24 });
    expect(tensor!.byteOffset % 64).toBe(0);
    expect(new DataView(file.buffer).getFloat32(tensor!.byteOffset, true)).toBe(1);
    expect(tensor!.unreadable).toBeUndefined();
  });

  it.each([
    ['|b1', 'BOOL', 1],
    ['|i1', 'I8', 1],
    ['<i2', 'I16', 2],
    ['<i4', 'I32', 4],
    ['<i8', 'I64', 8],
    ['|u1', 'U8', 1],
    ['<u2', 'U16', 2],
    ['<u4', 'U32', 4],
    ['<u8', 'U64', 8],
    ['<f2', 'F16', 2],
    ['<f8', 'F64', 8],
    ['<c8', 'C64', 8],
    ['<c16', 'C128', 16],
    ['>i1', 'I8', 1],
  ])('knows %s as %s', async (descr, dtype, size) => {
    const { tensors, findings } = await read(makeNpy(descr, [3], new Uint8Array(3 * size)));
    expect(tensors[0]).toMatchObject({ dtype, bytes: 3 * size });
    expect(tensors[0]!.unreadable).toBeUndefined();
    expect(findings).toEqual([]);
  });

  it.each([
    ['big-endian', makeNpy('>f4', [2], new Uint8Array(8)), 'F32', /big-endian/],
    ['Fortran order', makeNpy('<f4', [2, 3], new Uint8Array(24), true), 'F32', /column by column/],
    ['text', makeNpy('<U5', [1], new Uint8Array(20)), '<U5', /holds text/],
    ['dates', makeNpy('<M8[ns]', [1], new Uint8Array(8)), '<M8[ns]', /dates/],
    ['long doubles', makeNpy('<f16', [1], new Uint8Array(16)), '<f16', /long double/],
    ['an unknown type', makeNpy('<q9', [1], new Uint8Array(9)), '<q9', /not known/],
    [
      'a structured type',
      rawNpy("{'descr': [('x', '<f4'), ('y', '<i4', (2,))], 'fortran_order': False, 'shape': (1,), }"),
      'structured',
      /structured/,
    ],
  ])('lists an array of %s without its values', async (_, file, dtype, reason) => {
    const { tensors, findings } = await read(file);
    expect(tensors[0]!.dtype).toBe(dtype);
    expect(tensors[0]!.unreadable).toMatch(reason);
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('reads a vector or a row in Fortran order, which is the same in both orders', async () => {
    const { tensors } = await read(makeNpy('<f4', [1, 3], new Uint8Array(12), true));
    expect(tensors[0]!.unreadable).toBeUndefined();
  });

  it('warns of Python objects', async () => {
    const { tensors, findings } = await read(makeNpy('|O', [2], new Uint8Array(40)));
    expect(codes(findings)).toEqual(['pickle-code']);
    expect(tensors[0]!.unreadable).toMatch(/Python objects/);
  });

  it('reads scalars and empty arrays', async () => {
    const scalar = await read(makeNpy('<f8', [], new Uint8Array(8)));
    expect(scalar.tensors[0]).toMatchObject({ shape: [], elements: 1, bytes: 8 });
    const empty = await read(makeNpy('<f8', [0, 7], new Uint8Array(0)));
    expect(empty.tensors[0]).toMatchObject({ shape: [0, 7], elements: 0, bytes: 0 });
    expect([...scalar.findings, ...empty.findings]).toEqual([]);
  });

  it('opens a cut file and one with more behind it, and says so', async () => {
    const short = await read(makeNpy('<f4', [4], new Uint8Array(12)));
    expect(codes(short.findings)).toEqual(['truncated-data']);
    expect(short.tensors[0]!.unreadable).toMatch(/ends before/);
    expect(codes((await read(makeNpy('<f4', [4], new Uint8Array(20)))).findings)).toEqual(['trailing-data']);
  });

  it.each([
    ['no dictionary', 'hello', /"\{" is expected/],
    [
      'a call',
      "{'descr': __import__('os').system('x'), 'fortran_order': False, 'shape': (1,)}",
      /is no value/,
    ],
    ['a missing member', "{'descr': '<f4', 'shape': (1,)}", /fortran_order/],
    ['a member too many', "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", /other members/],
    ['a negative size', "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", /is no value/],
    [
      'a size beyond 2^53',
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999,)}",
      /is no value/,
    ],
    ['a product beyond 2^53', npyDict('<f4', [2 ** 40, 2 ** 40]), /more elements/],
    ['deep nesting', `{'descr': ${'('.repeat(5000)}`, /nested too deeply/],
    ['an open string', "{'descr': '<f4", /does not end/],
    ['text behind it', `${npyDict('<f4', [1])} x`, /follows/],
    ['a key twice', "{'shape': (1,), 'shape': (2,)}", /no new string/],
  ])('refuses %s', async (_, dict, message) => {
    await expect(read(rawNpy(dict))).rejects.toThrow(message);
    await expect(read(rawNpy(dict))).rejects.toBeInstanceOf(LoupeError);
  });

  it('refuses a header length beyond the file without reading it', async () => {
    const file = rawNpy(npyDict('<f4', [1]), new Uint8Array(4), 2);
    new DataView(file.buffer).setUint32(8, 0xffffffff, true);
    const source = countingSource(memorySource(file));
    await expect(readNpy(source, 'x')).rejects.toThrow(/4294967295/);
    expect(source.bytesRead).toBeLessThanOrEqual(256);
  });
});

describe('an .npz archive', () => {
  const open = (file: Uint8Array) => readArchive(memorySource(file, 'test.npz'), 'test');
  const array = (n: number) => makeNpy('<f4', [n], new Uint8Array(4 * n));

  it('names arrays as NumPy does and gives their places', async () => {
    const file = makeZip([
      { name: 'a.npy', data: makeNpy('<f4', [2], f32Data([7, 8])) },
      { name: 'block/b.npy', data: array(3) },
      { name: 'notes.txt', data: new Uint8Array(3) },
    ]);
    const { tensors, findings, format } = await open(file);
    expect(format).toBe('numpy');
    expect(tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ['a', [2]],
      ['block/b', [3]],
    ]);
    expect(new DataView(file.buffer).getFloat32(tensors[0]!.byteOffset, true)).toBe(7);
    expect(codes(findings)).toEqual(['foreign-entry']);
  });

  it('lists compressed arrays without their values', async () => {
    const { tensors, findings } = await open(makeZip([{ name: 'a.npy', data: array(5000), deflated: true }]));
    expect(findings).toEqual([]);
    expect(tensors[0]).toMatchObject({ name: 'a', shape: [5000], elements: 5000 });
    expect(tensors[0]!.unreadable).toMatch(/compressed/);
  });

  it('tells of an array that is none and shows the others', async () => {
    const { tensors, findings } = await open(
      makeZip([
        { name: 'bad.npy', data: new Uint8Array(100) },
        { name: 'good.npy', data: array(1) },
      ]),
    );
    expect(tensors.map(({ name }) => name)).toEqual(['good']);
    expect(findings.map(({ code, tensor }) => [code, tensor])).toEqual([['unreadable-entry', 'bad']]);
  });

  it('reads headers only', async () => {
    const source = countingSource(memorySource(makeZip([{ name: 'a.npy', data: array(500_000) }])));
    await readArchive(source, 'x');
    expect(source.bytesRead).toBeLessThan(1000);
  });

  it('refuses an archive of anything else', async () => {
    await expect(open(makeZip([{ name: 'readme', data: new Uint8Array(9) }]))).rejects.toThrow(
      /holds neither/,
    );
  });

  it('either opens mutated archives with sound tensors or throws a LoupeError', async () => {
    const base = makeZip([
      { name: 'a.npy', data: array(4) },
      { name: 'b.npy', data: array(4), deflated: true },
    ]);
    const edits = fc.array(fc.record({ at: fc.nat(base.length - 1), byte: fc.nat(255) }), {
      minLength: 1,
      maxLength: 3,
    });
    let opened = 0;
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const file = base.slice();
        for (const { at, byte } of changes) file[at] = byte;
        try {
          const { tensors } = await open(file);
          opened++;
          for (const tensor of tensors)
            if (tensor.unreadable === undefined)
              expect(tensor.byteOffset + tensor.bytes).toBeLessThanOrEqual(file.length);
        } catch (error) {
          if (!(error instanceof LoupeError)) throw error;
          expect(['malformed', 'unsupported', 'not-a-checkpoint']).toContain(error.code);
        }
      }),
      { numRuns: 1500 },
    );
    expect(opened).toBeGreaterThan(50);
  });
});
