/** BERT's vocabulary, in which pieces that go on begin with "##". */
import { LoupeError } from '../../errors';
import { asRecord } from '../../formats/jsonSidecar';
import { MetadataList } from '../metadataList';
import { vocabularyOf } from './bytePair';
import type { TokenizerFiles } from './tokenizerFiles';
import { tokenTypes } from './tokenTypes';

/** llama.cpp marks the beginning of a word instead: "##ing" becomes "ing", and "run" gets a mark before it. */
export function wordPieceMetadata({ tokenizerJson, config }: TokenizerFiles, rows: number): MetadataList {
  if (asRecord(tokenizerJson?.model)?.type !== 'WordPiece')
    throw new LoupeError('unsupported', 'tokenizer.json holds no WordPiece vocabulary.');
  const { texts, types } = vocabularyOf(tokenizerJson!, rows);
  const marked = texts.map((text, id) => {
    if (types[id] === tokenTypes.control) return text;
    return text.startsWith('##') ? text.slice(2) : `\u2581${text}`;
  });
  const list = new MetadataList('tokenizer.ggml');
  const kinds = config.type_vocab_size;
  list.u32('token_type_count', typeof kinds === 'number' ? kinds : 1);
  list.text('model', 'bert');
  list.text('pre', 'default');
  list.list('string', 'tokens', marked);
  list.list('i32', 'token_type', types);
  return list;
}
