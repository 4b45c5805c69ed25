/** "Show Running Jobs": what runs and waits, and what can be done about it. */
import * as vscode from 'vscode';
import { jobDetail, jobName } from '../editor/jobText';
import type { JobTracker } from '../editor/jobTracker';

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
    { label: `${jobName(job)}: ${jobDetail(job)}`, kind: vscode.QuickPickItemKind.Separator },
    {
      label: '$(close) Cancel',
      description: jobName(job),
      // The job may have ended meanwhile; cancelling it does nothing then.
      run: () => job.cancel(),
    },
    job.isInBackground
      ? { label: '$(eye) Show Progress', description: jobName(job), run: () => show(job.id) }
      : {
          label: '$(arrow-down) Run in Background',
          description: jobName(job),
          run: () => job.sendToBackground(),
        },
  ]);
  const isIdle = items.length === 0;
  items.push({ label: '', kind: vscode.QuickPickItemKind.Separator });
  items.push({ label: '$(output) Show Log', run: () => log.show() });
  const picked = await vscode.window.showQuickPick(items, {
    title: 'Tensor Loupe: Running Jobs',
    placeHolder: isIdle ? 'Nothing is running.' : 'Jobs are done one after the other, in this order',
    matchOnDescription: true,
  });
  picked?.run?.();
}
