import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { gguf } from '@huggingface/gguf';
import { describe, expect, it } from 'vitest';
import type { SourceTensor } from '../../../src/convert/convertedTensor';
import { convertModel, sizeLabel } from '../../../src/convert/convertModel';
import type { TokenizerFiles } from '../../../src/convert/tokenizer/tokenizerFiles';
import { sharedPath } from '../../fixtures/shared';
import { config, convert, embedding, gpt2Words, type Json, making, plain, tokenizer } from './madeUp';

const readJson = (file: string): Json => JSON.parse(readFileSync(file, 'utf8'));

/** The header of a safetensors file, in its order. */
function sourceTensors(file: string): SourceTensor[] {
  const bytes = readFileSync(file);
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString('utf8'));
  delete header.__metadata__;
  return Object.entries(header).map(([name, about]) => ({
    name,
    shape: (about as { shape: number[] }).shape,
  }));
}

const demo = path.resolve('examples/demo-llama-3m-outliers');
const demoFiles: TokenizerFiles = {
  config: readJson(path.join(demo, 'config.json')),
  tokenizerJson: readJson(path.join(demo, 'tokenizer.json')),
  tokenizerConfig: readJson(path.join(demo, 'tokenizer_config.json')),
};

describe('a Hugging Face model as GGUF', () => {
  const reference = sharedPath('models/demo-llama-3m-outliers.f16.gguf');
  it.skipIf(!reference)("has the keys and tensors of llama.cpp's own file of it", async () => {
    const { metadata, tensorInfos } = await gguf(reference!, { allowLocalFile: true });
    const tensors = sourceTensors(path.join(demo, 'model.safetensors'));
    const model = await convertModel({ name: 'demo-llama-3m', files: demoFiles, tensors });
    const made = plain(model);
    // What depends on the types that are written, or is told of the file as such.
    const aside = [
      'general.quantization_version',
      'version',
      'tensor_count',
      'kv_count',
      'general.file_type',
      'general.alignment',
      'general.name',
    ];
    for (const [key, value] of Object.entries(metadata)) {
      if (aside.includes(key)) continue;
      const own = made.get(key);
      if (typeof value === 'number' && !Number.isInteger(value))
        expect(Math.fround(own as number), key).toBe(value);
      else expect(own, key).toEqual(value);
    }
    const infos = new Map(tensorInfos.map(({ name, shape }) => [name, shape.map(Number).reverse()]));
    expect(new Map(model.tensors.map(({ name, shape }) => [name, [...shape]]))).toEqual(infos);
    // F32 there: norms alone.
    expect(model.tensors.filter(({ isAlwaysF32 }) => isAlwaysF32).map(({ name }) => name)).toEqual(
      model.tensors.map(({ name }) => name).filter((name) => name.endsWith('_norm.weight')),
    );
    expect(making(model, 'blk.0.attn_k.weight')).toEqual({
      kind: 'pair-rows',
      source: 'model.layers.0.self_attn.k_proj.weight',
      heads: 4,
    });
  });

  const stories = sharedPath('models/stories260K');
  it.skipIf(!stories)("reads sentencepiece's tokenizer.model", async () => {
    const folder = path.join(stories!, 'hf-f32');
    const files = {
      config: readJson(path.join(folder, 'config.json')),
      sentencePiece: readFileSync(path.join(folder, 'tokenizer.model')),
    };
    const tensors = sourceTensors(path.join(folder, 'model.safetensors'));
    const made = plain(await convertModel({ name: 'stories', files, tensors }));
    const parsed = await gguf(path.join(stories!, 'stories260K.gguf'), { allowLocalFile: true });
    const metadata = parsed.metadata as unknown as Record<string, unknown>;
    expect(made.get('tokenizer.ggml.model')).toBe('llama');
    const tokens = metadata['tokenizer.ggml.tokens'] as string[];
    // That file's maker wrote spaces for sentencepiece's marks; the pieces are the same.
    expect(
      (made.get('tokenizer.ggml.tokens') as string[]).map((text) => text.replaceAll('\u2581', ' ')),
    ).toEqual(tokens.map((text) => text.replaceAll('\u2581', ' ')));
    expect((made.get('tokenizer.ggml.scores') as number[]).map(Math.fround)).toEqual(
      metadata['tokenizer.ggml.scores'],
    );
    expect(made.get('tokenizer.ggml.token_type')).toEqual(metadata['tokenizer.ggml.token_type']);
    expect(made.get('tokenizer.ggml.bos_token_id')).toBe(1);
    expect(made.get('tokenizer.ggml.eos_token_id')).toBe(2);
  });
});

describe('tokenizers', () => {
  it('fill rows without a token, and mark special tokens', async () => {
    const made = plain(await convert({}));
    expect(made.get('tokenizer.ggml.tokens')).toEqual(['a', 'b', 'ab', '<|end|>', '[PAD4]']);
    expect(made.get('tokenizer.ggml.token_type')).toEqual([1, 1, 1, 3, 5]);
    expect(made.get('tokenizer.ggml.merges')).toEqual(['a b']);
    expect(made.get('tokenizer.ggml.pre')).toBe('gpt-2');
  });

  const llama3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
  const qwen = llama3.replace('{1,3}', '');
  const later = String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`;
  const seed = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`;
  const split = (pattern: string) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated' });
  const bytes = { type: 'ByteLevel', use_regex: false };
  it.each([
    ['llama-bpe', [split(llama3), bytes], { ignore_merges: true }],
    ['dbrx', [split(llama3), bytes], {}],
    ['qwen2', [split(qwen), bytes], {}],
    ['starcoder', [{ type: 'Digits', individual_digits: true }, gpt2Words], {}],
    // As tiktoken's patterns are written: what matches stays, what lies between goes, and nothing does.
    ['dbrx', [{ ...split(llama3), behavior: 'Removed', invert: true }, bytes], {}],
    ['dbrx', [split(later), bytes], {}],
    ['qwen2', [split(qwen.replaceAll('\\r', '\r').replaceAll('\\n', '\n')), bytes], {}],
    [
      'deepseek-coder',
      [
        ...['[\r\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-\ud7ff]+'].map(split),
        { type: 'Digits', individual_digits: true },
        bytes,
      ],
      {},
    ],
    ['seed-coder', [split(seed), bytes], {}],
    ['ufakzeka', [split(qwen.replace(/^.*?\|(?=\[)/, '')), bytes], {}],
    ['bailingmoe', [split(later.replace('{1,3}', '')), bytes], {}],
    ['minicpm5', [split('\\p{N}{1,3}'), split(qwen.replace('\\p{N}|', '\\p{N}+|')), bytes], {}],
    [
      'deepseek-llm',
      [
        ...['[\r\n]', '\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓ]+', '\\s?[!-/:-~！-／：-～‘-‟　-。]+', '\\s+$'].map(split),
        split('[一-龥ࠀ-一가-\ud7ff]+'),
        { type: 'Digits', individual_digits: true },
        bytes,
      ],
      {},
    ],
    [
      'viking',
      [split(' ?[^(\\s|[.,!?…。，、।۔،])]+'), { type: 'Digits', individual_digits: true }, bytes],
      {},
    ],
  ])('cut text as llama.cpp does under the name %s', async (name, pretokenizers, model) => {
    const json = tokenizer({ type: 'Sequence', pretokenizers }, model);
    expect(plain(await convert({ tokenizerJson: json })).get('tokenizer.ggml.pre')).toBe(name);
  });

  it('keep spaces before punctuation where the config says so', async () => {
    const json = tokenizer({
      type: 'Sequence',
      pretokenizers: [{ type: 'Digits', individual_digits: true }, gpt2Words],
    });
    const tokenizerConfig = { clean_up_tokenization_spaces: false };
    const made = plain(await convert({ tokenizerJson: json, tokenizerConfig }));
    expect(made.get('tokenizer.ggml.pre')).toBe('smollm');
  });

  it('put nothing before a text where llama.cpp would and the tokenizer does not', async () => {
    const cut = { type: 'Sequence', pretokenizers: [split(llama3), bytes] };
    const json = tokenizer(cut, { ignore_merges: true });
    const begins = async (more: Json) =>
      plain(await convert({ tokenizerJson: { ...json, ...more } })).get('tokenizer.ggml.add_bos_token');
    expect(await begins({})).toBe(false);
    const single = [{ SpecialToken: { id: '<|end|>' } }, { Sequence: { id: 'A' } }];
    expect(await begins({ post_processor: { type: 'TemplateProcessing', single } })).toBe(true);
    // Others have none by default.
    const dbrx = plain(await convert({ tokenizerJson: tokenizer(cut) }));
    expect(dbrx.has('tokenizer.ggml.add_bos_token')).toBe(false);
  });

  it('of pieces that are marked by their place in a word are refused', async () => {
    const json = tokenizer(gpt2Words, { end_of_word_suffix: '</w>' });
    await expect(convert({ tokenizerJson: json })).rejects.toThrow('"end_of_word_suffix" is "</w>"');
  });

  it('are refused when they cut text in an unknown way', async () => {
    const json = tokenizer(split('[aeiou]+'));
    await expect(convert({ tokenizerJson: json })).rejects.toThrow('not known to llama.cpp');
    await expect(convert({ tokenizerJson: undefined })).rejects.toThrow('neither a tokenizer.json nor');
    const others = [
      { ...gpt2Words, add_prefix_space: true },
      { type: 'Sequence', pretokenizers: [{ ...split(llama3), behavior: 'MergedWithNext' }, bytes] },
      { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { String: llama3 } }, bytes] },
    ];
    for (const other of others)
      await expect(convert({ tokenizerJson: tokenizer(other) })).rejects.toThrow('not known to llama.cpp');
    const lower = { ...tokenizer(gpt2Words), normalizer: { type: 'Lowercase' } };
    await expect(convert({ tokenizerJson: lower })).rejects.toThrow('Lowercase');
  });

  it('take ends, beginnings and chat templates from the files beside', async () => {
    const made = plain(
      await convert({
        tokenizerConfig: {
          eos_token: { content: '<|end|>' },
          add_bos_token: false,
          chat_template: [
            { name: 'default', template: 'D' },
            { name: 'tool-use', template: 'T' },
          ],
        },
        config: { ...config, bos_token_id: 0 },
      }),
    );
    expect(made.get('tokenizer.ggml.eos_token_id')).toBe(3);
    expect(made.get('tokenizer.ggml.bos_token_id')).toBe(0);
    expect(made.get('tokenizer.ggml.add_bos_token')).toBe(false);
    expect(made.get('tokenizer.chat_template')).toBe('D');
    expect(made.get('tokenizer.chat_templates')).toEqual(['tool_use']);
    expect(made.get('tokenizer.chat_template.tool_use')).toBe('T');
  });

  it("turn BERT's pieces round", async () => {
    const json = {
      model: { type: 'WordPiece', vocab: { '[CLS]': 0, run: 1, '##ing': 2 } },
      added_tokens: [{ id: 0, content: '[CLS]', special: true }],
    };
    const bert = { ...config, model_type: 'bert', layer_norm_eps: 1e-12 };
    const tensors = [{ name: 'bert.embeddings.word_embeddings.weight', shape: [3, 8] }];
    const made = plain(await convert({ tokenizerJson: json, config: bert }, tensors));
    expect(made.get('tokenizer.ggml.tokens')).toEqual(['[CLS]', '\u2581run', 'ing']);
    expect(made.get('bert.attention.causal')).toBe(false);
  });

  it('of byte pairs with a fallback to bytes become those of sentencepiece', async () => {
    const json = {
      model: {
        type: 'BPE',
        byte_fallback: true,
        unk_token: '<unk>',
        vocab: { '<unk>': 0, '<0x0A>': 1, a: 2, b: 3, ab: 4 },
        merges: [['a', 'b']],
      },
    };
    const made = plain(await convert({ tokenizerJson: json }));
    expect(made.get('tokenizer.ggml.model')).toBe('llama');
    expect(made.get('tokenizer.ggml.token_type')).toEqual([2, 6, 1, 1, 1]);
    expect((made.get('tokenizer.ggml.scores') as number[])[4]).toBe(-0);
  });
});

describe('families', () => {
  it('stack experts in their order, and refuse a set with a gap', async () => {
    const moe = { ...config, model_type: 'qwen3_moe', num_experts: 3 };
    const expert = (at: number) => ({
      name: `model.layers.0.mlp.experts.${at}.up_proj.weight`,
      shape: [4, 8],
    });
    const model = await convert({ config: moe }, [embedding, expert(2), expert(0), expert(1)]);
    expect(model.tensors[1]).toEqual({
      name: 'blk.0.ffn_up_exps.weight',
      shape: [3, 4, 8],
      making: { kind: 'stack', sources: [expert(0), expert(1), expert(2)].map(({ name }) => name) },
      isAlwaysF32: false,
    });
    await expect(convert({ config: moe }, [embedding, expert(0), expert(2)])).rejects.toThrow(
      'Expert 1 of blk.0.ffn_up_exps.weight is missing',
    );
  });

  it("add the 1 of Gemma's norms, and leave its head out", async () => {
    const gemma = { ...config, model_type: 'gemma2', max_position_embeddings: 64, head_dim: 4 };
    const tensors = [
      embedding,
      { name: 'lm_head.weight', shape: [5, 8] },
      { name: 'model.layers.0.pre_feedforward_layernorm.weight', shape: [8] },
    ];
    const model = await convert({ config: gemma }, tensors);
    expect(model.skipped).toEqual(['lm_head.weight']);
    expect(making(model, 'blk.0.ffn_norm.weight')).toMatchObject({ kind: 'add', addend: 1 });
    expect(plain(model).get('tokenizer.ggml.add_space_prefix')).toBe(false);
  });

  it("turn GPT-2's projections", async () => {
    const gpt2 = { model_type: 'gpt2', n_embd: 8, n_layer: 1, n_head: 2, n_ctx: 16 };
    const tensors = [
      { name: 'wte.weight', shape: [5, 8] },
      { name: 'h.0.attn.c_attn.weight', shape: [8, 24] },
      { name: 'h.0.attn.bias', shape: [1, 1, 16, 16] },
    ];
    const model = await convert({ config: gpt2 }, tensors);
    expect(model.tensors[1]).toMatchObject({ name: 'blk.0.attn_qkv.weight', shape: [24, 8] });
    expect(making(model, 'blk.0.attn_qkv.weight')).toMatchObject({ kind: 'transpose' });
    expect(model.skipped).toEqual(['h.0.attn.bias']);
  });

  it("compute Llama 3.1's factors of positions", async () => {
    const llama31 = {
      ...config,
      head_dim: 128,
      rope_theta: 500000,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      },
    };
    const made = making(await convert({ config: llama31 }), 'rope_freqs.weight');
    const values = made?.kind === 'given' ? [...made.values] : [];
    // Wavelengths 2 pi 500000^(i/64): below 2,048 up to pair 28, above 8,192 from pair 35 on.
    expect(values.length).toBe(64);
    expect(values.slice(0, 29)).toEqual(new Array(29).fill(1));
    expect(values.slice(35)).toEqual(new Array(29).fill(8));
    const between = values.slice(29, 35);
    expect(between).toEqual([...between].sort((a, b) => a - b));
    expect(between.every((value) => value > 1 && value < 8)).toBe(true);
  });

  it('that are not known are refused by name, as are tensors that would be lost', async () => {
    await expect(convert({ config: { ...config, model_type: 'rwkv' } })).rejects.toThrow(
      'Models of type "rwkv" cannot be converted; these can: llama',
    );
    await expect(
      convert({}, [embedding, { name: 'model.layers.0.adapter.weight', shape: [8] }]),
    ).rejects.toThrow('model.layers.0.adapter.weight is no tensor that a llama of llama.cpp has');
  });
});

it('labels sizes as GGUF names do', () => {
  expect([3_295_488, 8_030_261_248, 494_032_768, 260_000].map(sizeLabel)).toEqual([
    '3.3M',
    '8.0B',
    '494M',
    '260K',
  ]);
});

describe('what lies around a model', () => {
  const bert: Json = { ...config, model_type: 'bert', layer_norm_eps: 1e-12 };
  const words = [{ name: 'embeddings.word_embeddings.weight', shape: [5, 8] }];
  it.each([
    // llama.h: the mean is 1, the first 2, the last 3.
    [1, { pooling_mode_mean_tokens: true }],
    [2, { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }],
    [3, { pooling_mode: 'lasttoken' }],
    [undefined, undefined],
  ])('gives the way to one vector the number %s', async (number, pooling) => {
    expect(plain(await convert({ config: bert, pooling }, words)).get('bert.pooling_type')).toBe(number);
  });

  it('says of models that look ahead that they do', async () => {
    const looksAhead = await convert({ config: { ...config, is_causal: false } });
    expect(plain(looksAhead).get('llama.attention.causal')).toBe(false);
    const words = await convert({ config: { ...bert, is_causal: false } }, [
      { name: 'embeddings.word_embeddings.weight', shape: [5, 8] },
    ]);
    expect(words.metadata.filter(({ key }) => key === 'bert.attention.causal')).toHaveLength(1);
    expect(plain(await convert({})).has('llama.attention.causal')).toBe(false);
  });

  it('is refused where llama.cpp cannot do it', async () => {
    const largest = convert({ config: bert, pooling: { pooling_mode_max_tokens: true } }, words);
    await expect(largest).rejects.toThrow('the mean, the first and the last');
    const looksAhead = { ...config, model_type: 'gemma3_text', architectures: ['Gemma3TextModel'] };
    await expect(convert({ config: looksAhead })).rejects.toThrow('EmbeddingGemma');
  });

  it.each(['model.', 'language_model.model.', 'model.language_model.', ''])(
    'finds the language model behind "%s"',
    async (prefix) => {
      const made = await convert({}, [{ name: `${prefix}embed_tokens.weight`, shape: [5, 8] }]);
      expect(made.tensors.map(({ name }) => name)).toEqual(['token_embd.weight']);
    },
  );
});
