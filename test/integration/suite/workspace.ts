/** What the in-host tests share: the extension, its demo models in a scratch workspace, and waiting. */
import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { TensorLoupeApi } from '../../../src/extension';

export const checkpointViewType = 'tensorLoupe.checkpoint';

/** The workspace folder, which the runner fills with copies of the demo models. */
export function workspaceFolder(): string {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder, 'the host was started without a workspace folder');
  return folder.uri.fsPath;
}

export function workspaceFile(...parts: string[]): vscode.Uri {
  return vscode.Uri.file(path.join(workspaceFolder(), ...parts));
}

export async function activeApi(): Promise<TensorLoupeApi> {
  const extension = vscode.extensions.getExtension<TensorLoupeApi>('tensor-loupe.tensor-loupe');
  assert.ok(extension, 'the extension is not installed in the host');
  return extension.activate();
}

/** Polls until `probe` gives a value that is neither undefined nor false. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value as T;
    if (Date.now() > deadline) throw new Error(`waited 20 s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Tabs of our custom editors, over all groups. */
export function checkpointTabs(): vscode.TabInputCustom[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .map((tab) => tab.input)
    .filter((input): input is vscode.TabInputCustom => input instanceof vscode.TabInputCustom)
    .filter((input) => input.viewType.startsWith('tensorLoupe.'));
}
