/** The page of compute backends and GPUs: one webview panel, which survives a reload of the window. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { GpuSpecification, GpuVendor } from '../protocol/backendApi';
import type { BackendsHostContract, BackendsPageContract } from '../protocol/backendPageApi';
import { type Handlers, Rpc } from '../protocol/rpc';
import { readBackendSetting, writeBackendSetting } from './backendSetting';
import { WebviewChannel } from './webviewChannel';
import { webviewHtml, webviewRoot } from './webviewHtml';

export const backendsViewType = 'tensorLoupe.backends';

const title = 'Compute Backends and GPUs';

export class BackendPanel implements vscode.WebviewPanelSerializer {
  private panel: vscode.WebviewPanel | undefined;
  private page: Rpc<BackendsHostContract, BackendsPageContract> | undefined;

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly engine: EngineClient,
    private readonly showFailure: (error: LoupeError) => Promise<void>,
  ) {}

  /** Opens the page in the active column, or shows the one that is open. */
  show(): void {
    if (this.panel) this.panel.reveal();
    else this.attach(vscode.window.createWebviewPanel(backendsViewType, title, vscode.ViewColumn.Active));
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    this.attach(panel);
  }

  /** Has an open page ask anew, after something was installed or removed. */
  reload(): void {
    void this.page?.call('reload', {}).catch(() => undefined);
  }

  private attach(panel: vscode.WebviewPanel): void {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [webviewRoot(this.extensionUri)] };
    panel.iconPath = vscode.Uri.joinPath(this.extensionUri, 'media', 'icon.png');
    const disposables: vscode.Disposable[] = [];
    const page = new Rpc<BackendsHostContract, BackendsPageContract>(
      new WebviewChannel(webview, disposables),
      this.handlers(),
    );
    this.panel = panel;
    this.page = page;
    disposables.push(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('tensorLoupe.backend')) this.reload();
      }),
    );
    panel.onDidDispose(() => {
      if (this.panel === panel) {
        this.panel = undefined;
        this.page = undefined;
      }
      page.close(new LoupeError('cancelled', 'The page was closed.'));
      for (const disposable of disposables) disposable.dispose();
    });
    webview.html = webviewHtml(webview, this.extensionUri, 'backends', title, 'Looking for GPUs…');
  }

  private handlers(): Handlers<BackendsHostContract> {
    const { engine } = this;
    return {
      ready: async () => {
        const [specifications, cuda] = await Promise.all([
          engine.call('gpuSpecifications', {}),
          engine.call('cudaProvider', {}),
        ]);
        return {
          configured: readBackendSetting(),
          gpus: specifications.here,
          cuda,
          isTrusted: vscode.workspace.isTrusted,
        };
      },
      reports: () => engine.call('backends', {}, { again: true }),
      measure: (params, { signal, progress }) => engine.call('measureBackends', params, { signal, progress }),
      choose: async ({ value }) => {
        await writeBackendSetting(value);
        return { configured: readBackendSetting() };
      },
      pickGpu: async () => (await this.pickGpu()) ?? null,
      gpu: async ({ name }) => {
        const { here, others } = await engine.call('gpuSpecifications', {});
        return [...here, ...others].find((gpu) => gpu.name === name) ?? null;
      },
      action: async (action) => {
        try {
          await this.act(action);
        } catch (thrown) {
          // A notification waits for its reader; the page does not.
          void this.showFailure(LoupeError.from(thrown));
        }
        return undefined;
      },
    };
  }

  private async act(action: BackendsHostContract['action']['params']): Promise<void> {
    switch (action.kind) {
      case 'installCuda':
        await vscode.commands.executeCommand('tensorLoupe.installCudaProvider');
        break;
      case 'removeCuda':
        await vscode.commands.executeCommand('tensorLoupe.removeCudaProvider');
        break;
      case 'help': {
        const uri = vscode.Uri.joinPath(this.extensionUri, 'docs', 'backends.md');
        const commands = await vscode.commands.getCommands(true);
        if (commands.includes('markdown.showPreview'))
          await vscode.commands.executeCommand('markdown.showPreview', uri);
        else await vscode.window.showTextDocument(uri, { preview: true });
        break;
      }
      case 'preview': {
        const advice = await this.adviceNamed(action.scheme);
        if (advice)
          await vscode.commands.executeCommand('tensorLoupe.previewError', undefined, advice.choice);
        break;
      }
    }
  }

  /** A page may only ask for what was advised. */
  private async adviceNamed(scheme: string): Promise<GpuSpecification['schemes'][number] | undefined> {
    const { here, others } = await this.engine.call('gpuSpecifications', {});
    return [...here, ...others]
      .flatMap(({ schemes }) => schemes)
      .find((advice) => advice.choice.scheme === scheme);
  }

  private async pickGpu(): Promise<GpuSpecification | undefined> {
    const { here, others } = await this.engine.call('gpuSpecifications', {});
    type Item = vscode.QuickPickItem & { readonly gpu?: GpuSpecification };
    const separator = (label: string): Item => ({ label, kind: vscode.QuickPickItemKind.Separator });
    const item = (gpu: GpuSpecification): Item => ({
      label: gpu.name,
      description: [
        gpu.architecture?.name ?? 'unknown',
        ...(gpu.architecture?.codes.length === 1 ? gpu.architecture.codes : []),
        gpu.sharesMemory ? 'shared memory' : gpu.memoryBytes ? binarySize(gpu.memoryBytes) : '',
      ]
        .filter(Boolean)
        .join(' · '),
      gpu,
    });
    const items = [
      ...(here.length > 0 ? [separator('This machine'), ...here.map(item)] : []),
      ...vendors.flatMap(([vendor, label]) => [
        separator(label),
        ...others.filter((gpu) => gpu.vendor === vendor).map(item),
      ]),
    ];
    const chosen = await vscode.window.showQuickPick(items, {
      title: 'What would this GPU run natively?',
      placeHolder: 'A model or an architecture, such as L4 or Hopper',
      matchOnDescription: true,
      // The page under it may take the focus back; only Escape leaves.
      ignoreFocusOut: true,
    });
    return chosen?.gpu;
  }
}

const vendors: readonly (readonly [GpuVendor, string])[] = [
  ['nvidia', 'NVIDIA'],
  ['amd', 'AMD'],
  ['apple', 'Apple'],
  ['intel', 'Intel'],
];
