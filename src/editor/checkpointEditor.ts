/** The custom read-only editor of checkpoints. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { TensorStats } from '../protocol/engineApi';
import { type Handlers, Rpc } from '../protocol/rpc';
import type { CheckpointHostContract, CheckpointPageContract } from '../protocol/webviewApi';
import type { CheckpointOrigin } from './checkpointOrigin';
import { CheckpointSession } from './checkpointSession';
import { changeNotice } from './checkpointWatcher';
import type { FindingDiagnostics } from './findingDiagnostics';
import { pickTensor } from './pickTensor';
import { readViewSettings } from './viewSettings';
import { WebviewChannel } from './webviewChannel';
import { webviewHtml, webviewRoot } from './webviewHtml';

export const checkpointViewType = 'tensorLoupe.checkpoint';
export const indexViewType = 'tensorLoupe.index';

type Page = Rpc<CheckpointHostContract, CheckpointPageContract>;

/** Figures are sent to the page this often at most: 100,000 single messages would choke it. */
const batchIntervalMs = 80;

/** The sessions of all open editors, and the page of the active one: commands work on these. */
export class CheckpointDocument implements vscode.CustomDocument {
  constructor(
    readonly uri: vscode.Uri,
    readonly session: CheckpointSession,
    private readonly onDispose: () => void,
  ) {}

  dispose(): void {
    this.session.dispose();
    this.onDispose();
  }
}

export class CheckpointEditorProvider implements vscode.CustomReadonlyEditorProvider<CheckpointDocument> {
  private readonly pages = new Map<vscode.WebviewPanel, { page: Page; document: CheckpointDocument }>();
  private readonly documents = new Map<string, CheckpointDocument>();

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly engine: EngineClient,
    private readonly originOf: (uri: vscode.Uri) => CheckpointOrigin,
    private readonly diagnostics: FindingDiagnostics,
    private readonly backendText: () => Promise<string>,
  ) {}

  /** The checkpoint of the active editor tab, if it is one of ours. */
  active(): { uri: vscode.Uri; session: CheckpointSession; page: Page } | undefined {
    for (const [panel, { page, document }] of this.pages) {
      if (panel.active) return { uri: document.uri, session: document.session, page };
    }
    return undefined;
  }

  /** The session of an open document. */
  session(uri: vscode.Uri): CheckpointSession | undefined {
    return this.documents.get(uri.toString())?.session;
  }

  /** Tells every page that the compute process ended and comes back with the next request. */
  engineRestarted(message: string): void {
    for (const { page } of this.pages.values())
      void page.call('notice', { kind: 'engine', message }).catch(() => undefined);
  }

  openCustomDocument(uri: vscode.Uri): CheckpointDocument {
    const key = uri.toString();
    const session = new CheckpointSession(uri, this.engine, this.originOf(uri));
    session.onDidFind((findings) => this.diagnostics.update(uri, findings));
    const document = new CheckpointDocument(uri, session, () => {
      this.documents.delete(key);
      this.diagnostics.remove(uri);
    });
    this.documents.set(key, document);
    return document;
  }

  resolveCustomEditor(document: CheckpointDocument, panel: vscode.WebviewPanel): void {
    const disposables: vscode.Disposable[] = [];
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [webviewRoot(this.extensionUri)] };
    const page: Page = new Rpc(new WebviewChannel(webview, disposables), this.handlers(document, panel));
    this.pages.set(panel, { page, document });
    const reload = () => void page.call('reload', {}).catch(() => undefined);
    disposables.push(
      document.session.onDidProgress((progress) => {
        void page.call('opening', progress).catch(() => undefined);
      }),
      document.session.onDidChange((changes) => {
        const message = changeNotice(changes);
        void page.call('notice', { kind: 'changed', message }).catch(() => undefined);
      }),
      // Trust and settings are told with the catalogue, which is not read again for them.
      vscode.workspace.onDidGrantWorkspaceTrust(() => reload()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('tensorLoupe')) reload();
      }),
    );
    panel.onDidDispose(() => {
      this.pages.delete(panel);
      page.close(new LoupeError('cancelled', 'The editor was closed.'));
      for (const disposable of disposables) disposable.dispose();
    });
    webview.html = webviewHtml(webview, this.extensionUri, 'checkpoint', 'Tensor Loupe');
  }

  /** Looking for a GPU can take a second, so the strip gets the answer after the table is there. */
  private async tellBackend(panel: vscode.WebviewPanel): Promise<void> {
    const text = await this.backendText().catch(() => '');
    const entry = this.pages.get(panel);
    if (text !== '') await entry?.page.call('backend', { text }).catch(() => undefined);
  }

  private handlers(
    document: CheckpointDocument,
    panel: vscode.WebviewPanel,
  ): Handlers<CheckpointHostContract> {
    const { session, uri } = document;
    let stale = false;
    return {
      ready: async () => {
        try {
          const catalogue = await session.catalogue(stale);
          void this.tellBackend(panel);
          stale = false;
          return {
            ok: true as const,
            catalogue,
            settings: readViewSettings(),
            backend: '',
            trusted: vscode.workspace.isTrusted,
            origin: session.originNotice,
          };
        } catch (thrown) {
          return {
            ok: false as const,
            error: LoupeError.from(thrown).toJSON(),
            fileName: path.basename(uri.fsPath),
          };
        }
      },
      stats: ({ tensor }, { signal }) => session.stats(tensor, signal),
      tile: (params, { signal }) => session.tile(params, signal),
      analyze: async ({ tensors }, { signal, progress }) => {
        let done = 0;
        let batch: { index: number; stats: TensorStats | null }[] = [];
        let lastSent = 0;
        const flush = () => {
          if (batch.length > 0) progress({ batch, done, total: tensors.length });
          batch = [];
          lastSent = Date.now();
        };
        try {
          await session.analyze(
            tensors,
            (index, stats) => {
              done++;
              batch.push({ index, stats });
              if (Date.now() - lastSent >= batchIntervalMs) flush();
            },
            signal,
          );
        } finally {
          flush();
        }
        return { done };
      },
      metadataSlice: (params, { signal }) => session.metadataSlice(params, signal),
      pickTensor: async ({ title, except }) =>
        (await pickTensor((await session.catalogue()).tensors, title, except)) ?? null,
      action: async (action) => {
        switch (action.kind) {
          case 'quantize':
            await vscode.commands.executeCommand('tensorLoupe.quantize', uri);
            break;
          case 'openAsText':
          case 'openAsHex':
          case 'exportTensors':
            await vscode.commands.executeCommand(`tensorLoupe.${action.kind}`, uri);
            break;
          case 'revealInExplorer': {
            const { files } = await session.catalogue();
            const file = action.file === undefined ? undefined : files[action.file]?.path;
            await vscode.commands.executeCommand(
              'tensorLoupe.revealInExplorer',
              file === undefined || uri.scheme !== 'file' ? uri : vscode.Uri.file(file),
            );
            break;
          }
          case 'findingHelp':
            await vscode.commands.executeCommand('tensorLoupe.findingHelp', action.code);
            break;
          case 'retry':
            stale = true;
            break;
          case 'showProblems':
            await vscode.commands.executeCommand('workbench.actions.view.problems');
            break;
          case 'copy':
            await vscode.env.clipboard.writeText(action.text);
            break;
        }
        return undefined;
      },
    };
  }
}
