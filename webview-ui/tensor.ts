/** Entry of the tensor viewer's page: connects the page to the host and puts it into the document. */
import '@vscode-elements/elements/dist/vscode-option/index.js';
import '@vscode-elements/elements/dist/vscode-single-select/index.js';
import { Rpc, type RpcMessage } from '../src/protocol/rpc';
import type { TensorHostContract, TensorPageContract } from '../src/protocol/tensorViewApi';
import './tensor.css';
import { TensorPage } from './views/tensor/tensorPage';
import { ViewMemory } from './views/tensor/viewMemory';

const host = acquireVsCodeApi();
const page = new TensorPage();

page.memory = new ViewMemory(host);
page.rpc = new Rpc<TensorPageContract, TensorHostContract>(
  {
    post: (message) => host.postMessage(message),
    onMessage: (listener) =>
      window.addEventListener('message', (event: MessageEvent<RpcMessage>) => {
        if (typeof event.data?.kind === 'string') listener(event.data);
      }),
  },
  {
    notice: ({ kind, message }) => {
      page.notice(kind, message);
      return undefined;
    },
    reload: () => {
      void page.load();
      return undefined;
    },
    goTo: ({ at }) => {
      page.goTo(at);
      return undefined;
    },
    picture: () => page.picture(),
    run: ({ kind }) => {
      page.run(kind);
      return undefined;
    },
  },
);

const root = document.getElementById('app') ?? document.body;
root.replaceChildren(page);
