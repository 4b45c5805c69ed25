/** Answers the Sensitivity tab: schemes from the registry, comparisons and pictures from the engine, recipes for the commands. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import type { Catalogue } from '../protocol/engineApi';
import type { Handlers } from '../protocol/rpc';
import type { SensitivityPageContract } from '../protocol/sensitivityPageApi';
import { usualGgufOffers, usualOffers } from '../quant/schemeOffers';
import { schemeOffersFor } from '../quant/writable';
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
      const offers = schemeOffersFor(format === 'onnx' || format === 'gguf' ? format : 'safetensors');
      const columns = usualColumns(opened);
      return { offers, usual: format === 'gguf' ? usualGgufOffers(columns) : usualOffers(columns) };
    },
    sensitivity: async (params, { signal, progress }) => {
      const { cells } = await engine.call(
        'sensitivity',
        { ...(await opened()), ...params },
        { signal, progress, again: true },
      );
      return { done: cells.length };
    },
    schemeErrorTile: async ({ choice, ...params }, { signal }) => {
      const { path } = await opened();
      const against = { kind: 'scheme' as const, choice };
      return engine.call('errorTile', { path, ...params, against }, { signal, again: true });
    },
    recipePlan: async ({ recipe }, { signal }) => {
      const { path } = await opened();
      return engine.call('recipePlan', { path, recipe }, { signal, again: true });
    },
    showErrors: async ({ tensor, choice }) => {
      const { path } = await opened();
      await vscode.commands.executeCommand(showTensorErrors, { path, tensor, choice });
      return undefined;
    },
    recipe: async ({ purpose, recipe }) => {
      if (purpose === 'save') await saveRecipe(uri, recipe);
      // A quantization shows its own progress: the page does not wait for it.
      else void quantizeWith(uri, recipe);
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
