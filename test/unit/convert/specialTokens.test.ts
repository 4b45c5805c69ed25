/** What is put around texts, as llama.cpp's converter (0.5.0) tells it of the same tokenizers. */
import { describe, expect, it } from 'vitest';
import { convert, gpt2Words, type Json, plain, tokenizer } from './madeUp';

const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
const text = (id: string) => ({ Sequence: { id, type_id: 0 } });
const [b, e, x] = ['<b>', '<e>', '<x>'].map(special);
const [A, B] = ['A', 'B'].map(text);

/** Keys about special tokens, without what stands before them. */
async function keys(processor: Json, tokenizerConfig: Json = { bos_token: '<b>', eos_token: '<e>' }) {
  const json = {
    ...tokenizer(gpt2Words),
    added_tokens: ['<b>', '<e>', '<x>'].map((content, at) => ({ id: 2 + at, content, special: true })),
    post_processor: processor,
  };
  const made = plain(await convert({ tokenizerJson: json, tokenizerConfig }));
  return Object.fromEntries(
    [...made]
      .map(([key, value]) => [key.replace('tokenizer.ggml.', ''), value] as const)
      .filter(([key]) => /_token(?:_id)?$/.test(key)),
  );
}
const template = (single: unknown[], pair: unknown[]) => ({ type: 'TemplateProcessing', single, pair });
const named = { bos_token_id: 2, eos_token_id: 3 };

describe('special tokens', () => {
  it.each([
    ['a beginning', template([b, A], [b, A, b, B]), { ...named, add_bos_token: true, add_sep_token: false }],
    [
      'both ends',
      template([b, A, e], [b, A, e, B, e]),
      { ...named, add_bos_token: true, add_eos_token: true, add_sep_token: false },
    ],
    [
      'an end that is not that of a turn',
      template([b, A, x], [b, A, x, B, x]),
      {
        ...{ bos_token_id: 2, eos_token_id: 4, eot_token_id: 3 },
        ...{ add_bos_token: true, add_eos_token: true, add_sep_token: false },
      },
    ],
    [
      'an end and a separator',
      template([b, A, e], [b, A, e, e, B, e]),
      {
        ...{ ...named, seperator_token_id: 3 },
        ...{ add_bos_token: true, add_eos_token: true, add_sep_token: true },
      },
    ],
    ['a separator alone', template([A], [A, e, B]), { ...named, seperator_token_id: 3, add_sep_token: true }],
    [
      'a beginning, in a list of steps',
      { type: 'Sequence', processors: [{ type: 'ByteLevel' }, template([b, A], [b, A, b, B])] },
      { ...named, add_bos_token: true, add_sep_token: false },
    ],
  ])('of a template with %s', async (_, processor, expected) => {
    expect(await keys(processor)).toEqual(expected);
  });

  it('go by what the config says where it says it', async () => {
    const stated = { bos_token: '<b>', eos_token: '<e>', add_bos_token: false };
    expect(await keys(template([b, A], [b, A, b, B]), stated)).toMatchObject({ add_bos_token: false });
  });

  it('of models that also see are looked up in the part for texts', async () => {
    const config = {
      model_type: 'gemma3',
      text_config: {
        ...{ hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 },
        ...{ vocab_size: 4, sliding_window: 8, bos_token_id: 2, eos_token_id: 1, pad_token_id: 0 },
      },
    };
    const tensors = [{ name: 'language_model.model.embed_tokens.weight', shape: [4, 8] }];
    const made = plain(await convert({ config }, tensors));
    expect(made.get('tokenizer.ggml.padding_token_id')).toBe(0);
    expect(made.get('tokenizer.ggml.bos_token_id')).toBe(2);
  });

  it("are Code Llama's by the size of its vocabulary", async () => {
    const rows = 32016;
    const config = {
      ...{ model_type: 'llama', hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1 },
      ...{ num_attention_heads: 2, vocab_size: rows, rms_norm_eps: 1e-5 },
    };
    const tensors = [{ name: 'model.embed_tokens.weight', shape: [rows, 8] }];
    const made = plain(await convert({ config }, tensors));
    expect(
      ['prefix', 'suffix', 'middle', 'eot'].map((name) => made.get(`tokenizer.ggml.${name}_token_id`)),
    ).toEqual([32007, 32008, 32009, 32010]);
  });
});

describe('chat templates', () => {
  const templates = (made: Map<string, unknown>) =>
    Object.fromEntries([...made].filter(([key]) => key.startsWith('tokenizer.chat_template')));

  it('lie in files of their own', async () => {
    expect(templates(plain(await convert({ chatTemplate: 'J' })))).toEqual({
      'tokenizer.chat_template': 'J',
    });
    const additionalTemplates = [
      { name: 'rag', template: 'R' },
      { name: 'Tool-Use', template: 'T' },
    ];
    expect(templates(plain(await convert({ chatTemplate: 'J', additionalTemplates })))).toEqual({
      'tokenizer.chat_template': 'J',
      'tokenizer.chat_templates': ['rag', 'tool_use'],
      'tokenizer.chat_template.rag': 'R',
      'tokenizer.chat_template.tool_use': 'T',
    });
    const older = { chatTemplateJson: { chat_template: 'O' } };
    expect(templates(plain(await convert(older)))).toEqual({ 'tokenizer.chat_template': 'O' });
  });

  it('of tokenizer_config.json go first', async () => {
    const made = plain(await convert({ chatTemplate: 'J', tokenizerConfig: { chat_template: 'C' } }));
    expect(templates(made)).toEqual({ 'tokenizer.chat_template': 'C' });
  });
});
