/** Entry of the error report's page: connects the page to the host and puts it into the document. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-checkbox/index.js';
import '@vscode-elements/elements/dist/vscode-option/index.js';
import '@vscode-elements/elements/dist/vscode-single-select/index.js';
import type { ReportHostContract, ReportPageContract } from '../src/protocol/webviewApi';
import './styles/report.css';
import { connectToHost } from './state/host';
import { ReportPage } from './views/report/reportPage';

const page = new ReportPage();
const { rpc, keeper } = connectToHost<ReportPageContract, ReportHostContract>({
  select: ({ tensor }) => {
    page.selectByIndex(tensor);
    return undefined;
  },
});
page.rpc = rpc;
page.keeper = keeper;

const root = document.getElementById('app') ?? document.body;
root.replaceChildren(page);
