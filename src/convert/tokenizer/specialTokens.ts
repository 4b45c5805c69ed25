/** Tokens with a meaning of their own, and whether they are put around a text. */
import { asRecord } from '../../formats/jsonSidecar';
import { MetadataList } from '../metadataList';
import { addedTokensOf, isId } from './bytePair';
import type { JsonObject, TokenizerFiles } from './tokenizerFiles';

/** As configs say it, and GGUF's key: its "seperator" is spelled so. */
const kinds = {
  bos: 'bos_token_id',
  eos: 'eos_token_id',
  unk: 'unknown_token_id',
  sep: 'seperator_token_id',
  pad: 'padding_token_id',
  cls: undefined,
  mask: 'mask_token_id',
  // Ends that a tokenizer's own template puts another one in the place of.
  eot: 'eot_token_id',
} as const;
type Kind = keyof typeof kinds;
const kindNames = Object.keys(kinds) as Kind[];

/** Numbers beyond the model's rows are left out. */
export function specialTokenMetadata(files: TokenizerFiles, rows: number): MetadataList {
  const { tokenizerJson, tokenizerConfig, config } = files;
  const list = new MetadataList('tokenizer.ggml');
  const texts = namedTokens(tokenizerConfig);
  const around = tokensAround(tokenizerJson, texts);
  const added = new Map(addedTokensOf(tokenizerJson).map(({ content, id }) => [content, id]));
  const vocabulary = asRecord(tokenizerJson?.model)?.vocab;
  // Models that also see keep the language model's figures one level down.
  const inner = asRecord(config.text_config);
  for (const kind of kindNames) {
    const key = kinds[kind];
    if (key === undefined) continue;
    const text = texts.get(kind);
    const own = text === undefined ? undefined : (added.get(text) ?? ownId(vocabulary, text));
    const stated = config[`${kind}_token_id`] ?? inner?.[`${kind}_token_id`];
    // Some configs list several ends of a text; the first is the one.
    const id = own ?? (Array.isArray(stated) ? stated[0] : stated);
    if (isId(id) && id < rows) list.u32(key, id);
  }
  for (const kind of ['bos', 'eos', 'sep'] as const) {
    const stated = tokenizerConfig?.[`add_${kind}_token`];
    list.flag(`add_${kind}_token`, typeof stated === 'boolean' ? stated : around.get(kind));
  }
  return list;
}

/** In an object of numbers by text, or in a list of texts with their scores. */
function ownId(vocabulary: unknown, text: string): unknown {
  if (Array.isArray(vocabulary)) {
    const at = vocabulary.findIndex((entry) => Array.isArray(entry) && entry[0] === text);
    return at < 0 ? undefined : at;
  }
  const named = asRecord(vocabulary);
  return named && Object.hasOwn(named, text) ? named[text] : undefined;
}

/** Texts of the special tokens in tokenizer_config.json: plain, or within an object. */
function namedTokens(tokenizerConfig: JsonObject | undefined): Map<Kind, string> {
  const texts = new Map<Kind, string>();
  for (const kind of kindNames) {
    const entry = tokenizerConfig?.[`${kind}_token`];
    const text = asRecord(entry)?.content ?? entry;
    if (typeof text === 'string') texts.set(kind, text);
  }
  // BERT's beginning and end go by other names.
  if (!texts.has('bos') && texts.has('cls')) texts.set('bos', texts.get('cls')!);
  if (!texts.has('eos') && texts.has('sep')) texts.set('eos', texts.get('sep')!);
  return texts;
}

type Around = Map<'bos' | 'eos' | 'sep', boolean>;

/** What the post-processor puts around a text, and between two. A template names tokens that the config left out. */
function tokensAround(tokenizer: JsonObject | undefined, texts: Map<Kind, string>): Around {
  const around: Around = new Map();
  const whole = asRecord(tokenizer?.post_processor);
  const inner = Array.isArray(whole?.processors) ? whole.processors.map(asRecord) : [whole];
  for (const processor of inner) {
    if (processor?.type === 'RobertaProcessing')
      for (const kind of ['bos', 'eos', 'sep'] as const) around.set(kind, true);
    if (processor?.type === 'TemplateProcessing') readTemplate(processor, texts, around);
  }
  return around;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The text of a special token in a template; undefined for one of the texts that it is about. */
function specialIn(piece: unknown): string | undefined {
  const id = asRecord(asRecord(piece)?.SpecialToken)?.id;
  return typeof id === 'string' ? id : undefined;
}

function readTemplate(processor: JsonObject, texts: Map<Kind, string>, around: Around): void {
  const single = listOf(processor.single);
  const first = single.length > 1 ? specialIn(single[0]) : undefined;
  const last = single.length > 1 ? specialIn(single.at(-1)) : undefined;
  if (first !== undefined) {
    if (!texts.has('bos')) texts.set('bos', first);
    around.set('bos', first === texts.get('bos') || first === texts.get('cls'));
  }
  if (last !== undefined) {
    const stated = texts.get('eos');
    // The end of a turn in a chat, where the template's is that of a text.
    if (stated !== undefined && stated !== last && !texts.has('eot')) texts.set('eot', stated);
    texts.set('eos', last);
    around.set('eos', true);
  }
  const separates = separatesPair(listOf(processor.pair), { first, last }, texts);
  if (separates === undefined) return;
  around.set('sep', separates);
  if (separates && !texts.has('sep') && texts.has('eos')) texts.set('sep', texts.get('eos')!);
}

/**
 * Whether a separator stands between two texts besides the end of the first one: "A [sep] B", or "A [eos] [sep] B" where a text has
 * its end. undefined for a template that tells nothing of it.
 */
function separatesPair(
  pair: readonly unknown[],
  { first, last }: { first: string | undefined; last: string | undefined },
  texts: ReadonlyMap<Kind, string>,
): boolean | undefined {
  const from = first !== undefined && specialIn(pair[0]) === first ? 1 : 0;
  const to = last !== undefined && specialIn(pair.at(-1)) === last ? -1 : pair.length;
  const whole = pair.slice(from, to);
  const sequence = (piece: unknown): unknown => asRecord(asRecord(piece)?.Sequence)?.id;
  if (sequence(whole[0]) !== 'A' || sequence(whole.at(-1)) !== 'B') return undefined;
  const between = whole.slice(1, -1);
  if (between.length === 0) return undefined;
  const isSeparator = (text: string | undefined): boolean =>
    text !== undefined && (text === texts.get('sep') || text === texts.get('eos'));
  const [one, two] = between.map(specialIn);
  if (isSeparator(one) && last === undefined) return true;
  return between.length === 2 && isSeparator(two);
}
