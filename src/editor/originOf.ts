/** Chooses a document's origin by its scheme. */
import type * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { hubScheme } from '../hub/hubLocation';
import type { CheckpointOrigin } from './checkpointOrigin';
import type { FileCopies } from './fileCopies';
import { HubOrigin } from './hubOrigin';
import type { HubSettings } from './hubSettings';

/** What origins need besides the URI. */
export interface OriginParts {
  readonly engine: EngineClient;
  readonly copies: FileCopies;
  readonly hub: HubSettings;
}

export function originOf(uri: vscode.Uri, { engine, copies, hub }: OriginParts): CheckpointOrigin {
  if (uri.scheme === hubScheme) return new HubOrigin(uri, engine, hub);
  if (uri.scheme !== 'file') return copies.origin(uri, engine);
  return {
    open: (_isAsked, progress) => engine.call('open', { path: uri.fsPath }, { progress }),
    notice: undefined,
    diskPath: async () => uri.fsPath,
    dispose: () => {},
  };
}
