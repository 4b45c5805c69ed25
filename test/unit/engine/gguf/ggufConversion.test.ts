/** Hugging Face models that become GGUF files, through the real engine. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { SchemeName } from '../../../../src/protocol/engineApi';
import type { Recipe } from '../../../../src/protocol/recipeApi';
import { sharedPath } from '../../../fixtures/shared';
import { Conversions, floats, root } from './conversionSupport';

const conversions = new Conversions();
const convert = conversions.convert.bind(conversions);
const tensorBytes = conversions.tensorBytes.bind(conversions);
const makeModel = conversions.makeModel.bind(conversions);

describe('the demo model', () => {
  // The F16 file was made of the float32 weights.
  const stored = sharedPath('models/demo-llama-3m-f32');
  const reference = sharedPath('models/demo-llama-3m.f16.gguf');
  const folder = () => path.join(conversions.work, 'demo');
  beforeAll(() => {
    if (stored) cpSync(stored, folder(), { recursive: true });
  });

  it.skipIf(!stored || !reference)("has the tensors of llama.cpp's own file, byte for byte", async () => {
    const { outputs } = await convert(folder(), 'F16');
    expect(outputs).toEqual([path.join(conversions.work, 'demo-F16.gguf')]);
    const [made, expected] = [await tensorBytes(outputs[0]!), await tensorBytes(reference!)];
    expect([...made.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, bytes] of expected) expect(made.get(name)!.equals(bytes), name).toBe(true);
  });

  it.skipIf(!stored)('becomes Q4_K_M in one step, as in two through F32', async () => {
    const direct = await convert(folder(), 'Q4_K_M');
    const whole = await convert(folder(), 'F32');
    const through = await convert(whole.outputs[0]!, 'Q4_K_M', {
      out: path.join(conversions.work, 'through.gguf'),
    });
    const made = await tensorBytes(direct.outputs[0]!);
    for (const [name, bytes] of await tensorBytes(through.outputs[0]!))
      expect(made.get(name)!.equals(bytes), name).toBe(true);
    expect(direct.bytesAfter).toBeLessThan(0.2 * direct.bytesBefore);
  });
});

describe('comparing a GGUF file with its source', () => {
  it('maps names, order of rows, experts and norms', async () => {
    const shape = {
      hidden_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      rms_norm_eps: 1e-5,
      vocab_size: 5,
    };
    const { folder } = makeModel(
      'compared',
      { ...shape, model_type: 'mixtral', intermediate_size: 6, num_local_experts: 2 },
      {
        'model.embed_tokens.weight': [5, 8],
        'model.layers.0.self_attn.k_proj.weight': [8, 8],
        'model.layers.0.block_sparse_moe.gate.weight': [2, 8],
        'model.layers.0.block_sparse_moe.experts.0.w2.weight': [8, 6],
        'model.layers.0.block_sparse_moe.experts.1.w2.weight': [8, 6],
      },
    );
    const { outputs } = await convert(folder, 'F32');
    for (const [one, other] of [
      [folder, outputs[0]!],
      [outputs[0]!, folder],
    ] as const) {
      const { tensors, onlyInFirst, onlyInSecond } = await conversions.engine.call('compare', {
        path: one,
        other,
      });
      expect(tensors.map(({ name, state }) => [name, state]).sort()).toEqual([
        ['blk.0.attn_k.weight', 'identical'],
        ['blk.0.ffn_down_exps.weight', 'identical'],
        ['blk.0.ffn_gate_inp.weight', 'identical'],
        ['token_embd.weight', 'identical'],
      ]);
      expect([onlyInFirst, onlyInSecond]).toEqual([[], []]);
    }
  });

  it('gives the error of the preview, to the last bit', async () => {
    const folder = path.join(conversions.work, 'demo-bf16');
    cpSync(path.join(root, 'examples/demo-llama-3m-outliers'), folder, { recursive: true });
    const report = await convert(folder, 'Q4_K_M');
    const { tensors } = await conversions.engine.call('compare', { path: folder, other: report.outputs[0]! });
    const compared = new Map(tensors.map((row) => [row.name, row]));
    for (const { name, mse, sqnr, maxAbs } of report.tensors)
      expect(compared.get(name), name).toMatchObject({ mse, sqnr, maxAbs });
    expect(tensors.length).toBe(report.tensors.length);
  });
});

describe('tensors that are written otherwise than they are stored', () => {
  const common = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, rms_norm_eps: 1e-5 };

  it('turn, stack, shift and widen', async () => {
    const { folder, values } = makeModel(
      'moe',
      { ...common, model_type: 'mixtral', intermediate_size: 6, num_local_experts: 2, vocab_size: 5 },
      {
        'model.embed_tokens.weight': [5, 8],
        'model.layers.0.self_attn.q_proj.weight': [8, 8],
        'model.layers.0.block_sparse_moe.experts.1.w1.weight': [6, 8],
        'model.layers.0.block_sparse_moe.experts.0.w1.weight': [6, 8],
      },
    );
    const { outputs } = await convert(folder, 'F32');
    const made = await tensorBytes(outputs[0]!);
    const q = values.get('model.layers.0.self_attn.q_proj.weight')!;
    // Heads of four rows: 0 2 1 3, as rows 0 and 2 are a pair.
    const order = [0, 2, 1, 3, 4, 6, 5, 7];
    expect(floats(made.get('blk.0.attn_q.weight')!)).toEqual(
      order.flatMap((row) => [...q.subarray(8 * row, 8 * row + 8)]),
    );
    expect(floats(made.get('blk.0.ffn_gate_exps.weight')!)).toEqual([
      ...values.get('model.layers.0.block_sparse_moe.experts.0.w1.weight')!,
      ...values.get('model.layers.0.block_sparse_moe.experts.1.w1.weight')!,
    ]);
  });

  it("transpose GPT-2's projections", async () => {
    const { folder, values } = makeModel(
      'gpt2',
      { model_type: 'gpt2', n_embd: 8, n_layer: 1, n_head: 2, n_ctx: 16, vocab_size: 5 },
      { 'wte.weight': [5, 8], 'wpe.weight': [16, 8], 'h.0.attn.c_attn.weight': [8, 24] },
    );
    const { outputs } = await convert(folder, 'F32');
    const made = floats((await tensorBytes(outputs[0]!)).get('blk.0.attn_qkv.weight')!);
    const stored = values.get('h.0.attn.c_attn.weight')!;
    expect(made).toEqual(Array.from({ length: 24 * 8 }, (_, i) => stored[(i % 8) * 24 + Math.floor(i / 8)]!));
  });

  it("add the 1 of Gemma's norms", async () => {
    const { folder, values } = makeModel(
      'gemma',
      { ...common, model_type: 'gemma2', intermediate_size: 6, max_position_embeddings: 64, vocab_size: 5 },
      { 'model.embed_tokens.weight': [5, 8], 'model.norm.weight': [8] },
    );
    const { outputs } = await convert(folder, 'BF16');
    const made = await tensorBytes(outputs[0]!);
    expect(floats(made.get('output_norm.weight')!)).toEqual(
      [...values.get('model.norm.weight')!].map((value) => value + 1),
    );
  });

  it('are planned anew once the tokenizer has changed', async () => {
    const { folder } = makeModel(
      'replanned',
      { ...common, model_type: 'llama', intermediate_size: 6, vocab_size: 5 },
      { 'model.embed_tokens.weight': [5, 8] },
    );
    const plan = () => convert(folder, 'F16', { dryRun: true });
    const first = await plan();
    expect((await plan()).bytesAfter).toBe(first.bytesAfter);
    const file = path.join(folder, 'tokenizer.json');
    const tokenizer = readFileSync(file, 'utf8');
    // As many tokens, the last with a text that is 64 bytes longer; alignment of the data is 32.
    writeFileSync(file, tokenizer.replace('"e":4', `"${'e'.repeat(65)}":4`));
    expect((await plan()).bytesAfter).toBe(first.bytesAfter + 64);
    rmSync(file);
    await expect(plan()).rejects.toThrow('neither a tokenizer.json nor a tokenizer.model');
  });

  it('refuse a model without a tokenizer before anything is written', async () => {
    const folder = path.join(conversions.work, 'bare');
    cpSync(path.join(conversions.work, 'moe'), folder, { recursive: true });
    rmSync(path.join(folder, 'tokenizer.json'));
    await expect(convert(folder, 'F16')).rejects.toThrow('neither a tokenizer.json nor a tokenizer.model');
  });
});

describe('a recipe of ggml types', () => {
  const type = (scheme: SchemeName) => ({ scheme, granularity: 'none' }) as const;

  it("makes a GGUF file of a Hugging Face model, by the model's own names, of the size that was told", async () => {
    const folder = path.join(root, 'examples/demo-llama-3m');
    const recipe: Recipe = {
      version: 1,
      name: 'mine',
      default: type('q4_k'),
      rules: [
        { match: 'model.layers.*.mlp.down_proj.weight', choice: type('q6_k') },
        { match: 'model.layers.0.self_attn.q_proj.weight', choice: 'keep' },
        { match: 'lm_head.weight', choice: type('q8_0') },
      ],
    };
    const plan = await conversions.engine.call('recipePlan', { path: folder, recipe });
    expect([plan.cannotWrite, plan.refusals]).toEqual([undefined, []]);
    const out = path.join(conversions.work, 'by-recipe.gguf');
    const report = await convert(folder, '', { gguf: undefined, recipe, out });
    expect(report.open).toBe(out);
    const types = new Map(report.tensors.map(({ name, to }) => [name, to]));
    expect(types.get('blk.2.ffn_down.weight')).toBe('Q6_K');
    expect(types.get('blk.0.attn_q.weight')).toBe('BF16');
    expect(types.get('blk.1.attn_q.weight')).toBe('Q4_K');
    expect(types.get('output.weight')).toBe('Q8_0');
    // A file of blocks holds the table in blocks too.
    expect(types.get('token_embd.weight')).toBe('Q4_K');
    expect(types.get('blk.0.attn_norm.weight')).toBe('F32');
    const { tensors } = await conversions.engine.call('open', { path: out });
    expect(plan.bytesAfter).toBe(tensors.bytes.reduce((sum, bytes) => sum + bytes, 0));
    // Its tensors are those of the file type, where both have the same type.
    const mix = await convert(folder, 'Q4_K_M', { out: path.join(conversions.work, 'by-mix.gguf') });
    const [own, others] = [await tensorBytes(out), await tensorBytes(mix.open)];
    for (const name of ['blk.1.attn_q.weight', 'blk.3.ffn_up.weight', 'blk.0.attn_norm.weight'])
      expect(own.get(name)?.equals(others.get(name)!), name).toBe(true);

    const again = await conversions.engine.call('recipePlan', {
      path: mix.open,
      recipe: {
        version: 1,
        default: type('q8_0'),
        rules: [{ match: 'blk.0.attn_q.weight', choice: 'keep' }],
      },
    });
    // Of a file that is quantized already nothing is left to quantize; it can be written all the same.
    expect([again.cannotWrite, again.quantized]).toEqual([undefined, 0]);
    const mixed = { ...recipe, default: { scheme: 'nf4', granularity: 'block', blockSize: 64 } } as const;
    expect(
      (await conversions.engine.call('recipePlan', { path: folder, recipe: mixed })).cannotWrite,
    ).toContain("holds ggml's types only");
  });

  it('gives the stacked experts of a layer one type, or is refused', async () => {
    const { folder } = makeModel(
      'recipe-moe',
      {
        ...{ hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, rms_norm_eps: 1e-5 },
        ...{ model_type: 'mixtral', intermediate_size: 32, num_local_experts: 2, vocab_size: 5 },
      },
      {
        'model.embed_tokens.weight': [5, 32],
        'model.layers.0.self_attn.q_proj.weight': [32, 32],
        'model.layers.0.block_sparse_moe.experts.0.w1.weight': [32, 32],
        'model.layers.0.block_sparse_moe.experts.1.w1.weight': [32, 32],
      },
    );
    const one = { match: '**.experts.1.**', choice: type('q4_0') };
    const recipe: Recipe = { version: 1, default: type('q8_0'), rules: [one] };
    const plan = await conversions.engine.call('recipePlan', { path: folder, recipe });
    expect(plan.cannotWrite).toContain('gives them Q8_0 and Q4_0');
    const rules = [{ ...one, match: '**.experts.*.**' }];
    const out = path.join(conversions.work, 'stacked.gguf');
    const report = await convert(folder, '', { gguf: undefined, recipe: { ...recipe, rules }, out });
    expect(report.tensors.find(({ name }) => name === 'blk.0.ffn_gate_exps.weight')?.to).toBe('Q4_0');
  });
});
