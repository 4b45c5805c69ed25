/** Which weights have attention heads as runs of their rows: pruning by heads leaves all others alone, unless a rule names them. */
import type { SchemeChoice } from '../types';

/** Projections of queries, keys and values, alone or joined, as transformers, llama.cpp and their kin name them. */
const projections =
  /(?:^|[._])(?:(?:w|to_|attn_|add_)?(?:q|k|v|qkv)(?:_(?:b_)?(?:proj|lin))?|kv_b_proj|query|key|value|query_key_value|c_attn|W_pack|Wqkv|add_[qkv]_proj)\.weight$/i;

/** Told by the name. */
export const hasHeadRows = (name: string): boolean => projections.test(name);

/** Whether a choice prunes by heads, alone or before its scheme. */
const prunesHeads = ({ scheme, prune }: Pick<SchemeChoice, 'scheme' | 'prune'>): boolean =>
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
