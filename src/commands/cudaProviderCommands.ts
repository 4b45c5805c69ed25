/** "Install CUDA Provider Files" and its reverse: what is asked before, and what is told after. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { CudaProviderRecord, CudaProviderState } from '../protocol/backendApi';
import { backendLabels, sentences } from '../protocol/backendTexts';
import { showFailure } from './showFailure';

/**
 * Installs after two questions: before the registry is asked for size and hash, and with both before the download.
 * Resolves to whether the files are there.
 */
export async function installCudaProvider(
  engine: EngineClient,
  log: vscode.LogOutputChannel,
): Promise<boolean> {
  try {
    if (!vscode.workspace.isTrusted)
      throw new LoupeError('refused', 'Native files are installed only where the workspace is trusted.');
    const state = await engine.call('cudaProvider', {});
    if (state.refusal !== undefined) throw new LoupeError('refused', state.refusal);
    if (state.isInstalled) {
      void vscode.window.showInformationMessage(
        `The CUDA provider of ONNX Runtime ${state.version} is installed.`,
      );
      return true;
    }
    if (!(await agree(firstQuestion(state), firstDetail(state), 'Ask for Size and Hash'))) return false;
    const record = await withProgress('Asking for size and hash', (signal) =>
      engine.call('cudaProviderRecord', {}, { signal }),
    );
    if (!(await agree(firstQuestion(state), secondDetail(state, record), 'Download and Install')))
      return false;
    await withProgress('Installing the CUDA provider', (signal, report) => {
      let shown = 0;
      return engine.call(
        'installCudaProvider',
        { record },
        {
          signal,
          progress: ({ step, bytesDone, bytesTotal }) => {
            // The download is nearly all of the time; unpacking is told, and takes the last tenth.
            const share = bytesDone / Math.max(1, bytesTotal);
            const percent = step === 'download' ? 90 * share : 90 + 10 * share;
            report(
              `${step === 'download' ? 'downloading' : 'unpacking'} ${binarySize(bytesDone)} of ${binarySize(bytesTotal)}`,
              percent - shown,
            );
            shown = percent;
          },
        },
      );
    });
    await tellResult(engine);
    return true;
  } catch (thrown) {
    await showFailure(LoupeError.from(thrown), log);
    return false;
  }
}

/** Removes what the command installed, after a question. Resolves to whether it did. */
export async function removeCudaProvider(
  engine: EngineClient,
  log: vscode.LogOutputChannel,
): Promise<boolean> {
  try {
    const { isInstalled, isOurs, folder, files, version } = await engine.call('cudaProvider', {});
    if (!isInstalled && !isOurs) {
      void vscode.window.showInformationMessage('There are no CUDA provider files to remove.');
      return false;
    }
    const detail = `${files.join('\n')}\n\nin ${folder}`;
    if (!(await agree(`Remove the CUDA provider of ONNX Runtime ${version}?`, detail, 'Remove')))
      return false;
    await engine.call('removeCudaProvider', {});
    vscode.window.setStatusBarMessage('Tensor Loupe: the CUDA provider was removed.', 5000);
    return true;
  } catch (thrown) {
    await showFailure(LoupeError.from(thrown), log);
    return false;
  }
}

const firstQuestion = ({ version }: CudaProviderState): string =>
  `Install the CUDA provider of ONNX Runtime ${version}?`;

function firstDetail({ packageUrl, recordUrl, folder, files }: CudaProviderState): string {
  return [
    `Nothing was sent yet. First the size and the SHA-512 of the package are read from the registry's catalog:\n${recordUrl}`,
    `You are asked again before the package is downloaded (some hundred MB):\n${packageUrl}`,
    `${files.join(' and ')} go to\n${folder}`,
    'An NVIDIA GPU, CUDA 12 and cuDNN 9 are needed to use them.',
  ].join('\n\n');
}

function secondDetail({ packageUrl, folder, files }: CudaProviderState, record: CudaProviderRecord): string {
  return [
    `${packageUrl}\n${binarySize(record.packageBytes)} (${record.packageBytes.toLocaleString()} bytes)`,
    `SHA-512 that the registry publishes, against which the download is checked (the extension knows no other):\n${record.sha512.slice(0, 64)}\n${record.sha512.slice(64)}`,
    `${files.join(' and ')} go to\n${folder}`,
  ].join('\n\n');
}

async function agree(question: string, detail: string, yes: string): Promise<boolean> {
  return (await vscode.window.showInformationMessage(question, { modal: true, detail }, yes)) === yes;
}

function withProgress<T>(
  title: string,
  run: (signal: AbortSignal, report: (message: string, increment: number) => void) => Promise<T>,
): Thenable<T> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    (progress, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => controller.abort());
      return run(controller.signal, (message, increment) => progress.report({ message, increment }));
    },
  );
}

/** Whether CUDA works now is what counts: a library that is missing is told at once. */
async function tellResult(engine: EngineClient): Promise<void> {
  const cuda = (await engine.call('backends', {})).find(({ name }) => name === 'cuda');
  if (!cuda) return;
  if (cuda.available) {
    void vscode.window.showInformationMessage(`${backendLabels.cuda} can be used: ${cuda.reason}.`);
    return;
  }
  void vscode.window.showWarningMessage(
    `The CUDA provider is installed, but cannot be used yet. ${sentences(cuda)}`,
  );
}
