import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countingSource, memorySource } from '../../../src/bytes/byteSource';
import { LoupeError } from '../../../src/errors';
import { readArchive } from '../../../src/formats/archive';
import type { FileContents } from '../../../src/formats/fileContents';
import { readPickleFile } from '../../../src/formats/pytorch/legacyReader';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { callOf, dictOf, intsOf, listOf, op, pickle, tensorOf } from '../../fixtures/makePickle';
import { makePytorchLegacy, makePytorchZip } from '../../fixtures/makePytorch';

const readZip = (file: Uint8Array) => readArchive(memorySource(file, 'test.pt'), 'test');
const readPickle = (file: Uint8Array) => readPickleFile(memorySource(file, 'test.pt'), 'test');
const told = ({ findings }: FileContents) => findings.map(({ severity, code }) => [severity, code]);
const sixFloats = f32Data([1, 2, 3, 4, 5, 6]);
const matrix = { storage: 'FloatStorage', key: '0', storageLength: 6, shape: [2, 3] };
const firstValue = (file: Uint8Array, { tensors }: FileContents) =>
  new DataView(file.buffer).getFloat32(tensors[0]!.byteOffset, true);

describe('a PyTorch zip archive', () => {
  it('lists a state dict with the place of each tensor', async () => {
    const file = makePytorchZip(
      dictOf([
        ['fc.weight', tensorOf(matrix)],
        ['fc.bias', tensorOf({ storage: 'HalfStorage', key: '1', storageLength: 4, shape: [2], offset: 2 })],
      ]),
      { 0: sixFloats, 1: new Uint8Array(8) },
    );
    const contents = await readZip(file);
    expect(contents.format).toBe('pytorch');
    expect(contents.findings).toEqual([]);
    expect(contents.tensors).toMatchObject([
      { name: 'fc.weight', dtype: 'F32', shape: [2, 3], bytes: 24, elements: 6 },
      { name: 'fc.bias', dtype: 'F16', shape: [2], bytes: 4 },
    ]);
    expect(contents.tensors.some(({ unreadable }) => unreadable !== undefined)).toBe(false);
    expect(firstValue(file, contents)).toBe(1);
    const text = Buffer.from(file).toString('latin1');
    const second = text.lastIndexOf('archive/data/1', text.indexOf('PK\u0001\u0002'));
    // Name, 37 bytes of padding, two elements of two bytes.
    expect(contents.tensors[1]!.byteOffset).toBe(second + 14 + 37 + 4);
  });

  it('flattens nested dicts and lists with dots, and keeps plain values as metadata', async () => {
    const file = makePytorchZip(
      dictOf(
        [
          ['model', dictOf([['w', tensorOf(matrix)]])],
          [
            'optimizer',
            dictOf([['state', dictOf([[0, dictOf([['exp_avg', tensorOf(matrix)]], true)]], true)]], true),
          ],
          ['list', listOf([op.int(3), tensorOf(matrix)])],
          ['epoch', op.int(7)],
          ['lr', op.float(0.5)],
          ['big', op.int(2 ** 40)],
          ['note', op.text('né')],
        ],
        true,
      ),
      { 0: sixFloats },
    );
    const { tensors, metadata, findings } = await readZip(file);
    expect(tensors.map(({ name }) => name)).toEqual(['model.w', 'optimizer.state.0.exp_avg', 'list.1']);
    expect(metadata.map(({ key, value }) => [key, value])).toEqual(
      expect.arrayContaining([
        ['epoch', 7],
        ['lr', 0.5],
        ['big', 2 ** 40],
        ['note', 'né'],
        ['list.0', 3],
        ['pytorch.byteorder', 'little'],
      ]),
    );
    expect(findings).toEqual([]);
  });

  it('understands parameters, state with versions, sizes, and types without storage classes', async () => {
    const parameter = callOf('torch._utils._rebuild_parameter', tensorOf(matrix), op.true, dictOf([]));
    const untyped = {
      storage: 'torch.storage.UntypedStorage',
      key: '1',
      storageLength: 8,
      shape: [8],
      dtype: 'torch.float8_e4m3fn',
    };
    const state = [
      ...dictOf([
        ['p', parameter],
        ['f8', tensorOf(untyped)],
        ['size', callOf('torch.Size', intsOf([2, 3]))],
      ]),
      ...dictOf([['_metadata', dictOf([])]], true),
      ...op.build,
    ];
    const { tensors, findings } = await readZip(
      makePytorchZip(state, { 0: sixFloats, 1: new Uint8Array(8) }),
    );
    expect(tensors.map(({ name, dtype, bytes, unreadable }) => [name, dtype, bytes, unreadable])).toEqual([
      ['p', 'F32', 24, undefined],
      ['f8', 'F8_E4M3', 8, undefined],
    ]);
    expect(findings).toEqual([]);
  });

  it('names a lone tensor after the file, and tells tied tensors by both names', async () => {
    expect((await readZip(makePytorchZip(tensorOf(matrix), { 0: sixFloats }))).tensors[0]!.name).toBe('test');
    const tied = dictOf([
      ['a', [...tensorOf(matrix), ...op.put(9)]],
      ['b', op.get(9)],
    ]);
    const { tensors } = await readZip(makePytorchZip(tied, { 0: sixFloats }));
    expect(tensors.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(tensors[0]!.byteOffset).toBe(tensors[1]!.byteOffset);
  });

  it('lists the tensors of a whole module, names its class and runs none of it', async () => {
    const module = [
      ...op.global('models.net.Net'),
      ...op.emptyTuple,
      ...op.newObject,
      ...dictOf(
        [
          ['_parameters', dictOf([['w', tensorOf(matrix)]])],
          ['_modules', dictOf([['sub', listOf([])]])],
        ],
        true,
      ),
      ...op.build,
    ];
    const contents = await readZip(makePytorchZip(module, { 0: sixFloats }));
    expect(contents.tensors.map(({ name }) => name)).toEqual(['w']);
    expect(told(contents)).toEqual([['warning', 'pickle-code']]);
    expect(contents.findings[0]!.message).toContain('"models.net.Net"');
  });

  it.each([
    ['a transposed view', { strides: [1, 2] }, /strides are \[1, 2\]/],
    ['a broadcast view', { strides: [0, 1] }, /strides/],
    ['a quantized tensor', { storage: 'QInt8Storage' }, /quantized by PyTorch/],
  ])('lists %s without its values', async (_, change, reason) => {
    const { tensors } = await readZip(makePytorchZip(tensorOf({ ...matrix, ...change }), { 0: sixFloats }));
    expect(tensors[0]).toMatchObject({ shape: [2, 3], elements: 6 });
    expect(tensors[0]!.unreadable).toMatch(reason);
  });

  it('holds 15,000 tensors with all that Python remembers of them', async () => {
    const entries = Array.from({ length: 15_000 }, (_, i) => {
      const memo = Array.from({ length: 12 }, (_unused, m) => op.put(i * 12 + m)).flat();
      return [`layers.${i}.weight`, [...tensorOf(matrix), ...memo]] as const;
    });
    const { tensors, findings } = await readZip(makePytorchZip(dictOf(entries), { 0: sixFloats }));
    expect(tensors).toHaveLength(15_000);
    expect(findings).toEqual([]);
  });

  it('takes any stride for dimensions of one element, as PyTorch does', async () => {
    const { tensors } = await readZip(
      makePytorchZip(tensorOf({ ...matrix, shape: [2, 1, 3], strides: [3, 77, 1] }), { 0: sixFloats }),
    );
    expect(tensors[0]!.unreadable).toBeUndefined();
  });

  it('leaves big-endian and compressed values, and says so', async () => {
    const big = await readZip(makePytorchZip(tensorOf(matrix), { 0: sixFloats }, { byteorder: 'big' }));
    expect(big.tensors[0]!.unreadable).toMatch(/big-endian/);
    const packed = await readZip(makePytorchZip(tensorOf(matrix), { 0: sixFloats }, { deflated: true }));
    expect(packed.tensors[0]!.unreadable).toMatch(/compressed/);
  });

  it.each([
    ['a storage that is missing', tensorOf({ ...matrix, key: '5' }), 'missing-storage'],
    ['a storage that is short', tensorOf({ ...matrix, storageLength: 600 }), 'truncated-data'],
    ['a tensor beyond its storage', tensorOf({ ...matrix, offset: 1 }), 'tensor-outside-storage'],
  ])('finds %s', async (_, root, code) => {
    const contents = await readZip(makePytorchZip(root, { 0: sixFloats }));
    expect(told(contents)).toEqual([['error', code]]);
    expect(contents.tensors[0]!.unreadable).toBeDefined();
  });

  it('reads the pickle and the headers of entries, no storage', async () => {
    const length = 1_000_000;
    const source = countingSource(
      memorySource(
        makePytorchZip(tensorOf({ ...matrix, storageLength: length, shape: [length] }), {
          0: new Uint8Array(4 * length),
        }),
      ),
    );
    await readArchive(source, 'x');
    expect(source.bytesRead).toBeLessThan(2000);
  });
});

describe('a PyTorch file from before 1.6', () => {
  const root = dictOf([
    ['b', tensorOf({ ...matrix, key: 'k2', legacy: true })],
    ['a', tensorOf({ storage: 'DoubleStorage', key: 'k1', storageLength: 1, shape: [], legacy: true })],
  ]);
  const storages = [
    { key: 'k1', length: 1, data: new Uint8Array(8) },
    { key: 'k2', length: 6, data: sixFloats },
  ];

  it('finds the storages behind the pickles, in the order of their keys', async () => {
    const file = makePytorchLegacy(root, storages);
    const contents = await readPickle(file);
    expect(contents.findings).toEqual([]);
    expect(contents.tensors.map(({ name, dtype, bytes }) => [name, dtype, bytes])).toEqual([
      ['b', 'F32', 24],
      ['a', 'F64', 8],
    ]);
    expect(firstValue(file, contents)).toBe(1);
    expect(contents.tensors[0]!.byteOffset).toBe(file.length - 24);
  });

  it('honours the byte order', async () => {
    const { tensors } = await readPickle(makePytorchLegacy(root, storages, false));
    expect(tensors[0]!.unreadable).toMatch(/big-endian/);
  });

  it('opens a cut file and says so, and refuses one whose lengths disagree', async () => {
    const file = makePytorchLegacy(root, storages);
    const cut = await readPickle(file.subarray(0, file.length - 5));
    expect(told(cut)).toEqual([['error', 'truncated-data']]);
    expect(cut.tensors.map(({ unreadable }) => unreadable !== undefined)).toEqual([true, false]);
    const wrong = makePytorchLegacy(root, [storages[0]!, { ...storages[1]!, length: 5 }]);
    await expect(readPickle(wrong)).rejects.toThrow(/has 5 values, but its tensors say 6/);
  });
});

describe('pickles that want to run code', () => {
  it.each([
    ['reduce', callOf('posix.system', op.text('touch never')), 'would run "posix.system"'],
    ['eval', callOf('__builtin__.eval', op.text('1')), 'would run "__builtin__.eval"'],
    [
      'stack global',
      [
        ...op.text('os'),
        ...op.text('system'),
        ...op.stackGlobal,
        ...op.text('x'),
        ...op.tuple1,
        ...op.reduce,
      ],
      'would run "os.system"',
    ],
    [
      'inst',
      [...op.mark, ...op.text('x'), ...Buffer.from('isubprocess\nPopen\n')],
      'would run "subprocess.Popen"',
    ],
    [
      'obj',
      [...op.mark, ...op.global('builtins.exec'), ...op.text('x'), ...Buffer.from('o')],
      'would run "builtins.exec"',
    ],
    ['import alone', op.global('webbrowser.open'), 'would import "webbrowser.open"'],
  ])('are named, by %s', async (_, code, message) => {
    const root = dictOf([
      ['w', tensorOf(matrix)],
      ['x', code],
    ]);
    const contents = await readZip(makePytorchZip(root, { 0: sixFloats }));
    expect(told(contents)).toEqual([['error', 'pickle-code']]);
    expect(contents.findings[0]!.message).toContain(message);
    expect(contents.tensors.map(({ name }) => name)).toEqual(['w']);
  });

  it('are named in a plain pickle and in protocol 0 too', async () => {
    const plain = await readPickle(pickle(callOf('nt.system', op.text('x'))));
    expect(told(plain)).toEqual([['error', 'pickle-code']]);
    const zero = await readPickle(new TextEncoder().encode("cposix\nsystem\np0\n(S'x'\np1\ntRp2\n."));
    expect(zero.findings[0]!.message).toContain('"posix.system"');
  });

  it('cannot hide a call behind what a call gives, and a name is told once', async () => {
    const hidden = [
      ...callOf('builtins.getattr', op.global('os.path'), op.text('x')),
      ...op.emptyTuple,
      ...op.reduce,
      ...op.pop,
      ...callOf('builtins.getattr', op.none),
    ];
    const contents = await readPickle(pickle(hidden));
    expect(contents.findings.map(({ message }) => /"([^"]+)"/.exec(message)![1])).toEqual([
      'builtins.getattr',
      'os.path',
    ]);
  });
});

describe('hostile pickles', () => {
  const repeat = (part: readonly number[], count: number) => {
    const result = new Uint8Array(part.length * count);
    for (let i = 0; i < count; i++) result.set(part, i * part.length);
    return result;
  };
  const join = (...parts: (Uint8Array | readonly number[])[]) =>
    new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', pickle(), /takes more values/],
    ['an unknown opcode', pickle([0xff]), /no opcode/],
    ['a protocol from the future', Uint8Array.from([0x80, 9, 0x4e, 0x2e]), /protocol 9/],
    ['a text beyond the file', pickle([0x58, 0xff, 0xff, 0xff, 0x7f]), /beyond the pickle/],
    ['a 64-bit length', pickle([0x8d, 255, 255, 255, 255, 255, 255, 255, 127]), /beyond the pickle/],
    ['a frame beyond the file', pickle(op.frame(2n ** 62n)), /frame/],
    ['a memo never written', pickle(op.get(4_000_000_000)), /never remembered/],
    ['a mark that is missing', pickle(op.tuple), /never opened/],
    ['a value under a mark', pickle(op.none, op.mark, op.append), /takes more values/],
    ['an extension code', pickle([0x82, 1]), /extension/],
    ['a persistent id that is none', pickle(op.text('x'), op.persistent), /no storage/],
    ['a tensor of no storage', pickle(callOf('torch._utils._rebuild_tensor_v2', op.none)), /no storage/],
    ['a negative shape', pickle(tensorOf({ ...matrix, shape: [-1], strides: [1] })), /counts/],
    ['fewer strides than dimensions', pickle(tensorOf({ ...matrix, strides: [1] })), /strides/],
    ['a shape beyond 2^53', pickle(tensorOf({ ...matrix, shape: [2 ** 40, 2 ** 40] })), /more elements/],
    ['a number without digits', new TextEncoder().encode('Iabc\n.'), /digits/],
    ['a line without an end', repeat([0x49, 0x31], 9000), /no end within 4096/],
    ['an end too early', pickle(dictOf([['a', op.none]])).slice(0, -1), /ends inside/],
    ['20 million lists', repeat(op.emptyList, 20_000_000), /more values than/],
    ['20 million marks', repeat(op.mark, 20_000_000), /more values than/],
    ['20 million memo entries', join([0x80, 4, 0x4e], repeat(op.memoize, 20_000_000)), /more values than/],
    ['20 million references', join([0x80, 2, 0x5d], repeat(op.dup, 20_000_000)), /more values than/],
    [
      '2,000 pieces of code',
      pickle(...Array.from({ length: 2000 }, (_, i) => op.global(`m.c${i}`))),
      /pieces of code/,
    ],
  ])('refuses %s in bounded memory', async (_, file, message) => {
    const before = process.memoryUsage().rss;
    await expect(readPickle(file)).rejects.toThrow(message);
    expect(process.memoryUsage().rss - before).toBeLessThan(400e6);
    await expect(readPickle(file)).rejects.toBeInstanceOf(LoupeError);
  });

  it('walks a nest of references that doubles at each level once', async () => {
    let value: number[] = [...listOf([tensorOf(matrix)]), ...op.put(0)];
    for (let level = 1; level < 40; level++)
      value = [
        ...value,
        ...op.pop,
        ...op.emptyList,
        ...op.mark,
        ...op.get(level - 1),
        ...op.get(level - 1),
        ...op.appends,
        ...op.put(level),
      ];
    const { tensors } = await readZip(makePytorchZip(value, { 0: sixFloats }));
    expect(tensors).toHaveLength(1);
  });

  it('walks a list that holds itself, and gives up on a deep nest', async () => {
    const itself = [...op.emptyList, ...op.put(0), ...op.get(0), ...op.append];
    expect((await readPickle(pickle(itself))).tensors).toEqual([]);
    const deep = join([0x80, 2], repeat(op.emptyList, 100_000), repeat(op.append, 99_999), op.stop);
    const contents = await readPickle(deep);
    expect(told(contents)).toContainEqual(['warning', 'nested-too-deep']);
  });

  it('tells of two tensors that lead to one name', async () => {
    const root = dictOf([
      ['a', dictOf([['b', tensorOf(matrix)]])],
      ['a.b', tensorOf({ ...matrix, shape: [6] })],
    ]);
    const contents = await readZip(makePytorchZip(root, { 0: sixFloats }));
    expect(told(contents)).toEqual([['warning', 'duplicate-tensor']]);
    expect(contents.tensors.map(({ shape }) => shape)).toEqual([[2, 3]]);
  });

  it('either opens mutated files with sound tensors or throws a LoupeError', async () => {
    const root = dictOf([
      ['w', tensorOf(matrix)],
      ['l', listOf([op.int(1), op.float(2), op.text('x')])],
    ]);
    const bases = [
      makePytorchZip(root, { 0: sixFloats }),
      makePytorchLegacy(root, [{ key: '0', length: 6, data: sixFloats }]),
    ];
    let opened = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(
          fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), byte: fc.nat(255) }),
          {
            minLength: 1,
            maxLength: 3,
          },
        ),
        fc.option(fc.nat(700), { freq: 1 }),
        async (isLegacy, edits, cut) => {
          const base = bases[isLegacy ? 1 : 0]!;
          const file = base.slice(0, cut ?? base.length);
          for (const { at, byte } of edits) if (file.length > 0) file[Math.floor(at * file.length)] = byte;
          try {
            const { tensors } = await (isLegacy ? readPickle(file) : readZip(file));
            opened++;
            for (const tensor of tensors)
              if (tensor.unreadable === undefined)
                expect(tensor.byteOffset + tensor.bytes).toBeLessThanOrEqual(file.length);
          } catch (error) {
            if (!(error instanceof LoupeError)) throw error;
            refused++;
            expect(['malformed', 'unsupported', 'not-a-checkpoint']).toContain(error.code);
          }
        },
      ),
      { numRuns: 2500 },
    );
    expect(opened).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(50);
  });
});
