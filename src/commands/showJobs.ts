/** "Show Running Jobs": what runs and waits, and what can be done about it. */
import * as vscode from 'vscode';
import { iconless, jobDetail, jobName } from '../editor/jobText';
import type { Job, JobTracker } from '../editor/jobTracker';

interface Action extends vscode.QuickPickItem {
  readonly run?: () => void;
}

/** `show` brings a job's notification back. */
export async function showJobs(
  tracker: JobTracker,
  show: (id: number) => void,
  log: vscode.LogOutputChannel,
): Promise<void> {
  const items = tracker.jobs.flatMap((job): Action[] => [
    { label: jobDetail(job), kind: vscode.QuickPickItemKind.Separator },
    // The job may have ended meanwhile; cancelling it does nothing then.
    { label: `$(close) Cancel ${plain(job)}`, run: () => job.cancel() },
    job.isInBackground
      ? { label: `$(eye) Show Progress of ${plain(job)}`, run: () => show(job.id) }
      : { label: `$(arrow-down) Run ${plain(job)} in Background`, run: () => job.sendToBackground() },
  ]);
  const isIdle = items.length === 0;
  items.push({ label: '', kind: vscode.QuickPickItemKind.Separator });
  items.push({ label: '$(output) Show Log', run: () => log.show() });
  const picked = await vscode.window.showQuickPick(items, {
    title: 'Tensor Loupe: Running Jobs',
    // A page under it may take the focus back; only Escape leaves.
    ignoreFocusOut: true,
    placeHolder: isIdle ? 'Nothing is running.' : 'Jobs are done one after the other, in this order',
  });
  picked?.run?.();
}

/** Its name, in which nothing becomes an icon. */
const plain = (job: Job): string => iconless(jobName(job));
