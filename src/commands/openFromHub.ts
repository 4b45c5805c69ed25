/** "Open Model from Hugging Face Hub...": asks for a model and which of its checkpoints, and opens its headers. */
import * as vscode from 'vscode';
import { checkpointViewType, indexViewType } from '../editor/checkpointEditor';
import type { HubSettings } from '../editor/hubSettings';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { HubChoice } from '../hub/hubChoices';
import {
  type HubAccess,
  type HubRepository,
  hubScheme,
  hubUriPath,
  parseHubReference,
} from '../hub/hubLocation';
import { binarySize } from '../numeric/sizeText';
import { showFailure } from './showFailure';

interface FileItem extends vscode.QuickPickItem {
  readonly path: string;
}

/**
 * Opens a model; `given` is what the input box would be given. Resolves to its URI, or undefined when the user left or
 * it failed, which is shown.
 */
export async function openFromHub(
  engine: EngineClient,
  hub: HubSettings,
  log: vscode.LogOutputChannel,
  given?: string,
): Promise<vscode.Uri | undefined> {
  try {
    hub.requireTrust();
    const reference = await askReference(hub.endpoint(), given);
    if (!reference) return undefined;
    const path = reference.path ?? (await askFile(engine, reference, await hub.access()));
    if (path === undefined) return undefined;
    const uri = vscode.Uri.from({ scheme: hubScheme, path: hubUriPath({ ...reference, path }) });
    hub.allow(uri);
    const viewType = path.endsWith('.index.json') ? indexViewType : checkpointViewType;
    await vscode.commands.executeCommand('vscode.openWith', uri, viewType);
    return uri;
  } catch (thrown) {
    await showFailure(LoupeError.from(thrown), log);
    return undefined;
  }
}

async function askReference(
  endpoint: string,
  given: string | undefined,
): Promise<ReturnType<typeof parseHubReference> | undefined> {
  if (given !== undefined) return parseHubReference(given, endpoint);
  const problem = (text: string): string | undefined => {
    try {
      parseHubReference(text, endpoint);
      return undefined;
    } catch (thrown) {
      return LoupeError.from(thrown).message;
    }
  };
  const text = await vscode.window.showInputBox({
    title: 'Open a model from the Hugging Face Hub',
    prompt: `Only headers are read, from ${new URL(endpoint).host}`,
    placeHolder: 'org/name, org/name@revision, or the address of its page',
    ignoreFocusOut: true,
    validateInput: (typed) => (typed.trim() === '' ? undefined : problem(typed)),
  });
  return text === undefined || text.trim() === '' ? undefined : parseHubReference(text, endpoint);
}

/** The list shows at once and fills when the Hub has answered; leaving it cancels the request. */
async function askFile(
  engine: EngineClient,
  { name, revision }: HubRepository,
  access: HubAccess,
): Promise<string | undefined> {
  const leaving = new AbortController();
  const items = engine
    .call('hubChoices', { repository: { name, revision }, access }, { signal: leaving.signal })
    .then((choices) => choices.map(toItem));
  try {
    const chosen = await vscode.window.showQuickPick(items, {
      title: `${name}${revision === 'main' ? '' : ` at ${revision}`}`,
      placeHolder: 'Which checkpoint to open',
      matchOnDescription: true,
      ignoreFocusOut: true,
    });
    return chosen?.path;
  } finally {
    leaving.abort();
    // Who has left does not want to hear of it.
    items.catch(() => undefined);
  }
}

function toItem({ path, bytes, fileCount, format, quantization }: HubChoice): FileItem {
  const kind = format === 'safetensors' ? 'safetensors' : (quantization ?? 'GGUF');
  const parts = [kind, binarySize(bytes), ...(fileCount > 1 ? [`${fileCount} files`] : [])];
  return { label: path, description: parts.join(' · '), path };
}

/** "Set Hugging Face Token...": keeps it in the system's keychain, for the endpoint of now. Empty removes it. */
export async function setHubToken(hub: HubSettings, log: vscode.LogOutputChannel): Promise<void> {
  try {
    const { host } = new URL(hub.endpoint());
    const token = await vscode.window.showInputBox({
      title: `Token for ${host}`,
      prompt: 'Kept in the keychain and sent to this host only. Leave it empty to remove it.',
      placeHolder: 'hf_...',
      password: true,
      ignoreFocusOut: true,
      validateInput: (text) =>
        text === '' || /^hf_[\x21-\x7e]+$/.test(text.trim()) ? undefined : 'A token begins with hf_.',
    });
    if (token === undefined) return;
    await hub.setToken(token.trim());
    vscode.window.setStatusBarMessage(
      token === '' ? `The token for ${host} was removed.` : `The token for ${host} was kept.`,
      5000,
    );
  } catch (thrown) {
    await showFailure(LoupeError.from(thrown), log);
  }
}
