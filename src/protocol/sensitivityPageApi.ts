/** What the Sensitivity tab asks of the host: the schemes that there are, comparisons, pictures, and recipes. */
import type { Recipe } from '../quant/recipe';
import type { SchemeOffer } from '../quant/schemeOffers';
import type { SchemeChoice } from '../quant/types';
import type { EngineContract, ErrorTile, Region, SensitivityCell } from './engineApi';
import type { RecipePlan } from './recipeApi';

export type { Recipe, RecipeChoice, RecipeRule } from '../quant/recipe';
export type { SchemeOffer } from '../quant/schemeOffers';
export type { RecipePlan } from './recipeApi';

export interface SchemeOffers {
  readonly offers: readonly SchemeOffer[];
  /** Keys of a set that fits the model. */
  readonly usual: readonly string[];
}

export type SensitivityPageContract = {
  schemes: { params: Record<string, never>; result: SchemeOffers };
  /** Compares; the cells come with the progress alone. */
  sensitivity: {
    params: {
      tensors: readonly number[];
      choices: readonly SchemeChoice[];
      /** Undefined: exact. */
      sampleValues?: number | undefined;
    };
    result: { done: number };
    progress: { done: number; total: number; cells: readonly SensitivityCell[] };
  };
  schemeErrorTile: {
    params: Omit<EngineContract['errorTile']['params'], 'path' | 'against'> & {
      choice: SchemeChoice;
      region?: Region | undefined;
    };
    result: ErrorTile;
  };
  /** What a recipe makes of the model, from headers alone: the sizes that writing gives, and why it cannot be written. */
  recipePlan: { params: { recipe: Recipe }; result: RecipePlan };
  /** Opens the error report of one tensor under a scheme. */
  showErrors: { params: { tensor: number; choice: SchemeChoice }; result: undefined };
  /** Hands a recipe to the command that saves it, or to the one that quantizes with it. */
  recipe: { params: { purpose: 'save' | 'quantize'; recipe: Recipe }; result: undefined };
};
