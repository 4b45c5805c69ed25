/** Entry of the tensor viewer's page: connects the page to the host and puts it into the document. */
import '@vscode-elements/elements/dist/vscode-option/index.js';
import '@vscode-elements/elements/dist/vscode-single-select/index.js';
import type { TensorHostContract, TensorPageContract } from '../src/protocol/tensorViewApi';
import './styles/tensor.css';
import { connectToHost } from './state/host';
import { TensorPage } from './views/tensor/tensorPage';
import { ViewMemory } from './views/tensor/viewMemory';

const page = new TensorPage();
const { rpc, keeper } = connectToHost<TensorPageContract, TensorHostContract>({
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
});
page.rpc = rpc;
page.memory = new ViewMemory(keeper);

const root = document.getElementById('app') ?? document.body;
root.replaceChildren(page);
