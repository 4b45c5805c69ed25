/** Vocabularies of byte-pair tokenizers, from tokenizer.json. */
import { LoupeError } from '../../errors';
import { asRecord } from '../../formats/jsonSidecar';
import { MetadataList } from '../metadataList';
import { preTokenizerName } from './preTokenizer';
import type { JsonObject, TokenizerFiles } from './tokenizerFiles';
import { looksLikeControl, paddingToken, tokenTypes, type Vocabulary } from './tokenTypes';

/** An entry of `added_tokens`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly isSpecial: boolean;
}

export function addedTokensOf(tokenizer: JsonObject | undefined): AddedToken[] {
  const list = Array.isArray(tokenizer?.added_tokens) ? tokenizer.added_tokens : [];
  return list.flatMap((entry) => {
    const token = asRecord(entry);
    if (typeof token?.content !== 'string' || !isId(token.id)) return [];
    return [{ id: token.id, content: token.content, isSpecial: token.special === true }];
  });
}

export const isId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/**
 * Tokens by number as far as the model has rows. Numbers without a token are padding. Throws `malformed` for a vocabulary
 * that is none, or has more tokens than the model has rows.
 */
export function vocabularyOf(tokenizer: JsonObject, rows: number): Vocabulary {
  const model = asRecord(tokenizer.model);
  const vocabulary = asRecord(model?.vocab);
  if (!vocabulary)
    throw new LoupeError('malformed', 'tokenizer.json holds no vocabulary of tokens and numbers.');
  const texts: string[] = Array.from({ length: rows }, (_, id) => paddingToken(id));
  const types = new Array<Vocabulary['types'][number]>(rows).fill(tokenTypes.unused);
  const place = (id: unknown, text: string): id is number => {
    if (isId(id) && id < rows) return true;
    throw new LoupeError(
      'malformed',
      `tokenizer.json gives ${JSON.stringify(text.slice(0, 60))} the number ${JSON.stringify(id)}, and the model has ${rows} rows.`,
    );
  };
  for (const [text, id] of Object.entries(vocabulary)) {
    if (!place(id, text)) continue;
    texts[id] = text;
    types[id] = tokenTypes.normal;
  }
  for (const { id, content, isSpecial } of addedTokensOf(tokenizer)) {
    if (!place(id, content)) continue;
    const isControl = isSpecial || looksLikeControl(content);
    // llama.cpp takes user-defined tokens as they stand in the text, where a space is a space.
    texts[id] = isControl ? content : content.replaceAll('\u2581', ' ');
    types[id] = isControl ? tokenTypes.control : tokenTypes.userDefined;
  }
  return { texts, types };
}

/** Pairs that are merged, the first first: "a b". A space within a part is written as the byte's letter. */
export function mergesOf(tokenizer: JsonObject): string[] {
  const merges = asRecord(tokenizer.model)?.merges;
  if (!Array.isArray(merges)) return [];
  return merges.map((merge, at) => {
    if (typeof merge === 'string') return merge;
    if (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string'))
      return merge.map((part: string) => part.replaceAll(' ', 'Ġ')).join(' ');
    throw new LoupeError('malformed', `Merge ${at} of tokenizer.json is no pair of texts.`);
  });
}

/** llama.cpp's pieces have no marks for where in a word they stand. Throws `unsupported` for those of CLIP's kind. */
function assertPlainPieces(model: JsonObject | undefined): void {
  for (const mark of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    const text = model?.[mark];
    if (typeof text === 'string' && text !== '')
      throw new LoupeError(
        'unsupported',
        `tokenizer.json marks pieces within words ("${mark}" is ${JSON.stringify(text.slice(0, 60))}), which llama.cpp does not know for byte-pair tokenizers.`,
      );
  }
}

/** Of GPT-2's kind: bytes as letters. Throws as the parts do. */
export function bytePairMetadata(files: TokenizerFiles, rows: number): MetadataList {
  const { tokenizerJson, tokenizerConfig } = files;
  if (!tokenizerJson) throw new LoupeError('unsupported', 'There is no tokenizer.json.');
  assertPlainPieces(asRecord(tokenizerJson.model));
  const list = new MetadataList('tokenizer.ggml');
  const { texts, types } = vocabularyOf(tokenizerJson, rows);
  list.text('model', 'gpt2');
  list.text('pre', preTokenizerName(tokenizerJson, tokenizerConfig));
  list.list('string', 'tokens', texts);
  list.list('i32', 'token_type', types);
  list.list('string', 'merges', mergesOf(tokenizerJson));
  return list;
}
