/** "Quantize Checkpoint..." and "Preview Quantization Error...": from the palette, the editor title and the Explorer. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { readBackendSetting } from '../editor/backendSetting';
import { checkpointViewType } from '../editor/checkpointEditor';
import { showJob } from '../editor/jobNotification';
import { jobName, linkless } from '../editor/jobText';
import { JobTracker } from '../editor/jobTracker';
import type { ReportPanels } from '../editor/reportPanel';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type {
  ErrorTiming,
  QuantizeReport,
  QuantizeRequest,
  TensorError,
  UnfinishedOutput,
} from '../protocol/engineApi';
import { unmeasuredCount } from '../protocol/measuredReport';
import { unfinishedText } from '../protocol/unfinishedText';
import { chosenOptions } from '../quant/choice';
import { askGgufChoice } from './ggufDialog';
import { anyScheme, dryRun, modelName, type QuantizeChoice, targetOf } from './quantizeChoice';
import { askQuantizeChoice } from './quantizeDialog';
import { showFailure } from './showFailure';

/** Given instead of the dialog's answers by callers that know them: tests, tasks, keybindings. */
export interface QuantizeArguments extends Partial<QuantizeChoice> {
  readonly overwrite?: boolean;
  /** Ask only for GGUF types; `convert`: for those of floats, which is a conversion without quantization. */
  readonly toGguf?: 'quantize' | 'convert';
  /** Without a given folder, ask for one instead of writing beside the model. */
  readonly mustAskFolder?: boolean;
  /** Cut the output's shards anew. */
  readonly maxShardBytes?: number;
  /** Keep what is finished when the job ends early; left out: as the setting says. */
  readonly keepFinished?: boolean;
  /** When errors are measured; left out: as the setting says. */
  readonly errors?: ErrorTiming;
  /** Go on from what an interrupted job kept, or start over; left out: ask where there is something. */
  readonly resume?: boolean;
}

/** What is written, and how. */
interface QuantizeOrder extends QuantizeChoice {
  readonly overwrite: boolean;
  readonly maxShardBytes: number | undefined;
  readonly keepFinished: boolean;
  readonly errors: ErrorTiming;
  readonly resume: boolean;
  /** What is made of the model, for people. */
  readonly label: string;
}

/** A job that ended well, and whether anybody looked. */
interface Ended {
  readonly report: QuantizeReport;
  readonly wasInBackground: boolean;
}

export class QuantizeCommands {
  /** The jobs of this window. */
  readonly jobs = new JobTracker();
  private readonly results = new Map<number, Promise<unknown>>();

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
        `${given.toGguf === 'convert' ? 'Converting' : 'Quantizing'} writes files, so it waits until this workspace is trusted.`,
        manage,
      );
      if (answer === manage) await vscode.commands.executeCommand('workbench.trust.manage');
      return undefined;
    }
    try {
      let choice = await this.choose(uri, given, 'quantize');
      if (choice && choice.out === undefined && given.mustAskFolder)
        choice = await askFolder(this.engine, uri, choice);
      return choice && (await this.write(uri, choice, given));
    } catch (thrown) {
      await showFailure(LoupeError.from(thrown), this.log);
      return undefined;
    }
  }

  /** Brings back the notification of a job that was sent to the background. */
  show(id: number): void {
    const job = this.jobs.job(id);
    const result = this.results.get(id);
    if (!job?.isInBackground || !result) return;
    job.bringToFront();
    void showJob(this.jobs, job, result);
  }

  private async write(
    uri: vscode.Uri,
    choice: QuantizeChoice,
    given: QuantizeArguments,
  ): Promise<QuantizeReport | undefined> {
    const settings = vscode.workspace.getConfiguration('tensorLoupe');
    const timing: ErrorTiming = settings.get('measureErrors') === 'later' ? 'later' : 'writing';
    const asked: QuantizeOrder = {
      ...choice,
      overwrite: given.overwrite ?? false,
      maxShardBytes: given.maxShardBytes ?? choice.maxShardBytes,
      keepFinished: given.keepFinished ?? settings.get('keepFinishedShards', false),
      errors: given.errors ?? timing,
      resume: given.resume ?? false,
      label: '',
    };
    const { unfinished: found, label = '' } = await this.plan(uri, asked);
    const resume = given.resume ?? (await askResume(found));
    if (resume === undefined) return undefined;
    const order = { ...asked, resume, label };
    try {
      const ended = await this.runWithOverwriteQuestion(uri, order);
      if (!ended) return undefined;
      const { report, wasInBackground } = ended;
      this.onReport(report);
      for (const warning of report.warnings ?? []) this.log.warn(warning);
      // Who sent it to the background is at something else, which no editor may cover.
      if (!wasInBackground) await openReport(report);
      void this.announce(report, wasInBackground);
      return report;
    } catch (thrown) {
      const error = await this.ended(LoupeError.from(thrown), order, uri);
      // A source that is gone cannot be planned for: then the failure itself is told.
      const plan = order.keepFinished ? await this.plan(uri, order).catch(() => undefined) : undefined;
      const unfinished = plan?.unfinished;
      if (!unfinished || unfinished.mismatch !== undefined) throw error;
      const again = () => this.write(uri, choice, { ...given, resume: true });
      return this.offerResume(uri, order, again, error, unfinished);
    }
  }

  /** The failure of a job. After the end of the compute process a new one removes what the job had written. */
  private async ended(error: LoupeError, order: QuantizeOrder, uri: vscode.Uri): Promise<LoupeError> {
    if (error.code !== 'engine-died') return error;
    // Failing here as well, it is left to the next start.
    await this.engine.call('cleanOutputs', {}).catch(() => undefined);
    const name = jobName({ name: modelName(uri.fsPath), label: order.label });
    return new LoupeError(error.code, `${name} was not finished. ${error.message}`);
  }

  /** What would be written, without writing. */
  private plan(uri: vscode.Uri, order: QuantizeOrder): Promise<QuantizeReport> {
    return this.engine.call('quantize', { ...requestOf(uri, order), dryRun: true });
  }

  /** Tells why a job ended early and what it kept. Resolves to the report of the job that goes on, if one does. */
  private async offerResume(
    uri: vscode.Uri,
    order: QuantizeOrder,
    again: () => Promise<QuantizeReport | undefined>,
    error: LoupeError,
    unfinished: UnfinishedOutput,
  ): Promise<QuantizeReport | undefined> {
    this.log.error(`${error.code}: ${error.message}`);
    const resume = 'Resume';
    const discard = 'Discard';
    const kept = error.message.includes('are finished and kept') ? '' : ` ${keptText(unfinished)}.`;
    const answer = await vscode.window.showWarningMessage(
      linkless(`${modelName(uri.fsPath)}: ${error.message}${kept}`),
      resume,
      discard,
    );
    if (answer === resume) return again();
    if (answer === discard) await this.engine.call('discardUnfinished', requestOf(uri, order));
    return undefined;
  }

  /** Computes the errors of a scheme without writing anything, and shows the report. */
  async preview(uri: vscode.Uri, given: QuantizeArguments = {}): Promise<QuantizeReport | undefined> {
    try {
      const choice = await this.choose(uri, given, 'preview');
      if (!choice) return undefined;
      const report = await vscode.window.withProgress(
        {
          location: vscode.ProgressLocation.Notification,
          title: linkless(`Previewing ${modelName(uri.fsPath)}`),
          cancellable: true,
        },
        (progress, token) => this.previewReport(uri, choice, progress, signalOf(token)),
      );
      await this.reports.show(report, {
        kind: 'scheme',
        choice: chosenOptions(choice),
        recipe: choice.recipe,
        imatrix: choice.gguf?.imatrix,
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
    const { recipe, gguf, backend = readBackendSetting(), out } = given;
    // A request names a scheme in any case; beside a recipe it counts for nothing.
    if (recipe) return { scheme: 'int8-absmax', granularity: 'row', recipe, gguf, backend, out };
    if (gguf) return { ...anyScheme, gguf, backend, out };
    if (given.scheme && given.granularity) {
      return {
        ...chosenOptions({ ...given, scheme: given.scheme, granularity: given.granularity }),
        backend,
        out,
      };
    }
    if (mode === 'quantize' && (given.toGguf || /\.gguf$/i.test(uri.fsPath)))
      return askGgufChoice(this.engine, uri.fsPath, given.toGguf ?? 'quantize');
    return askQuantizeChoice(this.engine, uri.fsPath, mode);
  }

  private async runWithOverwriteQuestion(uri: vscode.Uri, order: QuantizeOrder): Promise<Ended | undefined> {
    try {
      return await this.run(uri, order);
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'exists') throw error;
      const replace = 'Replace';
      const answer = await vscode.window.showWarningMessage(
        error.message,
        { modal: true, detail: 'The old output stays untouched until the new one is complete.' },
        replace,
      );
      return answer === replace ? this.run(uri, { ...order, overwrite: true }) : undefined;
    }
  }

  /** Runs as a job: in a notification until it is sent to the background, and in the status bar all the time. */
  private async run(uri: vscode.Uri, order: QuantizeOrder): Promise<Ended> {
    const { job, result } = this.jobs.start(modelName(uri.fsPath), order.label, (own) =>
      this.engine.call('quantize', requestOf(uri, order), {
        signal: own.signal,
        progress: (told) => own.tell(told, performance.now()),
      }),
    );
    this.results.set(job.id, result);
    try {
      void showJob(this.jobs, job, result);
      return { report: await result, wasInBackground: job.isInBackground };
    } finally {
      this.results.delete(job.id);
    }
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
        pure: choice.pure ?? false,
        dryRun: true,
        sizesOnly: true,
      },
      { signal },
    );
    const computed = await this.engine.call(
      'errors',
      {
        ...{ path: uri.fsPath, choice: options, recipe: choice.recipe, pure: choice.pure },
        imatrix: choice.gguf?.imatrix,
      },
      {
        signal,
        progress: ({ total, row }) =>
          progress.report({ message: linkless(row.name), increment: 100 / Math.max(1, total) }),
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

  private async announce(report: QuantizeReport, withOpen: boolean): Promise<void> {
    const open = 'Open';
    const showError = 'Show Error Report';
    const reveal = 'Reveal in Explorer';
    const answer = await vscode.window.showInformationMessage(
      linkless(
        `${jobName({ name: report.sourceName, label: report.label ?? '' })}: ${binarySize(report.bytesBefore)} → ${binarySize(report.bytesAfter)} in ${report.seconds.toPrecision(2)} s on ${report.backend.reason}.${unmeasuredCount(report) > 0 ? ' Errors were not measured; the error report measures them.' : ''}`,
      ),
      ...(withOpen ? [open, showError] : [showError, reveal]),
    );
    if (answer === open) await openReport(report);
    if (answer === showError) await this.reports.show(report, { kind: 'file', path: report.open });
    if (answer === reveal)
      await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(report.open));
  }
}

/** Whether to go on from what was kept; false where there is nothing, undefined when left. */
async function askResume(found: UnfinishedOutput | undefined): Promise<boolean | undefined> {
  if (!found) return false;
  const resume = 'Resume';
  const over = 'Start Over';
  const answer = await vscode.window.showInformationMessage(
    `An earlier run for this target was interrupted: ${keptText(found)}.`,
    {
      modal: true,
      detail:
        found.mismatch === undefined
          ? 'Resuming gives the same files as a run without an interruption. Starting over removes what was kept.'
          : `It cannot be resumed: ${found.mismatch} Starting over removes what was kept.`,
    },
    ...(found.mismatch === undefined ? [resume, over] : [over]),
  );
  return answer === undefined ? undefined : answer === resume;
}

const openReport = (report: QuantizeReport) =>
  vscode.commands.executeCommand('vscode.openWith', vscode.Uri.file(report.open), checkpointViewType);

/** "3 of 8 shards, 120 of 290 tensors (1.20 GiB) are finished". */
const keptText = (unfinished: UnfinishedOutput): string =>
  `${unfinishedText(unfinished)} (${binarySize(unfinished.bytesDone)}) are finished`;

function requestOf(uri: vscode.Uri, order: QuantizeOrder): QuantizeRequest {
  const { recipe, gguf, backend, out, overwrite, maxShardBytes, keepFinished, errors, resume } = order;
  return {
    path: uri.fsPath,
    ...chosenOptions(order),
    ...{ recipe, gguf, backend, out, overwrite, maxShardBytes, keepFinished, errors, resume },
    pure: order.pure ?? false,
    dryRun: false,
  };
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
