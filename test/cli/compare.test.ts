import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32Data, makeSafetensors } from '../fixtures/makeCheckpoint';
import { sharedPath } from '../fixtures/shared';
import { oldMatrix } from '../unit/engine/gguf/ggufModels';
import { demo, json, run, temporaryFolder } from './cliRun';

const work = temporaryFolder();

describe('sensitivity', () => {
  const list = 'int8-absmax,int4-absmax:32,nf4:64:double-quant';

  it('gives the cells of each tensor and the totals of each scheme', () => {
    const { status, document } = json('sensitivity', demo, '--schemes', list, '--exact');
    expect(status).toBe(0);
    expect(document.exact).toBe(true);
    // biome-ignore lint/suspicious/noExplicitAny: rows of a JSON document.
    const rows = (scheme: string): any[] => document.cells.filter((cell: any) => schemeOf(cell) === scheme);
    // biome-ignore lint/suspicious/noExplicitAny: rows of a JSON document.
    const schemeOf = (cell: any) => document.schemes[cell.choice].scheme;
    for (const [scheme, ...options] of [
      ['int8-absmax'],
      ['int4-absmax', '--block', '32'],
      ['nf4', '--block', '64', '--double-quant'],
    ] as [string, ...string[]][]) {
      const { document: errors } = json('error', demo, '--scheme', scheme, ...options);
      const own = rows(scheme);
      expect(own.map(({ name }) => name)).toEqual(errors.tensors.map(({ name }: { name: string }) => name));
      for (const [i, { name, from, ...row }] of errors.tensors.entries()) {
        expect(own[i]).toMatchObject({ name, ...row, to: own[i].state === 'kept' ? from : row.to });
      }
    }
    expect(document.schemes.map(({ blockSize }: { blockSize?: number }) => blockSize)).toEqual([
      undefined,
      32,
      64,
    ]);
  });

  it('prints tensors down and schemes across, as they were written', () => {
    const text = run(
      'sensitivity',
      demo,
      '--schemes',
      list,
      '--tensor',
      '*layers.1.mlp*',
      '--metric',
      'bits',
    );
    const lines = text.stdout.split('\n');
    expect(text.status).toBe(0);
    expect(lines[0]).toBe('Bits per weight');
    expect(lines[1]!.split(/ {2,}/)).toEqual(['Tensor', ...list.split(',')]);
    // 4 bits, and a BF16 scale and nothing else for 32 values: 4.5; the shape is stored too, 16 bytes a tensor.
    const gate = lines.find((line) => line.includes('gate_proj'))!.split(/ {2,}/);
    expect(Number(gate[2])).toBeGreaterThanOrEqual(4.5);
    expect(Number(gate[2])).toBeLessThan(4.51);
    expect(text.stdout).toContain('Size of the model');
    expect(text.stdout).not.toContain('layers.0');
  });

  it('weighs errors by an importance matrix, as quantizing does, and says what that covers', () => {
    const imatrix = path.join(work, 'demo.imatrix');
    const name = 'model.layers.1.mlp.down_proj.weight';
    writeFileSync(imatrix, oldMatrix([['blk.1.ffn_down.weight', 768, 1]]));
    const list = 'iq2_xxs,q4_k';
    const { status, document } = json(
      'sensitivity',
      demo,
      '--schemes',
      list,
      '--exact',
      '--imatrix',
      imatrix,
    );
    expect(status).toBe(0);
    expect(document.imatrix).toMatchObject({ file: imatrix, weighed: 1, entries: 1, unused: 0 });
    expect(document.imatrix.sha256).toBe(createHash('sha256').update(readFileSync(imatrix)).digest('hex'));
    const cells = document.cells as { name: string; choice: number; state: string; note?: string }[];
    const recipeFile = path.join(work, 'one.loupe.json');
    for (const [at, scheme] of list.split(',').entries()) {
      const own = cells.filter(({ choice }) => choice === at);
      const rules = [{ match: name, choice: { scheme } }];
      writeFileSync(recipeFile, JSON.stringify({ version: 1, default: 'keep', rules }));
      const out = path.join(work, `${scheme}.gguf`);
      run('quantize', demo, '--recipe', recipeFile, '--imatrix', imatrix, '--out', out);
      const { document: compared } = json('compare', demo, out, '--tensor', name);
      const { mse, sqnr, maxAbs, bytes } = compared.tensors.find(
        (tensor: { name: string }) => tensor.name === 'blk.1.ffn_down.weight',
      );
      expect(own.find((cell) => cell.name === name)).toMatchObject({ mse, sqnr, maxAbs, bytes });
      const other = own.find((cell) => cell.name.endsWith('layers.0.mlp.down_proj.weight'))!;
      expect(other.state).toBe(scheme === 'q4_k' ? 'quantized' : 'failed');
      expect(other.note).toContain('lacks model.layers.0.mlp.down_proj.weight (blk.0.ffn_down.weight)');
    }
    const text = run('sensitivity', demo, '--schemes', list, '--imatrix', imatrix).stdout;
    expect(text).toContain(
      "GGUF's types weigh errors by demo.imatrix: 1 of 30 matrices. It says nothing of model.embed_tokens.weight and 28 more.",
    );
    expect(json('sensitivity', demo, '--schemes', list, '--imatrix', recipeFile)).toMatchObject({
      status: 3,
      document: { error: { file: recipeFile } },
    });
  });

  it('prunes heads of the size that the config tells, and says so', () => {
    // Half of the 8 heads of 32 rows (config.json), of smallest norm.
    const q = ['--tensor', '*.0.self_attn.q_proj.weight', '--exact'];
    const { document } = json(
      'sensitivity',
      demo,
      '--schemes',
      'prune-heads,prune-heads:32,prune-heads:64',
      ...q,
    );
    expect(document.schemes.map(({ headSize }: { headSize: number }) => headSize)).toEqual([32, 32, 64]);
    const [told, same, other] = document.cells;
    expect(same).toEqual({ ...told, choice: 1 });
    expect(other.mse).not.toBe(told.mse);
    const line = 'Heads of 32 rows are pruned, as the model tells.';
    const text = run('sensitivity', demo, '--schemes', 'nf4,prune-heads', ...q).stdout;
    expect(text.trimEnd().split('\n').at(-1)).toBe(line);
    const given = run('sensitivity', demo, '--schemes', 'nf4,prune-heads:32', ...q).stdout;
    expect(given).not.toContain('as the model tells');
  });

  it('says what is wrong with its options', () => {
    const wrong = (...args: string[]) => {
      const { status, document } = json('sensitivity', demo, ...args);
      expect(status).toBe(2);
      return document.error.message as string;
    };
    expect(wrong()).toContain('--schemes');
    expect(wrong('--schemes', 'int9')).toContain('int9');
    expect(wrong('--schemes', ',')).toContain('names');
    expect(wrong('--schemes', 'nf4:65')).toContain('65');
    expect(wrong('--schemes', 'nf4:fast')).toContain('"fast" in "nf4:fast"');
    expect(wrong('--schemes', 'nf4', '--metric', 'beauty')).toContain('beauty');
    expect(wrong('--schemes', 'nf4', '--tensor', 'nothing*')).toContain('nothing*');
    expect(wrong('--schemes', 'nf4', '--grid', '2x2')).toContain('--grid');
    expect(wrong('--schemes', 'prune-heads:0')).toContain('head size');
  });
});

describe('pruning heads', () => {
  const q = ['--tensor', '*.0.self_attn.q_proj.weight'];

  it.each([
    ['error', ['--scheme', 'prune-heads', ...q]],
    ['error', ['--scheme', 'int8-absmax', '--prune', 'heads', ...q]],
    ['quantize', ['--scheme', 'prune-heads', '--dry-run']],
  ] as const)('takes the size from the model, and says so: %s %j', (command, args) => {
    const told = run(command, demo, ...args);
    expect([told.status, told.stderr]).toEqual([0, '']);
    expect(told.stdout).toContain('Heads of 32 rows are pruned, as the model tells.');
    const given = run(command, demo, ...args, '--head-size', '32');
    expect(given.stdout).not.toContain('as the model tells');
    expect(told.stdout.startsWith(given.stdout.trimEnd())).toBe(true);
    const { tensors, ...others } = json(command, demo, ...args).document;
    expect(tensors).toEqual(json(command, demo, ...args, '--head-size', '32').document.tensors);
    if (command === 'quantize') return;
    expect(tensors).not.toEqual(json(command, demo, ...args, '--head-size', '64').document.tensors);
    expect(others).toMatchObject({ headSize: 32 });
  });

  it('writes the same values as with the size given', () => {
    const [told, given] = ['told', 'given'].map((name) => path.join(work, name));
    expect(run('quantize', demo, '--scheme', 'prune-heads', '--out', told!).status).toBe(0);
    const size = ['--head-size', '32'];
    expect(run('quantize', demo, '--scheme', 'prune-heads', ...size, '--out', given!).status).toBe(0);
    const { document } = json('compare', told!, given!);
    const states = new Set(document.tensors.map(({ state }: { state: string }) => state));
    expect([...states]).toEqual(['identical']);
    const { document: own } = json('compare', demo, told!, ...q);
    expect(own.tensors[0].state).toBe('different');
  });

  it('asks for the size where nothing tells it', () => {
    const bare = path.join(work, 'bare.safetensors');
    const data = f32Data(Array.from({ length: 64 * 32 }, (_, i) => Math.sin(i)));
    writeFileSync(bare, makeSafetensors([{ name: 'a.q_proj.weight', dtype: 'F32', shape: [64, 32], data }]));
    for (const [command, args, give] of [
      ['error', ['--scheme', 'prune-heads'], '--head-size N'],
      ['quantize', ['--scheme', 'nf4', '--prune', 'heads', '--dry-run'], '--head-size N'],
      ['sensitivity', ['--schemes', 'prune-heads'], 'prune-heads:N'],
    ] as const) {
      const { status, document } = json(command, bare, ...args);
      expect([status, document.error.code, document.error.file]).toEqual([2, 'usage', bare]);
      expect(document.error.message).toMatch(/rows that belong to one attention head.*nothing in this model/);
      expect(document.error.message.endsWith(`: give ${give}.`)).toBe(true);
    }
    expect(json('error', bare, '--scheme', 'prune-heads', '--head-size', '16').status).toBe(0);
  });
});

describe('compare', () => {
  it.each(
    [
      ['int8-absmax'],
      ['int8-zeropoint'],
      ['int4-absmax', '--block', '32'],
      ['int4-zeropoint', '--block', '128'],
      ['nf4'],
      ['nf4', '--double-quant'],
      ['fp4', '--block', '128'],
      ['bnb-int8'],
      ['f8-e4m3'],
      ['mxfp4'],
      ['nvfp4'],
      ['int3-absmax', '--output', 'fake'],
      ['prune-magnitude'],
    ].map(([scheme = '', ...options]) => [[scheme, ...options].join(' '), scheme, options] as const),
  )('finds the errors that the preview told, in all bits: %s', (_, scheme, given) => {
    const out = path.join(work, ['out', scheme, ...given].join('-').replaceAll('--', ''));
    const { document: preview } = json('error', demo, '--scheme', scheme, ...given);
    const quantized = run('quantize', demo, '--scheme', scheme, ...given, '--out', out, '--backend', 'cpu');
    expect(quantized.stderr).toBe('');
    const { status, document } = json('compare', demo, out);
    expect(status).toBe(0);
    expect(document.onlyInFirst).toEqual([]);
    expect(document.onlyInSecond).toEqual([]);
    expect(document.tensors).toHaveLength(preview.tensors.length);
    let different = 0;
    for (const [i, row] of preview.tensors.entries()) {
      const { name, mse, sqnr, maxAbs, cosine, meanAbs } = row;
      expect(document.tensors[i]).toMatchObject({ name, mse, sqnr, maxAbs, cosine, meanAbs });
      const isKept = row.note?.startsWith('kept') ?? false;
      expect(document.tensors[i].state === 'identical').toBe(isKept);
      if (!isKept) different++;
    }
    expect(different).toBeGreaterThan(0);
  });

  it('tells tensors of one alone, other shapes, types that hold the same, and NaN', () => {
    const tensor = (name: string, dtype: string, shape: number[], data: Uint8Array) => ({
      name,
      dtype,
      shape,
      data,
    });
    const file = (name: string, tensors: Parameters<typeof makeSafetensors>[0]) => {
      const target = path.join(work, name);
      writeFileSync(target, makeSafetensors(tensors));
      return target;
    };
    const halves = Uint8Array.of(0x00, 0x3f, 0x80, 0x3f);
    const a = file('a.safetensors', [
      tensor('same', 'F32', [2], f32Data([1, 2])),
      tensor('wider', 'BF16', [2], halves),
      tensor('turned', 'F32', [2, 1], f32Data([1, 2])),
      tensor('gone', 'F32', [1], f32Data([1])),
      tensor('broken', 'F32', [1], f32Data([1])),
    ]);
    const b = file('b.safetensors', [
      tensor('same', 'F32', [2], f32Data([1, 2])),
      tensor('wider', 'F32', [2], f32Data([0.5, 1])),
      tensor('turned', 'F32', [1, 2], f32Data([1, 2])),
      tensor('new\u001b[31m', 'F32', [1], f32Data([1])),
      tensor('broken', 'F32', [1], f32Data([Number.NaN])),
    ]);
    const { status, document } = json('compare', a, b);
    expect(status).toBe(0);
    const states = document.tensors.map(({ name, state }: { name: string; state: string }) => [name, state]);
    expect(Object.fromEntries(states)).toEqual({
      same: 'identical',
      wider: 'equal',
      turned: 'reshaped',
      broken: 'different',
    });
    expect(document.onlyInFirst).toEqual(['gone']);
    expect(document.onlyInSecond).toEqual(['new\u001b[31m']);
    const text = run('compare', a, b).stdout;
    expect(text).toContain('2 × 1 became 1 × 2');
    expect(text).toContain('holds NaN or infinity');
    expect(text).toContain('new\\x1b[31m');
    expect(text).not.toContain('\u001b');
    expect(json('compare', a).status).toBe(2);
    expect(json('compare', a, path.join(work, 'nowhere')).status).toBe(3);
    expect(json('compare', a, b, '--tensor', 'same').document.onlyInSecond).toEqual([]);
  });

  it('reads a sharded copy as the same model', (context) => {
    const sharded = sharedPath('models/demo-llama-3m-sharded');
    if (sharded === undefined) return context.skip();
    const { document } = json('compare', demo, sharded);
    const digest = JSON.parse(readFileSync(path.join(demo, 'config.json'), 'utf8')).num_hidden_layers;
    expect(document.tensors.length).toBeGreaterThan(9 * digest);
    for (const { state } of document.tensors) expect(state).toBe('identical');
  });
});
