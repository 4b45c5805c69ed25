/** "Quantize with Recipe...", "Preview Error of Recipe..." and "New Recipe for This Model". */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { isRecipe, type RecipeDocuments } from '../editor/recipeDocuments';
import { LoupeError } from '../errors';
import type { QuantizeReport } from '../protocol/engineApi';
import { defaultGranularity, resolveChoice } from '../quant/choice';
import { policyFor } from '../quant/quantizationPolicy';
import type { Recipe } from '../quant/recipe';
import { parseRecipe, recipeText } from '../quant/recipeFile';
import { matrixOptions, recipeMatrix } from '../quant/recipeMatrix';
import { schemeNamed, schemes } from '../quant/schemes';
import type { SchemeChoice, SchemeName } from '../quant/types';
import type { QuantizeArguments } from './quantizeCommand';
import { showFailure } from './showFailure';

/** Given instead of asking, by callers that know. */
export interface RecipeArguments extends Pick<QuantizeArguments, 'out' | 'overwrite' | 'backend'> {
  readonly model?: vscode.Uri;
}

type Run = (model: vscode.Uri, given: QuantizeArguments) => Promise<QuantizeReport | undefined>;

export class RecipeCommands {
  constructor(
    private readonly documents: RecipeDocuments,
    /** Asks for a checkpoint when none is open. */
    private readonly pickModel: () => Promise<vscode.Uri | undefined>,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Runs a quantization or a preview with a recipe: the given one, that of the active editor, or one that is picked. */
  async run(given: unknown, options: RecipeArguments, run: Run): Promise<QuantizeReport | undefined> {
    try {
      const uri = given instanceof vscode.Uri ? given : (activeRecipe() ?? (await pickRecipe()));
      if (!uri) return undefined;
      const document = await vscode.workspace.openTextDocument(uri);
      const recipe = parseRecipe(document.getText(), uri.fsPath);
      const model =
        options.model ?? (await this.documents.modelOf(document, recipe)) ?? (await this.pickModel());
      if (!model) return undefined;
      const { out, overwrite, backend } = options;
      const imatrix = recipeMatrix(recipe, uri.fsPath);
      return await run(model, {
        recipe,
        ...(imatrix === undefined ? {} : { gguf: matrixOptions(imatrix, recipe.imatrix?.file) }),
        ...(out === undefined ? {} : { out }),
        ...(overwrite === undefined ? {} : { overwrite }),
        ...(backend === undefined ? {} : { backend }),
      });
    } catch (thrown) {
      await showFailure(LoupeError.from(thrown), this.log);
      return undefined;
    }
  }

  /** Opens an unsaved recipe for a model, with the keep-list of a scheme spelled out; asks for the scheme. */
  async create(model: vscode.Uri, given?: SchemeName): Promise<vscode.Uri | undefined> {
    const scheme = given ?? (await pickScheme());
    if (scheme === undefined) return undefined;
    const { folder, name } = placeOf(model);
    const uri = await freeName(folder, `${name}-${scheme}`);
    const text = recipeText(
      startingRecipe(
        scheme,
        path.basename(uri.path, '.loupe.json'),
        path.posix.relative(folder.path, model.path),
      ),
    );
    const document = await vscode.workspace.openTextDocument(uri.with({ scheme: 'untitled' }));
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, new vscode.Range(0, 0, document.lineCount, 0), text);
    await vscode.workspace.applyEdit(edit);
    await vscode.window.showTextDocument(document);
    return document.uri;
  }
}

/** What a scheme does by itself, as a recipe that can be changed. */
function startingRecipe(scheme: SchemeName, name: string, model: string): Recipe {
  const known = schemeNamed(scheme);
  const granularity = defaultGranularity(known);
  const { blockSize } = resolveChoice({ scheme, granularity });
  const choice: SchemeChoice = { scheme, granularity, ...(blockSize > 0 ? { blockSize } : {}) };
  const { keep } = policyFor(scheme);
  return { version: 1, name, model, default: choice, keep, rules: [] };
}

function activeRecipe(): vscode.Uri | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document && isRecipe(document) ? document.uri : undefined;
}

async function pickRecipe(): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles('**/*.loupe.json', '**/node_modules/**', 100);
  const elsewhere = { label: '$(folder-opened) Another file...', uri: undefined };
  const items = found.map((uri) => ({
    label: path.posix.basename(uri.path),
    description: vscode.workspace.asRelativePath(uri),
    uri,
  }));
  const picked =
    found.length === 0
      ? elsewhere
      : await vscode.window.showQuickPick([...items, elsewhere], { title: 'Recipe', ignoreFocusOut: true });
  if (picked !== elsewhere) return picked?.uri;
  const files = await vscode.window.showOpenDialog({
    title: 'Recipe',
    filters: { Recipes: ['loupe.json', 'json'] },
  });
  return files?.[0];
}

async function pickScheme(): Promise<SchemeName | undefined> {
  const picked = await vscode.window.showQuickPick(
    schemes.map(({ name, label, detail }) => ({ label, description: name, detail, name })),
    {
      title: 'New Recipe: scheme for most tensors',
      matchOnDescription: true,
      matchOnDetail: true,
      ignoreFocusOut: true,
    },
  );
  return picked?.name;
}

/** Beside a model's own folder, else beside its file; with the name that the model goes by. */
function placeOf(model: vscode.Uri): { folder: vscode.Uri; name: string } {
  const parent = vscode.Uri.joinPath(model, '..');
  const isOwnFolder = /^model[.-]/.test(path.posix.basename(model.path));
  const name = isOwnFolder ? parent.path : model.path.replace(/\.[^./]+$/, '');
  return {
    folder: isOwnFolder ? vscode.Uri.joinPath(parent, '..') : parent,
    name: path.posix.basename(name),
  };
}

/** A file that is not there yet and that no unsaved document stands for. */
async function freeName(folder: vscode.Uri, stem: string): Promise<vscode.Uri> {
  for (let count = 1; ; count++) {
    const uri = vscode.Uri.joinPath(folder, `${stem}${count > 1 ? `-${count}` : ''}.loupe.json`);
    const isOpen = vscode.workspace.textDocuments.some((document) => document.uri.path === uri.path);
    const isThere = await vscode.workspace.fs.stat(uri).then(
      () => true,
      () => false,
    );
    if (!isOpen && !isThere) return uri;
  }
}
