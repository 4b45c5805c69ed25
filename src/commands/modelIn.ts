/** The file to open for a folder that was chosen in the Explorer. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';

/** A file as it is; of a folder the model's first file. Throws `not-a-checkpoint` for a folder without a model, or with several. */
export async function modelIn(engine: EngineClient, uri: vscode.Uri): Promise<vscode.Uri> {
  if (uri.scheme !== 'file') return uri;
  // What is not there is told by who opens it.
  const type = await vscode.workspace.fs.stat(uri).then(
    (stat) => stat.type,
    () => vscode.FileType.Unknown,
  );
  if ((type & vscode.FileType.Directory) === 0) return uri;
  const { files } = await engine.call('open', { path: uri.fsPath });
  return vscode.Uri.file(files[0]!.path);
}
