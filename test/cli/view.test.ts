import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { f32Data, i64Data, makeSafetensors } from '../fixtures/makeCheckpoint';
import { json, run, temporaryFolder } from './cliRun';

const work = temporaryFolder();
let model: string;

beforeAll(() => {
  model = path.join(work, 'model.safetensors');
  const thirds = Array.from({ length: 60 }, (_, i) => (i === 59 ? Number.NaN : i / 3));
  const tensors = [
    { name: 'experts', dtype: 'F32', shape: [3, 4, 5], data: f32Data(thirds) },
    { name: 'ids', dtype: 'I64', shape: [2], data: i64Data([2 ** 53, -1]) },
  ];
  new BigInt64Array(tensors[1]!.data.buffer)[0] = 9007199254740993n;
  writeFileSync(model, makeSafetensors(tensors));
});

describe('show', () => {
  it('prints a part of a slice', () => {
    const args = ['show', model, 'experts', '--slice', '1,c,r', '--rows', '1:3', '--columns', '2:'];
    const { status, document } = json(...args);
    expect(status).toBe(0);
    // Row = last dimension, column = middle one: (1, c, r) is number 20 + 5 c + r.
    const third = (n: number) => Math.fround(n / 3);
    expect(document).toEqual({
      tensor: 'experts',
      dtype: 'F32',
      shape: [3, 4, 5],
      rows: [1, 3],
      columns: [2, 4],
      values: [
        [third(31), third(36)],
        [third(32), third(37)],
      ],
    });
    const text = run(...args).stdout;
    expect(text.split('\n')).toEqual([
      'experts  F32  3 × 4 × 5',
      '          2         3',
      '1  10.33333        12',
      '2  10.66667  12.33333',
      'rows 1:3 of 5, columns 2:4 of 4',
      '',
    ]);
  });

  it('writes what JSON has no number for as text', () => {
    expect(json('show', model, 'experts', '--rows', '2', '--columns', '19').document.values).toEqual([
      ['NaN'],
    ]);
    expect(json('show', model, 'ids').document.values).toEqual([['9007199254740993', -1]]);
    expect(run('show', model, 'ids').stdout).toContain('9007199254740993');
  });

  it('takes one element apart', () => {
    const { status, document } = json('show', model, 'experts', '--element', '0,1');
    expect(status).toBe(0);
    expect(document).toMatchObject({
      index: 1,
      at: [0, 0, 1],
      decimal: '0.3333333432674407958984375',
      stored: { bits: '00111110101010101010101010101011', significant: 8 },
    });
    const lines = run('show', model, 'experts', '--element', '0,1').stdout.split('\n');
    expect(lines).toContain('value    0.3333333432674407958984375');
    expect(lines).toContain('bits     0 01111101 01010101010101010101011');
    expect(lines).toContain('         exponent: 2^-2');
    // facts/seeds.md, section 2.
    expect(lines.some((line) => /^F16 +0 01101 0101010101 +0\.333251953125 /.test(line))).toBe(true);
    expect(lines.some((line) => /^BF16 +0 01111101 0101011 +0\.333984375 /.test(line))).toBe(true);
  });

  it.each([
    [['show', 'MODEL']],
    [['show', 'MODEL', 'nothing']],
    [['show', 'MODEL', 'experts', '--rows', '3:2']],
    [['show', 'MODEL', 'experts', '--rows', 'x']],
    [['show', 'MODEL', 'experts', '--rows', '7:9']],
    [['show', 'MODEL', 'experts', '--slice', '1,2,3']],
    [['show', 'MODEL', 'experts', '--slice', 'r,c']],
    [['show', 'MODEL', 'experts', '--slice', '9,r,c']],
    [['show', 'MODEL', 'experts', '--element', '0']],
    [['show', 'MODEL', 'experts', '--element', '0,0', '--rows', '1']],
    [['show', 'MODEL', 'experts', '--out', 'x.npy']],
    [['save', 'MODEL', 'experts']],
    [['save', 'MODEL', 'experts', '--out', 'x.txt']],
    [['inspect', 'MODEL', 'experts']],
  ])('refuses %j', (args) => {
    const { status, document } = json(...args.map((arg) => (arg === 'MODEL' ? model : arg)));
    expect(status).toBe(2);
    expect(document.error.code).toBe('usage');
  });
});

describe('save', () => {
  it('writes .npy that show reads, and keeps an older file', () => {
    const out = path.join(work, 'part.npy');
    const args = ['save', model, 'experts', '--slice', ':,:,4', '--rows', '1:', '--out', out];
    const { status, document } = json(...args);
    expect([status, document]).toEqual([0, { path: out, bytes: readFileSync(out).length }]);
    const { document: shown } = json('show', out, path.basename(out, '.npy'));
    expect(shown.shape).toEqual([2, 4]);
    expect(shown.values[0]).toEqual([24, 29, 34, 39].map((n) => Math.fround(n / 3)));
    const again = json(...args);
    expect([again.status, again.document.error.code]).toEqual([3, 'exists']);
    expect(json(...args, '--overwrite').status).toBe(0);
  });

  it('writes CSV', () => {
    const out = path.join(work, 'ids.csv');
    expect(run('save', model, 'ids', '--out', out).status).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe('9007199254740993,-1\n');
    expect(existsSync(path.join(work, 'ids.npy'))).toBe(false);
  });
});
