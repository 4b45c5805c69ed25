/** Entry of the page of compute backends: connects the page to the host and puts it into the document. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import type { BackendsHostContract, BackendsPageContract } from '../src/protocol/backendPageApi';
import { Rpc, type RpcMessage } from '../src/protocol/rpc';
import './backends.css';
import { BackendsPage } from './views/backends/backendsPage';

const host = acquireVsCodeApi();
const page = new BackendsPage();

page.keeper = host;
page.rpc = new Rpc<BackendsPageContract, BackendsHostContract>(
  {
    post: (message) => host.postMessage(message),
    onMessage: (listener) =>
      window.addEventListener('message', (event: MessageEvent<RpcMessage>) => {
        if (typeof event.data?.kind === 'string') listener(event.data);
      }),
  },
  {
    reload: () => {
      void page.load();
      return undefined;
    },
  },
);

const root = document.getElementById('app') ?? document.body;
root.replaceChildren(page);
