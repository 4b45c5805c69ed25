/** Vocabularies of sentencepiece: from tokenizer.model, or from a tokenizer.json that was made of one. */
import { memorySource } from '../../bytes/byteSource';
import { LoupeError } from '../../errors';
import { ForwardCursor } from '../../formats/forwardCursor';
import { asRecord } from '../../formats/jsonSidecar';
import { nextField, readText } from '../../formats/onnx/wire';
import { MetadataList } from '../metadataList';
import { type AddedToken, addedTokensOf, isId, mergesOf, vocabularyOf } from './bytePair';
import type { JsonObject, TokenizerFiles } from './tokenizerFiles';
import { looksLikeControl, paddingToken, type TokenType, tokenTypes, type Vocabulary } from './tokenTypes';

/** Longer pieces than any vocabulary has are cut, and then refused. */
const longestPieceBytes = 4096;
/** What sentencepiece's converters give to tokens that are never merged into. */
const neverMerged = -1000;
const paddingScore = -10000;

interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: TokenType;
}

/**
 * The pieces of a tokenizer.model (sentencepiece_model.proto: ModelProto.pieces = 1, of piece = 1, score = 2, type = 3).
 * Throws `malformed` with the byte offset.
 */
async function readPieces(bytes: Uint8Array, path: string): Promise<Piece[]> {
  const cursor = new ForwardCursor(memorySource(bytes, path), { headerCapBytes: Number.MAX_SAFE_INTEGER });
  const pieces: Piece[] = [];
  for (;;) {
    const field = await nextField(cursor, bytes.length, 'the tokenizer');
    if (!field) return pieces;
    if (field.number === 1 && field.wireType === 2) pieces.push(await readPiece(cursor, field.end));
    else if (field.wireType !== 0) cursor.seek(field.end);
  }
}

async function readPiece(cursor: ForwardCursor, end: number): Promise<Piece> {
  let text = '';
  let score = 0;
  let type: TokenType = tokenTypes.normal;
  for (;;) {
    const field = await nextField(cursor, end, 'a piece');
    if (!field) return { text, score, type };
    if (field.number === 1) text = await readText(cursor, field, 'a piece', longestPieceBytes);
    else if (field.number === 2 && field.wireType === 5) {
      await cursor.fetch(4, 'a score');
      score = cursor.f32();
    } else if (field.number === 3) {
      if (!Object.values(tokenTypes).includes(field.value as TokenType))
        cursor.fail(`A piece has the unknown type ${field.value}.`, field.start);
      type = field.value as TokenType;
    } else if (field.wireType !== 0) cursor.seek(field.end);
  }
}

/** From tokenizer.model where there is one, else from tokenizer.json. Throws `malformed` and `unsupported`. */
export async function sentencePieceMetadata(files: TokenizerFiles, rows: number): Promise<MetadataList> {
  const { sentencePiece, tokenizerJson = {} } = files;
  const { texts, types, scores } = sentencePiece
    ? await fromModel(files, sentencePiece, rows)
    : fromJson(tokenizerJson, rows);
  const list = new MetadataList('tokenizer.ggml');
  list.text('model', 'llama');
  list.text('pre', 'default');
  list.list('string', 'tokens', texts);
  list.list('f32', 'scores', scores!);
  list.list('i32', 'token_type', types);
  const stated = files.tokenizerConfig?.add_prefix_space;
  // llama.cpp begins texts with a space unless it is told.
  if (typeof stated === 'boolean') list.flag('add_space_prefix', stated);
  else if (!sentencePiece && !beginsWithSpace(tokenizerJson)) list.flag('add_space_prefix', false);
  return list;
}

/** Whether a tokenizer.json puts a space before a text. */
function beginsWithSpace(tokenizer: JsonObject): boolean {
  const steps = [tokenizer.normalizer, tokenizer.pre_tokenizer].flatMap((node): JsonObject[] => {
    const whole = asRecord(node);
    const list = whole?.normalizers ?? whole?.pretokenizers;
    return (Array.isArray(list) ? list.map(asRecord) : [whole]).filter((step) => step !== undefined);
  });
  return steps.some(
    ({ type, prepend_scheme: scheme, add_prefix_space: adds }) =>
      type === 'Prepend' ||
      (type === 'Metaspace' && (scheme ?? (adds === false ? 'never' : 'always')) !== 'never'),
  );
}

async function fromModel(files: TokenizerFiles, bytes: Uint8Array, rows: number): Promise<Vocabulary> {
  const pieces = await readPieces(bytes, files.sentencePiecePath ?? 'tokenizer.model');
  if (pieces.length === 0)
    throw new LoupeError('malformed', 'tokenizer.model holds no pieces.', { file: files.sentencePiecePath });
  const texts = Array.from({ length: rows }, (_, id) => pieces[id]?.text ?? paddingToken(id));
  const types = Array.from({ length: rows }, (_, id) => pieces[id]?.type ?? tokenTypes.unused);
  const scores = Array.from({ length: rows }, (_, id) => pieces[id]?.score ?? paddingScore);
  const replace = (id: unknown, text: string, type: TokenType): void => {
    if (!isId(id) || id >= rows) return;
    texts[id] = text;
    types[id] = type;
    scores[id] = neverMerged;
  };
  for (const [text, id] of Object.entries(files.addedTokens ?? {})) replace(id, text, tokenTypes.userDefined);
  // llama.cpp knows Phi-3's added tokens by their texts, and mends what is amiss with them itself.
  const isPhi3 = files.config.model_type === 'phi3';
  for (const { id, content, isSpecial } of addedOf(files)) {
    const isControl = isSpecial || (!isPhi3 && looksLikeControl(content));
    const text = isControl || isPhi3 ? content : content.replaceAll('\u2581', ' ');
    replace(id, text, isControl ? tokenTypes.control : tokenTypes.userDefined);
  }
  return { texts, types, scores };
}

/** Tokens that were added to the pieces: tokenizer_config.json lists them, which newer ones leave to tokenizer.json. */
function addedOf({ tokenizerConfig, tokenizerJson }: TokenizerFiles): AddedToken[] {
  const listed = asRecord(tokenizerConfig?.added_tokens_decoder);
  if (!listed) return addedTokensOf(tokenizerJson);
  return Object.entries(listed).flatMap(([id, entry]): AddedToken[] => {
    const token = asRecord(entry);
    if (typeof token?.content !== 'string' || !/^\d{1,9}$/.test(id)) return [];
    return [{ id: Number(id), content: token.content, isSpecial: token.special === true }];
  });
}

/**
 * A tokenizer.json of byte-pair merges with a fallback to bytes says the same as a tokenizer.model: tokens of an earlier merge
 * come first, so that the number of the merge is the score.
 */
function fromJson(tokenizer: JsonObject, rows: number): Vocabulary {
  const { texts, types } = vocabularyOf(tokenizer, rows);
  const ids = new Map(texts.map((text, id) => [text, id]));
  const scores = new Array<number>(rows).fill(neverMerged * 1000);
  for (const [rank, merge] of mergesOf(tokenizer).entries()) {
    const id = ids.get(merge.replace(' ', ''));
    if (id !== undefined && scores[id] === neverMerged * 1000) scores[id] = -rank;
  }
  const special = new Set(addedTokensOf(tokenizer).map(({ id }) => id));
  const unknown = asRecord(tokenizer.model)?.unk_token;
  for (const [id, text] of texts.entries()) {
    if (special.has(id)) scores[id] = neverMerged;
    if (/^<0x[0-9A-Fa-f]{2}>$/.test(text)) types[id] = tokenTypes.byte;
    if (text === unknown) types[id] = tokenTypes.unknown;
  }
  return { texts, types, scores };
}

/** Whether a tokenizer.json was made of a sentencepiece model: merges with a fallback to bytes. */
export const isByteFallback = (tokenizer: JsonObject | undefined): boolean =>
  asRecord(tokenizer?.model)?.byte_fallback === true && asRecord(tokenizer?.model)?.type === 'BPE';
