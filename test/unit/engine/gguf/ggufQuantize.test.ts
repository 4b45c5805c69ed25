import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GgufOptions, QuantizeReport, QuantizeRequest } from '../../../../src/protocol/engineApi';
import type { Recipe } from '../../../../src/quant/recipe';
import { fileHash } from '../../../fixtures/fileHash';
import { sharedPath } from '../../../fixtures/shared';
import { failureOf, request, startEngine, temporaryFolder } from '../support';
import {
  denseCover,
  denseModel,
  expertCover,
  expertModel,
  newMatrix,
  oldMatrix,
  splitModel,
} from './ggufModels';

const engine = startEngine();
const folder = temporaryFolder();
const place = (name: string): string => path.join(folder, name);
writeFileSync(place('dense.gguf'), denseModel());
writeFileSync(place('experts.gguf'), expertModel());
for (const [no, bytes] of splitModel().entries())
  writeFileSync(place(`split-0000${no + 1}-of-00002.gguf`), bytes);
writeFileSync(place('dense.dat'), oldMatrix(denseCover));
writeFileSync(place('dense-imatrix.gguf'), newMatrix(denseCover));
writeFileSync(place('experts-imatrix.gguf'), newMatrix(expertCover));

writeFileSync(place('wrong.dat'), oldMatrix([['blk.0.ffn_gate_exps.weight', 256, 1]]));

function quantize(
  source: string,
  fileType: string,
  options: Partial<GgufOptions> = {},
  more: Partial<QuantizeRequest> = {},
): Promise<QuantizeReport> {
  const gguf = { fileType, ...options };
  return engine.call(
    'quantize',
    request(source, more.out ?? path.join(temporaryFolder(), 'out.gguf'), { gguf, ...more }),
  );
}

const matrix = (name: string): Partial<GgufOptions> => ({ imatrix: place(name), imatrixName: name });

/** SHA-256 of what llama-quantize (llama.cpp 0.5.0, commit de3ff81, no fused multiply-add) writes of the same models. */
const recorded: readonly (readonly [string, string, Partial<GgufOptions>, string])[] = [
  ['dense', 'Q4_K_M', {}, '4ce647c6503885919e9a61cdcfc7555c048a98d143da1233a8c79a3f72c9af17'],
  ['dense', 'Q3_K_M', {}, '7312108c906b2e945117a4421ddf13c013eb128c2ffc56182e80d899ee785ede'],
  ['dense', 'Q2_K', {}, '18b9fde5847833ed4d92c3082291589015fea80c72aafc49f609a30502c8e968'],
  [
    'dense',
    'Q5_K_S',
    { leaveOutput: true },
    '4b68e5a24fe7e28aa6f7980bd708347bb25ef27ea4979f315d33d8215e2dd7a3',
  ],
  ['dense', 'Q4_0', matrix('dense.dat'), 'aed636a63b40f982391741332e84d0963165bc92b31fca92c478fec54208437b'],
  [
    'dense',
    'IQ4_XS',
    matrix('dense-imatrix.gguf'),
    '9a01827e1f7590a2df035d14e0c390a8606e010496f8e1c674b47f7519ad3c56',
  ],
  [
    'dense',
    'Q6_K',
    { outputType: 'q8_0', tokenEmbeddingType: 'q4_1', rules: [{ pattern: '**attn_v**', type: 'q5_0' }] },
    'df0b64e1e2f36783d68dea66dd619a42fa0b2d3eac277bb4188208d2e16a7c65',
  ],
  ['experts', 'Q4_K_M', {}, '8dd0d0ee80cf88051842bb690b396b0f62ea505a341143578b220df33da66d9e'],
  [
    'experts',
    'Q4_K_M',
    matrix('experts-imatrix.gguf'),
    'e1d8bb1d88d8aaa341af1b21620d9cd9bca3ffb2f3007e61405eaa59c61ff174',
  ],
  ['experts', 'MXFP4_MOE', {}, '90318bec9da53ab51cddc105005d5e7be6229c56a1d0edc571a18248c8befb02'],
];

describe('a whole file is the one that llama-quantize writes', () => {
  it.each(recorded)('of %s in %s with %o', async (source, fileType, options, hash) => {
    const { outputs, bytesAfter } = await quantize(place(`${source}.gguf`), fileType, options);
    expect(outputs).toHaveLength(1);
    expect(readFileSync(outputs[0]!)).toHaveLength(bytesAfter);
    expect(fileHash(outputs[0]!)).toBe(hash);
  });

  it('of a model in parts, which become one; and of that, quantized again', async () => {
    const merged = await quantize(place('split-00001-of-00002.gguf'), 'Q8_0');
    expect(fileHash(merged.open)).toBe('f15411366e4cc06d773ba23ecc8b11b6d88bd83cb8cf14273d7cc9837c33b1aa');
    const refused = await failureOf(quantize(merged.open, 'Q4_K_M'));
    expect(refused).toMatchObject({ code: 'refused', tensor: 'output.weight' });
    const again = await quantize(merged.open, 'Q4_K_M', { allowRequantize: true });
    expect(fileHash(again.open)).toBe('e26e6c476da8db23d118afa65d51bd7518819fb561b0f810147ebf87b3838be3');
  });

  it('of a model in parts that stay apart', async () => {
    const out = path.join(temporaryFolder(), 'kept.gguf');
    const { outputs, open } = await quantize(
      place('split-00001-of-00002.gguf'),
      'Q8_0',
      { keepSplit: true },
      { out },
    );
    expect(outputs.map((output) => path.basename(output))).toEqual([
      'kept-00001-of-00002.gguf',
      'kept-00002-of-00002.gguf',
    ]);
    expect(open).toBe(outputs[0]);
    expect(fileHash(outputs[0]!)).toBe('857f925b50bdd9323bbfc05c9225cddbc5259058b99749ee73a79618199dcc97');
    expect(fileHash(outputs[1]!)).toBe('9011f3bd7a45bacdb8265e9c3bc4e6ebfebae2daa3977126f5c5d5fb7e64baa7');
    const opened = await engine.call('open', { path: open });
    expect(opened.findings).toEqual([]);
    expect(opened.tensors.count).toBe(19);
  });

  const golden = sharedPath('golden/llama-quantize');
  it
    .skipIf(golden === undefined)
    .each(['F16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q2_K', 'Q4_K_M', 'Q6_K', 'IQ4_NL'])(
    'of stories260K in %s alone',
    async (fileType) => {
      const source = sharedPath('models/stories260K/stories260K.gguf')!;
      const { open } = await quantize(source, fileType, {}, { pure: true });
      expect(fileHash(open)).toBe(fileHash(path.join(golden!, `stories260K-pure-${fileType}.gguf`)));
    },
  );
});

describe('a plan', () => {
  it('has the exact sizes and notes, and writes nothing', async () => {
    const out = path.join(temporaryFolder(), 'out.gguf');
    const plan = await quantize(place('dense.gguf'), 'q4_k_m', {}, { out, dryRun: true });
    expect(existsSync(out)).toBe(false);
    expect(plan).toMatchObject({ fileType: 'Q4_K_M', label: 'GGUF Q4_K_M', open: out });
    const written = await quantize(place('dense.gguf'), 'q4_k_m', {}, { out });
    expect(readFileSync(out)).toHaveLength(plan.bytesAfter);
    expect(written.tensors.map(({ name, to, bytes }) => [name, to, bytes])).toEqual(
      plan.tensors.map(({ name, to, bytes }) => [name, to, bytes]),
    );
    const bits = plan.tensors.reduce((sum, { bytes }) => sum + 8 * bytes, 0);
    expect(plan.bitsPerWeight).toBeCloseTo(bits / (2 * (7 * 65536 + 256) + 64 * 256 + 256), 10);
    const norm = plan.tensors.find(({ name }) => name === 'output_norm.weight');
    expect(norm).toMatchObject({ to: 'F32', note: 'kept: fewer than two dimensions' });
    // What was written is close to the source, in the order of 4 bits.
    const sqnr = written.tensors.find(({ name }) => name === 'blk.0.attn_q.weight')!.sqnr!;
    expect(sqnr).toBeGreaterThan(15);
    expect(sqnr).toBeLessThan(35);
  });

  it('has sizes for types that are not written yet, and says what they need', async () => {
    const plan = await quantize(place('dense.gguf'), 'iq2_xs', {}, { dryRun: true });
    expect(plan.warnings).toEqual([expect.stringContaining('IQ2_XS needs an importance matrix')]);
    expect(plan.lacksMatrix).toBe(true);
    expect((await quantize(place('dense.gguf'), 'q2_k', {}, { dryRun: true })).lacksMatrix).toBeUndefined();
    expect(plan.tensors.find(({ name }) => name === 'blk.0.ffn_up.weight')).toMatchObject({
      to: 'IQ2_XS',
      bytes: (65536 / 256) * 74,
    });
    expect(await failureOf(quantize(place('dense.gguf'), 'iq2_xs'))).toMatchObject({
      code: 'refused',
      tensor: 'blk.0.attn_k.weight',
    });
  });

  it('names its default target after source and type, in the place of an older type', async () => {
    const own = temporaryFolder();
    writeFileSync(path.join(own, 'small.F16.gguf'), denseModel());
    const plan = await engine.call('quantize', {
      ...request(path.join(own, 'small.F16.gguf'), ''),
      out: undefined,
      dryRun: true,
      gguf: { fileType: 'q5_k' },
    });
    expect(plan.open).toBe(path.join(own, 'small.Q5_K_M.gguf'));
  });

  it('takes a scheme of ggml for the mix of its name', async () => {
    const plan = await engine.call('quantize', {
      ...request(place('dense.gguf'), place('x.gguf')),
      scheme: 'q4_k',
      granularity: 'none',
      dryRun: true,
    });
    expect(plan.fileType).toBe('Q4_K_M');
  });

  it('follows a recipe of ggml types', async () => {
    const out = path.join(temporaryFolder(), 'out.gguf');
    const recipe: Recipe = {
      version: 1,
      name: 'mine',
      rules: [{ match: '**.attn_v.weight', choice: { scheme: 'q8_0', granularity: 'none' } }],
      default: { scheme: 'q4_0', granularity: 'none' },
    };
    const report = await engine.call('quantize', request(place('dense.gguf'), out, { recipe }));
    expect(report.fileType).toBe('Q4_0');
    const types = new Map(report.tensors.map(({ name, to }) => [name, to]));
    expect(types.get('blk.1.attn_v.weight')).toBe('Q8_0');
    expect(types.get('blk.1.attn_q.weight')).toBe('Q4_0');
    // As with llama-quantize --pure, tables and heads go along.
    expect(types.get('token_embd.weight')).toBe('Q4_0');
    const opened = await engine.call('open', { path: out });
    expect(opened.findings).toEqual([]);
    expect(opened.metadata.find(({ key }) => key === 'general.file_type')?.value).toBe(2);
  });
});

describe('refusals name what is wrong and leave nothing', () => {
  it.each<[string, () => Promise<unknown>, object, string]>([
    [
      'of a scheme that GGUF has no type for',
      () => engine.call('quantize', request(place('dense.gguf'), place('x.gguf'))),
      { code: 'unsupported' },
      'INT8 absmax is none of them',
    ],
    ['of an unknown file type', () => quantize(place('dense.gguf'), 'q9'), { code: 'usage' }, '"q9"'],
    [
      'of a matrix of another model',
      () => quantize(place('experts.gguf'), 'q4_0', { imatrix: place('wrong.dat') }),
      { code: 'refused', tensor: 'blk.0.ffn_gate_exps.weight' },
      '256 numbers for blk.0.ffn_gate_exps.weight, which has 2048',
    ],
    [
      'of a matrix that lacks what a type cannot do without',
      () => quantize(place('experts.gguf'), 'q2_k_s', matrix('experts-imatrix.gguf')),
      { code: 'refused', tensor: 'blk.0.attn_output.weight' },
      'lacks blk.0.attn_output.weight',
    ],
    [
      'of a file that is no matrix',
      () => quantize(place('dense.gguf'), 'q4_0', { imatrix: place('dense.gguf') }),
      { code: 'refused' },
      'no importance matrix',
    ],
    [
      'of the source as target',
      () => quantize(place('dense.gguf'), 'q4_0', {}, { out: place('dense.gguf'), overwrite: true }),
      { code: 'refused' },
      "model's own files",
    ],
  ])('%s', async (_, run, error, message) => {
    const before = readdirSync(folder);
    const failure = await failureOf(run());
    expect(failure).toMatchObject(error);
    expect(failure.message).toContain(message);
    expect(readdirSync(folder)).toEqual(before);
  });

  it('of an existing target unless it is to be replaced, and the old one stays when cancelled', async () => {
    const own = temporaryFolder();
    const out = path.join(own, 'out.gguf');
    await quantize(place('dense.gguf'), 'q8_0', {}, { out });
    const first = fileHash(out);
    expect(await failureOf(quantize(place('dense.gguf'), 'q4_0', {}, { out }))).toMatchObject({
      code: 'exists',
    });
    const controller = new AbortController();
    const cancelled = engine.call(
      'quantize',
      request(place('dense.gguf'), out, { gguf: { fileType: 'q6_k' }, overwrite: true }),
      { signal: controller.signal, progress: () => controller.abort() },
    );
    expect(await failureOf(cancelled)).toMatchObject({ code: 'cancelled' });
    expect(readdirSync(own)).toEqual(['out.gguf']);
    expect(fileHash(out)).toBe(first);
    await quantize(place('dense.gguf'), 'q4_0', {}, { out, overwrite: true });
    expect(fileHash(out)).not.toBe(first);
  });

  it('of values beyond the scale, naming the tensor', async () => {
    const own = temporaryFolder();
    mkdirSync(own, { recursive: true });
    const bytes = denseModel();
    const file = path.join(own, 'huge.gguf');
    writeFileSync(file, bytes);
    const { tensors } = await engine.call('open', { path: file });
    const index = tensors.names.indexOf('blk.1.ffn_up.weight');
    // An F16 infinity.
    bytes.set([0, 0x7c], tensors.byteOffset[index]! + 512);
    writeFileSync(file, bytes);
    expect(await failureOf(quantize(file, 'q4_k_m'))).toMatchObject({ tensor: 'blk.1.ffn_up.weight' });
  });
});

describe('the error of a written file', () => {
  it('is shown against its source, tensor by tensor', async () => {
    const source = place('experts.gguf');
    const { open, tensors } = await quantize(source, 'q4_k_m');
    const catalogue = await engine.call('open', { path: source });
    for (const name of ['blk.0.attn_q.weight', 'blk.0.ffn_down_exps.weight']) {
      const tensor = catalogue.tensors.names.indexOf(name);
      const detail = await engine.call('errorDetail', {
        path: source,
        tensor,
        against: { kind: 'file', path: open },
      });
      const row = tensors.find((each) => each.name === name)!;
      expect(detail.tensor.mse).toBeCloseTo(row.mse, 12);
      expect(row.mse).toBeGreaterThan(0);
    }
  });

  it('can be previewed with schemes that GGUF has no type for, with their sizes', async () => {
    const path = place('dense.gguf');
    const asked = { ...request(path, ''), out: undefined, dryRun: true, sizesOnly: true };
    const plan = await engine.call('quantize', asked);
    const row = plan.tensors.find(({ name }) => name === 'blk.0.attn_q.weight');
    // One byte a value, an F16 scale a row, and the shape.
    expect(row).toMatchObject({ from: 'F16', to: 'INT8', bytes: 65536 + 2 * 256 + 16 });
    expect(plan.tensors.find(({ name }) => name === 'token_embd.weight')).toMatchObject({ to: 'F16' });
    const errors = await engine.call('errors', { path, choice: { scheme: 'q5_k', granularity: 'none' } });
    expect(errors.find(({ name }) => name === 'blk.0.attn_q.weight')?.sqnr).toBeGreaterThan(20);
  });
});

describe('files of a model', () => {
  it('are cut to a size and joined again, and no byte differs', async () => {
    const source = place('dense.gguf');
    const own = temporaryFolder();
    const cut = await quantize(
      source,
      'copy',
      {},
      { out: path.join(own, 'cut.gguf'), maxShardBytes: 1_000_000 },
    );
    expect(cut.outputs.map((output) => path.basename(output))).toEqual([
      'cut-00001-of-00002.gguf',
      'cut-00002-of-00002.gguf',
    ]);
    for (const output of cut.outputs) expect(readFileSync(output).length).toBeLessThan(1_010_000);
    const opened = await engine.call('open', { path: cut.open });
    expect(opened.findings).toEqual([]);
    expect(opened.tensors.count).toBe(19);
    const joined = await quantize(cut.open, 'copy', {}, { out: path.join(own, 'joined.gguf') });
    expect(fileHash(joined.open)).toBe(fileHash(source));
  });

  it('are cut when they are quantized too', async () => {
    const own = temporaryFolder();
    const { outputs, open } = await quantize(
      place('dense.gguf'),
      'bf16',
      {},
      { out: path.join(own, 'cut.gguf'), maxShardBytes: 1_000_000 },
    );
    expect(outputs).toHaveLength(2);
    const joined = await quantize(open, 'copy', {}, { out: path.join(own, 'joined.gguf') });
    // As llama-quantize writes it in one file.
    expect(fileHash(joined.open)).toBe('be055802be67778041b467a31912e9246726dcfe6ad81628fbdc4eb2d889560e');
  });

  it('replace older ones when that is asked for, and are put back when one cannot be', async () => {
    const own = temporaryFolder();
    const cut = (fileType: string, overwrite: boolean) =>
      quantize(
        place('dense.gguf'),
        fileType,
        {},
        { out: path.join(own, 'cut.gguf'), maxShardBytes: 1_000_000, overwrite },
      );
    // As text: comparing bytes one by one takes a minute on a busy machine.
    const contentOf = (output: string) => readFileSync(output, 'base64');
    const first = await cut('copy', false);
    const before = first.outputs.map(contentOf);
    expect(await failureOf(cut('bf16', false))).toMatchObject({ code: 'exists' });
    expect(first.outputs.map(contentOf)).toEqual(before);
    const second = await cut('bf16', true);
    expect(second.outputs.map((output) => path.basename(output))).toEqual(
      first.outputs.map((output) => path.basename(output)),
    );
    expect(readdirSync(own).sort()).toEqual(['cut-00001-of-00002.gguf', 'cut-00002-of-00002.gguf']);
    const { findings, tensors } = await engine.call('open', { path: second.open });
    expect([findings, tensors.count]).toEqual([[], 19]);
    // A folder in the place of a part is left alone, and so is the other part.
    const parts = second.outputs.map(contentOf);
    rmSync(second.outputs[1]!);
    mkdirSync(second.outputs[1]!);
    expect(await failureOf(cut('copy', true))).toMatchObject({ code: 'refused' });
    expect(contentOf(second.outputs[0]!)).toBe(parts[0]);
    expect(readdirSync(own)).toHaveLength(2);
  });

  it('are copied only of a GGUF model, and not cut to nothing', async () => {
    expect(
      await failureOf(quantize(path.join(import.meta.dirname, '../../../../examples/demo-llama-3m'), 'copy')),
    ).toMatchObject({ code: 'usage' });
    const tiny = quantize(place('dense.gguf'), 'copy', {}, { maxShardBytes: 1 });
    expect(await failureOf(tiny)).toMatchObject({ code: 'usage' });
  });
});
