/** The commands of the Models view. Without a row they act on a model that is picked. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { iconless, linkless } from '../editor/jobText';
import { withLateProgress } from '../editor/lateProgress';
import { freeableText, type ModelsNode, placeText } from '../editor/models/modelNodes';
import { sortedModels } from '../editor/models/modelOrder';
import type { ModelSummaries } from '../editor/models/modelSummaries';
import { type ModelsView, modelsViewId } from '../editor/models/modelsView';
import { modelDescription, placeNames } from '../editor/models/modelTexts';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { DeletionPlan, DuplicateSet, LocalModel } from '../protocol/modelsApi';
import { openCheckpointCommand } from './openCheckpoint';
import { showFailure } from './showFailure';
import { trashFailureText, trashTargets } from './trashTargets';

/** Files that a question lists by name. */
const listedFiles = 8;

export interface ModelsCommandContext {
  readonly engine: EngineClient;
  readonly view: ModelsView;
  readonly summaries: ModelSummaries;
  readonly log: vscode.LogOutputChannel;
}

/** Command names without their prefix, and what they do. */
export function modelsCommands(context: ModelsCommandContext): Record<string, (given?: unknown) => unknown> {
  const { view } = context;
  const target = async (given: unknown, title: string) => modelOf(given) ?? pickModel(context, title);
  const uriOf = (model: LocalModel) => vscode.Uri.file(model.path);
  const guarded = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (thrown) {
      await showFailure(LoupeError.from(thrown), context.log);
      return undefined;
    }
  };
  /** Outputs of a cached model do not belong beside it. */
  const run = (command: string, title: string) => (given?: unknown) =>
    guarded(async () => {
      const model = await target(given, title);
      const options = model?.place === 'huggingFace' ? { mustAskFolder: true } : undefined;
      return model && vscode.commands.executeCommand(`tensorLoupe.${command}`, uriOf(model), options);
    });
  return {
    showModels: () => vscode.commands.executeCommand(`${modelsViewId}.focus`),
    refreshModels: () => view.refresh(),
    sortModelsBySize: () => view.setSort('size'),
    sortModelsByName: () => view.setSort('name'),
    openModel: (given) =>
      guarded(async () => {
        const model = await target(given, 'Open a model');
        return model && openCheckpointCommand.open(uriOf(model));
      }),
    quantizeModel: run('quantize', 'Quantize a model'),
    convertModel: run('convertToGguf', 'Convert a model to GGUF'),
    revealModel: (given) =>
      guarded(async () => {
        const model = await target(given, 'Reveal a model');
        return model && revealModel(uriOf(model));
      }),
    copyModelPath: (given) =>
      guarded(async () => {
        const model = await target(given, 'Copy the path of a model');
        if (model) await vscode.env.clipboard.writeText(model.path);
      }),
    findDuplicateModels: () => guarded(() => findDuplicates(context)),
    deleteModel: (given) =>
      guarded(async () => {
        if (!vscode.workspace.isTrusted) return askForTrust();
        const isKey = (given as { selected?: unknown } | undefined)?.selected === true;
        const model = isKey ? modelOf(view.selected) : await target(given, 'Delete a model');
        return model && deleteModel(context, model);
      }),
  };
}

const modelOf = (given: unknown): LocalModel | undefined => {
  const node = given as ModelsNode | undefined;
  return node?.kind === 'model' ? node.model : undefined;
};

async function pickModel(
  { view, summaries }: ModelsCommandContext,
  title: string,
): Promise<LocalModel | undefined> {
  const models = sortedModels(await view.models(), view.sort);
  if (models.length === 0) {
    void vscode.window.showInformationMessage('There is no model in this workspace or in the local caches.');
    return undefined;
  }
  const rows = models.map((model) => ({
    label: iconless(model.name),
    description: iconless(modelDescription(model, summaries.known(model.path))),
    detail: iconless(model.place === 'workspace' ? placeText(model) : placeNames[model.place]),
    model,
  }));
  const picked = await vscode.window.showQuickPick(rows, {
    title,
    placeHolder: 'Models of this workspace and of the local caches',
    matchOnDescription: true,
    matchOnDetail: true,
    ignoreFocusOut: true,
  });
  return picked?.model;
}

/** In the system's file manager; in a browser, which has none, in the Explorer. */
async function revealModel(uri: vscode.Uri): Promise<void> {
  const commands = await vscode.commands.getCommands(true);
  if (commands.includes('revealFileInOS')) await vscode.commands.executeCommand('revealFileInOS', uri);
  else await vscode.commands.executeCommand('tensorLoupe.revealInExplorer', uri);
}

async function askForTrust(): Promise<void> {
  const manage = 'Manage Workspace Trust';
  const answer = await vscode.window.showWarningMessage(
    'Deleting a model waits until this workspace is trusted.',
    manage,
  );
  if (answer === manage) await vscode.commands.executeCommand('workbench.trust.manage');
}

async function findDuplicates({ engine, view }: ModelsCommandContext): Promise<readonly DuplicateSet[]> {
  const models = await view.models();
  const sets = await withLateProgress('Looking for duplicate models', (signal, report) =>
    engine.call(
      'duplicateModels',
      { models: models.map((model) => ({ path: model.path, files: weightsOf(model) })) },
      {
        signal,
        progress: ({ bytesDone, bytesTotal, file }) =>
          report(`${binarySize(bytesDone)} of ${binarySize(bytesTotal)} · ${path.basename(file)}`),
      },
    ),
  );
  await view.showDuplicates(sets);
  if (sets.length === 0)
    void vscode.window.showInformationMessage('No two models have the same weights in files of their own.');
  else
    void vscode.window.showInformationMessage(
      `${sets.length === 1 ? 'One model has copies' : `${sets.length} models have copies`}: ${freeableText(sets)}.`,
    );
  return sets;
}

/** An index tells of the shards; copies may differ in it. */
const weightsOf = ({ files }: LocalModel): string[] => files.filter((file) => !file.endsWith('.json'));

/** Asks twice, and moves to the trash alone. Resolves to whether the model is gone. */
async function deleteModel({ engine, view }: ModelsCommandContext, model: LocalModel): Promise<boolean> {
  const plan = await engine.call('deletionPlan', { model });
  if (plan.targets.length === 0) {
    view.refresh();
    throw new LoupeError('not-found', `${model.name} is not there any more.`);
  }
  const ask = 'Delete...';
  const first = await vscode.window.showWarningMessage(
    `Delete the model ${model.name}?`,
    { modal: true, detail: planText(plan) },
    ask,
  );
  if (first !== ask) return false;
  const move = 'Move to Trash';
  const count = plan.targets.length === 1 ? path.basename(plan.targets[0]!) : `${plan.targets.length} files`;
  const second = await vscode.window.showWarningMessage(
    `Move ${count} of ${model.name} to the trash now?`,
    { modal: true, detail: `${placeNames[model.place]} · ${binarySize(model.bytes)}\n${model.path}` },
    move,
  );
  if (second !== move) return false;
  const outcome = await vscode.window.withProgress({ location: { viewId: modelsViewId } }, () =>
    trashTargets(plan.targets, async (target) =>
      vscode.workspace.fs.delete(vscode.Uri.file(target), { recursive: true, useTrash: true }),
    ),
  );
  view.refresh();
  const failure = trashFailureText(model.name, outcome, plan.targets.length);
  if (failure !== undefined) throw new LoupeError('io', failure);
  void vscode.window.showInformationMessage(
    linkless(`${model.name} is in the trash. Emptying it frees ${binarySize(plan.freedBytes)}.`),
  );
  return true;
}

/** What goes, what it frees, and what to know. */
function planText({ targets, freedBytes, notes }: DeletionPlan): string {
  const shown = targets.length > listedFiles + 1 ? targets.slice(0, listedFiles) : targets;
  const more = targets.length - shown.length;
  return [
    ...shown,
    ...(more > 0 ? [`and ${more} more files`] : []),
    '',
    `Frees ${binarySize(freedBytes)} once the trash is emptied.`,
    ...notes,
  ].join('\n');
}
