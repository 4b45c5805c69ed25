/** Entry of the page of compute backends: connects the page to the host and puts it into the document. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import type { BackendsHostContract, BackendsPageContract } from '../src/protocol/backendPageApi';
import './styles/backends.css';
import { connectToHost } from './state/host';
import { BackendsPage } from './views/backends/backendsPage';

const page = new BackendsPage();
const { rpc, keeper } = connectToHost<BackendsPageContract, BackendsHostContract>({
  reload: () => {
    void page.load();
    return undefined;
  },
});
page.rpc = rpc;
page.keeper = keeper;

const root = document.getElementById('app') ?? document.body;
root.replaceChildren(page);
