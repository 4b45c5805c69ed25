/** BERT's vocabulary, in which pieces that go on begin with "##". */
import { LoupeError } from '../../errors';
import { asRecord } from '../../formats/jsonSidecar';
import { MetadataList } from '../metadataList';
import { vocabularyOf } from './bytePair';
import type { JsonObject, TokenizerFiles } from './tokenizerFiles';
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
  // BERT has two where nothing is said, DistilBERT no such embedding.
  const kinds = config.type_vocab_size ?? (config.model_type === 'bert' ? 2 : 1);
  list.u32('token_type_count', typeof kinds === 'number' ? kinds : 1);
  list.text('model', 'bert');
  list.text('pre', 'default');
  list.list('string', 'tokens', marked);
  list.list('i32', 'token_type', types);
  const { lowers, strips } = normalization(asRecord(tokenizerJson?.normalizer));
  list.flag('normalizer.lowercase', lowers);
  list.flag('normalizer.strip_accents', strips);
  return list;
}

interface Normalization {
  readonly lowers: boolean;
  /** undefined: as `lowers`. */
  readonly strips: boolean | undefined;
}

/** Steps that llama.cpp makes anyway, or that come to what the others do. */
const harmless: ReadonlySet<unknown> = new Set(['NFD', 'NFC']);

/** What becomes of letters before text is cut; llama.cpp lowers them unless it is told. Throws `unsupported` for other steps. */
function normalization(node: JsonObject | undefined): Normalization {
  if (node?.type === 'BertNormalizer') {
    const { lowercase, strip_accents: strips } = node;
    return { lowers: lowercase !== false, strips: typeof strips === 'boolean' ? strips : undefined };
  }
  const [steps, list] = [node?.type === 'Sequence' ? node.normalizers : [node], [] as unknown[]];
  for (const step of Array.isArray(steps) ? steps.map(asRecord) : []) {
    if (step?.type === 'BertNormalizer') return normalization(step);
    if (step !== undefined && !harmless.has(step.type)) list.push(step.type);
  }
  const other = list.find((type) => type !== 'Lowercase' && type !== 'StripAccents');
  if (other !== undefined)
    throw new LoupeError(
      'unsupported',
      `tokenizer.json changes texts in a way that llama.cpp does not do for WordPiece: ${JSON.stringify(other).slice(0, 60)}. Known are lower case and the loss of accents.`,
    );
  return { lowers: list.includes('Lowercase'), strips: list.includes('StripAccents') };
}
