/** Which scheme each tensor of a model gets: rules over names, keep-lists, and a default. */
import { LoupeError } from '../errors';
import { compilePattern, type NamePattern, type PatternWork } from './namePattern';
import { choiceForHeads, withoutHeads } from './pruning/attentionHeads';
import {
  type Decision,
  decideKind,
  type KeepKind,
  kindOf,
  type PolicyTensor,
  policyFor,
} from './quantizationPolicy';
import type { SchemeChoice } from './types';

/** What a tensor is to get: a scheme with its options, or its bytes as they are. */
export type RecipeChoice = SchemeChoice | 'keep';

export interface RecipeRule {
  /** A glob over the whole name (`*` within a part, `**` across dots, `?` one character), or `/expression/` anywhere in it. */
  readonly match: string;
  readonly choice: RecipeChoice;
  readonly note?: string | undefined;
}

/** An importance matrix that a recipe goes with. */
export interface RecipeMatrix {
  /** Relative to the recipe's folder, with forward slashes. */
  readonly file: string;
  /** Of the file, in hexadecimal: another is refused. */
  readonly sha256?: string | undefined;
}

export interface Recipe {
  readonly version: 1;
  readonly name?: string | undefined;
  /** The model that the recipe was made for, relative to the recipe's folder: for editors only. */
  readonly model?: string | undefined;
  /** What ggml's types weigh errors by. */
  readonly imatrix?: RecipeMatrix | undefined;
  readonly default: RecipeChoice;
  /** The first that matches decides, also about what the keep-list would keep. */
  readonly rules: readonly RecipeRule[];
  /** Kinds of tensors that the default leaves alone; undefined: what the default's scheme keeps by itself. */
  readonly keep?: readonly KeepKind[] | undefined;
  /** Cut a safetensors output into files of at most so many bytes; undefined: the source's shards. */
  readonly maxShardBytes?: number | undefined;
}

/** Shards are no smaller: a model would fall into thousands of files. */
export const leastShardBytes = 1_000_000;

/** What becomes of one tensor, and which rule said so (undefined: none, the default or the keep-list). */
export type ResolvedTensor =
  | { readonly choice: SchemeChoice; readonly rule: number | undefined }
  | {
      readonly choice: undefined;
      readonly rule: number | undefined;
      /** For the report, e.g. "kept: normalization". */
      readonly reason: string;
      /** It is the weight of a Linear module, which layouts list as not quantized. */
      readonly linear: boolean;
    };

export interface ResolvedRecipe {
  /** In the order of the tensors given. */
  readonly tensors: readonly ResolvedTensor[];
  /** For each rule, how many tensors it decided about, and whether its pattern matches any name at all. */
  readonly rules: readonly { readonly decided: number; readonly matches: boolean }[];
}

/** Steps of matching that one resolution takes at most: seconds, so that a hostile recipe cannot hang the engine. */
const mostSteps = 300_000_000;

/**
 * Decides about every tensor. A rule beats the keep-list, but not what cannot be quantized at all: empty tensors and
 * those of other than float types stay. Throws `usage` for a pattern that is none, `refused` where matching takes too long.
 */
export function resolveRecipe(
  recipe: Recipe,
  tensors: readonly PolicyTensor[],
  modelType: string | undefined,
  steps = mostSteps,
): ResolvedRecipe {
  const work: PatternWork = { steps };
  const patterns = recipe.rules.map(({ match }) => compilePattern(match));
  const rules = recipe.rules.map(() => ({ decided: 0, matches: false }));
  const kept = new Set(keptKinds(recipe));
  const matches = (pattern: NamePattern, name: string): boolean => {
    const found = pattern.test(name, work);
    if (work.steps < 0) {
      throw new LoupeError('refused', 'The patterns of this recipe take too long to match on this model.');
    }
    return found;
  };
  const resolved = tensors.map((tensor): ResolvedTensor => {
    const at = patterns.findIndex((pattern) => matches(pattern, tensor.name));
    const rule = at < 0 ? undefined : at;
    if (rule !== undefined) {
      rules[rule]!.decided++;
      rules[rule]!.matches = true;
    }
    return { ...resolveTensor(recipe, rule, tensor, modelType, kept), rule };
  });
  for (const [index, rule] of rules.entries()) {
    rule.matches ||= tensors.some(({ name }) => matches(patterns[index]!, name));
  }
  return { tensors: resolved, rules };
}

/** What the rules, else the default, say of a name, whatever is kept then. Throws `usage` as `resolveRecipe` does. */
export function choiceByName(recipe: Recipe, name: string): RecipeChoice {
  const work: PatternWork = { steps: mostSteps };
  const rule = recipe.rules.find(({ match }) => compilePattern(match).test(name, work));
  return rule?.choice ?? recipe.default;
}

/** The kinds that a recipe's default leaves alone. */
export function keptKinds({ keep, default: fallback }: Recipe): readonly KeepKind[] {
  return keep ?? (fallback === 'keep' ? [] : policyFor(fallback.scheme).keep);
}

/** The recipe of a request that names one choice for the whole model. `pure` also quantizes the output head. */
export function recipeOf(choice: SchemeChoice, pure: boolean): Recipe {
  const keep = policyFor(choice.scheme).keep.filter((kind) => !(pure && kind === 'head'));
  return { version: 1, default: choice, rules: [], keep };
}

function resolveTensor(
  recipe: Recipe,
  rule: number | undefined,
  tensor: PolicyTensor,
  modelType: string | undefined,
  kept: ReadonlySet<KeepKind>,
):
  | { readonly choice: SchemeChoice }
  | { readonly choice: undefined; readonly reason: string; readonly linear: boolean } {
  const kind = kindOf(tensor, modelType);
  const asked = rule === undefined ? recipe.default : recipe.rules[rule]!.choice;
  const linear = kind.isLinear;
  if (asked === 'keep') {
    const reason =
      rule === undefined ? 'kept: the default of the recipe' : `kept: rule ${recipe.rules[rule]!.match}`;
    return { choice: undefined, reason, linear };
  }
  const decision: Decision = decideKind(tensor, kind, asked.scheme, rule === undefined ? kept : new Set());
  if (!decision.quantize) return { choice: undefined, reason: decision.reason, linear: decision.linear };
  // A graph's names are made up by exporters.
  const choice = rule === undefined && !tensor.graphWeight ? choiceForHeads(asked, tensor.name) : asked;
  return choice ? { choice } : { choice, reason: withoutHeads, linear };
}
