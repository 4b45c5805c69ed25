/** All that a GGUF file says of its tokenizer. */
import { LoupeError } from '../../errors';
import { asRecord } from '../../formats/jsonSidecar';
import { type GgufMetadataEntry, MetadataList } from '../metadataList';
import { bytePairMetadata } from './bytePair';
import { chatTemplateMetadata } from './chatTemplates';
import { beginsByDefault } from './preTokenizer';
import { isByteFallback, sentencePieceMetadata } from './sentencePiece';
import { specialTokenMetadata } from './specialTokens';
import type { TokenizerFiles } from './tokenizerFiles';
import { isUnigram, unigramDefaults, unigramMetadata } from './unigram';
import { wordPieceMetadata } from './wordPiece';

/**
 * `rows` are the embedding's. Throws `unsupported` where a tokenizer is missing or of no known kind, naming what was looked
 * for, and `malformed` where its files contradict the model.
 */
export async function tokenizerMetadata(
  files: TokenizerFiles,
  rows: number,
): Promise<readonly GgufMetadataEntry[]> {
  const vocabulary = await vocabularyMetadata(files, rows);
  const special = specialTokenMetadata(files, rows).entries;
  const stated = new Set(special.map(({ key }) => key));
  const defaults = isOnlyUnigram(files) ? unigramDefaults(files).entries : unstated(vocabulary).entries;
  return [
    ...vocabulary.entries,
    ...special,
    ...defaults.filter(({ key }) => !stated.has(key)),
    ...chatTemplateMetadata(files).entries,
  ];
}

/** What llama.cpp would take for granted by the name of the pre-tokenizer, where the tokenizer has nothing of the kind. */
function unstated(vocabulary: MetadataList): MetadataList {
  const list = new MetadataList('tokenizer.ggml');
  const pre = vocabulary.entries.find(({ key }) => key === 'tokenizer.ggml.pre')?.value;
  if (pre && 'type' in pre && beginsByDefault.has(String(pre.value))) list.flag('add_bos_token', false);
  return list;
}

/** A tokenizer.model goes first: llama.cpp reads such vocabularies by their merges. */
const isOnlyUnigram = ({ tokenizerJson, sentencePiece }: TokenizerFiles): boolean =>
  !sentencePiece && isUnigram(tokenizerJson);

async function vocabularyMetadata(files: TokenizerFiles, rows: number): Promise<MetadataList> {
  const { tokenizerJson, sentencePiece } = files;
  const model = asRecord(tokenizerJson?.model)?.type;
  if (model === 'WordPiece') return wordPieceMetadata(files, rows);
  if (sentencePiece || isByteFallback(tokenizerJson)) return sentencePieceMetadata(files, rows);
  if (isOnlyUnigram(files)) return unigramMetadata(files, rows);
  if (model === 'BPE') return bytePairMetadata(files, rows);
  throw new LoupeError(
    'unsupported',
    tokenizerJson
      ? `tokenizer.json holds a tokenizer of the kind ${JSON.stringify(model ?? null)}; byte-pair merges, WordPiece, Unigram and sentencepiece's tokenizer.model can be converted.`
      : 'There is neither a tokenizer.json nor a tokenizer.model beside the weights. Take them from where the model came from, or have transformers write them: AutoTokenizer.from_pretrained(...).save_pretrained(folder).',
  );
}
