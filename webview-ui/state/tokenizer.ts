/** What a checkpoint says about its tokenizer, from GGUF keys or the JSON files beside the weights. */
import type { Catalogue, MetadataValue } from '../../src/protocol/engineApi';
import { formatInteger } from './format';

export interface SpecialToken {
  /** "bos", "eos", "padding" ... */
  readonly role: string;
  readonly id?: number | undefined;
  readonly text?: string | undefined;
}

export interface TokenArray {
  /** Key of the metadata array that holds the tokens. */
  readonly key: string;
  readonly length: number;
  /** Key of an array of the same length with ggml's token types. */
  readonly typesKey?: string | undefined;
}

export interface TokenizerSummary {
  /** "llama (SentencePiece)", "LlamaTokenizerFast" ... */
  readonly kind: string;
  readonly vocabulary?: number | undefined;
  readonly specials: readonly SpecialToken[];
  /** Further facts as label and value. */
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  /** Chat templates: Jinja source that is shown and never run. */
  readonly templates: readonly { readonly name: string; readonly text: string }[];
  /** The tokens to page through. */
  readonly tokens?: TokenArray | undefined;
  /** Tokens that are all here, such as those of added_tokens_decoder. */
  readonly added: readonly { readonly id: number; readonly text: string; readonly special: boolean }[];
}

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** llama.cpp's names of its tokenizers, in words. */
const ggmlKinds: Readonly<Record<string, string>> = {
  llama: 'llama (SentencePiece)',
  gpt2: 'gpt2 (byte-level BPE)',
  bert: 'bert (WordPiece)',
  t5: 't5 (Unigram)',
  rwkv: 'rwkv',
  plamo2: 'plamo2',
  no_vocab: 'none',
};

/** ggml's llama_token_type. */
export const tokenTypes: readonly string[] = [
  'undefined',
  'normal',
  'unknown',
  'control',
  'user defined',
  'unused',
  'byte',
];

const ggml = 'tokenizer.ggml.';

function ggufTokenizer(catalogue: Catalogue): TokenizerSummary | undefined {
  const entries = new Map(catalogue.metadata.map((entry) => [entry.key, entry.value]));
  if (![...entries.keys()].some((key) => key.startsWith('tokenizer.'))) return undefined;
  const array = (key: string) => {
    const value: MetadataValue | undefined = entries.get(key);
    return typeof value === 'object' ? value : undefined;
  };
  const tokens = array(`${ggml}tokens`);
  const specials: SpecialToken[] = [];
  const facts: { label: string; value: string }[] = [];
  const templates: { name: string; text: string }[] = [];
  const pre = entries.get(`${ggml}pre`);
  if (pre !== undefined && typeof pre !== 'object')
    facts.push({ label: 'Pre-tokenizer', value: String(pre) });
  const merges = array(`${ggml}merges`);
  if (merges) facts.push({ label: 'Merges', value: formatInteger(merges.length) });
  for (const [key, value] of entries) {
    const id = /^tokenizer\.ggml\.(\w+?)_token_id$/.exec(key)?.[1];
    if (id !== undefined && typeof value === 'number') {
      const text = tokens?.head[value];
      specials.push({ role: id, id: value, ...(text === undefined ? {} : { text: String(text) }) });
    }
    const flag = /^tokenizer\.ggml\.(add_\w+|remove_\w+|escape_\w+)$/.exec(key)?.[1];
    if (flag !== undefined && typeof value !== 'object')
      facts.push({
        label: flag.replaceAll('_', ' '),
        value: value === true ? 'yes' : value === false ? 'no' : String(value),
      });
    const template = /^tokenizer\.chat_template(?:\.(.+))?$/.exec(key);
    if (template && typeof value === 'string')
      templates.push({ name: template[1] ?? 'default', text: value });
  }
  const model = entries.get(`${ggml}model`);
  const name = typeof model === 'string' ? model : undefined;
  return {
    kind: name === undefined ? 'not named' : Object.hasOwn(ggmlKinds, name) ? ggmlKinds[name]! : name,
    vocabulary: tokens?.length,
    specials,
    facts,
    templates,
    tokens: tokens && {
      key: `${ggml}tokens`,
      length: tokens.length,
      ...(array(`${ggml}token_type`)?.length === tokens.length ? { typesKey: `${ggml}token_type` } : {}),
    },
    added: [],
  };
}

/** A special token is a string, or an object that holds it as `content`. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isObject(value) && typeof value.content === 'string' ? value.content : undefined;
}

function templatesOf(value: unknown): { name: string; text: string }[] {
  if (typeof value === 'string') return [{ name: 'default', text: value }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry) =>
    isObject(entry) && typeof entry.name === 'string' && typeof entry.template === 'string'
      ? [{ name: entry.name, text: entry.template }]
      : [],
  );
}

function sidecarTokenizer(catalogue: Catalogue): TokenizerSummary | undefined {
  const sidecar = (name: string) => catalogue.sidecars?.find((file) => file.name === name)?.value;
  const config = sidecar('tokenizer_config.json');
  const full = sidecar('tokenizer.json');
  if (!config && !full) return undefined;
  const model = isObject(full?.model) ? full.model : undefined;
  const vocabulary = isObject(model?.vocab)
    ? Object.keys(model.vocab).length
    : Array.isArray(model?.vocab)
      ? model.vocab.length
      : undefined;
  const added = new Map<number, { id: number; text: string; special: boolean }>();
  const add = (id: unknown, token: unknown) => {
    const text = tokenText(token);
    const number = Number(id);
    if (text === undefined || !Number.isSafeInteger(number)) return;
    added.set(number, { id: number, text, special: isObject(token) && token.special === true });
  };
  if (isObject(config?.added_tokens_decoder))
    for (const [id, token] of Object.entries(config.added_tokens_decoder)) add(id, token);
  if (Array.isArray(full?.added_tokens))
    for (const token of full.added_tokens) if (isObject(token)) add(token.id, token);
  const idOf = new Map([...added.values()].map(({ id, text }) => [text, id]));
  const facts: { label: string; value: string }[] = [];
  if (typeof model?.type === 'string') facts.push({ label: 'Model', value: model.type });
  if (Array.isArray(model?.merges))
    facts.push({ label: 'Merges', value: formatInteger(model.merges.length) });
  const specials = Object.entries(config ?? {}).flatMap(([key, value]) => {
    const role = /^(\w+)_token$/.exec(key)?.[1];
    const text = role === undefined || /^add_/.test(key) ? undefined : tokenText(value);
    return role === undefined || text === undefined ? [] : [{ role, text, id: idOf.get(text) }];
  });
  for (const [key, value] of Object.entries(config ?? {})) {
    if (
      /^(add_\w+_token|add_prefix_space|clean_up_tokenization_spaces|legacy)$/.test(key) &&
      typeof value === 'boolean'
    )
      facts.push({ label: key.replaceAll('_', ' '), value: value ? 'yes' : 'no' });
    if (key === 'model_max_length' && typeof value === 'number' && value < 1e12)
      facts.push({ label: 'Longest input', value: `${formatInteger(value)} tokens` });
  }
  const named = config?.tokenizer_class;
  return {
    kind: typeof named === 'string' ? named : typeof model?.type === 'string' ? model.type : 'not named',
    vocabulary,
    specials,
    facts,
    templates: templatesOf(config?.chat_template),
    added: [...added.values()].sort((a, b) => a.id - b.id),
  };
}

/** The tokenizer of a checkpoint; undefined when nothing is said about one. */
export function tokenizerSummary(catalogue: Catalogue): TokenizerSummary | undefined {
  return ggufTokenizer(catalogue) ?? sidecarTokenizer(catalogue);
}
