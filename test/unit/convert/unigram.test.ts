/** Unigram tokenizers as keys of a GGUF file; test/cli/llamaCppTokenizers.test.ts has llama.cpp use them. */
import { expect, it } from 'vitest';
import type { TokenizerFiles } from '../../../src/convert/tokenizer/tokenizerFiles';
import { tokenizerMetadata } from '../../../src/convert/tokenizer/tokenizerMetadata';
import { unigramConfig, unigramPieces, unigramTokenizer } from '../../fixtures/unigramTokenizer';

type Json = Record<string, unknown>;
const rows = unigramPieces.length + 2;

async function keysOf(changes: Json, files: Partial<TokenizerFiles> = {}): Promise<Map<string, unknown>> {
  const tokenizerJson = { ...unigramTokenizer({ joinsSpaces: true }), ...changes };
  const entries = await tokenizerMetadata({ config: unigramConfig, tokenizerJson, ...files }, rows);
  return new Map(
    entries.map(({ key, value }) => [
      key.replace('tokenizer.ggml.', ''),
      'values' in value ? value.values : value.value,
    ]),
  );
}

/** A map of no characters: 8 bytes of its first part, then one text. */
const emptyMap = Uint8Array.of(8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0);
const precompiled = (bytes: Uint8Array): Json => ({
  type: 'Precompiled',
  precompiled_charsmap: Buffer.from(bytes).toString('base64'),
});
const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' };

it("has llama.cpp's keys", async () => {
  const added = [
    { id: 0, content: '<unk>', special: true },
    { id: 1, content: '<s>', special: true },
    { id: 2, content: '</s>', special: true },
    { id: rows - 2, content: 'a mark', special: false },
  ];
  const keys = await keysOf({ added_tokens: added, normalizer: precompiled(emptyMap) });
  expect(keys.get('model')).toBe('t5');
  expect((keys.get('tokens') as string[]).slice(0, 4)).toEqual(['<unk>', '<s>', '</s>', '▁']);
  expect((keys.get('tokens') as string[]).slice(-2)).toEqual(['a mark', `[PAD${rows - 1}]`]);
  expect((keys.get('scores') as number[]).slice(3, 6)).toEqual([-3, -2, -2.5]);
  const types = keys.get('token_type') as number[];
  // llama.h: unknown 2, control 3, normal 1, user-defined 4, unused 5.
  expect([...types.slice(0, 4), ...types.slice(-2)]).toEqual([2, 3, 3, 1, 4, 5]);
  expect(keys.get('precompiled_charsmap')).toEqual([...emptyMap]);
  expect(keys.get('add_space_prefix')).toBe(true);
  expect(keys.get('remove_extra_whitespaces')).toBe(false);
  expect(keys.get('unknown_token_id')).toBe(0);
  // llama.cpp would put an end behind every text of such a tokenizer.
  expect(keys.get('add_eos_token')).toBe(false);
});

it('finds tokens that are named, and says what the post-processor puts around a text', async () => {
  const single = [
    { SpecialToken: { id: '<s>' } },
    { Sequence: { id: 'A' } },
    { SpecialToken: { id: '</s>' } },
  ];
  const keys = await keysOf(
    { post_processor: { type: 'TemplateProcessing', single }, added_tokens: [] },
    { tokenizerConfig: { bos_token: '<s>', eos_token: '</s>' } },
  );
  expect(
    ['bos_token_id', 'eos_token_id', 'add_bos_token', 'add_eos_token'].map((key) => keys.get(key)),
  ).toEqual([...[1, 2], ...[true, true]]);
});

it('tells pieces that stand for bytes', async () => {
  const vocab = [...unigramPieces.slice(0, 3), ['<0x41>', -9], ['▁', -3]];
  const model = { type: 'Unigram', unk_id: 0, vocab, byte_fallback: true };
  expect(((await keysOf({ model })).get('token_type') as number[]).slice(0, 5)).toEqual([2, 3, 3, 6, 1]);
});

it('joins spaces where words are cut at them', async () => {
  const keys = await keysOf({
    normalizer: precompiled(emptyMap),
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
  });
  expect(keys.get('remove_extra_whitespaces')).toBe(true);
});

const model = (changes: Json): Json => ({
  model: { type: 'Unigram', unk_id: 0, vocab: unigramPieces, ...changes },
});
it.each([
  ['another normalizer', { normalizer: { type: 'Lowercase' } }, /Lowercase/],
  ['another pre-tokenizer', { pre_tokenizer: { type: 'ByteLevel' } }, /ByteLevel/],
  ['spaces without a symbol', { normalizer: null, pre_tokenizer: null }, /no symbol/],
  [
    'joined spaces and none before a text',
    { pre_tokenizer: { ...metaspace, prepend_scheme: 'never' } },
    /does not begin with one/,
  ],
  ['spaces that go at the ends only', { normalizer: { type: 'Strip' } }, /others stay/],
  ['no unknown token', model({ unk_id: null }), /no unknown token/],
  ['a piece without a score', model({ vocab: [['<unk>', 0], ['a']] }), /Piece 1/],
  ['more pieces than rows', model({ vocab: [...unigramPieces, ...unigramPieces] }), /rows/],
  ['a map that is cut short', { normalizer: precompiled(emptyMap.slice(0, 9)) }, /no map of characters/],
])('refuses %s', async (_, changes, message) => {
  await expect(keysOf(changes)).rejects.toThrow(message);
});
