/**
 * Vocabularies of Unigram tokenizers, from tokenizer.json: llama.cpp calls the kind "t5", and like the original it looks for the pieces of
 * highest total score (llama-vocab.cpp, llm_tokenizer_ugm). It knows one normalizer, sentencepiece's precompiled map of characters, and
 * whether runs of spaces become one and a text begins with one. Everything else is refused: tokens would change silently.
 */
import { Buffer } from 'node:buffer';
import { LoupeError } from '../../errors';
import { asRecord } from '../../formats/jsonSidecar';
import { MetadataList } from '../metadataList';
import { addedTokensOf, isId } from './bytePair';
import type { JsonObject, TokenizerFiles } from './tokenizerFiles';
import { looksLikeControl, paddingToken, type TokenType, tokenTypes } from './tokenTypes';

/** What llama.cpp's converter gives to numbers without a piece, and to tokens that were added behind the pieces. */
const paddingScore = -10000;
const addedScore = -1000;
const space = '\u2581';

export const isUnigram = (tokenizer: JsonObject | undefined): boolean =>
  asRecord(tokenizer?.model)?.type === 'Unigram';

/** A piece's text and its score, by number. Throws `malformed` for a vocabulary that is none. */
function piecesOf(tokenizer: JsonObject, rows: number): readonly (readonly [string, number])[] {
  const vocabulary = asRecord(tokenizer.model)?.vocab;
  if (!Array.isArray(vocabulary) || vocabulary.length === 0)
    throw new LoupeError('malformed', 'tokenizer.json holds no list of pieces and scores.');
  if (vocabulary.length > rows)
    throw new LoupeError(
      'malformed',
      `tokenizer.json holds ${vocabulary.length} pieces, and the model has ${rows} rows.`,
    );
  return vocabulary.map((entry, at) => {
    const [text, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof text === 'string' && typeof score === 'number') return [text, score] as const;
    throw new LoupeError('malformed', `Piece ${at} of tokenizer.json is no text with a score.`);
  });
}

interface Normalization {
  readonly charsmap: Uint8Array | undefined;
  /** Runs of spaces become one; those around a text go. */
  readonly mergesSpaces: boolean;
  readonly beginsWithSpace: boolean;
}

function refuse(what: string): never {
  throw new LoupeError(
    'unsupported',
    `tokenizer.json has a step that llama.cpp does not know for Unigram tokenizers: ${what.slice(0, 200)}. Known are a precompiled map of characters, the joining of spaces, and Metaspace.`,
  );
}

/** Steps in their order, those within a sequence too. */
function stepsOf(node: JsonObject | undefined, inner: string): JsonObject[] {
  if (!node) return [];
  if (node.type !== 'Sequence') return [node];
  const list = node[inner];
  return Array.isArray(list) ? list.flatMap((step) => stepsOf(asRecord(step), inner)) : [];
}

/** The map as sentencepiece makes it: the length of its first part, that part, and texts. */
function charsmapOf(step: JsonObject): Uint8Array | undefined {
  const text = step.precompiled_charsmap;
  if (text === null || text === undefined || text === '') return undefined;
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  const first = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
  if (first === 0 || first % 4 !== 0 || first + 4 >= bytes.length)
    throw new LoupeError('malformed', "tokenizer.json's precompiled_charsmap is no map of characters.");
  return bytes;
}

function patternOf(step: JsonObject): string {
  const pattern = asRecord(step.pattern);
  return String(pattern?.Regex ?? pattern?.String ?? '');
}

const joinsSpaces = (step: JsonObject): boolean =>
  (step.content === ' ' || step.content === space) &&
  [' {2,}', '  ', ' +', '(?: {2,})'].includes(patternOf(step));

/** Throws `unsupported` for steps that llama.cpp does not know. */
function normalizationOf(tokenizer: JsonObject): Normalization {
  let charsmap: Uint8Array | undefined;
  let [merges, begins, marks, strips] = [false, false, false, false];
  for (const [at, step] of stepsOf(asRecord(tokenizer.normalizer), 'normalizers').entries()) {
    if (step.type === 'Precompiled' && at === 0) charsmap = charsmapOf(step);
    else if (step.type === 'Replace' && joinsSpaces(step)) merges = true;
    else if (step.type === 'Replace' && step.content === space && patternOf(step) === ' ') marks = true;
    else if (step.type === 'Prepend' && step.prepend === space) begins = true;
    else if (step.type === 'Strip') strips = true;
    else refuse(JSON.stringify({ ...step, precompiled_charsmap: undefined }));
  }
  for (const step of stepsOf(asRecord(tokenizer.pre_tokenizer), 'pretokenizers')) {
    if (step.type === 'WhitespaceSplit') merges = true;
    else if (step.type === 'Metaspace' && step.replacement === space) {
      marks = true;
      begins ||= (step.prepend_scheme ?? (step.add_prefix_space === false ? 'never' : 'always')) !== 'never';
    } else refuse(JSON.stringify(step));
  }
  if (!marks) refuse('spaces that have no symbol of their own');
  if (strips && !merges) refuse('spaces around a text that go while others stay');
  if (merges && !begins) refuse('spaces that are joined in a text that does not begin with one');
  return { charsmap, mergesSpaces: merges, beginsWithSpace: begins };
}

/** Throws `unsupported` for what llama.cpp cannot do, naming it, and `malformed` where the files contradict each other. */
export function unigramMetadata({ tokenizerJson, config }: TokenizerFiles, rows: number): MetadataList {
  const tokenizer = tokenizerJson!;
  const model = asRecord(tokenizer.model);
  const pieces = piecesOf(tokenizer, rows);
  const unknown = model?.unk_id;
  if (!isId(unknown) || unknown >= pieces.length)
    throw new LoupeError(
      'unsupported',
      'The Unigram tokenizer of tokenizer.json has no unknown token, without which llama.cpp cannot read what no piece covers.',
    );
  const { charsmap, mergesSpaces, beginsWithSpace } = normalizationOf(tokenizer);
  const texts = Array.from({ length: rows }, (_, id) => pieces[id]?.[0] ?? paddingToken(id));
  const scores = Array.from({ length: rows }, (_, id) => pieces[id]?.[1] ?? paddingScore);
  const isByte = (text: string) => model?.byte_fallback === true && /^<0x[0-9A-F]{2}>$/.test(text);
  const types = Array.from({ length: rows }, (_, id): TokenType => {
    if (id >= pieces.length) return tokenTypes.unused;
    return isByte(texts[id]!) ? tokenTypes.byte : tokenTypes.normal;
  });
  for (const { id, content, isSpecial } of addedTokensOf(tokenizer)) {
    if (id >= rows)
      throw new LoupeError('malformed', `tokenizer.json adds token ${id}, and the model has ${rows} rows.`);
    texts[id] = content;
    types[id] = isSpecial || looksLikeControl(content) ? tokenTypes.control : tokenTypes.userDefined;
    if (id >= pieces.length) scores[id] = addedScore;
  }
  types[unknown] = tokenTypes.unknown;
  const list = new MetadataList('tokenizer.ggml');
  // BERT's architecture has embeddings of kinds of tokens, and llama.cpp checks how many.
  list.u32(
    'token_type_count',
    typeof config.type_vocab_size === 'number' ? config.type_vocab_size : undefined,
  );
  list.text('model', 't5');
  list.text('pre', 'default');
  list.list('string', 'tokens', texts);
  list.list('f32', 'scores', scores);
  list.list('i32', 'token_type', types);
  list.flag('add_space_prefix', beginsWithSpace);
  list.flag('remove_extra_whitespaces', mergesSpaces);
  if (charsmap) list.list('u8', 'precompiled_charsmap', [...charsmap]);
  return list;
}

/** What llama.cpp would take for granted of this kind of tokenizer (an end, and number 2 as the unknown token), said as it is. */
export function unigramDefaults({ tokenizerJson }: TokenizerFiles): MetadataList {
  const list = new MetadataList('tokenizer.ggml');
  const unknown = asRecord(tokenizerJson?.model)?.unk_id;
  list.u32('unknown_token_id', isId(unknown) ? unknown : undefined);
  list.flag('add_bos_token', false);
  list.flag('add_eos_token', false);
  return list;
}
