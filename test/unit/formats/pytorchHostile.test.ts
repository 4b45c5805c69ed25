/** PyTorch files that want to run code, or claim what they do not hold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoupeError } from '../../../src/errors';
import { callOf, dictOf, listOf, op, pickle, tensorOf } from '../../fixtures/makePickle';
import { makePytorchLegacy, makePytorchZip } from '../../fixtures/makePytorch';
import { matrix, readPickle, readZip, sixFloats, told } from './pytorchSupport';

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
