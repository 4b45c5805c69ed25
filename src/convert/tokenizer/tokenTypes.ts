/** What a token is to llama.cpp (llama.h, llama_token_type); sentencepiece uses the same numbers. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
export type TokenType = (typeof tokenTypes)[keyof typeof tokenTypes];

/** The tokens of a vocabulary, by their numbers. */
export interface Vocabulary {
  readonly texts: string[];
  readonly types: TokenType[];
  /** Of sentencepiece models: tokens of higher score are merged first. */
  readonly scores?: number[] | undefined;
}

/** Some vocabularies list control tokens as ordinary added ones; their spelling gives them away. */
export function looksLikeControl(text: string): boolean {
  return (
    ['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(text) ||
    (text.startsWith('<|') && text.endsWith('|>')) ||
    (text.startsWith('<\uff5c') && text.endsWith('\uff5c>')) ||
    (text.startsWith('<unused') && text.endsWith('>'))
  );
}

/** The text of a number that the model has a row for and the tokenizer no token. */
export const paddingToken = (id: number): string => `[PAD${id}]`;
