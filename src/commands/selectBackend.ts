/** "Select Compute Backend": every candidate with what was found of it, in a quick pick that writes the setting. */
import * as vscode from 'vscode';
import { readBackendSetting, writeBackendSetting } from '../editor/backendSetting';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { BackendReport, CudaProviderState } from '../protocol/backendApi';
import type { BackendSetting } from '../protocol/backendPageApi';
import { backendLabels, sentences } from '../protocol/backendTexts';
import { backendItems } from './backendItems';
import { showFailure } from './showFailure';

type Row = vscode.QuickPickItem & {
  readonly value?: BackendSetting;
  readonly command?: 'measure' | 'showBackends' | 'installCudaProvider' | 'removeCudaProvider';
};

/**
 * Asks which backend to use and writes the setting; `given` is taken without asking. Resolves to what is set then, or to
 * undefined when the user left or one that is not available was named.
 */
export async function selectBackend(
  engine: EngineClient,
  log: vscode.LogOutputChannel,
  given?: BackendSetting,
): Promise<BackendSetting | undefined> {
  try {
    for (;;) {
      const chosen = given === undefined ? await askBackend(engine) : ({ label: '', value: given } as Row);
      if (chosen?.command === 'measure') {
        await measureBackends(engine);
        continue;
      }
      if (chosen?.command) {
        await vscode.commands.executeCommand(`tensorLoupe.${chosen.command}`);
        return undefined;
      }
      if (chosen?.value === undefined) return undefined;
      const report = (await engine.call('backends', {})).find(({ name }) => name === chosen.value);
      if (report?.available === false) {
        const text = `${backendLabels[report.name]} cannot be used. ${sentences(report)}`;
        const again = 'Choose Another';
        if (given !== undefined) throw new LoupeError('compute', text);
        if ((await vscode.window.showWarningMessage(text, again)) !== again) return undefined;
        continue;
      }
      await writeBackendSetting(chosen.value);
      return chosen.value;
    }
  } catch (thrown) {
    // A notification waits for its reader; who called does not.
    void showFailure(LoupeError.from(thrown), log);
    return undefined;
  }
}

/** Times every backend that is there, with progress and cancel. Cancelled, what was timed by then is kept. */
export async function measureBackends(engine: EngineClient): Promise<readonly BackendReport[]> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'Measuring', cancellable: true },
    async (progress, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => controller.abort());
      try {
        return await engine.call(
          'measureBackends',
          {},
          {
            signal: controller.signal,
            progress: ({ name, done, total }) =>
              progress.report({
                message: `${backendLabels[name]} (${done + 1} of ${total})`,
                increment: done === 0 ? 0 : 100 / total,
              }),
          },
        );
      } catch (thrown) {
        if (LoupeError.from(thrown).code !== 'cancelled') throw thrown;
        return engine.call('backends', {});
      }
    },
  );
}

function askBackend(engine: EngineClient): Promise<Row | undefined> {
  const quickPick = vscode.window.createQuickPick<Row>();
  quickPick.title = 'Compute backend';
  quickPick.placeholder = 'Trying each backend…';
  quickPick.matchOnDescription = true;
  quickPick.matchOnDetail = true;
  quickPick.busy = true;
  // A page under it may take the focus back; only Escape leaves.
  quickPick.ignoreFocusOut = true;
  return new Promise((resolve, reject) => {
    quickPick.onDidAccept(() => {
      const [row] = quickPick.selectedItems;
      if (!row) return;
      resolve(row);
      quickPick.dispose();
    });
    quickPick.onDidHide(() => {
      resolve(undefined);
      quickPick.dispose();
    });
    quickPick.show();
    Promise.all([engine.call('backends', {}), engine.call('cudaProvider', {})]).then(
      ([reports, cuda]) => {
        const current = readBackendSetting();
        quickPick.items = rowsOf(reports, cuda, current);
        quickPick.activeItems = quickPick.items.filter(({ value }) => value === current);
        quickPick.placeholder = 'What quantization runs on; the codes are the same on each';
        quickPick.busy = false;
      },
      (thrown) => {
        reject(LoupeError.from(thrown));
        quickPick.dispose();
      },
    );
  });
}

function rowsOf(reports: readonly BackendReport[], cuda: CudaProviderState, current: BackendSetting): Row[] {
  const rows = backendItems(reports).map(
    ({ value, label, description, detail }): Row => ({
      value,
      label: value === current ? `$(check) ${label}` : label,
      description: value === current ? [description, 'current'].filter(Boolean).join(' · ') : description,
      detail,
    }),
  );
  const isMeasured = reports.some(({ measured }) => measured !== undefined);
  return [
    ...rows,
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    {
      label: `$(dashboard) ${isMeasured ? 'Measure Again' : 'Measure'}`,
      detail: 'Times INT8 per row of the same matrix on each that is available; a few seconds.',
      command: 'measure',
    },
    {
      label: '$(table) Compute Backends and GPUs',
      detail: 'Everything that was found, and which schemes follow from what a GPU runs natively.',
      command: 'showBackends',
    },
    ...cudaRows(cuda),
  ];
}

function cudaRows({ refusal, isInstalled, isOurs, version }: CudaProviderState): Row[] {
  if (refusal !== undefined || (isInstalled && !isOurs)) return [];
  return isInstalled
    ? [{ label: '$(trash) Remove CUDA Provider Files...', command: 'removeCudaProvider' }]
    : [
        {
          label: '$(cloud-download) Install CUDA Provider Files...',
          detail: `Of ONNX Runtime ${version}. Asks before anything is downloaded.`,
          command: 'installCudaProvider',
        },
      ];
}
