/** The mean error of GGUF mixes, against values decoded from written files and against error reports. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Catalogue, GgufError, GgufOptions } from '../../../../src/protocol/engineApi';
import { f32Data, makeGguf } from '../../../fixtures/makeCheckpoint';
import { randomNormal } from '../../kernels/randomValues';
import { demoModel, failureOf, randomValues, request, startEngine, temporaryFolder } from '../support';
import { denseCover, denseModel, expertCover, expertModel, newMatrix } from './ggufModels';

const engine = startEngine();
const folder = temporaryFolder();
const place = (name: string): string => path.join(folder, name);
writeFileSync(place('dense.gguf'), denseModel());
writeFileSync(place('experts.gguf'), expertModel());
writeFileSync(place('dense-imatrix.gguf'), newMatrix(denseCover));
writeFileSync(place('experts-imatrix.gguf'), newMatrix(expertCover));

const errorOf = (source: string, gguf: GgufOptions, sampleValues?: number): Promise<GgufError> =>
  engine.call('ggufError', { path: source, gguf, sampleValues });

async function written(source: string, gguf: GgufOptions) {
  const out = path.join(temporaryFolder(), 'out.gguf');
  return engine.call('quantize', request(source, out, { gguf }));
}

function bytesOf({ tensors, files }: Catalogue, name: string): { data: Buffer; elements: number } {
  const index = tensors.names.indexOf(name);
  const start = tensors.byteOffset[index]!;
  const data = readFileSync(files[tensors.file[index]!]!.path).subarray(start, start + tensors.bytes[index]!);
  return { data, elements: tensors.elements[index]! };
}

/** F16 by IEEE 754: 1 sign, 5 exponent and 10 fraction bits. */
function half(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

it('is that of the written values, decoded by the definition of Q8_0', async () => {
  const source = place('dense.gguf');
  const { open } = await written(source, { fileType: 'Q8_0' });
  const [before, after] = [
    await engine.call('open', { path: source }),
    await engine.call('open', { path: open }),
  ];
  let [squaredError, squares] = [0, 0];
  for (const [i, name] of after.tensors.names.entries()) {
    if (after.tensors.dtypes[after.tensors.dtype[i]!] !== 'Q8_0') continue;
    const { data: x, elements } = bytesOf(before, name);
    const { data: y } = bytesOf(after, name);
    for (let at = 0; at < elements; at++) {
      const block = 34 * Math.floor(at / 32);
      const value = half(x.readUInt16LE(2 * at));
      const decoded = Math.fround(half(y.readUInt16LE(block)) * y.readInt8(block + 2 + (at % 32)));
      squaredError += (value - decoded) ** 2;
      squares += value ** 2;
    }
  }
  const { relative, sqnr, sampled } = await errorOf(source, { fileType: 'Q8_0' });
  expect(sampled).toBe(false);
  expect(relative).toBeCloseTo(Math.sqrt(squaredError / squares), 9);
  expect(sqnr).toBeCloseTo(10 * Math.log10(squares / squaredError), 6);
});

it.each([
  ['a mix', 'dense.gguf', { fileType: 'Q4_K_M' }],
  [
    'changed tensors',
    'dense.gguf',
    { fileType: 'Q3_K_S', rules: [{ pattern: '**.attn_v.*', type: 'Q8_0' }] },
  ],
  ['an importance matrix', 'dense.gguf', { fileType: 'IQ4_XS', imatrix: place('dense-imatrix.gguf') }],
  ['experts', 'experts.gguf', { fileType: 'Q4_K_M', imatrix: place('experts-imatrix.gguf') }],
  ['a Hugging Face model', path.join(demoModel, 'model.safetensors'), { fileType: 'Q4_K_M' }],
] as const)('is that of the error report of %s, tensor by tensor', async (_, source, gguf) => {
  const file = path.resolve(folder, source);
  const report = await written(file, gguf);
  const { tensors } = await engine.call('open', { path: report.open });
  const changed = report.tensors.filter(({ from, to }) => from !== to && to !== 'F32');
  const error = await errorOf(file, gguf);
  const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1);
  expect(error.tensors.toSorted(byName)).toEqual(
    changed.toSorted(byName).map(({ name, to, sqnr }) => expect.objectContaining({ name, to, sqnr })),
  );
  let [mean, signal] = [0, 0];
  for (const { name, mse, sqnr } of changed) {
    const own = mse * tensors.elements[tensors.names.indexOf(name)]!;
    mean += own;
    signal += own * 10 ** (sqnr! / 10);
  }
  expect(error.sqnr).toBeCloseTo(10 * Math.log10(signal / mean), 9);
});

it('of a sample is near that of all values, and takes each expert by its own importance', async () => {
  const [experts, rows, columns] = [4, 512, 256];
  const values = randomNormal(experts * rows * columns, 5);
  // Two experts have small values in the columns that count for them, and large ones elsewhere.
  const importance = Float32Array.from({ length: experts * columns }, (_, at) => {
    const isFirst = at % columns < columns / 2;
    return isFirst === at < 2 * columns ? 100 : 0.01;
  });
  const counts = new Float32Array(experts).fill(1);
  const name = 'blk.0.ffn_down_exps.weight';
  const text = (key: string, value: string) => ({ key, type: 'string', value }) as const;
  const number = (key: string, value: number) => ({ key, type: 'u32', value }) as const;
  const metadata = [text('general.architecture', 'llama'), number('llama.block_count', 1)];
  const tensor = { name, dtype: 'F32', shape: [experts, rows, columns], data: f32Data(values) };
  writeFileSync(place('stack.gguf'), makeGguf({ metadata, tensors: [tensor] }));
  writeFileSync(
    place('stack-imatrix.gguf'),
    makeGguf({
      metadata: [
        text('general.type', 'imatrix'),
        { key: 'imatrix.datasets', type: '[string]', value: ['a'] },
        number('imatrix.chunk_count', 1),
        number('imatrix.chunk_size', 512),
      ],
      tensors: [
        { name: `${name}.in_sum2`, dtype: 'F32', shape: [experts, columns], data: f32Data(importance) },
        { name: `${name}.counts`, dtype: 'F32', shape: [experts, 1], data: f32Data(counts) },
      ],
    }),
  );
  for (const gguf of [{ fileType: 'Q4_0', imatrix: place('stack-imatrix.gguf') }, { fileType: 'Q2_K' }]) {
    const all = await errorOf(place('stack.gguf'), gguf);
    const some = await errorOf(place('stack.gguf'), gguf, 2 ** 15);
    expect([all.sampled, some.sampled]).toEqual([false, true]);
    expect(some.sqnr).not.toBe(all.sqnr);
    expect(Math.abs(some.sqnr! - all.sqnr!)).toBeLessThan(0.15);
  }
});

it('may be asked of some tensors alone', async () => {
  const all = await errorOf(place('dense.gguf'), { fileType: 'Q4_K_M' });
  const only = 'blk.*.attn_v.weight';
  const gguf = { fileType: 'Q4_K_M' };
  const some = await engine.call('ggufError', { path: place('dense.gguf'), gguf, only });
  expect(some.tensors).toEqual(all.tensors.filter(({ name }) => name.includes('attn_v')));
  expect(some.tensors).toHaveLength(2);
});

it('and the types that tensors could have have the sizes that the plan then gives', async () => {
  const source = place('experts.gguf');
  const choicesOf = (pattern: string, more: Partial<GgufOptions> = {}) =>
    engine.call('ggufTypeChoices', { path: source, gguf: { fileType: 'Q4_K_M', ...more }, pattern });
  const planned = async (pattern: string, type: string) => {
    const gguf = { fileType: 'Q4_K_M', rules: [{ pattern, type }] };
    return engine.call('quantize', { ...request(source, '/nowhere.gguf', { gguf }), dryRun: true });
  };
  for (const pattern of ['blk.0.attn_v.weight', '/ffn_(up|down)_exps/']) {
    const { tensors, choices } = await choicesOf(pattern);
    expect(choices.filter(({ refused }) => refused === undefined).length).toBeGreaterThan(7);
    for (const { type, bytes, unfit, refused } of choices) {
      if (refused !== undefined) continue;
      const own = (await planned(pattern, type)).tensors.filter(({ name }) => tensors.includes(name));
      expect([type, own.reduce((sum, row) => sum + row.bytes, 0)]).toEqual([type, bytes]);
      expect([type, own.filter(({ to }) => to !== type).length]).toEqual([type, unfit]);
    }
  }
  // Rows of 32 values fill no blocks of 256.
  const down = await choicesOf('blk.0.ffn_down_exps.weight');
  expect(down.choices.find(({ type }) => type === 'Q4_K')?.refused).toContain('blocks of 256');
  const blind = await choicesOf('blk.0.attn_v.weight');
  const refused = (type: string, { choices }: typeof blind) =>
    choices.find((each) => each.type === type)?.refused;
  expect(refused('IQ2_XS', blind)).toContain('importance matrix');
  const seeing = await choicesOf('blk.0.attn_v.weight', { imatrix: place('experts-imatrix.gguf') });
  expect(refused('IQ2_XS', seeing)).toBeUndefined();
  expect((await choicesOf('**_norm.weight')).tensors).toEqual([]);
  expect(await failureOf(choicesOf('/(/'))).toMatchObject({ code: 'usage' });
});

it("is the Sensitivity tab's, tensor by tensor, for stacks of experts, tables and heads too", async () => {
  const path = place('experts.gguf');
  const { tensors } = await engine.call('open', { path });
  const all = tensors.names.map((_, index) => index);
  const choices = (['q4_0', 'q4_k'] as const).map((scheme) => ({ scheme, granularity: 'none' }) as const);
  const { cells } = await engine.call('sensitivity', { path, tensors: all, choices });
  const cellOf = (name: string, choice: number) =>
    cells.find((cell) => cell.choice === choice && tensors.names[cell.tensor] === name)!;
  const rules = [{ pattern: '**', type: 'Q4_0' }];
  const error = await errorOf(path, { fileType: 'Q4_0', rules });
  expect(error.tensors.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['token_embd.weight', 'blk.0.ffn_gate_exps.weight', 'blk.0.ffn_down_exps.weight']),
  );
  for (const { name, sqnr, relative } of error.tensors)
    expect(cellOf(name, 0), name).toMatchObject({ state: 'quantized', sqnr, relative });
  // Rows of 32 values, although 256 of them fill blocks of 256.
  expect(cellOf('blk.0.ffn_down_exps.weight', 1)).toMatchObject({
    state: 'failed',
    note: expect.stringContaining('blocks of 256'),
  });
  expect(cellOf('blk.0.ffn_gate_inp.weight', 1).state).toBe('kept');
});

it('is none for floats that hold all values, and is refused where the file would be', async () => {
  expect(await errorOf(place('dense.gguf'), { fileType: 'F32' })).toMatchObject({ sqnr: null, relative: 0 });
  expect(await failureOf(errorOf(place('dense.gguf'), { fileType: 'IQ2_XS' }))).toMatchObject({
    code: 'refused',
    message: expect.stringContaining('needs an importance matrix'),
  });
  const values = randomValues(256 * 2);
  values[300] = Number.NaN;
  const tensor = { name: 'blk.0.attn_q.weight', dtype: 'F32', shape: [2, 256], data: f32Data(values) };
  const metadata = [{ key: 'general.architecture', type: 'string', value: 'llama' } as const];
  writeFileSync(place('nan.gguf'), makeGguf({ metadata, tensors: [tensor] }));
  expect(await failureOf(errorOf(place('nan.gguf'), { fileType: 'Q8_0' }))).toMatchObject({
    code: 'non-finite',
    tensor: 'blk.0.attn_q.weight',
  });
});

it('stops when it is cancelled, and is measured again when asked', async () => {
  const controller = new AbortController();
  const gguf = { fileType: 'Q3_K_L' };
  const model = path.join(demoModel, 'model.safetensors');
  const asked = engine.call('ggufError', { path: model, gguf }, { signal: controller.signal });
  controller.abort();
  expect(await failureOf(asked)).toMatchObject({ code: 'cancelled' });
  expect((await errorOf(model, gguf)).sqnr).toBeGreaterThan(10);
});
