import { describe, expect, it } from 'vitest';
import { config as common, convert, type Json, plain } from './madeUp';

const words = { name: 'bert.embeddings.word_embeddings.weight', shape: [3, 8] };
const wordPiece = (normalizer?: Json): Json => ({
  normalizer,
  model: { type: 'WordPiece', vocab: { '[CLS]': 0, run: 1, '##ing': 2 } },
  added_tokens: [{ id: 0, content: '[CLS]', special: true }],
});
const config: Json = { ...common, model_type: 'bert', layer_norm_eps: 1e-12, vocab_size: 3 };
const pooler = [
  { name: 'bert.pooler.dense.weight', shape: [8, 8] },
  { name: 'bert.pooler.dense.bias', shape: [8] },
];
const scores = (count: number) => [
  { name: 'classifier.weight', shape: [count, 8] },
  { name: 'classifier.bias', shape: [count] },
];
const bert = (more: Json, tensors = [words, ...pooler], normalizer?: Json) =>
  convert({ config: { ...config, ...more }, tokenizerJson: wordPiece(normalizer) }, tensors);

describe('models that score texts', () => {
  const architectures = ['BertForSequenceClassification'];

  it('keep the layer before the scores, and say what each score is of', async () => {
    const id2label = { 0: 'no', 1: 'maybe', 2: 'yes' };
    const made = await bert({ architectures, id2label }, [words, ...pooler, ...scores(3)]);
    // llama.cpp, llm_graph_context::build_pooling: tanh(cls x + cls.bias), then cls.output.
    expect(made.tensors.map(({ name, shape }) => `${name} ${shape}`)).toEqual([
      'token_embd.weight 3,8',
      'cls.weight 8,8',
      'cls.bias 8',
      'cls.output.weight 3,8',
      'cls.output.bias 3',
    ]);
    expect(made.skipped).toEqual([]);
    const keys = plain(made);
    expect(keys.get('bert.classifier.output_labels')).toEqual(['no', 'maybe', 'yes']);
    // llama.h, LLAMA_POOLING_TYPE_RANK.
    expect(keys.get('bert.pooling_type')).toBe(4);
  });

  it('name scores that nothing names: llama.cpp takes it that there is one', async () => {
    const made = plain(await bert({ architectures }, [words, ...pooler, ...scores(2)]));
    expect(made.get('bert.classifier.output_labels')).toEqual(['LABEL_0', 'LABEL_1']);
  });

  it('are no plain encoders', async () => {
    const made = await bert({ architectures: ['BertModel'] });
    expect(made.skipped).toEqual(pooler.map(({ name }) => name));
    expect(plain(made).has('bert.classifier.output_labels')).toBe(false);
    expect(plain(made).has('bert.pooling_type')).toBe(false);
  });

  it('differ from those that score words, which are refused', async () => {
    const tokens = bert({ architectures: ['BertForTokenClassification'] }, [words, ...scores(3)]);
    await expect(tokens).rejects.toThrow('llama.cpp scores whole texts, and a BertForTokenClassification');
  });

  it('warn of what llama.cpp does otherwise', async () => {
    const distilbert = { model_type: 'distilbert', architectures: ['DistilBertForSequenceClassification'] };
    const tensors = [
      { ...words, name: 'distilbert.embeddings.word_embeddings.weight' },
      { name: 'pre_classifier.weight', shape: [8, 8] },
      ...scores(2),
    ];
    const made = await bert(distilbert, tensors);
    expect(made.tensors.map(({ name }) => name)).toContain('cls.weight');
    expect(made.warnings).toHaveLength(1);
    expect(made.warnings[0]).toContain('ReLU');
  });
});

describe("BERT's letters", () => {
  it.each([
    [{ type: 'BertNormalizer', lowercase: true, strip_accents: null }, true, undefined],
    [{ type: 'BertNormalizer', lowercase: false, strip_accents: null }, false, undefined],
    [{ type: 'BertNormalizer', lowercase: true, strip_accents: false }, true, false],
    [
      {
        type: 'Sequence',
        normalizers: [{ type: 'NFD' }, { type: 'Lowercase' }, { type: 'StripAccents' }],
      },
      true,
      true,
    ],
    // llama.cpp would lower letters if nothing were said.
    [undefined, false, false],
  ])('are lowered only where the tokenizer does: %j', async (normalizer, lowers, strips) => {
    const keys = plain(await bert({}, undefined, normalizer));
    expect(keys.get('tokenizer.ggml.normalizer.lowercase')).toBe(lowers);
    expect(keys.get('tokenizer.ggml.normalizer.strip_accents')).toBe(strips);
  });

  it('that change in another way are refused', async () => {
    const replaces = bert({}, undefined, { type: 'Replace', pattern: { String: 'a' }, content: 'b' });
    await expect(replaces).rejects.toThrow('does not do for WordPiece: "Replace"');
  });
});
