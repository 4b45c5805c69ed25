/** The rows of the Models view. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { binarySize } from '../../numeric/sizeText';
import type { DuplicateSet, LocalModel, ModelPlace } from '../../protocol/modelsApi';
import { type ModelSummary, modelDescription, modelTooltip, placeNames } from './modelTexts';

export interface PlaceNode {
  readonly kind: 'place';
  readonly place: ModelPlace;
  readonly models: readonly LocalModel[];
}
export interface DuplicatesNode {
  readonly kind: 'duplicates';
  readonly sets: readonly DuplicateSet[];
}
export interface DuplicateSetNode {
  readonly kind: 'set';
  readonly set: DuplicateSet;
  readonly models: readonly LocalModel[];
  readonly parent: DuplicatesNode;
}
export interface ModelNode {
  readonly kind: 'model';
  readonly model: LocalModel;
  /** Said where another model of the list has the same name. */
  readonly where?: string | undefined;
  readonly parent: PlaceNode | DuplicateSetNode;
}
export type ModelsNode = PlaceNode | DuplicatesNode | DuplicateSetNode | ModelNode;

const placeIcons: Readonly<Record<ModelPlace, string>> = {
  workspace: 'root-folder',
  huggingFace: 'database',
  ollama: 'server',
};

/** What the quantizer takes; ollama's files have no endings, and are best left to it. */
const quantizable = /\.(safetensors|gguf|onnx)$|\.safetensors\.index\.json$/i;
const convertible = /\.safetensors$|\.safetensors\.index\.json$/i;

export const sizeOf = (models: readonly LocalModel[]): number =>
  models.reduce((sum, { bytes }) => sum + bytes, 0);

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

export const freeableText = (sets: readonly DuplicateSet[]): string =>
  `${binarySize(sets.reduce((sum, { freeableBytes }) => sum + freeableBytes, 0))} could be freed`;

/** A place; closed where another one comes first. */
export function placeItem({ place, models }: PlaceNode, isOpen: boolean): vscode.TreeItem {
  const { Expanded, Collapsed } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(placeNames[place], isOpen ? Expanded : Collapsed);
  item.id = place;
  item.description = `${counted(models.length, 'model')} · ${binarySize(sizeOf(models))}`;
  item.iconPath = new vscode.ThemeIcon(placeIcons[place]);
  item.contextValue = 'place';
  return item;
}

export function duplicatesItem({ sets }: DuplicatesNode): vscode.TreeItem {
  const item = new vscode.TreeItem('Duplicates', vscode.TreeItemCollapsibleState.Expanded);
  item.id = 'duplicates';
  item.description = freeableText(sets);
  item.iconPath = new vscode.ThemeIcon('files');
  item.tooltip = 'Models whose weights are the same, byte for byte. Links to one file are no duplicates.';
  // Otherwise the tooltip is what a screen reader says.
  item.accessibilityInformation = { label: `Duplicates, ${freeableText(sets)}` };
  item.contextValue = 'duplicates';
  return item;
}

export function setItem({ set, models }: DuplicateSetNode): vscode.TreeItem {
  const name = models[0]?.name ?? '';
  const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState.Expanded);
  item.id = `set ${set.models.join('\0')}`;
  item.description = `${models.length} copies · ${freeableText([set])}`;
  item.iconPath = new vscode.ThemeIcon('copy');
  item.contextValue = 'set';
  return item;
}

export function modelItem(
  { model, where, parent }: ModelNode,
  summary: ModelSummary | undefined,
): vscode.TreeItem {
  const isCopy = parent.kind === 'set';
  const item = new vscode.TreeItem(isCopy ? copyLabel(model) : model.name);
  item.id = `${isCopy ? 'copy' : 'model'} ${model.path}`;
  const told = isCopy
    ? `${binarySize(model.bytes)} · ${placeNames[model.place]}`
    : modelDescription(model, summary);
  item.description = where === undefined ? told : `${told} · ${where}`;
  item.tooltip = modelTooltip(model, summary);
  const isRefused = summary !== undefined && 'refusal' in summary;
  item.iconPath = new vscode.ThemeIcon(isRefused || model.missing > 0 ? 'warning' : 'package');
  item.accessibilityInformation = { label: `${model.name}, ${told.replaceAll(' · ', ', ')}` };
  item.contextValue = [
    'model',
    ...(model.place !== 'ollama' && quantizable.test(model.path) ? ['quantizable'] : []),
    ...(model.place !== 'ollama' && convertible.test(model.path) ? ['convertible'] : []),
  ].join(' ');
  item.command = {
    command: 'tensorLoupe.openCheckpoint',
    title: 'Open Checkpoint',
    arguments: [vscode.Uri.file(model.path)],
  };
  return item;
}

/** Copies have one name: those in the workspace are told apart by their paths. */
function copyLabel(model: LocalModel): string {
  if (model.place !== 'workspace') return model.name;
  const isNamedByFolder = path.basename(model.path).startsWith('model.');
  return vscode.workspace.asRelativePath(isNamedByFolder ? path.dirname(model.path) : model.path, false);
}

/** Where a model lies, for people: from the workspace folder, from the home folder, or whole. */
export function placeText(model: LocalModel): string {
  if (model.place === 'ollama') return placeNames.ollama;
  const folder = path.dirname(model.path);
  const relative = vscode.workspace.asRelativePath(folder, false);
  if (relative !== folder) return relative;
  return model.place === 'huggingFace'
    ? `${placeNames.huggingFace}: ${path.basename(folder).slice(0, 8)}`
    : folder;
}
