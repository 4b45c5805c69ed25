/** The engine's method that says from headers alone what a recipe would make of a model. */
import type { KeepKind } from '../quant/quantizationPolicy';
import type { Recipe } from '../quant/recipe';

export type { RecipeChoice, RecipeRule } from '../quant/recipe';
export type { KeepKind, Recipe };

/** What one rule of a recipe does to a model. */
export interface RuleEffect {
  /** Tensors that it decides about. */
  readonly decided: number;
  /** Whether its pattern matches any name, also of tensors that rules before it take. */
  readonly matches: boolean;
}

/** What some tensors of a model take, before and after. */
export interface SizeEffect {
  readonly tensors: number;
  readonly elements: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** A tensor that cannot be quantized as the recipe says; one for each rule at most, and how many more there are. */
export interface RecipeRefusal {
  /** Undefined: the default said so. */
  readonly rule: number | undefined;
  readonly tensor: string;
  readonly message: string;
  /** Tensors of this rule that are refused, this one included. */
  readonly tensors: number;
}

export interface RecipePlan {
  readonly name: string;
  /** A file of the model that an editor opens, also where a folder was asked for. */
  readonly file: string;
  readonly rules: readonly RuleEffect[];
  /** Of the tensors that each rule decides about. */
  readonly ruleSizes: readonly SizeEffect[];
  /** Of those that no rule decides about, kept ones included. */
  readonly restSize: SizeEffect;
  readonly refusals: readonly RecipeRefusal[];
  /** Why the whole cannot be written, where every tensor by itself could be quantized; then previews only work. */
  readonly cannotWrite?: string | undefined;
  /** What loaders may not take although it can be written. */
  readonly warnings: readonly string[];
  /** All tensors of the model, before and after. A refused tensor counts as it is. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** 8 bytes / elements, over the whole model. */
  readonly bitsPerWeight: number;
  readonly quantized: number;
  readonly kept: number;
}

export type RecipeContract = {
  recipePlan: {
    params: {
      path: string;
      recipe: Recipe;
      /** Absolute path of an importance matrix: the one that the recipe names, or one that ggml's types are to weigh errors by. */
      imatrix?: string | undefined;
    };
    result: RecipePlan;
  };
};
