/** "Quantize Checkpoint..." and "Preview Quantization Error...": from the palette, the editor title and the Explorer. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { checkpointViewType } from '../editor/checkpointEditor';
import type { ReportPanels } from '../editor/reportPanel';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { QuantizeReport, TensorError } from '../protocol/engineApi';
import { chosenOptions } from '../quant/choice';
import { askQuantizeChoice, dryRun, modelName, type QuantizeChoice, targetOf } from './quantizeDialog';
import { showFailure } from './showFailure';

/** Given instead of the dialog's answers by callers that know them: tests, tasks, keybindings. */
export interface QuantizeArguments extends Partial<QuantizeChoice> {
  readonly overwrite?: boolean;
  /** Without a given folder, ask for one instead of writing beside the model. */
  readonly mustAskFolder?: boolean;
}

export class QuantizeCommands {
  constructor(
    private readonly engine: EngineClient,
    private readonly reports: ReportPanels,
    private readonly log: vscode.LogOutputChannel,
    private readonly onReport: (report: QuantizeReport) => void,
  ) {}

  /**
   * Quantizes the checkpoint at `uri`; asks for what `given` leaves open. Resolves to the report, or
   * undefined when the user left or cancelled. Failures are shown, not thrown.
   */
  async quantize(uri: vscode.Uri, given: QuantizeArguments = {}): Promise<QuantizeReport | undefined> {
    if (!vscode.workspace.isTrusted) {
      const manage = 'Manage Workspace Trust';
      const answer = await vscode.window.showWarningMessage(
        'Quantizing writes files, so it waits until this workspace is trusted.',
        manage,
      );
      if (answer === manage) await vscode.commands.executeCommand('workbench.trust.manage');
      return undefined;
    }
    try {
      let choice = await this.choose(uri, given, 'quantize');
      if (choice && choice.out === undefined && given.mustAskFolder)
        choice = await askFolder(this.engine, uri, choice);
      if (!choice) return undefined;
      const report = await this.runWithOverwriteQuestion(uri, choice, given.overwrite ?? false);
      if (!report) return undefined;
      this.onReport(report);
      await vscode.commands.executeCommand(
        'vscode.openWith',
        vscode.Uri.file(report.open),
        checkpointViewType,
      );
      for (const warning of report.warnings ?? []) this.log.warn(warning);
      void this.announce(report);
      return report;
    } catch (thrown) {
      await showFailure(LoupeError.from(thrown), this.log);
      return undefined;
    }
  }

  /** Computes the errors of a scheme without writing anything, and shows the report. */
  async preview(uri: vscode.Uri, given: QuantizeArguments = {}): Promise<QuantizeReport | undefined> {
    try {
      const choice = await this.choose(uri, given, 'preview');
      if (!choice) return undefined;
      const report = await vscode.window.withProgress(
        {
          location: vscode.ProgressLocation.Notification,
          title: `Previewing ${modelName(uri.fsPath)}`,
          cancellable: true,
        },
        (progress, token) => this.previewReport(uri, choice, progress, signalOf(token)),
      );
      await this.reports.show(report, {
        kind: 'scheme',
        choice: chosenOptions(choice),
        recipe: choice.recipe,
      });
      return report;
    } catch (thrown) {
      await showFailure(LoupeError.from(thrown), this.log);
      return undefined;
    }
  }

  private async choose(
    uri: vscode.Uri,
    given: QuantizeArguments,
    mode: 'quantize' | 'preview',
  ): Promise<QuantizeChoice | undefined> {
    const { recipe, backend = 'auto', out } = given;
    // A request names a scheme in any case; beside a recipe it counts for nothing.
    if (recipe) return { scheme: 'int8-absmax', granularity: 'row', recipe, backend, out };
    if (given.scheme && given.granularity) {
      return {
        ...chosenOptions({ ...given, scheme: given.scheme, granularity: given.granularity }),
        backend,
        out,
      };
    }
    return askQuantizeChoice(this.engine, uri.fsPath, mode);
  }

  private async runWithOverwriteQuestion(
    uri: vscode.Uri,
    choice: QuantizeChoice,
    overwrite: boolean,
  ): Promise<QuantizeReport | undefined> {
    try {
      return await this.run(uri, choice, overwrite);
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'exists') throw error;
      const replace = 'Replace';
      const answer = await vscode.window.showWarningMessage(
        error.message,
        { modal: true, detail: 'The old output stays untouched until the new one is complete.' },
        replace,
      );
      return answer === replace ? this.run(uri, choice, true) : undefined;
    }
  }

  private async run(uri: vscode.Uri, choice: QuantizeChoice, overwrite: boolean): Promise<QuantizeReport> {
    return vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `Quantizing ${modelName(uri.fsPath)}`,
        cancellable: true,
      },
      async (progress, token) => {
        let shown = 0;
        return this.engine.call(
          'quantize',
          {
            path: uri.fsPath,
            ...chosenOptions(choice),
            recipe: choice.recipe,
            backend: choice.backend,
            out: choice.out,
            overwrite,
            pure: false,
            dryRun: false,
          },
          {
            signal: signalOf(token),
            progress: (state) => {
              const percent = (100 * state.bytesDone) / Math.max(1, state.bytesTotal);
              progress.report({
                message: `${state.tensor} · ${binarySize(state.bytesDone)} of ${binarySize(state.bytesTotal)}`,
                increment: percent - shown,
              });
              shown = percent;
            },
          },
        );
      },
    );
  }

  private async previewReport(
    uri: vscode.Uri,
    choice: QuantizeChoice,
    progress: vscode.Progress<{ message?: string; increment?: number }>,
    signal: AbortSignal,
  ): Promise<QuantizeReport> {
    const started = Date.now();
    const options = chosenOptions(choice);
    const plan = await this.engine.call(
      'quantize',
      {
        path: uri.fsPath,
        ...options,
        recipe: choice.recipe,
        backend: 'cpu',
        overwrite: true,
        pure: false,
        dryRun: true,
        sizesOnly: true,
      },
      { signal },
    );
    const computed = await this.engine.call(
      'errors',
      { path: uri.fsPath, choice: options, recipe: choice.recipe },
      {
        signal,
        progress: ({ total, row }) =>
          progress.report({ message: row.name, increment: 100 / Math.max(1, total) }),
      },
    );
    const rows = new Map<string, TensorError>(computed.map((row) => [row.name, row]));
    return {
      ...plan,
      backend: { requested: 'cpu', used: 'cpu', reason: 'CPU kernels; nothing was written' },
      outputs: [],
      seconds: (Date.now() - started) / 1000,
      tensors: plan.tensors.map((row) => rows.get(row.name) ?? row),
    };
  }

  private async announce(report: QuantizeReport): Promise<void> {
    const showError = 'Show Error Report';
    const reveal = 'Reveal in Explorer';
    const answer = await vscode.window.showInformationMessage(
      `${report.sourceName}: ${binarySize(report.bytesBefore)} → ${binarySize(report.bytesAfter)} in ${report.seconds.toPrecision(2)} s on ${report.backend.reason}.`,
      showError,
      reveal,
    );
    if (answer === showError) await this.reports.show(report, { kind: 'file', path: report.open });
    if (answer === reveal)
      await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(report.open));
  }
}

/** The choice with a new folder in one that the user picks; undefined when left. */
async function askFolder(
  engine: EngineClient,
  uri: vscode.Uri,
  choice: QuantizeChoice,
): Promise<QuantizeChoice | undefined> {
  const plan = await dryRun(engine, uri.fsPath, choice);
  const picked = await vscode.window.showOpenDialog({
    title: 'Folder to write the quantized model into',
    canSelectFiles: false,
    canSelectFolders: true,
    canSelectMany: false,
    openLabel: 'Write Here',
  });
  const name = path.basename(targetOf(plan));
  if (picked?.[0] && picked[0].scheme !== 'file')
    throw new LoupeError('usage', 'Choose a folder on disk: a quantized model is written nowhere else.');
  return picked?.[0] && { ...choice, out: path.join(picked[0].fsPath, name) };
}

/** An AbortSignal that fires with a VS Code cancellation token. */
function signalOf(token: vscode.CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}
