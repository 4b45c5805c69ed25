import { describe, expect, it } from 'vitest';
import { countingSource, memorySource } from '../../../src/bytes/byteSource';
import { readArchive } from '../../../src/formats/archive';
import { callOf, dictOf, intsOf, listOf, op, tensorOf } from '../../fixtures/makePickle';
import { makePytorchLegacy, makePytorchZip } from '../../fixtures/makePytorch';
import { firstValue, matrix, readPickle, readZip, sixFloats, told } from './pytorchSupport';

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
