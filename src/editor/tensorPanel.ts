/** Tensor viewers: webview panels of their own, one a tensor, several beside one another; they survive a reload. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { type Handlers, Rpc } from '../protocol/rpc';
import { parseTensorIndex } from '../protocol/tensorIndex';
import type {
  TensorHostContract,
  TensorPageContract,
  TensorSubject,
  TensorViewState,
} from '../protocol/tensorViewApi';
import { checkpointViewType } from './checkpointEditor';
import type { CheckpointSession } from './checkpointSession';
import { changeNotice } from './checkpointWatcher';
import { pickTensor } from './pickTensor';
import { TensorDocument } from './tensorDocument';
import { copyValues, saveTensorAs } from './tensorFiles';
import { readViewSettings } from './viewSettings';
import { WebviewChannel } from './webviewChannel';
import { webviewHtml, webviewRoot } from './webviewHtml';

export const tensorViewType = 'tensorLoupe.tensor';

type Page = Rpc<TensorHostContract, TensorPageContract>;

interface Viewer {
  readonly page: Page;
  readonly document: TensorDocument;
  subject: TensorSubject | undefined;
}

export class TensorPanels implements vscode.WebviewPanelSerializer {
  private readonly viewers = new Map<vscode.WebviewPanel, Viewer>();

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly engine: EngineClient,
    /** A session of its own: the checkpoint's editor may be closed before the viewer is. */
    private readonly openSession: (uri: vscode.Uri) => CheckpointSession,
    private readonly showFailure: (error: LoupeError) => Promise<void>,
  ) {}

  /** Opens a viewer in the column given, by default the active one. */
  show(uri: vscode.Uri, tensor: string, column = vscode.ViewColumn.Active): void {
    const panel = vscode.window.createWebviewPanel(tensorViewType, titleOf(tensor), column, {
      enableScripts: true,
    });
    this.attach(panel, { uri: uri.toString(), tensor });
  }

  /** Fills a panel that VS Code brought back after a reload. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const { uri, tensor, view } = (state ?? {}) as Partial<TensorViewState>;
    // Nothing is known of what it showed: an empty panel would say nothing.
    if (typeof uri !== 'string' || typeof tensor !== 'string') panel.dispose();
    else this.attach(panel, { uri, tensor, view });
  }

  /** Runs an action of the active viewer's page, if there is one. */
  runInActive(kind: TensorPageContract['run']['params']['kind']): void {
    for (const [panel, { page }] of this.viewers)
      if (panel.active) void page.call('run', { kind }).catch(() => undefined);
  }

  /** The document of the active viewer: what a command without an argument is meant for. */
  activeUri(): vscode.Uri | undefined {
    for (const [panel, { document }] of this.viewers) if (panel.active) return document.uri;
    return undefined;
  }

  /** Tells every viewer that the compute process ended. */
  engineRestarted(message: string): void {
    const told = `${message} It starts again by itself; what it was doing is done anew.`;
    for (const { page } of this.viewers.values())
      void page.call('notice', { kind: 'engine', message: told }).catch(() => undefined);
  }

  private attach(panel: vscode.WebviewPanel, kept: TensorViewState): void {
    const uri = vscode.Uri.parse(kept.uri);
    const disposables: vscode.Disposable[] = [];
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [webviewRoot(this.extensionUri)] };
    panel.iconPath = vscode.Uri.joinPath(this.extensionUri, 'media', 'icon.png');
    const session = this.openSession(uri);
    const document = new TensorDocument(session, this.engine, kept.tensor);
    const page: Page = new Rpc(
      new WebviewChannel(webview, disposables),
      this.handlers(document, panel, kept),
    );
    this.viewers.set(panel, { page, document, subject: undefined });
    disposables.push(
      session,
      session.onDidChange((changes) => {
        void page.call('notice', { kind: 'changed', message: changeNotice(changes) }).catch(() => undefined);
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('tensorLoupe')) void page.call('reload', {}).catch(() => undefined);
      }),
    );
    panel.onDidDispose(() => {
      this.viewers.delete(panel);
      page.close(new LoupeError('cancelled', 'The viewer was closed.'));
      for (const disposable of disposables) disposable.dispose();
    });
    webview.html = webviewHtml(webview, this.extensionUri, 'tensor', 'Tensor Loupe');
  }

  private handlers(
    document: TensorDocument,
    panel: vscode.WebviewPanel,
    kept: TensorViewState,
  ): Handlers<TensorHostContract> {
    let isStale = false;
    return {
      ready: async () => {
        try {
          const subject = await document.open(isStale);
          isStale = false;
          const viewer = this.viewers.get(panel);
          if (viewer) viewer.subject = subject;
          return { ok: true as const, subject, settings: readViewSettings(), kept };
        } catch (thrown) {
          return { ok: false as const, error: LoupeError.from(thrown).toJSON(), title: kept.tensor };
        }
      },
      stats: (_params, { signal }) => document.session.stats(document.tensor, signal),
      distribution: (params, { signal }) => document.distribution(params, signal),
      pickOverlay: async () => {
        const { tensors } = await document.session.catalogue();
        const index = await pickTensor(tensors, 'Compare the distribution with', document.tensor);
        return index === undefined ? undefined : { index, name: tensors.names[index]! };
      },
      tile: (params, { signal }) => document.tile(params, signal),
      element: (params, { signal }) => document.ask('element', params, signal),
      profile: (params, { signal }) =>
        document.ask('profile', { ...params, outlierFactor: readViewSettings().outlierFactor }, signal),
      action: async (action) => {
        try {
          if (action.kind === 'reread') isStale = true;
          else await this.act(action, document, panel);
        } catch (thrown) {
          // A notification waits for its reader; the page does not.
          void this.showFailure(LoupeError.from(thrown));
        }
        return undefined;
      },
    };
  }

  private async act(
    action: TensorHostContract['action']['params'],
    document: TensorDocument,
    panel: vscode.WebviewPanel,
  ): Promise<void> {
    const viewer = this.viewers.get(panel);
    const subject = viewer?.subject;
    switch (action.kind) {
      case 'copy':
        await vscode.env.clipboard.writeText(action.text);
        break;
      case 'copyValues':
        await copyValues(document, action, action.format);
        break;
      case 'save': {
        if (!viewer || !subject) break;
        const picture = async () => (await viewer.page.call('picture', {})).png;
        await saveTensorAs(document, subject, action, picture);
        break;
      }
      case 'goToIndex': {
        if (!viewer || !subject) break;
        const at = await askIndex(subject);
        if (at) await viewer.page.call('goTo', { at });
        break;
      }
      case 'openAnother': {
        const { tensors } = await document.session.catalogue();
        const index = await pickTensor(tensors, 'View another tensor', document.tensor);
        if (index !== undefined) this.show(document.uri, tensors.names[index]!, vscode.ViewColumn.Beside);
        break;
      }
      case 'showCheckpoint':
        await vscode.commands.executeCommand('vscode.openWith', document.uri, checkpointViewType);
        break;
      case 'reread':
        break;
    }
  }
}

/** Asks for an index in an input box that says what is wrong while one types. */
async function askIndex(subject: TensorSubject): Promise<readonly number[] | undefined> {
  const { shape } = subject;
  const text = await vscode.window.showInputBox({
    title: `Go to an index of ${subject.name}`,
    // The viewer under it may take the focus back; only Escape leaves.
    ignoreFocusOut: true,
    prompt: `Shape ${shape.join(' × ')}. Negative numbers count from the end.`,
    placeHolder: shape.length > 1 ? `${shape.map(() => '0').join(', ')}, or a flat index` : '0',
    validateInput: (typed) => {
      if (typed.trim() === '') return undefined;
      const parsed = parseTensorIndex(typed, shape);
      return 'problem' in parsed ? parsed.problem : undefined;
    },
  });
  if (text === undefined || text.trim() === '') return undefined;
  const parsed = parseTensorIndex(text, shape);
  return 'at' in parsed ? parsed.at : undefined;
}

/** The end of a long name tells more than its start. */
function titleOf(tensor: string): string {
  const longest = 40;
  return tensor.length <= longest ? tensor : `…${tensor.slice(1 - longest)}`;
}
