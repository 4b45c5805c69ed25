/** The custom read-only editor of checkpoints. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { TensorStats } from '../protocol/engineApi';
import { type Handlers, Rpc } from '../protocol/rpc';
import type { CheckpointHostContract, CheckpointPageContract } from '../protocol/webviewApi';
import type { AnalysisProgress } from './analysisRun';
import type { AnalysisSettings } from './analysisSettings';
import type { CheckpointOrigin } from './checkpointOrigin';
import { CheckpointSession } from './checkpointSession';
import { changeNotice } from './checkpointWatcher';
import type { FindingDiagnostics } from './findingDiagnostics';
import { memoryHandlers } from './memoryHost';
import { pickTensor } from './pickTensor';
import { sensitivityHandlers } from './sensitivityHost';
import { readViewSettings } from './viewSettings';
import { WebviewChannel } from './webviewChannel';
import { webviewHtml, webviewRoot } from './webviewHtml';

export const checkpointViewType = 'tensorLoupe.checkpoint';
export const indexViewType = 'tensorLoupe.index';

type Page = Rpc<CheckpointHostContract, CheckpointPageContract>;

/** Figures are sent to the page this often at most: 100,000 single messages would choke it. */
const batchIntervalMs = 80;
/** Figures that are known already go to the page so many at a time: it stays awake between them. */
const knownPortion = 4000;

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
  /** Documents whose next page begins with its Memory tab. */
  private readonly memoryFirst = new Set<string>();

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly engine: EngineClient,
    private readonly originOf: (uri: vscode.Uri) => CheckpointOrigin,
    private readonly diagnostics: FindingDiagnostics,
    private readonly backendText: () => Promise<string>,
    private readonly settings: () => AnalysisSettings,
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

  /** Has an open page show its Memory tab, or the one that is opened next. */
  async showMemory(uri: vscode.Uri): Promise<void> {
    const key = uri.toString();
    const open = [...this.pages.values()].filter(({ document }) => document.uri.toString() === key);
    if (open.length === 0) this.memoryFirst.add(key);
    for (const { page } of open) await page.call('run', { kind: 'showMemory' }).catch(() => undefined);
  }

  /** Tells every page that the compute process ended and comes back with the next request. */
  engineRestarted(message: string): void {
    const told = `${message} It starts again by itself; what it was doing is done anew.`;
    for (const { page } of this.pages.values())
      void page.call('notice', { kind: 'engine', message: told }).catch(() => undefined);
  }

  openCustomDocument(uri: vscode.Uri): CheckpointDocument {
    const key = uri.toString();
    const session = new CheckpointSession(uri, this.engine, this.originOf(uri), this.settings);
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
      document.session.onDidInterrupt((message) => {
        void page.call('notice', { kind: 'engine', message }).catch(() => undefined);
      }),
      panel.onDidChangeViewState(() => document.session.pages.set(panel, panel.visible)),
      // Trust and settings are told with the catalogue, which is not read again for them.
      vscode.workspace.onDidGrantWorkspaceTrust(() => reload()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (!event.affectsConfiguration('tensorLoupe')) return;
        document.session.pages.goOn();
        reload();
      }),
    );
    document.session.pages.set(panel, panel.visible);
    panel.onDidDispose(() => {
      this.pages.delete(panel);
      document.session.pages.set(panel, undefined);
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

  /** A model that was analyzed before shows its figures at once; should that fail, it can be analyzed again. */
  private async tellKnown({ session }: CheckpointDocument, panel: vscode.WebviewPanel): Promise<void> {
    const known = await session.known().catch(() => []);
    for (let at = 0; at < known.length; at += knownPortion) {
      const batch = known.slice(at, at + knownPortion);
      await this.pages
        .get(panel)
        ?.page.call('figures', { batch })
        .catch(() => undefined);
    }
  }

  private handlers(
    document: CheckpointDocument,
    panel: vscode.WebviewPanel,
  ): Handlers<CheckpointHostContract> {
    const { session, uri } = document;
    let stale = false;
    return {
      ...sensitivityHandlers(this.engine, {
        uri,
        catalogue: () => session.catalogue(),
        diskPath: () => session.diskPath(),
      }),
      ...memoryHandlers(this.engine, () => session.catalogue()),
      ready: async () => {
        try {
          const catalogue = await session.catalogue(stale);
          void this.tellBackend(panel);
          void this.tellKnown(document, panel);
          stale = false;
          return {
            ok: true as const,
            catalogue,
            settings: readViewSettings(),
            backend: '',
            trusted: vscode.workspace.isTrusted,
            origin: session.originNotice,
            tab: this.memoryFirst.delete(uri.toString()) ? ('memory' as const) : undefined,
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
        let rate: Pick<AnalysisProgress, 'bytesPerSecond' | 'secondsLeft' | 'isPaused'> | undefined;
        const flush = () => {
          progress({ batch, done, total: tensors.length, ...rate });
          batch = [];
          lastSent = Date.now();
        };
        const flushSometimes = () => {
          if (Date.now() - lastSent >= batchIntervalMs) flush();
        };
        try {
          await session.analyze(
            tensors,
            (index, stats) => {
              done++;
              batch.push({ index, stats });
              flushSometimes();
            },
            signal,
            ({ bytesPerSecond, secondsLeft, isPaused }) => {
              const hasTurned = isPaused !== (rate?.isPaused ?? false);
              rate = { bytesPerSecond, secondsLeft, isPaused };
              if (hasTurned) flush();
              else flushSometimes();
            },
          );
        } finally {
          flush();
        }
        return { done };
      },
      prioritize: ({ tensors }) => {
        session.prioritize(tensors);
        return undefined;
      },
      schemeBytes: async ({ tensors }, { signal }) => {
        const { path, generation } = await session.catalogue();
        return this.engine.call('schemeBytes', { path, generation, tensors }, { signal, again: true });
      },
      importance: (_, { signal }) => session.importance(signal),
      metadataSlice: (params, { signal }) => session.metadataSlice(params, signal),
      distribution: (params, { signal }) => session.distribution(params, signal),
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
          case 'viewTensor': {
            const { tensors } = await session.catalogue();
            const options = { tensor: tensors.names[action.tensor], beside: false };
            await vscode.commands.executeCommand('tensorLoupe.viewTensor', uri, options);
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
