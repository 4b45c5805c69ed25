import { mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countingSource, memorySource, openFileSource } from '../../../src/bytes/byteSource';
import { LoupeError } from '../../../src/errors';
import { readGguf, readGgufArray } from '../../../src/formats/gguf/reader';
import { byteSize, dtypes, ggmlTypes } from '../../../src/numeric/dtypes';
import { f32Data, makeGguf } from '../../fixtures/makeCheckpoint';

const read = (bytes: Uint8Array) => readGguf(memorySource(bytes, 'test.gguf'));
const vector = { name: 'v', dtype: 'F32', shape: [4], data: f32Data([1, 2, 3, 4]) };

describe('readGguf', () => {
  it.each([1, 2, 3])('reads version %i, shapes outermost first', async (version) => {
    const matrix = { name: 'm', dtype: 'F32', shape: [2, 3], data: f32Data([1, 2, 3, 4, 5, 6]) };
    const file = makeGguf({ metadata: [], tensors: [vector, matrix], version });
    const { tensors, findings } = await read(file);
    expect(findings).toEqual([]);
    expect(tensors.map(({ name, shape, elements, bytes }) => [name, shape, elements, bytes])).toEqual([
      ['v', [4], 4, 16],
      ['m', [2, 3], 6, 24],
    ]);
    expect(tensors[1]!.byteOffset % 32).toBe(0);
    expect(new DataView(file.buffer).getFloat32(tensors[1]!.byteOffset, true)).toBe(1);
  });

  it.each([1, 2, 3])(
    'reads the header of a big-endian file of version %i, not its values',
    async (version) => {
      const list = Array.from({ length: 100 }, (_, i) => i * 1000);
      const { tensors, metadata, findings } = await read(
        makeGguf({
          metadata: [
            { key: 'a', type: 'string', value: 'né' },
            { key: 'b', type: 'f64', value: 0.1 },
            { key: 'c', type: '[i32]', value: list },
            { key: 'd', type: '[string]', value: ['x', 'yz'] },
            { key: 'e', type: 'i64', value: -5 },
          ],
          tensors: [
            { name: 'm', dtype: 'F32', shape: [2, 3], data: f32Data([1, 2, 3, 4, 5, 6]) },
            { name: 'bytes', dtype: 'I8', shape: [4], data: new Uint8Array(4) },
          ],
          version,
          bigEndian: true,
        }),
      );
      expect(metadata.map(({ value }) => value)).toEqual([
        'né',
        0.1,
        { type: 'i32', length: 100, head: list.slice(0, 64) },
        { type: 'string', length: 2, head: ['x', 'yz'] },
        -5,
      ]);
      expect(tensors.map(({ name, shape }) => [name, shape])).toEqual([
        ['m', [2, 3]],
        ['bytes', [4]],
      ]);
      expect(tensors[0]!.unreadable).toMatch(/big-endian/);
      expect(tensors[1]!.unreadable).toBeUndefined();
      expect(findings.map(({ severity, code }) => [severity, code])).toEqual([['warning', 'big-endian']]);
    },
  );

  it('reads every metadata type', async () => {
    const { metadata } = await read(
      makeGguf({
        metadata: [
          { key: 'a', type: 'u8', value: 255 },
          { key: 'b', type: 'i8', value: -128 },
          { key: 'c', type: 'u16', value: 65_535 },
          { key: 'd', type: 'i16', value: -2 },
          { key: 'e', type: 'u32', value: 4_294_967_295 },
          { key: 'f', type: 'i32', value: -3 },
          { key: 'g', type: 'f32', value: 0.5 },
          { key: 'h', type: 'bool', value: true },
          { key: 'i', type: 'string', value: 'né' },
          { key: 'j', type: 'u64', value: 2n ** 64n - 1n },
          { key: 'k', type: 'i64', value: -5 },
          { key: 'l', type: 'f64', value: 0.1 },
          { key: 'm', type: 'f32', value: Number.NaN },
          { key: 'n', type: 'f64', value: Number.NEGATIVE_INFINITY },
          { key: '__proto__', type: 'string', value: 'x' },
        ],
        tensors: [],
      }),
    );
    expect(metadata.map(({ key, type, value }) => [key, type, value])).toEqual([
      ['a', 'u8', 255],
      ['b', 'i8', -128],
      ['c', 'u16', 65_535],
      ['d', 'i16', -2],
      ['e', 'u32', 4_294_967_295],
      ['f', 'i32', -3],
      ['g', 'f32', 0.5],
      ['h', 'bool', true],
      ['i', 'string', 'né'],
      ['j', 'u64', '18446744073709551615'],
      ['k', 'i64', -5],
      ['l', 'f64', 0.1],
      ['m', 'f32', 'NaN'],
      ['n', 'f64', '-Infinity'],
      ['__proto__', 'string', 'x'],
    ]);
  });

  it('keeps the head of a long array and finds what follows it', async () => {
    const tokens = Array.from({ length: 30_000 }, (_, i) => `token ${i}`);
    const { metadata, tensors } = await read(
      makeGguf({
        metadata: [
          { key: 'tokens', type: '[string]', value: tokens },
          { key: 'scores', type: '[f32]', value: tokens.map((_, i) => i) },
          { key: 'none', type: '[i64]', value: [] },
          { key: 'last', type: 'u8', value: 7 },
        ],
        tensors: [vector],
      }),
    );
    expect(metadata[0]).toEqual({
      key: 'tokens',
      type: '[string]',
      value: { type: 'string', length: 30_000, head: tokens.slice(0, 64) },
    });
    expect(metadata[1]!.value).toMatchObject({ type: 'f32', length: 30_000 });
    expect(metadata[2]!.value).toEqual({ type: 'i64', length: 0, head: [] });
    expect(metadata[3]!.value).toBe(7);
    expect(tensors[0]!.unreadable).toBeUndefined();
  });

  it('cuts a string that is too long to show', async () => {
    const { metadata } = await read(
      makeGguf({
        metadata: [
          { key: 'k', type: 'string', value: 'x'.repeat(3 << 20) },
          { key: 'l', type: 'u8', value: 1 },
        ],
        tensors: [],
      }),
    );
    expect(metadata[0]!.value).toMatchObject({ type: 'string', length: 3 << 20 });
    expect(metadata[1]!.value).toBe(1);
  });

  it.each([...ggmlTypes])('type %i is %s, with its size', async (_, name) => {
    const dtype = dtypes.get(name)!;
    const bytes = byteSize(dtype, 512)!;
    const { tensors, findings } = await read(
      makeGguf({
        metadata: [],
        tensors: [{ name: 't', dtype: name, shape: [2, 256], data: new Uint8Array(bytes) }],
      }),
    );
    expect(tensors[0]).toMatchObject({ dtype: name, bytes, elements: 512 });
    expect(findings).toEqual([]);
  });

  it('lists tensors of unknown types without their values, and those after them with', async () => {
    const odd = { name: 'odd', dtype: 'type 77', shape: [5], data: new Uint8Array(100) };
    const { tensors, findings } = await read(makeGguf({ metadata: [], tensors: [odd, vector] }));
    expect(tensors[0]).toMatchObject({ dtype: 'type 77', bytes: 0, unreadable: 'Its type 77 is not known.' });
    expect(tensors[1]!.unreadable).toBeUndefined();
    expect(findings.map(({ code, tensor }) => [code, tensor])).toEqual([['unknown-type', 'odd']]);
  });

  it('warns of names and texts that are no UTF-8, not of tokens', async () => {
    const base = makeGguf({
      metadata: [
        { key: 'tokens', type: '[string]', value: ['QQQQ'] },
        { key: 'text', type: 'string', value: 'fine \ufffd' },
      ],
      tensors: [{ ...vector, name: 'ZZZZ' }],
    });
    const broken = (text: string) => {
      const bytes = base.slice();
      const at = Buffer.from(bytes).indexOf(text);
      bytes[at + 1] = 0xff;
      return { bytes, at };
    };
    expect((await read(base)).findings).toEqual([]);
    expect((await read(broken('QQQQ').bytes)).findings).toEqual([]);
    for (const text of ['ZZZZ', 'fine']) {
      const { bytes, at } = broken(text);
      const { findings } = await read(bytes);
      expect(findings.map(({ severity, code, byteOffset }) => [severity, code, byteOffset])).toEqual([
        ['warning', 'non-utf8', at],
      ]);
    }
  });

  it('honours another alignment', async () => {
    const { tensors, findings } = await read(
      makeGguf({ metadata: [], tensors: [vector, { ...vector, name: 'w' }], alignment: 4096 }),
    );
    expect(findings).toEqual([]);
    expect(tensors.map(({ byteOffset }) => byteOffset)).toEqual([4096, 8192]);
  });
});

describe('readGgufArray', () => {
  const tokens = Array.from({ length: 20_000 }, (_, i) => (i % 7 === 0 ? `né ${i}` : `token ${i}`));
  const file = makeGguf({
    metadata: [
      { key: 'first', type: '[string]', value: ['a', 'b'] },
      { key: 'tokens', type: '[string]', value: tokens },
      { key: 'scores', type: '[f32]', value: tokens.map((_, i) => i / 2) },
      { key: 'alone', type: 'u32', value: 1 },
    ],
    tensors: [vector],
  });
  const slice = (key: string, start: number, take: number) =>
    readGgufArray(memorySource(file, 'test.gguf'), { key, start, take });

  it('gives any run of strings and numbers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(20_100), fc.integer({ min: 1, max: 300 }), async (start, take) => {
        expect(await slice('tokens', start, take)).toEqual({
          type: 'string',
          length: 20_000,
          values: tokens.slice(start, start + take),
        });
        const scores = await slice('scores', start, take);
        expect(scores!.values).toEqual(tokens.slice(start, start + take).map((_, i) => (start + i) / 2));
      }),
      { numRuns: 60 },
    );
  });

  it('knows no array of another key, and none that is a single value', async () => {
    expect(await slice('nothing', 0, 1)).toBeUndefined();
    expect(await slice('alone', 0, 1)).toBeUndefined();
  });

  it('reads no further than it must', async () => {
    const source = countingSource(memorySource(file, 'test.gguf'));
    await readGgufArray(source, { key: 'tokens', start: 10, take: 5 });
    expect(source.bytesRead).toBeLessThanOrEqual(65_536);
  });
});

describe('readGguf and hostile claims', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loupe-gguf-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A file of 4 GB that takes no space on disk: its end is a hole. */
  async function sparse(name: string, head: Uint8Array): Promise<string> {
    const path = join(folder, name);
    const handle = await openFile(path, 'w');
    await handle.write(head);
    await handle.truncate(4_000_000_000);
    await handle.close();
    return path;
  }

  function withArrayLength(itemType: '[u8]' | '[string]', length: bigint): Uint8Array {
    const file = makeGguf({ metadata: [{ key: 'k', type: itemType, value: [] }], tensors: [] });
    new DataView(file.buffer).setBigUint64(24 + 8 + 1 + 4 + 4, length, true);
    return file;
  }

  it('steps over a huge array of numbers without reading it', async () => {
    const path = await sparse('numbers.gguf', withArrayLength('[u8]', 3_500_000_000n));
    const source = countingSource(await openFileSource(path));
    const { metadata } = await readGguf(source);
    await source.close();
    expect(metadata[0]!.value).toMatchObject({ length: 3_500_000_000 });
    expect(source.bytesRead).toBeLessThanOrEqual(65_536);
  });

  it('gives up on an endless array of strings at the header cap', async () => {
    const path = await sparse('strings.gguf', withArrayLength('[string]', 400_000_000n));
    const source = countingSource(await openFileSource(path));
    await expect(readGguf(source, { headerCapBytes: 1_000_000 })).rejects.toThrow(/longer than the allowed/);
    await source.close();
    expect(source.bytesRead).toBeLessThan(1_200_000);
  });

  it('refuses a file of endlessly many types', async () => {
    const tensors = Array.from({ length: 300 }, (_, i) => ({
      name: `t${i}`,
      dtype: `type ${1000 + i}`,
      shape: [1],
      data: new Uint8Array(0),
    }));
    await expect(read(makeGguf({ metadata: [], tensors }))).rejects.toThrow(/unknown types/);
  });

  it.each([
    [3, false],
    [1, false],
    [3, true],
  ])(
    'either opens mutated files with sound tensors or throws a LoupeError that says where (version %i, big-endian %s)',
    async (version, bigEndian) => {
      const base = makeGguf({
        version,
        bigEndian,
        metadata: [
          { key: 'general.architecture', type: 'string', value: 'llama' },
          { key: 'list', type: '[string]', value: ['a', 'bc'] },
          { key: 'n', type: '[i32]', value: [1, 2, 3] },
        ],
        tensors: [vector, { name: 'q', dtype: 'Q8_0', shape: [2, 32], data: new Uint8Array(68) }],
      });
      const mutation = fc.record({
        edits: fc.array(fc.record({ at: fc.nat(base.length - 1), byte: fc.nat(255) }), { maxLength: 3 }),
        cut: fc.option(fc.nat(base.length), { freq: 3 }),
      });
      let opened = 0;
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(mutation, async ({ edits, cut }) => {
          const bytes = base.slice(0, cut ?? base.length);
          for (const { at, byte } of edits) if (at < bytes.length) bytes[at] = byte;
          try {
            const { tensors } = await read(bytes);
            opened++;
            for (const tensor of tensors)
              if (tensor.unreadable === undefined)
                expect(tensor.byteOffset + tensor.bytes).toBeLessThanOrEqual(bytes.length);
          } catch (error) {
            if (!(error instanceof LoupeError)) throw error;
            refused++;
            expect(['malformed', 'unsupported']).toContain(error.code);
            expect(error.byteOffset).toBeLessThanOrEqual(bytes.length);
          }
        }),
        { numRuns: 1000 },
      );
      expect(opened).toBeGreaterThan(50);
      expect(refused).toBeGreaterThan(50);
    },
  );
});
