/** Entry of the error report's page: connects the page to the host and puts it into the document. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-checkbox/index.js';
import '@vscode-elements/elements/dist/vscode-option/index.js';
import '@vscode-elements/elements/dist/vscode-single-select/index.js';
import { Rpc, type RpcMessage } from '../src/protocol/rpc';
import type { ReportHostContract, ReportPageContract } from '../src/protocol/webviewApi';
import './report.css';
import { ReportPage } from './views/report/reportPage';

const host = acquireVsCodeApi();
const page = new ReportPage();

page.keeper = host;
page.rpc = new Rpc<ReportPageContract, ReportHostContract>(
  {
    post: (message) => host.postMessage(message),
    onMessage: (listener) =>
      window.addEventListener('message', (event: MessageEvent<RpcMessage>) => listener(event.data)),
  },
  {
    select: ({ tensor }) => {
      page.selectByIndex(tensor);
      return undefined;
    },
  },
);

const root = document.getElementById('app') ?? document.body;
root.replaceChildren(page);
