import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countingSource, memorySource } from '../../../src/bytes/byteSource';
import { LoupeError } from '../../../src/errors';
import { readSafetensors } from '../../../src/formats/safetensors/reader';
import { planSafetensors } from '../../../src/formats/safetensors/writer';
import { byteSize, dtypes } from '../../../src/numeric/dtypes';
import { f32Data, makeManyTensors, makeSafetensors, rawSafetensors } from '../../fixtures/makeCheckpoint';

const read = (bytes: Uint8Array) => readSafetensors(memorySource(bytes, 'test.safetensors'));
const entry = (extra = '') => `{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]${extra}}}`;

async function refusal(bytes: Uint8Array): Promise<LoupeError> {
  const error = await read(bytes).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(LoupeError);
  return error as LoupeError;
}

describe('readSafetensors', () => {
  it('lists tensors with absolute offsets, and metadata', async () => {
    const file = makeSafetensors(
      [
        { name: 'a', dtype: 'F32', shape: [2, 3], data: f32Data([1, 2, 3, 4, 5, 6]) },
        { name: 'b', dtype: 'F32', shape: [], data: f32Data([7]) },
      ],
      { format: 'pt' },
    );
    const { tensors, metadata, findings } = await read(file);
    expect(findings).toEqual([]);
    expect(metadata).toEqual([{ key: 'format', type: 'string', value: 'pt' }]);
    expect(tensors.map(({ name, shape, elements, bytes }) => [name, shape, elements, bytes])).toEqual([
      ['a', [2, 3], 6, 24],
      ['b', [], 1, 4],
    ]);
    expect(new DataView(file.buffer).getFloat32(tensors[1]!.byteOffset, true)).toBe(7);
  });

  it.each([...dtypes.values()].filter(({ kind }) => kind !== 'quantized'))(
    'knows the size of $name',
    async (dtype) => {
      const bytes = byteSize(dtype, 8)!;
      const { tensors } = await read(
        makeSafetensors([{ name: 't', dtype: dtype.name, shape: [2, 4], data: new Uint8Array(bytes) }]),
      );
      expect(tensors[0]).toMatchObject({ dtype: dtype.name, elements: 8, bytes });
    },
  );

  it('tells of values that lie between their steps, once', async () => {
    const bytes = (name: string, count: number) => ({
      name,
      dtype: 'U8',
      shape: [count],
      data: new Uint8Array(count),
    });
    const floats = (name: string) => ({ name, dtype: 'F32', shape: [1], data: f32Data([1]) });
    const aligned = await read(makeSafetensors([bytes('a', 4), floats('b'), bytes('c', 3)]));
    expect(aligned.findings).toEqual([]);
    const { findings } = await read(makeSafetensors([bytes('a', 3), floats('b'), floats('c')]));
    expect(findings.map(({ severity, code, tensor }) => [severity, code, tensor])).toEqual([
      ['info', 'unaligned-data', 'b'],
    ]);
    expect(findings[0]!.message).toMatch(/: 2, "b" first/);
  });

  it('refuses a ggml type', async () => {
    const file = rawSafetensors(
      '{"t":{"dtype":"Q8_0","shape":[32],"data_offsets":[0,34]}}',
      new Uint8Array(34),
    );
    expect((await refusal(file)).message).toMatch(/unknown dtype "Q8_0"/);
  });

  it('names the tensor and the byte of a fault', async () => {
    const header =
      '{"first":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"bad":{"dtype":"U8","shape":[-1]}}';
    const error = await refusal(rawSafetensors(header, new Uint8Array(1)));
    expect(error).toMatchObject({ code: 'malformed', tensor: 'bad', file: 'test.safetensors' });
    expect(error.byteOffset).toBe(8 + header.indexOf('-1'));
  });

  it('counts in bytes, not characters, before a fault', async () => {
    const header = '{"日本語":{"dtype":"U8","shape":[x]}}';
    const before = new TextEncoder().encode(header.slice(0, header.indexOf('x'))).length;
    expect((await refusal(rawSafetensors(header))).byteOffset).toBe(8 + before);
  });

  it('finds the first byte that is no UTF-8', async () => {
    const header = new TextEncoder().encode('{"abc":1}');
    header[4] = 0xff;
    expect((await refusal(rawSafetensors(header))).byteOffset).toBe(8 + 4);
  });

  it.each([
    ['a member twice', '{"t":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}', /"dtype" twice/],
    ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', /"__metadata__" twice/],
    ['no dtype', '{"t":{"shape":[0],"data_offsets":[0,0]}}', /has no dtype/],
    ['no shape', '{"t":{"dtype":"U8","data_offsets":[0,0]}}', /has no shape/],
    ['no offsets', '{"t":{"dtype":"U8","shape":[0]}}', /two data_offsets, but has none/],
    ['one offset', '{"t":{"dtype":"U8","shape":[0],"data_offsets":[0]}}', /two data_offsets, but has 1/],
    ['something after the JSON', '{}x', /follows the header/],
    ['a NUL as padding', '{}\0', /follows the header/],
    ['a raw line feed in a name', '{"a\nb":1}', /control character/],
    ['a leading zero', '{"t":{"dtype":"U8","shape":[00],"data_offsets":[0,0]}}', /non-negative integers/],
    ['an exponent', '{"t":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', /non-negative integers/],
    ['an unknown escape', '{"\\x":1}', /escape/],
    ['a header that ends in a string', '{"abc', /ends inside a string/],
    [
      'a product that wraps before it meets a 0',
      '{"t":{"dtype":"U8","shape":[4294967296,4294967297,0],"data_offsets":[0,0]}}',
      /more elements than can be counted/,
    ],
  ])('refuses %s', async (_, header, message) => {
    expect((await refusal(rawSafetensors(header))).message).toMatch(message);
  });

  it('steps over unknown members, however nested within reason', async () => {
    const nested = `${'['.repeat(100)}{"x":[1,-2.5e3,true,null,"\\u00e9"]}${']'.repeat(100)}`;
    expect((await read(rawSafetensors(entry(`,"extra":${nested}`)))).tensors).toHaveLength(1);
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect((await refusal(rawSafetensors(entry(`,"extra":${deep}`)))).message).toMatch(/nests more than/);
  });

  it('takes and refuses the same JSON as JSON.parse in members that it steps over', async () => {
    const text = fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.string({ unit: fc.constantFrom(...'[]{}",:01.-+eE \\ntu'), maxLength: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        const header = entry(`,"x":${value}`);
        let valid = true;
        try {
          JSON.parse(header);
        } catch {
          valid = false;
        }
        const outcome = await read(rawSafetensors(header)).then(
          () => true,
          (error: LoupeError) => {
            // JSON may hold half a surrogate pair; the reference's parser refuses it.
            if (/surrogate/.test(error.message)) return valid;
            // The text can close the entry and begin another tensor, which then has its own rules.
            return /entry of tensor|dtype|shape|data_offsets|twice/.test(error.message) ? valid : false;
          },
        );
        expect(outcome).toBe(valid);
      }),
      { numRuns: 600 },
    );
  });

  it('reads the header and at most 16 KiB more', async () => {
    const big = makeSafetensors([
      { name: 'big', dtype: 'U8', shape: [5_000_000], data: new Uint8Array(5_000_000) },
    ]);
    const source = countingSource(memorySource(big));
    await readSafetensors(source);
    expect(source.bytesRead).toBeLessThanOrEqual(16_384);
  });

  it('opens 100,000 tensors, reading each byte of the header once', async () => {
    const file = makeManyTensors(100_000);
    const source = countingSource(memorySource(file));
    const { tensors, findings } = await readSafetensors(source);
    expect(tensors).toHaveLength(100_000);
    expect(findings).toEqual([]);
    expect(tensors[99_999]).toMatchObject({ dtype: 'BF16', shape: [1, 2], bytes: 4 });
    expect(source.bytesRead).toBeLessThanOrEqual(tensors[0]!.byteOffset);
  });

  it('refuses a header over the cap, which can be raised and lowered', async () => {
    const file = makeManyTensors(100);
    await expect(readSafetensors(memorySource(file), { headerCapBytes: 1000 })).rejects.toThrow(
      /at most 1000/,
    );
    await expect(readSafetensors(memorySource(file), { headerCapBytes: 100_000 })).resolves.toBeDefined();
  });

  it('stops when aborted', async () => {
    const options = { signal: AbortSignal.abort() };
    const opening = readSafetensors(memorySource(makeManyTensors(2)), options);
    await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('sums up what is wrong with a hundred thousand tensors', async () => {
    const members = Array.from(
      { length: 5000 },
      (_, i) => `"${i}":{"dtype":"U8","shape":[1],"data_offsets":[${i * 2},${i * 2 + 1}]}`,
    );
    const { findings } = await read(rawSafetensors(`{${members.join()}}`, new Uint8Array(10_000)));
    expect(findings.length).toBeLessThan(60);
    expect(findings.at(-1)!.message).toMatch(/4,949 more/);
  });
});

describe('readSafetensors on mutated files', () => {
  const base = makeSafetensors(
    [
      { name: 'model.embed.weight', dtype: 'F32', shape: [2, 2], data: f32Data([1, 2, 3, 4]) },
      { name: 'é"\\', dtype: 'BF16', shape: [3], data: new Uint8Array(6) },
      { name: 'empty', dtype: 'I64', shape: [0, 5], data: new Uint8Array(0) },
    ],
    { format: 'pt', note: 'x' },
  );
  const mutation = fc.record({
    edits: fc.array(
      fc.record({
        at: fc.nat(base.length - 1),
        byte: fc.oneof(
          fc.nat(255),
          fc.constantFrom(...'0123456789[]{}",:'.split('').map((c) => c.charCodeAt(0))),
        ),
      }),
      { maxLength: 4 },
    ),
    cut: fc.option(fc.nat(base.length)),
    added: fc.uint8Array({ maxLength: 8 }),
  });

  it('either opens them with sound tensors or throws a LoupeError that says where', async () => {
    let opened = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutation, async ({ edits, cut, added }) => {
        const bytes = new Uint8Array([...base.subarray(0, cut ?? base.length), ...added]);
        for (const { at, byte } of edits) if (at < bytes.length) bytes[at] = byte;
        try {
          const { tensors, findings } = await read(bytes);
          opened++;
          let sum = 0;
          for (const tensor of tensors) {
            expect(tensor.elements).toBe(tensor.shape.reduce((product, n) => product * n, 1));
            if (tensor.unreadable !== undefined) continue;
            expect(tensor.byteOffset + tensor.bytes).toBeLessThanOrEqual(bytes.length);
            sum += tensor.bytes;
          }
          expect(sum).toBeLessThanOrEqual(bytes.length);
          const faulty = tensors.some(({ unreadable }) => unreadable !== undefined);
          if (faulty) expect(findings.some(({ severity }) => severity === 'error')).toBe(true);
        } catch (error) {
          if (!(error instanceof LoupeError)) throw error;
          refused++;
          expect(error.code).toBe('malformed');
          expect(error.byteOffset).toBeGreaterThanOrEqual(0);
          expect(error.byteOffset).toBeLessThanOrEqual(bytes.length);
        }
      }),
      { numRuns: 2000 },
    );
    // Both ways out were really taken.
    expect(opened).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(20);
  });
});

describe('planSafetensors', () => {
  it('orders by width and then by name in bytes, aligned, in a padded header', async () => {
    const plan = planSafetensors(
      [
        { name: 'z', dtype: 'BF16', shape: [3] },
        { name: 'b', dtype: 'I64', shape: [2] },
        { name: '\u{1F600}', dtype: 'F32', shape: [1] },
        { name: '\uFFFD', dtype: 'F32', shape: [1] },
        { name: 'a', dtype: 'U8', shape: [5] },
      ],
      { format: 'pt' },
    );
    expect(plan.entries.map(({ name }) => name)).toEqual(['b', '\uFFFD', '\u{1F600}', 'z', 'a']);
    expect(plan.headerBytes.length % 8).toBe(0);
    expect(plan.totalBytes).toBe(plan.headerBytes.length + 16 + 4 + 4 + 6 + 5);
    const widths = [8, 4, 4, 2, 1];
    expect(plan.entries.map(({ byteOffset }, i) => byteOffset % widths[i]!)).toEqual([0, 0, 0, 0, 0]);
  });

  it('writes the bytes that the format describes', () => {
    const { headerBytes } = planSafetensors([{ name: 't', dtype: 'F32', shape: [1, 2] }], { format: 'pt' });
    const text = new TextDecoder().decode(headerBytes.subarray(8));
    expect(text.trimEnd()).toBe(
      '{"__metadata__":{"format":"pt"},"t":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}',
    );
    expect(new DataView(headerBytes.buffer).getBigUint64(0, true)).toBe(BigInt(text.length));
  });

  it.each([
    [
      'a name twice',
      [
        { name: 'a', dtype: 'U8', shape: [1] },
        { name: 'a', dtype: 'U8', shape: [1] },
      ],
      /written twice/,
    ],
    ['the reserved name', [{ name: '__metadata__', dtype: 'U8', shape: [1] }], /keeps for itself/],
    ['a ggml type', [{ name: 'a', dtype: 'Q8_0', shape: [32] }], /does not know/],
    ['half a byte', [{ name: 'a', dtype: 'F4', shape: [3] }], /whole bytes/],
    ['a negative dimension', [{ name: 'a', dtype: 'U8', shape: [-1] }], /impossible shape/],
    ['half a surrogate pair', [{ name: '\ud800', dtype: 'U8', shape: [1] }], /Unicode/],
  ])('refuses %s', (_, entries, message) => {
    expect(() => planSafetensors(entries)).toThrow(message);
  });

  it('is read back as it was planned, whatever the names', async () => {
    const names = fc.uniqueArray(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor', '0', '1', '')),
      { maxLength: 12 },
    );
    const plain = [...dtypes.values()].filter(({ kind }) => kind !== 'quantized').map(({ name }) => name);
    await fc.assert(
      fc.asyncProperty(
        names.filter((list) => !list.includes('__metadata__')),
        fc.infiniteStream(fc.constantFrom(...plain)),
        fc.infiniteStream(fc.array(fc.nat(3), { maxLength: 3 })),
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { maxKeys: 3 }),
        async (list, dtypeStream, shapeStream, metadata) => {
          const entries = list.map((name) => ({
            name,
            dtype: dtypeStream.next().value as string,
            // A multiple of 4 elements fills whole bytes in every type.
            shape: [4, ...(shapeStream.next().value as number[])],
          }));
          const plan = planSafetensors(entries, metadata);
          const file = new Uint8Array(plan.totalBytes);
          file.set(plan.headerBytes);
          const { tensors, findings, metadata: readMetadata } = await read(file);
          expect(findings).toEqual([]);
          expect(new Map(tensors.map(({ name, dtype, shape }) => [name, { name, dtype, shape }]))).toEqual(
            new Map(entries.map((each) => [each.name, each])),
          );
          const placed = new Map(plan.entries.map((each) => [each.name, each]));
          for (const { name, byteOffset, bytes } of tensors)
            expect(placed.get(name)).toEqual({ name, byteOffset, bytes });
          expect(readMetadata.map(({ key, value }) => [key, value]).sort()).toEqual(
            Object.entries(metadata).sort(),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});
