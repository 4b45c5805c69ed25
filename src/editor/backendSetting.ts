/** The setting `tensorLoupe.backend`. */
import * as vscode from 'vscode';
import type { BackendSetting } from '../protocol/backendPageApi';

const settings = () => vscode.workspace.getConfiguration('tensorLoupe');

export const readBackendSetting = (): BackendSetting => settings().get<BackendSetting>('backend', 'auto');

/** Writes where the value in force stands: in the workspace if it has one of its own, else for the user. */
export async function writeBackendSetting(value: BackendSetting): Promise<void> {
  const { workspaceValue, workspaceFolderValue } = settings().inspect('backend') ?? {};
  const isOfWorkspace = workspaceValue !== undefined || workspaceFolderValue !== undefined;
  await settings().update(
    'backend',
    value,
    isOfWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global,
  );
}
