/** The link in a hover over a model that is on the Hub alone: asks about it, and shows the hover again. */
import * as vscode from 'vscode';
import { withLateProgress } from '../editor/lateProgress';
import { LoupeError } from '../errors';
import type { HubQuestion, HubQuestions } from '../hover/hubQuestions';
import type { AskedAt } from '../hover/modelHover';
import { showFailure } from './showFailure';

/** Resolves to whether the Hub answered; a failure is shown. */
export async function askHub(
  questions: HubQuestions,
  log: vscode.LogOutputChannel,
  question: HubQuestion,
  at?: AskedAt,
): Promise<boolean> {
  if (typeof question?.name?.name !== 'string') return false;
  try {
    questions.allow(question);
    if (!questions.known(question))
      await withLateProgress(`Asking the Hub about ${question.name.name}`, (signal) =>
        questions.ask(question, signal),
      );
    if (at) await showHoverAt(at);
    return true;
  } catch (thrown) {
    await showFailure(LoupeError.from(thrown), log);
    return false;
  }
}

/** The editor's own hover, which asks the provider again; it shows where the cursor is. */
async function showHoverAt({ uri, line, character }: AskedAt): Promise<void> {
  const editor = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri);
  if (!editor) return;
  const position = new vscode.Position(line, character);
  editor.selection = new vscode.Selection(position, position);
  const { document, viewColumn } = editor;
  // A notebook's cell has the focus by the notebook's editor.
  if (document.uri.scheme !== 'vscode-notebook-cell')
    await vscode.window.showTextDocument(document, viewColumn === undefined ? {} : { viewColumn });
  // The offer would stay where the answer is to show. Versions that lack the command close it when the text is clicked.
  await Promise.resolve(vscode.commands.executeCommand('editor.action.hideHover')).catch(() => undefined);
  await vscode.commands.executeCommand('editor.action.showHover');
}
