/** What the Sensitivity tab asks of the host: the schemes that there are, comparisons, pictures, and recipes. */
import type { Recipe } from '../quant/recipe';
import type { SchemeOffer } from '../quant/schemeOffers';
import type { SchemeChoice } from '../quant/types';
import type { EngineContract, ErrorTile, Region, SensitivityCell } from './engineApi';
import type { RecipePlan } from './recipeApi';
import type { ImportanceCover } from './sensitivityApi';

export type { Recipe, RecipeChoice, RecipeRule } from '../quant/recipe';
export type { SchemeOffer } from '../quant/schemeOffers';
export type { RecipePlan } from './recipeApi';
export type { ImportanceCover } from './sensitivityApi';

export interface SchemeOffers {
  readonly offers: readonly SchemeOffer[];
  /** Keys of a set that fits the model. */
  readonly usual: readonly string[];
  /** What an importance matrix changes; undefined for models whose errors none can weigh. */
  readonly weighing?: Weighing | undefined;
}

export interface Weighing {
  /** Keys of the schemes that weigh errors by a matrix. */
  readonly keys: readonly string[];
  /** Keys of those that cannot do without, which are among the offers all the same. */
  readonly needing: readonly string[];
  /** Keys of the columns that come with a matrix. */
  readonly usual: readonly string[];
}

export type SensitivityPageContract = {
  schemes: { params: Record<string, never>; result: SchemeOffers };
  /** Asks for an importance matrix, or looks at one again; null when the user left. Throws as `importanceCover` does. */
  matrix: {
    params: {
      /** Absolute path; undefined: ask. */
      file?: string | undefined;
    };
    result: ImportanceCover | null;
  };
  /** Compares; the cells come with the progress alone. */
  sensitivity: {
    params: {
      tensors: readonly number[];
      choices: readonly SchemeChoice[];
      /** Undefined: exact. */
      sampleValues?: number | undefined;
      /** Absolute path of an importance matrix. */
      imatrix?: string | undefined;
    };
    result: { done: number };
    progress: { done: number; total: number; cells: readonly SensitivityCell[] };
  };
  schemeErrorTile: {
    params: Omit<EngineContract['errorTile']['params'], 'path' | 'against'> & {
      choice: SchemeChoice;
      imatrix?: string | undefined;
      region?: Region | undefined;
    };
    result: ErrorTile;
  };
  /** What a recipe makes of the model, from headers alone: the sizes that writing gives, and why it cannot be written. */
  recipePlan: { params: { recipe: Recipe; imatrix?: string | undefined }; result: RecipePlan };
  /** Opens the error report of one tensor under a scheme. */
  showErrors: {
    params: { tensor: number; choice: SchemeChoice; imatrix?: string | undefined };
    result: undefined;
  };
  /** Hands a recipe to the command that saves it, or to the one that quantizes with it; where its types weigh errors, with the matrix. */
  recipe: {
    params: { purpose: 'save' | 'quantize'; recipe: Recipe; imatrix?: string | undefined };
    result: undefined;
  };
};
