/** Weights that vLLM puts together into one matrix when it loads a model. */

/**
 * By the ends of their modules' names: attention's projections, the two halves of gated networks in both spellings, and those of
 * multi-head latent attention (vLLM's `packed_modules_mapping`, and `fused_qkv_a_proj` of deepseek_v2.py).
 */
const families: readonly (readonly string[])[] = [
  ['q_proj', 'k_proj', 'v_proj'],
  ['gate_proj', 'up_proj'],
  ['w1', 'w3'],
  ['q_a_proj', 'kv_a_proj_with_mqa'],
];

export interface JoinedModules {
  /** What their names begin with, up to the last dot. */
  readonly parent: string;
  /** The ends of their names, that of the module in question among them. */
  readonly family: readonly string[];
}

/** The modules that one is joined with; undefined for one that stays alone. */
export function joinedModules(module: string): JoinedModules | undefined {
  const at = module.lastIndexOf('.') + 1;
  const family = families.find((names) => names.includes(module.slice(at)));
  return family && { parent: module.slice(0, at), family };
}

/** Names of the weights that one is joined with, itself not among them. */
export function joinedWeights(name: string): readonly string[] {
  const joined = name.endsWith('.weight') ? joinedModules(name.slice(0, -'.weight'.length)) : undefined;
  if (!joined) return [];
  return joined.family.map((end) => `${joined.parent}${end}.weight`).filter((other) => other !== name);
}
