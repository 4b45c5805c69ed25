/** "Analyze All Tensors": starts what the page's button starts, with VS Code's own progress and its way to cancel. */
import type { AnalysisProgress } from '../editor/analysisRun';
import type { CheckpointEditorProvider } from '../editor/checkpointEditor';
import { withLateProgress } from '../editor/lateProgress';

type Active = NonNullable<ReturnType<CheckpointEditorProvider['active']>>;

/** Resolves when the analysis has begun. */
export async function analyzeAll({ session, page }: Active): Promise<void> {
  await page.call('run', { kind: 'analyzeAll' });
  if (!session.isAnalyzing) return;
  void withLateProgress('Analyzing tensors', (signal, report) => {
    signal.addEventListener('abort', () => {
      void page.call('run', { kind: 'cancelAnalysis' }).catch(() => undefined);
    });
    return new Promise<void>((resolve) => {
      const listener = session.onDidAnalyze((progress) => {
        if (progress) report(progressWords(progress));
        else {
          listener.dispose();
          resolve();
        }
      });
    });
  });
}

/** "1,204 of 2,000 tensors · 3.1 GB/s · 12 s left". */
function progressWords(progress: AnalysisProgress): string {
  const { done, total, bytesPerSecond, secondsLeft, isPaused } = progress;
  return [
    `${done.toLocaleString()} of ${total.toLocaleString()} tensors`,
    ...(isPaused ? ['paused while no editor of it is shown'] : []),
    ...(bytesPerSecond === undefined ? [] : [`${(bytesPerSecond / 1e9).toPrecision(2)} GB/s`]),
    ...(secondsLeft === undefined ? [] : [`${Math.max(1, Math.round(secondsLeft))} s left`]),
  ].join(' · ');
}
