import { describe, expect, it } from 'vitest';
import type { Catalogue, MetadataEntry } from '../../../src/protocol/engineApi';
import { emptyModel } from '../../../webview-ui/dev/models/formatModels';
import { tokenizerSummary } from '../../../webview-ui/state/tokenizer';

const base = emptyModel().catalogue;
const gguf = (metadata: readonly MetadataEntry[]): Catalogue => ({ ...base, metadata });
const withSidecars = (files: Readonly<Record<string, Record<string, unknown>>>): Catalogue => ({
  ...base,
  format: 'safetensors',
  metadata: [],
  sidecars: Object.entries(files).map(([name, value]) => ({ name, bytes: 1, value })),
});

describe('the tokenizer of a GGUF file', () => {
  it('is read from its keys', () => {
    const summary = tokenizerSummary(
      gguf([
        { key: 'tokenizer.ggml.model', type: 'string', value: 'llama' },
        {
          key: 'tokenizer.ggml.tokens',
          type: '[string]',
          value: { type: 'string', length: 32_000, head: ['<unk>', '<s>', '</s>'] },
        },
        {
          key: 'tokenizer.ggml.token_type',
          type: '[i32]',
          value: { type: 'i32', length: 32_000, head: [2, 3, 3] },
        },
        { key: 'tokenizer.ggml.bos_token_id', type: 'u32', value: 1 },
        { key: 'tokenizer.ggml.padding_token_id', type: 'u32', value: 31_999 },
        { key: 'tokenizer.ggml.add_bos_token', type: 'bool', value: true },
        { key: 'tokenizer.chat_template', type: 'string', value: '{{ x }}\n' },
        { key: 'tokenizer.chat_template.tool_use', type: 'string', value: '{% y %}' },
      ]),
    );
    expect(summary).toEqual({
      kind: 'llama (SentencePiece)',
      vocabulary: 32_000,
      specials: [
        { role: 'bos', id: 1, text: '<s>' },
        { role: 'padding', id: 31_999 },
      ],
      facts: [{ label: 'add bos token', value: 'yes' }],
      templates: [
        { name: 'default', text: '{{ x }}\n' },
        { name: 'tool_use', text: '{% y %}' },
      ],
      tokens: { key: 'tokenizer.ggml.tokens', length: 32_000, typesKey: 'tokenizer.ggml.token_type' },
      added: [],
    });
  });

  it('is absent when nothing names one, and copes with keys of the wrong type', () => {
    expect(tokenizerSummary(gguf([]))).toBeUndefined();
    const odd = tokenizerSummary(
      gguf([
        { key: 'tokenizer.ggml.model', type: 'u32', value: 3 },
        { key: 'tokenizer.ggml.tokens', type: 'string', value: 'none' },
        { key: 'tokenizer.chat_template', type: 'u32', value: 1 },
      ]),
    );
    expect(odd).toEqual({
      kind: 'not named',
      vocabulary: undefined,
      specials: [],
      facts: [],
      templates: [],
      tokens: undefined,
      added: [],
    });
    expect(
      tokenizerSummary(gguf([{ key: 'tokenizer.ggml.model', type: 'string', value: 'constructor' }]))?.kind,
    ).toBe('constructor');
  });
});

describe('the tokenizer of a model folder', () => {
  it('is read from tokenizer_config.json and tokenizer.json', () => {
    const summary = tokenizerSummary(
      withSidecars({
        'tokenizer_config.json': {
          tokenizer_class: 'LlamaTokenizerFast',
          bos_token: '<s>',
          eos_token: { content: '</s>', lstrip: false },
          pad_token: null,
          add_bos_token: true,
          model_max_length: 1e30,
          added_tokens_decoder: { '1': { content: '<s>', special: true } },
          chat_template: [{ name: 'default', template: 'T' }, { name: 3 }],
        },
        'tokenizer.json': {
          model: { type: 'BPE', vocab: { a: 0, b: 3 }, merges: ['a b'] },
          added_tokens: [{ id: 2, content: '</s>', special: true }, { id: 'x' }],
        },
      }),
    );
    expect(summary?.kind).toBe('LlamaTokenizerFast');
    expect(summary?.vocabulary).toBe(2);
    expect(summary?.specials).toEqual([
      { role: 'bos', text: '<s>', id: 1 },
      { role: 'eos', text: '</s>', id: 2 },
    ]);
    expect(summary?.templates).toEqual([{ name: 'default', text: 'T' }]);
    expect(summary?.added.map(({ id, text }) => [id, text])).toEqual([
      [1, '<s>'],
      [2, '</s>'],
    ]);
    expect(summary?.facts).toEqual([
      { label: 'Model', value: 'BPE' },
      { label: 'Merges', value: '1' },
      { label: 'add bos token', value: 'yes' },
    ]);
  });

  it('is absent without either file', () => {
    expect(tokenizerSummary(withSidecars({ 'config.json': {} }))).toBeUndefined();
  });
});
