/**
 * A recipe while it is put together on the map: a scheme for the model and exceptions for tensors, layers and kinds of
 * modules, the newest first. Pure; patterns follow `src/quant/recipe.ts`: globs, or expressions between slashes.
 */
import { exactPattern, specialCharacters } from '../../src/protocol/exactPattern';
import type { Recipe, RecipeRule, SchemeOffer } from '../../src/protocol/sensitivityPageApi';
import type { SensitivityCells } from './sensitivityCells';
import type { SensitivityRow } from './sensitivityRows';
import type { TensorPick } from './sensitivityTotals';

export type RuleScope = 'tensor' | 'layer' | 'kind';

export interface DraftRule {
  readonly scope: RuleScope;
  /** Name of the tensor, key of the layer, or key of the kind. */
  readonly target: string;
  /** A scheme's key, or 'keep'. */
  readonly choice: TensorPick;
}

export interface RecipeDraft {
  /** What everything else gets. */
  readonly base: TensorPick;
  /** The first that applies decides. */
  readonly rules: readonly DraftRule[];
}

/** The newest rule comes first and replaces one for the same. */
export function withRule({ base, rules }: RecipeDraft, rule: DraftRule): RecipeDraft {
  return { base, rules: [rule, ...without(rules, rule)] };
}

export function withoutRule({ base, rules }: RecipeDraft, rule: DraftRule): RecipeDraft {
  return { base, rules: without(rules, rule) };
}

const without = (rules: readonly DraftRule[], { scope, target }: DraftRule) =>
  rules.filter((other) => other.scope !== scope || other.target !== target);

/** Where tensors stand, for rules over layers and kinds. */
export class DraftPlaces {
  private readonly layers: string[] = [];
  private readonly kinds: string[] = [];
  /** Names of layers and kinds for sentences, by key. */
  readonly titles = new Map<string, string>();

  constructor(
    readonly names: readonly string[],
    rows: readonly SensitivityRow[],
  ) {
    for (const { tensors, layerKey, kindKey, layer, label } of rows) {
      for (const tensor of tensors) {
        this.layers[tensor] = layerKey;
        this.kinds[tensor] = kindKey;
      }
      this.titles.set(`layer ${layerKey}`, layer);
      this.titles.set(`kind ${kindKey}`, label);
    }
  }

  /** What a rule of a scope names to mean this tensor. */
  target(scope: RuleScope, tensor: number): string {
    const targets = { tensor: this.names, layer: this.layers, kind: this.kinds };
    return targets[scope][tensor] ?? '';
  }

  /** How people call what a rule is about. */
  title({ scope, target }: DraftRule): string {
    return scope === 'tensor' ? target : (this.titles.get(`${scope} ${target}`) ?? target);
  }
}

/**
 * Whether a rule decides about a tensor. One over a layer or a kind leaves alone what its scheme keeps by itself: norms,
 * biases and others that it was not made for.
 */
function applies(rule: DraftRule, places: DraftPlaces, cells: SensitivityCells, tensor: number): boolean {
  if (places.target(rule.scope, tensor) !== rule.target) return false;
  if (rule.scope === 'tensor' || rule.choice === 'keep') return true;
  const state = cells.stateOf(rule.choice, tensor);
  return state === 'quantized' || state === 'failed';
}

/** What each tensor gets. */
export function draftPicks(
  { base, rules }: RecipeDraft,
  places: DraftPlaces,
  cells: SensitivityCells,
): (tensor: number) => TensorPick {
  // A map by target, so that many rules cost no more than few.
  const found = new Map<string, { rule: DraftRule; order: number }[]>();
  for (const [order, rule] of rules.entries()) {
    const key = `${rule.scope} ${rule.target}`;
    const list = found.get(key);
    if (list) list.push({ rule, order });
    else found.set(key, [{ rule, order }]);
  }
  const scopes = ['tensor', 'layer', 'kind'] as const;
  return (tensor) => {
    if (rules.length === 0) return base;
    const candidates = scopes
      .flatMap((scope) => found.get(`${scope} ${places.target(scope, tensor)}`) ?? [])
      .sort((one, other) => one.order - other.order);
    return candidates.find(({ rule }) => applies(rule, places, cells, tensor))?.rule.choice ?? base;
  };
}

const number = /^\d+$/;

/**
 * Few patterns that match the given names and none other of the model's: numbers that differ become `*` where no other
 * tensor is caught by that.
 */
export function patternsOf(chosen: readonly string[], all: readonly string[]): string[] {
  const shapes = new Map<string, string[]>();
  for (const name of chosen) {
    const shape = name
      .split('.')
      .map((part) => (number.test(part) ? '#' : part))
      .join('.');
    const list = shapes.get(shape);
    if (list) list.push(name);
    else shapes.set(shape, [name]);
  }
  return [...shapes.values()].flatMap((members) => {
    const [first = ''] = members;
    if (members.length === 1 || members.some((name) => exactPattern(name) !== name)) {
      return members.map(exactPattern);
    }
    const parts = members.map((name) => name.split('.'));
    const glob = first
      .split('.')
      .map((part, at) => (parts.every((other) => other[at] === part) ? part : '*'))
      .join('.');
    const expression = new RegExp(
      `^${glob
        .split('*')
        .map((text) => text.replace(specialCharacters, '\\$&'))
        .join('[^.]*')}$`,
    );
    const caught = all.filter((name) => expression.test(name)).length;
    return caught === members.length ? [glob] : members.map(exactPattern);
  });
}

/** What the recipe is called: its output lies beside the model under the model's name and this. "int4-absmax-block-32-mixed" */
export function draftName({ base, rules }: RecipeDraft): string {
  // A scheme without scales of its own is called by its name alone.
  const words = base === 'keep' ? [] : base.split(' ').filter((word) => word !== 'none');
  const parts = [...words, ...(rules.length > 0 ? ['mixed'] : [])];
  return parts.join('-') || 'kept';
}

/** The recipe as it is saved. Rules that decide about no tensor are left out. */
export function recipeFrom(
  draft: RecipeDraft,
  places: DraftPlaces,
  cells: SensitivityCells,
  offers: ReadonlyMap<string, SchemeOffer>,
  name: string,
): Recipe {
  const choiceOf = (pick: TensorPick) => (pick === 'keep' ? ('keep' as const) : offers.get(pick)!.choice);
  const rules = draft.rules.flatMap((rule): RecipeRule[] => {
    const tensors = places.names.filter((_, tensor) => applies(rule, places, cells, tensor));
    const note = rule.scope === 'tensor' ? undefined : `${rule.scope}: ${places.title(rule)}`;
    return patternsOf(tensors, places.names).map((match) => ({
      match,
      choice: choiceOf(rule.choice),
      ...(note === undefined ? {} : { note }),
    }));
  });
  return { version: 1, name, default: choiceOf(draft.base), rules };
}
