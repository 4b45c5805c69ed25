/** Tokens with a meaning of their own, whether they are put around a text, and the template of a chat. */
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
  for (const kind of kindNames) {
    const key = kinds[kind];
    if (key === undefined) continue;
    const text = texts.get(kind);
    const own = text === undefined ? undefined : (added.get(text) ?? ownId(vocabulary, text));
    const stated = config[`${kind}_token_id`];
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

/** What the post-processor puts around a text. A template names tokens that the config left out. */
function tokensAround(tokenizer: JsonObject | undefined, texts: Map<Kind, string>): Map<Kind, boolean> {
  const around = new Map<Kind, boolean>();
  const whole = asRecord(tokenizer?.post_processor);
  const inner = Array.isArray(whole?.processors) ? whole.processors.map(asRecord) : [whole];
  for (const processor of inner) {
    if (processor?.type === 'RobertaProcessing') {
      for (const kind of ['bos', 'eos', 'sep'] as const) around.set(kind, true);
    }
    if (processor?.type !== 'TemplateProcessing' || !Array.isArray(processor.single)) continue;
    const { single } = processor;
    if (single.length < 2) continue;
    const first = asRecord(asRecord(single[0])?.SpecialToken)?.id;
    const last = asRecord(asRecord(single.at(-1))?.SpecialToken)?.id;
    if (typeof first === 'string') {
      if (!texts.has('bos')) texts.set('bos', first);
      around.set('bos', first === texts.get('bos') || first === texts.get('cls'));
    }
    if (typeof last === 'string') {
      if (!texts.has('eos')) texts.set('eos', last);
      around.set('eos', last === texts.get('eos'));
    }
  }
  return around;
}

/** Under "tokenizer": one template, or several with names. */
export function chatTemplateMetadata({ tokenizerConfig, chatTemplate }: TokenizerFiles): MetadataList {
  const list = new MetadataList('tokenizer');
  const stated = tokenizerConfig?.chat_template ?? chatTemplate;
  if (typeof stated === 'string') list.text('chat_template', stated);
  if (!Array.isArray(stated)) return list;
  const named = stated.flatMap((entry) => {
    const { name, template } = asRecord(entry) ?? {};
    return typeof name === 'string' && typeof template === 'string' ? [{ name, template }] : [];
  });
  const others = named.filter(({ name }) => name !== 'default');
  if (others.length > 0)
    list.list(
      'string',
      'chat_templates',
      others.map(({ name }) => plainName(name)),
    );
  for (const { name, template } of others) list.text(`chat_template.${plainName(name)}`, template);
  list.text('chat_template', named.find(({ name }) => name === 'default')?.template);
  return list;
}

/** A key's part has lower-case letters, digits and underscores only. */
const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9_]/g, '_');
