/** A document's lines for `mentionAt`; a notebook's cell goes on above into the cells before it. */
import * as vscode from 'vscode';
import type { TextLines } from './textWindow';

/** Nothing is read before a line is asked for. */
export function documentLines(document: vscode.TextDocument): TextLines {
  let above: vscode.TextDocument[] | undefined;
  return (line) => {
    if (line >= 0) return line < document.lineCount ? document.lineAt(line).text : undefined;
    above ??= cellsAbove(document);
    let left = -line;
    for (const cell of above) {
      if (left <= cell.lineCount) return cell.lineAt(cell.lineCount - left).text;
      left -= cell.lineCount;
    }
    return undefined;
  };
}

/** Cells of the same language, the nearest first. */
function cellsAbove(document: vscode.TextDocument): vscode.TextDocument[] {
  if (document.uri.scheme !== 'vscode-notebook-cell') return [];
  const notebook = vscode.workspace.notebookDocuments.find(
    ({ uri }) => uri.path === document.uri.path && uri.scheme !== document.uri.scheme,
  );
  const cells = notebook?.getCells() ?? [];
  const at = cells.findIndex((cell) => cell.document.uri.toString() === document.uri.toString());
  return cells
    .slice(0, Math.max(0, at))
    .filter(({ document: { languageId } }) => languageId === document.languageId)
    .map((cell) => cell.document)
    .reverse();
}
