/** What leaves a tensor viewer: values as text on the clipboard, and pictures and values as files. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { LoupeError } from '../errors';
import type { Region, TensorSlice } from '../protocol/engineApi';
import type { TensorSubject } from '../protocol/tensorViewApi';
import { mostTextValues } from '../protocol/tensorViews';
import { withLateProgress } from './lateProgress';
import type { TensorDocument } from './tensorDocument';

/** A part of the matrix that a viewer shows. */
export interface TensorPart {
  readonly region: Region;
  readonly slice?: TensorSlice | undefined;
  /** What the reader calls it. */
  readonly what: 'selection' | 'view';
}

const count = ({ row0, row1, column0, column1 }: Region) => (row1 - row0) * (column1 - column0);
const words = ({ what }: TensorPart) => (what === 'selection' ? 'the marked values' : 'the values in view');
const grouped = (value: number) => value.toLocaleString('en-US');
const sized = ({ region }: TensorPart) =>
  `${grouped(region.row1 - region.row0)} × ${grouped(region.column1 - region.column0)}`;

/** Copies values as text, in the format given or picked. */
export async function copyValues(
  document: TensorDocument,
  part: TensorPart,
  given?: 'csv' | 'numpy',
): Promise<void> {
  const values = count(part.region);
  if (values > mostTextValues) {
    void vscode.window.showWarningMessage(
      `${words(part).replace(/^t/, 'T')} are ${grouped(values)}; at most ${grouped(mostTextValues)} can be copied. Zoom in, mark fewer with Shift and drag, or save them to a file.`,
    );
    return;
  }
  const format = given ?? (await pickFormat(part));
  if (!format) return;
  const { text } = await withLateProgress('Copying values', (signal) =>
    document.ask('tensorText', { region: part.region, slice: part.slice, format }, signal),
  );
  await vscode.env.clipboard.writeText(text);
  const name = format === 'csv' ? 'CSV' : 'NumPy text';
  vscode.window.setStatusBarMessage(`Tensor Loupe: ${grouped(values)} values were copied as ${name}.`, 5000);
}

async function pickFormat(part: TensorPart): Promise<'csv' | 'numpy' | undefined> {
  const chosen = await vscode.window.showQuickPick(
    [
      { label: 'CSV', description: 'a line a row, for spreadsheets', format: 'csv' as const },
      {
        label: 'NumPy text',
        description: 'numpy.array([...]), to paste into Python',
        format: 'numpy' as const,
      },
    ],
    { title: `Copy ${words(part)} (${sized(part)})`, ignoreFocusOut: true },
  );
  return chosen?.format;
}

interface SaveChoice extends vscode.QuickPickItem {
  readonly format: 'png' | 'csv' | 'npy';
  /** All of the matrix. */
  readonly isWhole: boolean;
}

/** Asks what to save and where to; `picture` gives a PNG file's bytes. Resolves to the written file, if any. */
export async function saveTensorAs(
  document: TensorDocument,
  subject: TensorSubject,
  part: TensorPart,
  picture: () => Promise<Uint8Array>,
): Promise<vscode.Uri | undefined> {
  const whole = part.slice ? 'the whole slice' : 'the whole tensor';
  const choices: SaveChoice[] = [
    {
      label: 'Picture (PNG)',
      description: 'what is seen, with its legend',
      format: 'png',
      isWhole: false,
    },
    { label: 'NumPy file (.npy)', description: whole, format: 'npy', isWhole: true },
    {
      label: 'NumPy file (.npy)',
      description: `${words(part)}, ${sized(part)}`,
      format: 'npy',
      isWhole: false,
    },
    { label: 'CSV', description: whole, format: 'csv', isWhole: true },
    {
      label: 'CSV',
      description: `${words(part)}, ${sized(part)}`,
      format: 'csv',
      isWhole: false,
    },
  ];
  const chosen = await vscode.window.showQuickPick(choices, {
    title: `Save ${subject.name}`,
    ignoreFocusOut: true,
  });
  if (!chosen) return undefined;
  const target = await vscode.window.showSaveDialog({
    title: `Save ${chosen.format === 'png' ? 'the picture' : chosen.isWhole ? whole : words(part)}`,
    saveLabel: 'Save',
    defaultUri: defaultTarget(subject, chosen.format),
    filters: { png: { PNG: ['png'] }, csv: { CSV: ['csv'] }, npy: { NumPy: ['npy'] } }[chosen.format],
  });
  if (!target) return undefined;
  const { format } = chosen;
  if (format === 'png') {
    await vscode.workspace.fs.writeFile(target, await picture());
    tellWritten(target);
    return target;
  }
  if (target.scheme !== 'file')
    throw new LoupeError('unsupported', 'Values can be saved to files of this machine only.');
  const region = chosen.isWhole ? undefined : part.region;
  await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: `Saving ${path.basename(target.fsPath)}`,
      cancellable: true,
    },
    async (progress, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => controller.abort());
      let told = 0;
      await document.save(
        // The dialog has asked whether to replace what is there.
        {
          region,
          slice: part.slice,
          format,
          out: target.fsPath,
          overwrite: true,
        },
        {
          signal: controller.signal,
          progress: ({ bytesDone, bytesTotal }) => {
            const share = bytesTotal > 0 ? Math.min(100, (100 * bytesDone) / bytesTotal) : 0;
            progress.report({ increment: Math.max(0, share - told), message: `${Math.floor(share)} %` });
            told = Math.max(told, share);
          },
        },
      );
    },
  );
  tellWritten(target);
  return target;
}

function tellWritten(target: vscode.Uri): void {
  const reveal = 'Reveal in Explorer';
  // The dialog was the answer to a question; the notification must not hold the action up.
  void vscode.window
    .showInformationMessage(`${path.basename(target.fsPath)} was written.`, reveal)
    .then((answer) => answer === reveal && vscode.commands.executeCommand('revealInExplorer', target));
}

/** Beside the checkpoint, named after the tensor. */
function defaultTarget(subject: TensorSubject, ending: string): vscode.Uri {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are among what file systems refuse.
  const name = subject.name.replace(/[\u0000-\u001f<>:"/\\|?*]+/g, '-').slice(-100) || 'tensor';
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? path.dirname(subject.path);
  return vscode.Uri.file(path.join(folder, `${name}.${ending}`));
}
