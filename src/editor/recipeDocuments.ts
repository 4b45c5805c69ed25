/** Recipes in text editors: problems at their lines, checked against a model, and what can be done with them. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { RecipePlan, SizeEffect } from '../protocol/recipeApi';
import type { Recipe } from '../quant/recipe';
import { readRecipe } from '../quant/recipeFile';
import { recipeMatrix } from '../quant/recipeMatrix';
import { checkpointViewType, indexViewType } from './checkpointEditor';
import { jsonPlaces } from './jsonPlaces';

const recipeSelector: vscode.DocumentSelector = { pattern: '**/*.loupe.json' };

/** Typing pauses for this long before a recipe is checked. */
const pauseMs = 250;

/** What is known of a recipe's text. */
interface Checked {
  readonly plan: RecipePlan | undefined;
  /** Why there is no plan although there is a model. */
  readonly failure: string | undefined;
}

/** Where a problem lies that the text itself does not show. */
const matrixPlace = ['imatrix', 'file'] as const;

export const isRecipe = ({ uri }: { readonly uri: vscode.Uri }): boolean => uri.path.endsWith('.loupe.json');

/** Keeps the diagnostics of open recipes and offers their lenses. */
export class RecipeDocuments implements vscode.Disposable, vscode.CodeLensProvider {
  private readonly collection = vscode.languages.createDiagnosticCollection('tensorLoupeRecipes');
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly checked = new Map<string, Checked>();
  private readonly disposables: vscode.Disposable[];
  readonly onDidChangeCodeLenses = this.changed.event;

  constructor(private readonly engine: EngineClient) {
    this.disposables = [
      this.collection,
      this.changed,
      vscode.workspace.onDidOpenTextDocument((document) => this.schedule(document, 0)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.schedule(document, pauseMs)),
      vscode.workspace.onDidCloseTextDocument((document) => this.forget(document)),
      vscode.window.tabGroups.onDidChangeTabs(() => this.checkAgain()),
      vscode.languages.registerCodeLensProvider(recipeSelector, this),
    ];
    for (const document of vscode.workspace.textDocuments) this.schedule(document, 0);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const disposable of this.disposables) disposable.dispose();
  }

  /** The model that a recipe is for: the one that it names, if it is there, else one that is open. */
  async modelOf({ uri }: vscode.TextDocument, recipe: Recipe): Promise<vscode.Uri | undefined> {
    if (recipe.model !== undefined && (uri.scheme === 'file' || uri.scheme === 'untitled')) {
      const named = vscode.Uri.file(path.join(path.dirname(uri.fsPath), recipe.model));
      const isThere = await vscode.workspace.fs.stat(named).then(
        () => true,
        () => false,
      );
      if (isThere) return named;
    }
    return openCheckpoint();
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    if (!readRecipe(document.getText()).recipe) return [];
    const top = new vscode.Range(0, 0, 0, 0);
    const lens = (title: string, command: string, ...given: unknown[]) =>
      new vscode.CodeLens(top, { title, command, arguments: given });
    const { plan, failure } = this.checked.get(document.uri.toString()) ?? {};
    const act = [
      lens('$(eye) Preview error', 'tensorLoupe.previewRecipe', document.uri),
      lens('$(fold-down) Quantize with this recipe', 'tensorLoupe.quantizeWithRecipe', document.uri),
    ];
    if (plan)
      return [
        ...act,
        lens(planText(plan), 'tensorLoupe.openCheckpoint', plan.file),
        ...sizeLenses(document, plan),
      ];
    if (failure !== undefined) return [...act, lens(`$(warning) ${failure}`, 'tensorLoupe.openCheckpoint')];
    return [...act, lens('Open a checkpoint to see sizes', 'tensorLoupe.openCheckpoint')];
  }

  private schedule(document: vscode.TextDocument, delayMs: number): void {
    if (!isRecipe(document)) return;
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.set(
      key,
      setTimeout(() => void this.check(document), delayMs),
    );
  }

  private forget({ uri }: vscode.TextDocument): void {
    clearTimeout(this.timers.get(uri.toString()));
    this.timers.delete(uri.toString());
    this.checked.delete(uri.toString());
    this.collection.delete(uri);
  }

  /** A model was opened or closed. */
  private checkAgain(): void {
    for (const document of vscode.workspace.textDocuments) this.schedule(document, pauseMs);
  }

  private async check(document: vscode.TextDocument): Promise<void> {
    const { version } = document;
    const text = document.getText();
    const { recipe, problems } = readRecipe(text);
    const model = recipe && (await this.modelOf(document, recipe));
    let plan: RecipePlan | undefined;
    let failure: LoupeError | undefined;
    const imatrix = recipeMatrix(recipe, document.uri.fsPath);
    if (recipe && model?.scheme === 'file') {
      try {
        plan = await this.engine.call('recipePlan', { path: model.fsPath, recipe, imatrix });
      } catch (thrown) {
        failure = LoupeError.from(thrown);
      }
    }
    // What was typed or closed meanwhile is checked by a later call, or not any more.
    if (document.isClosed || document.version !== version) return;
    this.checked.set(document.uri.toString(), { plan, failure: failure?.message });
    const place = placesIn(document, text);
    this.collection.set(document.uri, [
      ...problems
        // Text that is no JSON is told by the JSON support.
        .filter((problem) => problem.path.length > 0 || isJson(text))
        .map((problem) => diagnostic(place(problem.path), problem.message, vscode.DiagnosticSeverity.Error)),
      ...(recipe && plan ? planDiagnostics(plan, place) : []),
      ...(failure && imatrix !== undefined && failure.file === imatrix
        ? [diagnostic(place(matrixPlace), failure.message, vscode.DiagnosticSeverity.Error)]
        : []),
    ]);
    this.changed.fire();
  }
}

/** Above each rule and the default: what becomes of the tensors that it decides about. */
function sizeLenses(document: vscode.TextDocument, plan: RecipePlan): vscode.CodeLens[] {
  const text = document.getText();
  if (!isJson(text)) return [];
  const place = placesIn(document, text);
  const at = (path: readonly (string | number)[], size: SizeEffect): vscode.CodeLens[] =>
    size.tensors === 0 ? [] : [new vscode.CodeLens(place(path), { title: sizeText(size), command: '' })];
  return [
    // What was typed since the plan was made may have fewer rules, or others.
    ...plan.ruleSizes.flatMap((size, index) => at(['rules', index], size)),
    ...at(['default'], plan.restSize),
  ];
}

/** "4 tensors: 1.50 MiB → 770 KiB, 4.13 bits each" */
function sizeText({ tensors, elements, bytesBefore, bytesAfter }: SizeEffect): string {
  const bits = elements === 0 ? '' : `, ${((8 * bytesAfter) / elements).toFixed(2)} bits each`;
  const count = `${tensors} ${tensors === 1 ? 'tensor' : 'tensors'}`;
  return `${count}: ${binarySize(bytesBefore)} → ${binarySize(bytesAfter)}${bits}`;
}

type Place = (path: readonly (string | number)[]) => vscode.Range;

function placesIn(document: vscode.TextDocument, text: string): Place {
  const places = isJson(text) ? jsonPlaces(text) : () => ({ start: 0, end: 0 });
  return (at) => {
    const { start, end } = places(at);
    const first = document.positionAt(start);
    // A problem of a whole object is shown at its first line.
    const last = document.positionAt(end);
    return new vscode.Range(first, last.line > first.line ? document.lineAt(first.line).range.end : last);
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function planDiagnostics(plan: RecipePlan, place: Place): vscode.Diagnostic[] {
  const { Error: Fault, Warning, Information } = vscode.DiagnosticSeverity;
  const { name, rules, refusals, cannotWrite, warnings } = plan;
  return [
    ...rules.flatMap(({ decided, matches }, index) => {
      const at = place(['rules', index, 'match']);
      if (!matches) return [diagnostic(at, `No tensor of ${name} has a name like this.`, Warning)];
      if (decided === 0) {
        return [
          diagnostic(
            at,
            `Rules before this one decide about every tensor of ${name} that it matches.`,
            Warning,
          ),
        ];
      }
      return [];
    }),
    ...refusals.map(({ rule, message, tensors }) =>
      diagnostic(
        place(rule === undefined ? ['default'] : ['rules', rule, 'choice']),
        tensors > 1 ? `${message} (and ${tensors - 1} more tensors)` : message,
        Fault,
      ),
    ),
    ...(cannotWrite === undefined
      ? []
      : [diagnostic(place(['default']), `${name} cannot be written so. ${cannotWrite}`, Fault)]),
    ...warnings.map((warning) => diagnostic(place(['default']), warning, Information)),
  ];
}

function diagnostic(
  range: vscode.Range,
  message: string,
  severity: vscode.DiagnosticSeverity,
): vscode.Diagnostic {
  const made = new vscode.Diagnostic(range, message, severity);
  made.source = 'Tensor Loupe';
  return made;
}

/** A checkpoint that is open in an editor: one on show before others. */
function openCheckpoint(): vscode.Uri | undefined {
  const { all, activeTabGroup } = vscode.window.tabGroups;
  const tabs = [
    ...all.flatMap(({ activeTab }) => activeTab ?? []),
    ...activeTabGroup.tabs,
    ...all.flatMap((group) => group.tabs),
  ];
  for (const { input } of tabs) {
    const isOurs =
      input instanceof vscode.TabInputCustom &&
      (input.viewType === checkpointViewType || input.viewType === indexViewType);
    if (isOurs) return input.uri;
  }
  return undefined;
}

/** "demo: 6.29 MiB → 2.10 MiB, 5.12 bits per weight, 28 quantized, 11 kept" */
function planText({ name, bytesBefore, bytesAfter, bitsPerWeight, quantized, kept }: RecipePlan): string {
  const sizes = `${binarySize(bytesBefore)} → ${binarySize(bytesAfter)}`;
  return `${name}: ${sizes}, ${bitsPerWeight.toFixed(2)} bits per weight, ${quantized} quantized, ${kept} kept`;
}
