/** Shows a job's progress in a notification, which can be sent to the background: the job goes on in the status bar then. */
import * as vscode from 'vscode';
import { jobDetail, jobName, linkless } from './jobText';
import type { Job, JobTracker } from './jobTracker';

/** The command that the notification's link runs, with the job's id. */
const runInBackgroundCommand = 'tensorLoupe.runInBackground';

/** Shows until the job ends or goes to the background. `ended` settles with the job. */
export async function showJob(tracker: JobTracker, job: Job, ended: Promise<unknown>): Promise<void> {
  await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: linkless(`Quantizing ${jobName(job)}`),
      cancellable: true,
    },
    (progress, token) =>
      new Promise<void>((resolve) => {
        token.onCancellationRequested(() => job.cancel());
        const link = `[Run in Background](command:${runInBackgroundCommand}?${encodeURIComponent(JSON.stringify([job.id]))})`;
        let shown = 0;
        const report = () => {
          if (job.isInBackground) {
            finish();
            return;
          }
          const { bytesDone, bytesTotal } = job.state;
          const percent = (100 * bytesDone) / Math.max(1, bytesTotal);
          progress.report({ message: `${jobDetail(job)} ${link}`, increment: Math.max(0, percent - shown) });
          shown = Math.max(shown, percent);
        };
        const stop = tracker.onDidChange(report);
        const finish = () => {
          stop();
          resolve();
        };
        report();
        ended.then(finish, finish);
      }),
  );
}
