/** A model on the Hugging Face Hub: its catalogue from headers, and no values. */
import type * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { hubValuesReason, parseHubUriPath } from '../hub/hubLocation';
import type { Catalogue, OpenProgress } from '../protocol/engineApi';
import type { CheckpointOrigin } from './checkpointOrigin';
import type { HubSettings } from './hubSettings';
import { withLateProgress } from './lateProgress';

export class HubOrigin implements CheckpointOrigin {
  notice: string | undefined;
  private readonly closing = new AbortController();

  constructor(
    private readonly uri: vscode.Uri,
    private readonly engine: EngineClient,
    private readonly hub: HubSettings,
  ) {}

  async open(isAsked: boolean, onProgress: (progress: OpenProgress) => void): Promise<Catalogue> {
    const location = parseHubUriPath(this.uri.path);
    this.hub.requireTrust();
    if (isAsked) this.hub.allow(this.uri);
    if (!this.hub.isAllowed(this.uri))
      throw new LoupeError(
        'refused',
        `${location.name} is on the Hugging Face Hub, which is not asked by itself. Choose Try Again to read the model's headers.`,
        { file: this.uri.toString(true) },
      );
    const access = await this.hub.access();
    const catalogue = await withLateProgress(`Reading the headers of ${location.name}`, (signal, report) =>
      this.engine.call(
        'hubOpen',
        { location, access },
        {
          signal: AbortSignal.any([signal, this.closing.signal]),
          progress: (progress) => {
            report(`${progress.filesDone} of ${progress.filesTotal} files`);
            onProgress(progress);
          },
        },
      ),
    );
    const host = new URL(access.endpoint).host;
    this.notice = `Headers of ${location.name} at ${location.revision}, read from ${host}. ${hubValuesReason}`;
    return catalogue;
  }

  async diskPath(): Promise<string> {
    throw new LoupeError('unsupported', hubValuesReason);
  }

  dispose(): void {
    this.closing.abort();
  }
}
