import { describe, expect, it } from 'vitest';
import { config, convert, type Json, plain } from './madeUp';

/** A field of a protocol buffer: a length and bytes, or a number of four bytes, or a small number. */
const field = (number: number, bytes: Uint8Array): Uint8Array =>
  Uint8Array.of((number << 3) | 2, bytes.length, ...bytes);

/** A tokenizer.model of these pieces (sentencepiece_model.proto). */
function sentencePiece(pieces: readonly (readonly [string, number, number])[]): Uint8Array {
  return Uint8Array.from(
    pieces.flatMap(([text, score, type]) => {
      const float = new Uint8Array(Float32Array.of(score).buffer);
      const piece = [...field(1, new TextEncoder().encode(text)), (2 << 3) | 5, ...float, 3 << 3, type];
      return [...field(1, Uint8Array.from(piece))];
    }),
  );
}
const model = sentencePiece([
  ['<unk>', 0, 2],
  ['<s>', 0, 3],
  ['\u2581a', -1, 1],
]);
const added = [
  { id: 3, content: '<|im|>', special: false },
  { id: 4, content: '\u2581x', special: false },
];

describe('tokens that were added to a tokenizer.model', () => {
  const made = (files: Json) =>
    convert({ tokenizerJson: undefined, sentencePiece: model, ...files }).then(plain);

  it('are listed by tokenizer_config.json, or by tokenizer.json where newer transformers wrote it', async () => {
    const decoder = Object.fromEntries(added.map(({ id, ...token }) => [id, token]));
    const older = await made({ tokenizerConfig: { added_tokens_decoder: decoder } });
    const newer = await made({ tokenizerConfig: {}, tokenizerJson: { added_tokens: added } });
    for (const keys of [older, newer]) {
      expect(keys.get('tokenizer.ggml.tokens')).toEqual(['<unk>', '<s>', '\u2581a', '<|im|>', ' x']);
      expect(keys.get('tokenizer.ggml.token_type')).toEqual([2, 3, 1, 3, 4]);
      expect(keys.get('tokenizer.ggml.scores')).toEqual([0, 0, -1, -1000, -1000]);
    }
  });

  it("keep Phi-3's texts as they are, which llama.cpp knows them by", async () => {
    const phi = { ...config, model_type: 'phi3', max_position_embeddings: 16 };
    const keys = await made({ config: phi, tokenizerJson: { added_tokens: added } });
    expect(keys.get('tokenizer.ggml.tokens')).toEqual(['<unk>', '<s>', '\u2581a', '<|im|>', '\u2581x']);
    expect(keys.get('tokenizer.ggml.token_type')).toEqual([2, 3, 1, 4, 4]);
  });
});

describe('the space before a text', () => {
  const bytePairs = (rest: Json): Json => ({
    ...rest,
    model: { type: 'BPE', byte_fallback: true, vocab: { a: 0 }, merges: [] },
  });
  const prepend = { type: 'Prepend', prepend: '\u2581' };
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' };
  it.each([
    [{ normalizer: { type: 'Sequence', normalizers: [prepend, replace] } }, {}, undefined],
    [{ normalizer: replace }, {}, false],
    [{ pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'first' } }, {}, undefined],
    [{ pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'never' } }, {}, false],
    [{ pre_tokenizer: { type: 'Metaspace', add_prefix_space: false } }, {}, false],
    [{ normalizer: replace }, { add_prefix_space: true }, true],
  ])(
    'is told where llama.cpp would put one that the tokenizer does not: %j %j',
    async (rest, stated, expected) => {
      const keys = plain(await convert({ tokenizerJson: bytePairs(rest), tokenizerConfig: stated }));
      expect(keys.get('tokenizer.ggml.add_space_prefix')).toBe(expected);
    },
  );
});
