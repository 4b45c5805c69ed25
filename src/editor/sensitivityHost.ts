/** Answers the Sensitivity tab: schemes from the registry, comparisons and pictures from the engine, recipes for the commands. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import type { Catalogue } from '../protocol/engineApi';
import type { Handlers } from '../protocol/rpc';
import type { SensitivityPageContract } from '../protocol/sensitivityPageApi';
import { takesImportance } from '../quant/gguf/ggmlSchemes';
import { headSizeOf } from '../quant/pruning/attentionHeads';
import { isWeighed } from '../quant/recipeMatrix';
import {
  matrixOffers,
  offersWithHeads,
  usualGgufOffers,
  usualMatrixOffers,
  usualOffers,
} from '../quant/schemeOffers';
import { schemeOffersFor } from '../quant/writable';
import { pickMatrix } from './pickMatrix';
import { quantizeWith, saveRecipe } from './saveRecipe';

/** The command behind a cell's link to its error report; it takes path, tensor and choice. */
export const showTensorErrors = 'tensorLoupe.showTensorErrors';

/** What of a checkpoint the tab works on. */
export interface ComparedModel {
  readonly uri: vscode.Uri;
  catalogue(): Promise<Catalogue>;
  /** Rejects with the reason where the values are on no disk. */
  diskPath(): Promise<string>;
}

export function sensitivityHandlers(
  engine: EngineClient,
  { uri, catalogue, diskPath }: ComparedModel,
): Handlers<SensitivityPageContract> {
  const opened = async () => {
    await diskPath();
    const { path, generation } = await catalogue();
    return { path, generation };
  };
  return {
    schemes: async () => {
      const opened = await catalogue();
      const { format } = opened;
      const medium = format === 'onnx' || format === 'gguf' ? format : 'safetensors';
      const columns = usualColumns(opened);
      const usual = format === 'gguf' ? usualGgufOffers(columns) : usualOffers(columns);
      const offers = schemeOffersFor(medium, offersWithHeads(headSizeOf(opened)));
      if (format !== 'gguf' && format !== 'safetensors') return { offers, usual };
      const needing = schemeOffersFor(medium, matrixOffers);
      const all = [...offers, ...needing];
      const weighing = {
        keys: all.filter(({ choice }) => takesImportance(choice.scheme)).map(({ key }) => key),
        needing: needing.map(({ key }) => key),
        usual: usualMatrixOffers(columns),
      };
      return { offers: all, usual, weighing };
    },
    matrix: async ({ file: given }, { signal }) => {
      const file = given ?? (await pickMatrix(await diskPath()));
      if (file === undefined) return null;
      return engine.call('importanceCover', { ...(await opened()), imatrix: file }, { signal, again: true });
    },
    sensitivity: async (params, { signal, progress }) => {
      const { cells } = await engine.call(
        'sensitivity',
        { ...(await opened()), ...params },
        { signal, progress, again: true },
      );
      return { done: cells.length };
    },
    schemeErrorTile: async ({ choice, imatrix, ...params }, { signal }) => {
      const { path } = await opened();
      const against = { kind: 'scheme' as const, choice, imatrix };
      return engine.call('errorTile', { path, ...params, against }, { signal, again: true });
    },
    recipePlan: async ({ recipe, imatrix }, { signal }) => {
      const { path } = await opened();
      return engine.call('recipePlan', { path, recipe, imatrix }, { signal, again: true });
    },
    showErrors: async ({ tensor, choice, imatrix }) => {
      const { path } = await opened();
      await vscode.commands.executeCommand(showTensorErrors, { path, tensor, choice, imatrix });
      return undefined;
    },
    recipe: async ({ purpose, recipe, imatrix }, { signal }) => {
      const cover =
        imatrix === undefined || !isWeighed(recipe)
          ? undefined
          : await engine.call('importanceCover', { ...(await opened()), imatrix }, { signal, again: true });
      if (purpose === 'save') await saveRecipe(uri, recipe, cover);
      // A quantization shows its own progress: the page does not wait for it.
      else void quantizeWith(uri, recipe, cover);
      return undefined;
    },
  };
}

/** The widths that most of the model's matrices have, so that blocks are offered that divide them. */
function usualColumns({ tensors }: Catalogue): readonly number[] {
  const counts = new Map<number, number>();
  for (let tensor = 0; tensor < tensors.count; tensor++) {
    const end = tensors.shapeEnd[tensor]!;
    const start = tensor === 0 ? 0 : tensors.shapeEnd[tensor - 1]!;
    if (end - start !== 2) continue;
    const columns = tensors.shapes[end - 1]!;
    counts.set(columns, (counts.get(columns) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .slice(0, 3)
    .map(([columns]) => columns);
}
