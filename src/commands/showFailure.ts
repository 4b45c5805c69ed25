/** Tells a failure in a notification: the sentence, where it lies, and the way to the log. */
import type * as vscodeTypes from 'vscode';
import * as vscode from 'vscode';
import { linkless } from '../editor/jobText';
import type { LoupeError } from '../errors';

/** Cancelled work is told in the status bar only: the user knows. */
export async function showFailure(error: LoupeError, log: vscodeTypes.LogOutputChannel): Promise<void> {
  if (error.code === 'cancelled') {
    vscode.window.setStatusBarMessage('Tensor Loupe: cancelled, nothing was written.', 5000);
    return;
  }
  const where = [
    error.tensor === undefined ? '' : `tensor ${error.tensor}`,
    error.file ?? '',
    error.byteOffset === undefined ? '' : `byte ${error.byteOffset}`,
  ].filter((part) => part !== '' && !error.message.includes(part));
  const text = where.length === 0 ? error.message : `${error.message} (${where.join(', ')})`;
  log.error(`${error.code}: ${text}`);
  const showLog = 'Show Log';
  const answer = await vscode.window.showErrorMessage(linkless(text), showLog);
  if (answer === showLog) log.show();
}
