/** Progress with a way to cancel, for work that is usually over before anyone would look. */
import * as vscode from 'vscode';
import { linkless } from './jobText';

const shownAfterMs = 500;

/** Runs `work`; after half a second a notification shows its state, and cancelling that fires the signal. */
export async function withLateProgress<T>(
  title: string,
  work: (signal: AbortSignal, report: (message: string) => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let message = '';
  let shown: vscode.Progress<{ message?: string }> | undefined;
  const result = work(controller.signal, (text) => {
    message = linkless(text);
    shown?.report({ message });
  });
  const timer = setTimeout(() => {
    void vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: linkless(title), cancellable: true },
      async (progress, token) => {
        shown = progress;
        if (message !== '') progress.report({ message });
        token.onCancellationRequested(() => controller.abort());
        await result.catch(() => undefined);
      },
    );
  }, shownAfterMs);
  try {
    return await result;
  } finally {
    clearTimeout(timer);
  }
}
