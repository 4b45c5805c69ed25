/** Which Hub is asked, with which token, and which of its models the user asked for. */
import * as vscode from 'vscode';
import { LoupeError } from '../errors';
import { checkEndpoint, defaultHubEndpoint, type HubAccess } from '../hub/hubLocation';

export class HubSettings {
  private readonly asked = new Set<string>();

  constructor(private readonly secrets: vscode.SecretStorage) {}

  /** The setting, then HF_ENDPOINT, then huggingface.co. Throws `usage` when it is no address. */
  endpoint(): string {
    const set = vscode.workspace.getConfiguration('tensorLoupe').get<string>('hub.endpoint', '').trim();
    return checkEndpoint(set || process.env.HF_ENDPOINT?.trim() || defaultHubEndpoint);
  }

  /**
   * Endpoint and token. A token that was set by command is used for the endpoint that it was set for, and HF_TOKEN where there
   * is none. Throws `refused` in Restricted Mode.
   */
  async access(): Promise<HubAccess> {
    this.requireTrust();
    const endpoint = this.endpoint();
    const token = (await this.secrets.get(secretKey(endpoint))) || process.env.HF_TOKEN?.trim();
    return token ? { endpoint, token } : { endpoint };
  }

  /** Keeps a token in the system's keychain, or removes it when it is empty. */
  async setToken(token: string): Promise<void> {
    const key = secretKey(this.endpoint());
    if (token === '') await this.secrets.delete(key);
    else await this.secrets.store(key, token);
  }

  /** Throws `refused` with a plain sentence in Restricted Mode. */
  requireTrust(): void {
    if (vscode.workspace.isTrusted) return;
    throw new LoupeError(
      'refused',
      'Opening models from the Hub sends requests, so it waits until this workspace is trusted.',
    );
  }

  /** Remembers that the user chose this model in this window. */
  allow(uri: vscode.Uri): void {
    this.asked.add(uri.toString());
  }

  /** A tab that comes back with its window, or a link that someone else wrote, must not send anything by itself. */
  isAllowed(uri: vscode.Uri): boolean {
    return this.asked.has(uri.toString());
  }
}

const secretKey = (endpoint: string) => `hub.token ${new URL(endpoint).origin}`;
