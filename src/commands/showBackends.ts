/** "Show Compute Backends": every candidate with what was found, in a quick pick that is read, not chosen from. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { backendChoices } from './quantizeDialog';

export async function showBackends(engine: EngineClient): Promise<void> {
  const reports = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: 'Looking for compute backends' },
    () => engine.call('backends', {}),
  );
  const chosen = await vscode.window.showQuickPick(backendChoices(reports), {
    title: 'Compute backends, in order of preference',
    placeHolder: 'Choose one to use it from now on',
    matchOnDetail: true,
  });
  if (chosen) {
    await vscode.workspace
      .getConfiguration('tensorLoupe')
      .update('backend', chosen.value, vscode.ConfigurationTarget.Global);
  }
}
