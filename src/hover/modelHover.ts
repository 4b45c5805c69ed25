/** Hovers over what names a model: a path, a name on the Hub, or one of Ollama's. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { fileStamp } from '../bytes/fileStamp';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { ModelCost, ModelPlaceParams } from '../protocol/costApi';
import { costTable } from './costTable';
import { documentLines } from './documentLines';
import { findModel } from './findModel';
import type { HubName } from './hubNames';
import type { HubQuestion, HubQuestions } from './hubQuestions';
import { commandLink, escapeMarkdown } from './markdownText';
import { mentionAt, mentionLanguages, mentionPatterns } from './mentionAt';
import type { ModelMention } from './modelMention';

/** Also by file name: some languages are none of VS Code's own. */
export const hoverSelector: vscode.DocumentSelector = [
  ...mentionLanguages.map((language) => ({ language })),
  ...mentionPatterns.map((pattern) => ({ pattern })),
];

/** The only commands that links in hovers run. */
const linkedCommands = [
  'tensorLoupe.openCheckpoint',
  'tensorLoupe.planMemory',
  'tensorLoupe.quantize',
  'tensorLoupe.askHub',
  'tensorLoupe.openFromHub',
];

const mostKept = 100;

/** Where `tensorLoupe.askHub` shows the answer. */
export interface AskedAt {
  readonly uri: string;
  readonly line: number;
  readonly character: number;
}

export class ModelHoverProvider implements vscode.HoverProvider {
  private readonly kept = new Map<string, ModelCost>();

  constructor(
    private readonly engine: EngineClient,
    private readonly hub: HubQuestions,
  ) {}

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    if (!vscode.workspace.getConfiguration('tensorLoupe').get<boolean>('hover.enabled', true))
      return undefined;
    const mention = mentionAt({
      text: documentLines(document),
      line: position.line,
      column: position.character,
      language: document.languageId,
      fileName: path.posix.basename(document.uri.path),
    });
    if (!mention) return undefined;
    const found = await findModel(mention, searchRoots(document));
    if (!found || token.isCancellationRequested) return undefined;
    const text =
      found.at === 'here'
        ? await this.localText(found.place, mention, token)
        : await this.hubText({ name: found.name, load: mention.load.setting }, mention, token, {
            uri: document.uri.toString(),
            line: mention.line,
            character: mention.start,
          });
    if (text === undefined || token.isCancellationRequested) return undefined;
    const markdown = new vscode.MarkdownString(text, true);
    markdown.isTrusted = { enabledCommands: linkedCommands };
    return new vscode.Hover(
      markdown,
      new vscode.Range(mention.line, mention.start, mention.line, mention.end),
    );
  }

  private async localText(
    place: ModelPlaceParams,
    { kind, text, load }: ModelMention,
    token: vscode.CancellationToken,
  ): Promise<string | undefined> {
    try {
      const cost = await this.localCost(place, load.setting, token);
      return costTable(cost, {
        load,
        links: localLinks(cost),
        ...(place.kind === 'cache' ? cacheWords(cost) : {}),
      });
    } catch (thrown) {
      const { code, message } = LoupeError.from(thrown);
      // A file that is refused explains itself when it is opened; of a cache one cannot see what is missing.
      const isShown = kind !== 'path' && (code === 'not-a-checkpoint' || code === 'not-found');
      return isShown ? `**${escapeMarkdown(text)}**\n\n$(info) ${escapeMarkdown(message)}` : undefined;
    }
  }

  /** Kept until one of the files has another size or time. */
  private async localCost(
    place: ModelPlaceParams,
    load: ModelMention['load']['setting'],
    token: vscode.CancellationToken,
  ): Promise<ModelCost> {
    const key = JSON.stringify([place, load]);
    const kept = this.kept.get(key);
    if (kept && (await isCurrent(kept))) return kept;
    const cost = await withSignal(token, (signal) =>
      this.engine.call('modelCost', { place, load }, { signal }),
    );
    this.kept.delete(key);
    if (this.kept.size >= mostKept) this.kept.delete(this.kept.keys().next().value!);
    if (cost.stamps.length > 0) this.kept.set(key, cost);
    return cost;
  }

  private async hubText(
    question: HubQuestion,
    mention: ModelMention,
    token: vscode.CancellationToken,
    at: AskedAt,
  ): Promise<string | undefined> {
    const { name } = question;
    const host = this.hub.host();
    if (this.hub.setting() === 'never' || host === undefined) return undefined;
    const known = this.hub.known(question);
    if (known) return hubTable(known, name, host, mention);
    if (!this.hub.isAllowed(question)) return offer(question, host, at);
    try {
      const cost = await withSignal(token, (signal) => this.hub.ask(question, signal));
      return hubTable(cost, name, host, mention);
    } catch (thrown) {
      const { code, message } = LoupeError.from(thrown);
      return code === 'cancelled'
        ? undefined
        : `**${escapeMarkdown(name.name)}**\n\n$(warning) ${escapeMarkdown(message)}`;
    }
  }
}

function searchRoots({ uri }: vscode.TextDocument) {
  const roots = (vscode.workspace.workspaceFolders ?? [])
    .filter((folder) => folder.uri.scheme === 'file')
    .map((folder) => folder.uri.fsPath);
  const isOnDisk = uri.scheme === 'file' || uri.scheme === 'vscode-notebook-cell';
  return {
    // A cell's path is its notebook's.
    folder: isOnDisk ? path.dirname(vscode.Uri.file(uri.path).fsPath) : undefined,
    roots,
    isTrusted: vscode.workspace.isTrusted,
  };
}

async function isCurrent({ stamps }: ModelCost): Promise<boolean> {
  const now = await Promise.all(
    stamps.map(async ({ path: file, stamp }) => (await fileStamp(file)) === stamp),
  );
  return now.every(Boolean);
}

async function withSignal<T>(
  token: vscode.CancellationToken,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const listening = token.onCancellationRequested(() => controller.abort());
  try {
    return await work(controller.signal);
  } finally {
    listening.dispose();
  }
}

const cacheWords = ({ source }: ModelCost): { from: string } => ({
  from: source === 'files' ? 'in the Hugging Face cache' : 'The Hugging Face cache holds no weights of it',
});

function localLinks({ open }: ModelCost): string[] {
  if (open === undefined) return [];
  const links = [
    commandLink(
      'Open in Tensor Loupe',
      'tensorLoupe.openCheckpoint',
      [open],
      'Show the tensors of this checkpoint',
    ),
  ];
  links.push(
    commandLink('Plan memory', 'tensorLoupe.planMemory', [open], 'What it takes in use, against GPUs'),
  );
  if (/\.(safetensors|gguf|onnx)$|\.safetensors\.index\.json$/.test(open))
    links.push(
      commandLink('Quantize...', 'tensorLoupe.quantize', [open], 'Choose a scheme and write a smaller model'),
    );
  return links;
}

function hubTable(
  cost: ModelCost,
  { name, revision }: HubName,
  host: string,
  { load }: ModelMention,
): string {
  const reference = revision === undefined ? name : `${name}@${revision}`;
  const links =
    cost.open === undefined
      ? []
      : [
          commandLink(
            'Open in Tensor Loupe',
            'tensorLoupe.openFromHub',
            [reference],
            'Read the headers of this model',
          ),
        ];
  const from =
    cost.source === 'files' ? `on ${escapeMarkdown(host)}` : `No weights are on ${escapeMarkdown(host)}`;
  return costTable(cost, { load, links, from });
}

/** Nothing is sent before the click. */
function offer(question: HubQuestion, host: string, at: AskedAt): string {
  const name = escapeMarkdown(question.name.name);
  const lead = `**${name}** is not in the Hugging Face cache of this machine.`;
  if (!vscode.workspace.isTrusted)
    return `${lead}\n\n$(info) The Hub can be asked about it once this workspace is trusted.`;
  const link = commandLink(
    `Ask the Hub about ${name}`,
    'tensorLoupe.askHub',
    [question, at],
    'Reads the list of files, config.json and headers; no weights',
  );
  return `${lead}\n\n$(cloud) ${link}\n\nReads headers from ${escapeMarkdown(host)}. Nothing is sent before you click.`;
}
