/** Saved files and copied text, read back by our own reader and by NumPy. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SaveProgress } from '../../../../src/protocol/tensorViews';
import { failureOf, startEngine, temporaryFolder } from '../support';
import { matrixFixture, regionValues } from './matrixFixture';

const engine = startEngine();
const folder = temporaryFolder();
const python = '/usr/bin/python3';
const hasNumpy = existsSync(python) && spawnSync(python, ['-c', 'import numpy']).status === 0;
if (!hasNumpy) console.log('Skipped: there is no python3 with NumPy to read files back with.');

const region = { row0: 3, row1: 20, column0: 5, column1: 37 };
const dtypes = [
  'F64',
  'F32',
  'F16',
  'BF16',
  'I8',
  'U8',
  'I16',
  'U16',
  'I32',
  'U32',
  'I64',
  'U64',
  'BOOL',
  'F8_E4M3',
  'F4',
  'Q4_0',
];
const numpyNames: Record<string, string> = {
  ...{ F64: 'float64', F16: 'float16', I8: 'int8', U8: 'uint8', I16: 'int16', U16: 'uint16' },
  ...{ I32: 'int32', U32: 'uint32', I64: 'int64', U64: 'uint64', BOOL: 'bool' },
};

/** What NumPy makes of a Python expression: dtype, shape and values, as text that gives them back. */
function numpy(expression: string): { dtype: string; shape: number[]; values: string[] } {
  const program = [
    'import json, sys, numpy as np',
    `a = ${expression}`,
    'flat = [v.item() for v in a.reshape(-1)]',
    'text = lambda v: "1" if v is True else "0" if v is False else repr(v)',
    'print(json.dumps(dict(dtype=str(a.dtype), shape=a.shape, values=[text(v) for v in flat])))',
  ].join('\n');
  const { stdout, stderr, status } = spawnSync(python, ['-'], { input: program, maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(stderr.toString());
  return JSON.parse(stdout.toString());
}

const numbers = (texts: string[]) =>
  texts.map((text) => Number(text.replace('nan', 'NaN').replace('inf', 'Infinity')));

describe.each(dtypes)('%s', (dtype) => {
  const fixture = matrixFixture(folder, dtype, [24, 64]);
  const out = (name: string) => join(folder, `${dtype}-${name}`);
  const expected = regionValues(fixture, region);
  const whole = Array.from(fixture.values);

  it('is saved as .npy that our own reader opens', async () => {
    const saved = await engine.call('saveTensor', {
      path: fixture.path,
      tensor: 0,
      region,
      format: 'npy',
      out: out('part.npy'),
      overwrite: false,
    });
    expect(saved).toEqual({ path: out('part.npy'), bytes: readFileSync(out('part.npy')).length });
    const opened = await engine.call('open', { path: saved.path });
    expect(Array.from(opened.tensors.shapes)).toEqual([17, 32]);
    const read = await engine.call('values', {
      path: saved.path,
      tensor: 0,
      region: { row0: 0, row1: 17, column0: 0, column1: 32 },
    });
    expect(Array.from(read.values)).toEqual(expected);
  });

  it.runIf(hasNumpy)('is given back by NumPy to the bit', async () => {
    const ask = { path: fixture.path, tensor: 0, overwrite: true } as const;
    await engine.call('saveTensor', { ...ask, format: 'npy', out: out('whole.npy') });
    const loaded = numpy(`np.load(${JSON.stringify(out('whole.npy'))})`);
    const name = numpyNames[dtype] ?? 'float32';
    expect([loaded.dtype, loaded.shape]).toEqual([name, [24, 64]]);
    expect(numbers(loaded.values)).toEqual(whole);

    const { text } = await engine.call('tensorText', {
      path: fixture.path,
      tensor: 0,
      region,
      format: 'numpy',
    });
    const evaluated = numpy(text.trim());
    expect([evaluated.dtype, evaluated.shape]).toEqual([name, [17, 32]]);
    expect(numbers(evaluated.values)).toEqual(expected);

    await engine.call('saveTensor', { ...ask, format: 'csv', out: out('whole.csv') });
    const csv = numpy(
      `np.loadtxt(${JSON.stringify(out('whole.csv'))}, delimiter=",", ndmin=2, dtype=np.${name === 'bool' ? 'int8' : name})`,
    );
    expect(csv.shape).toEqual([24, 64]);
    expect(numbers(csv.values)).toEqual(whole);
  });
});

describe('saving', () => {
  const fixture = matrixFixture(
    folder,
    'F32',
    [3, 5, 16],
    new Uint8Array(Float32Array.from({ length: 240 }, (_, i) => i / 3).buffer),
  );
  const ask = { path: fixture.path, tensor: 0, format: 'npy' as const };

  it("keeps the tensor's own shape, and a slice's", async () => {
    const shapeOf = async (path: string) => Array.from((await engine.call('open', { path })).tensors.shapes);
    const whole = join(folder, 'own.npy');
    await engine.call('saveTensor', { ...ask, out: whole, overwrite: false });
    expect(await shapeOf(whole)).toEqual([3, 5, 16]);
    const sliced = join(folder, 'sliced.npy');
    const slice = { rowDimension: 2, columnDimension: 0, at: [0, 4, 0] };
    await engine.call('saveTensor', { ...ask, slice, out: sliced, overwrite: false });
    expect(await shapeOf(sliced)).toEqual([16, 3]);
    const all = { row0: 0, row1: 16, column0: 0, column1: 3 };
    const read = await engine.call('values', { path: sliced, tensor: 0, region: all });
    expect(Array.from(read.values)).toEqual(regionValues(fixture, all, slice));
  });

  it('writes what CSV says, digit by digit', async () => {
    const odd = Float32Array.of(
      0.1,
      -0,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      1e-7,
      16777216,
      1 / 3,
      3.4028235e38,
    );
    const { path } = matrixFixture(folder, 'F32', [2, 4], new Uint8Array(odd.buffer));
    const region = { row0: 0, row1: 2, column0: 0, column1: 4 };
    const { text } = await engine.call('tensorText', { path, tensor: 0, region, format: 'csv' });
    expect(text).toBe('0.1,-0.0,nan,-inf\n1e-7,16777216,0.33333334,3.4028235e+38\n');
  });

  it('leaves an older file alone unless told, and never replaces its own source', async () => {
    const out = join(folder, 'older.npy');
    writeFileSync(out, 'older');
    const failed = await failureOf(engine.call('saveTensor', { ...ask, out, overwrite: false }));
    expect(failed).toMatchObject({ code: 'exists', file: out });
    expect(readFileSync(out, 'utf8')).toBe('older');
    await engine.call('saveTensor', { ...ask, out, overwrite: true });
    expect(readFileSync(out).subarray(1, 6).toString()).toBe('NUMPY');
    const own = failureOf(engine.call('saveTensor', { ...ask, out: fixture.path, overwrite: true }));
    expect(await own).toMatchObject({ code: 'refused', file: fixture.path });
    const target = join(folder, 'a-folder');
    mkdirSync(target);
    const onFolder = failureOf(engine.call('saveTensor', { ...ask, out: target, overwrite: true }));
    expect(await onFolder).toMatchObject({ code: 'refused' });
    const nowhere = join(folder, 'nowhere', 'x.npy');
    expect(
      await failureOf(engine.call('saveTensor', { ...ask, out: nowhere, overwrite: false })),
    ).toMatchObject({ code: 'not-found', file: nowhere });
    expect(
      await failureOf(engine.call('saveTensor', { ...ask, out: 'x.npy', overwrite: false })),
    ).toMatchObject({ code: 'usage' });
  });

  it('tells how far it is, stops when told, and then leaves nothing behind', async () => {
    const inner = join(folder, 'cancelled');
    mkdirSync(inner);
    const big = matrixFixture(folder, 'F32', [4096, 1024], new Uint8Array(2 ** 24));
    const told: SaveProgress[] = [];
    const out = join(inner, 'whole.csv');
    await engine.call(
      'saveTensor',
      { path: big.path, tensor: 0, format: 'csv', out, overwrite: false },
      { progress: (state) => told.push(state) },
    );
    expect(told.length).toBeGreaterThan(10);
    expect(told.at(-1)).toEqual({ bytesDone: 2 * 4096 * 1024, bytesTotal: 2 * 4096 * 1024 });
    const stop = new AbortController();
    const failed = failureOf(
      engine.call(
        'saveTensor',
        { path: big.path, tensor: 0, format: 'csv', out: join(inner, 'part.csv'), overwrite: false },
        { signal: stop.signal, progress: () => stop.abort() },
      ),
    );
    expect(await failed).toMatchObject({ code: 'cancelled' });
    // The answer comes at once; the engine removes its file when its tasks have stopped.
    for (let i = 0; i < 100 && readdirSync(inner).length > 1; i++)
      await new Promise((done) => setTimeout(done, 50));
    expect(readdirSync(inner)).toEqual(['whole.csv']);
  });

  it('text of too many values is refused', async () => {
    const big = matrixFixture(folder, 'U8', [1025, 1024], new Uint8Array(1025 * 1024));
    const region = { row0: 0, row1: 1025, column0: 0, column1: 1024 };
    const failed = failureOf(engine.call('tensorText', { path: big.path, tensor: 0, region, format: 'csv' }));
    expect(await failed).toMatchObject({ code: 'usage', tensor: 'w' });
  });
});
