/** Compares the values of two checkpoints, tensor by tensor, and shows them as an error report. */
import * as vscode from 'vscode';
import { linkless } from '../editor/jobText';
import type { ReportPanels } from '../editor/reportPanel';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { QuantizeReport } from '../protocol/engineApi';
import { comparisonReport } from './compareReport';
import { openCheckpointCommand } from './openCheckpoint';
import { showFailure } from './showFailure';

/** What callers may give in place of the dialog. */
export interface CompareArguments {
  readonly with?: vscode.Uri | undefined;
}

/** Resolves to the report that is shown; undefined when it was left or failed, which is told. */
export async function compareWith(
  engine: EngineClient,
  reports: ReportPanels,
  log: vscode.LogOutputChannel,
  first: vscode.Uri,
  options: CompareArguments = {},
): Promise<QuantizeReport | undefined> {
  try {
    const second = options.with ?? (await openCheckpointCommand.pick('Compare with'));
    if (!second) return undefined;
    if (second.scheme !== 'file')
      throw new LoupeError('unsupported', 'Only checkpoints on this disk can be compared.');
    const report = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: 'Comparing checkpoints',
        cancellable: true,
      },
      async (progress, token) => {
        const abort = new AbortController();
        token.onCancellationRequested(() => abort.abort());
        const { signal } = abort;
        const started = Date.now();
        const [one, other] = await Promise.all(
          [first, second].map(({ fsPath }) => engine.call('open', { path: fsPath }, { signal })),
        );
        let shown = 0;
        const comparison = await engine.call(
          'compare',
          { path: one!.path, other: other!.path },
          {
            signal,
            progress: ({ done, total, row }) => {
              const percent = (100 * done) / Math.max(1, total);
              progress.report({ message: linkless(row.name), increment: percent - shown });
              shown = percent;
            },
          },
        );
        return comparisonReport(one!, other!, comparison, (Date.now() - started) / 1000);
      },
    );
    await reports.show(report, { kind: 'file', path: report.open });
    return report;
  } catch (thrown) {
    await showFailure(LoupeError.from(thrown), log);
    return undefined;
  }
}
