/** Which weights have attention heads as runs of their rows: pruning by heads leaves all others alone, unless a rule names them. */
import type { SchemeChoice } from '../types';

/** Projections of queries, keys and values, alone or joined, as transformers, llama.cpp and their kin name them. */
const projections =
  /(?:^|[._])(?:(?:w|to_|attn_|add_)?(?:q|k|v|qkv)(?:_(?:b_)?(?:proj|lin))?|kv_b_proj|query|key|value|query_key_value|c_attn|W_pack|Wqkv|add_[qkv]_proj)\.weight$/i;

/** Told by the name. */
export const hasHeadRows = (name: string): boolean => projections.test(name);

/** Whether a choice prunes by heads, alone or before its scheme. */
export const prunesHeads = ({ scheme, prune }: Pick<SchemeChoice, 'scheme' | 'prune'>): boolean =>
  scheme === 'prune-heads' || prune === 'heads';

/**
 * What a choice for a whole model means for one weight: without the pruning where that is by heads and the weight has none. Undefined where
 * nothing is left to do.
 */
export function choiceForHeads(choice: SchemeChoice, name: string): SchemeChoice | undefined {
  if (!prunesHeads(choice) || hasHeadRows(name)) return choice;
  if (choice.scheme === 'prune-heads') return undefined;
  const { prune: _prune, ratio: _ratio, headSize: _headSize, ...rest } = choice;
  return rest;
}

/** Why pruning by heads keeps a weight. */
export const withoutHeads = 'kept: its rows are no attention heads';

/** What of an opened checkpoint tells the size of its heads. */
export interface HeadTeller {
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly architecture?:
    | {
        readonly name?: string;
        readonly hiddenSize?: number | undefined;
        readonly heads?: number | undefined;
      }
    | undefined;
  /** Of a GGUF file. */
  readonly metadata?: readonly { readonly key: string; readonly value: unknown }[] | undefined;
}

/** Multimodal configs keep the language model's figures one level down. */
const nestedConfigs = ['text_config', 'llm_config', 'language_config', 'decoder'];

/**
 * Rows of an attention head: `head_dim` of config.json, `attention.key_length` of GGUF's metadata, else hidden size by heads. Undefined
 * where nothing tells it, and for latent attention (MLA), whose projections have heads of several sizes.
 */
export function headSizeOf({ config, architecture, metadata = [] }: HeadTeller): number | undefined {
  const { name, hiddenSize, heads } = architecture ?? {};
  const places = [config, ...nestedConfigs.map((key) => recordOf(config, key))];
  const inConfig = (key: string) => places.map((place) => ownOf(place, key)).find((value) => value != null);
  const inMetadata = (key: string) =>
    metadata.find((entry) => entry.key === `${name}.attention.${key}`)?.value;
  if (inConfig('kv_lora_rank') !== undefined || inMetadata('kv_lora_rank') !== undefined) return undefined;
  const told = [inConfig('head_dim'), inMetadata('key_length')].find((value) => typeof value === 'number');
  const size = typeof told === 'number' ? told : hiddenSize && heads ? hiddenSize / heads : Number.NaN;
  return Number.isSafeInteger(size) && size > 0 ? size : undefined;
}

const ownOf = (record: HeadTeller['config'], key: string): unknown =>
  record && Object.hasOwn(record, key) ? record[key] : undefined;

function recordOf(config: HeadTeller['config'], key: string): HeadTeller['config'] {
  const value = ownOf(config, key);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
