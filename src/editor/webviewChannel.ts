/** An Rpc channel over a webview's messages. */
import type * as vscode from 'vscode';
import type { Channel, RpcMessage } from '../protocol/rpc';

export class WebviewChannel implements Channel {
  constructor(
    private readonly webview: vscode.Webview,
    private readonly disposables: vscode.Disposable[],
  ) {}

  post(message: RpcMessage): void {
    // A page that is being closed drops what is sent to it; there is nobody left to tell.
    void this.webview.postMessage(message).then(undefined, () => undefined);
  }

  onMessage(listener: (message: RpcMessage) => void): void {
    this.disposables.push(this.webview.onDidReceiveMessage(listener));
  }
}
