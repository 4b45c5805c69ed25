/** The error report: a webview panel of its own for a quantization, written or previewed. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { Against, QuantizeReport, SchemeChoice } from '../protocol/engineApi';
import { Rpc } from '../protocol/rpc';
import type { ReportHostContract, ReportPageContract } from '../protocol/webviewApi';
import { chosenOptions } from '../quant/choice';
import { choiceByName } from '../quant/recipe';
import { matrixOptions } from '../quant/recipeMatrix';
import { checkpointViewType } from './checkpointEditor';
import { measureErrors } from './measureErrors';
import { pickScheme } from './pickScheme';
import { saveErrorTable } from './saveErrorTable';
import { readViewSettings } from './viewSettings';
import { WebviewChannel } from './webviewChannel';
import { webviewHtml, webviewRoot } from './webviewHtml';

const reportViewType = 'tensorLoupe.report';

export class ReportPanels {
  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly engine: EngineClient,
    /** Hears of a report whose errors were measured after it was made. */
    private readonly onMeasured: (report: QuantizeReport) => void = () => {},
  ) {}

  /** Opens a report in the active column; `against` says what the originals are compared with. */
  async show(given: QuantizeReport, against: Against): Promise<void> {
    let report = given;
    const title = `${report.comparison ? 'Compare' : 'Error'}: ${report.sourceName} · ${schemeTitle(report)}`;
    const panel = vscode.window.createWebviewPanel(reportViewType, title, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [webviewRoot(this.extensionUri)],
    });
    panel.iconPath = vscode.Uri.joinPath(this.extensionUri, 'media', 'icon.png');
    const disposables: vscode.Disposable[] = [];
    /** What the report quantizes a tensor with; undefined: it is kept. */
    const ownChoice = (tensor: number): SchemeChoice | undefined => {
      const { recipe, choice, scheme, granularity } = report;
      if (!recipe) return choice ?? chosenOptions({ scheme, granularity });
      const own = choiceByName(recipe, report.tensors[tensor]?.name ?? '');
      return own === 'keep' ? undefined : own;
    };
    const imatrix = against.kind === 'scheme' ? against.imatrix : undefined;
    /** The report's own counterpart, or another scheme that the page compares with. */
    const againstOf = (choice: SchemeChoice | undefined): Against =>
      choice ? { kind: 'scheme', choice, imatrix } : against;
    const page = new Rpc<ReportHostContract, ReportPageContract>(
      new WebviewChannel(panel.webview, disposables),
      {
        ready: async () => ({
          report,
          against,
          catalogue: await this.engine.call('open', { path: report.source }),
          settings: readViewSettings(),
        }),
        errorTile: ({ choice, codes, ...params }, { signal }) =>
          this.engine.call(
            'errorTile',
            {
              path: report.source,
              ...params,
              against: againstOf(choice),
              codes: codes ? (choice ?? ownChoice(params.tensor)) : undefined,
            },
            { signal },
          ),
        errorDetail: ({ tensor, choice, background }, { signal }) =>
          this.engine.call(
            'errorDetail',
            { path: report.source, tensor, against: againstOf(choice), background },
            { signal },
          ),
        measure: async (_, { signal, progress }) => {
          report = await measureErrors(this.engine, report, signal, progress);
          this.onMeasured(report);
          return report;
        },
        pickScheme: async () => (await pickScheme(`Compare with ${schemeTitle(report)}`)) ?? null,
        action: async (action) => {
          if (action.kind === 'copy') await vscode.env.clipboard.writeText(action.text);
          else if (action.kind === 'saveTable') await saveErrorTable(report, action);
          else {
            const file = action.kind === 'openSource' ? report.source : report.open;
            if (action.kind === 'openResult' && report.outputs.length === 0) {
              await vscode.commands.executeCommand('tensorLoupe.quantize', vscode.Uri.file(report.source), {
                ...(report.choice ?? { scheme: report.scheme, granularity: report.granularity }),
                ...(report.recipe ? { recipe: report.recipe } : {}),
                ...(report.recipe && imatrix !== undefined ? { gguf: matrixOptions(imatrix) } : {}),
              });
            } else
              await vscode.commands.executeCommand(
                'vscode.openWith',
                vscode.Uri.file(file),
                checkpointViewType,
              );
          }
          return undefined;
        },
      },
    );
    panel.onDidDispose(() => {
      page.close(new LoupeError('cancelled', 'The report was closed.'));
      for (const disposable of disposables) disposable.dispose();
    });
    panel.webview.html = webviewHtml(panel.webview, this.extensionUri, 'report', title);
  }
}

/** "INT8 absmax per row" */
function schemeTitle(report: Pick<QuantizeReport, 'scheme' | 'granularity' | 'label'>): string {
  if (report.label !== undefined) return report.label;
  const scheme = report.scheme === 'int8-absmax' ? 'INT8 absmax' : 'INT8 zero-point';
  return `${scheme} per ${report.granularity}`;
}

/** Reports of finished quantizations by output path, kept with the workspace so that they survive a reload. */
export class ReportStore {
  private static readonly key = 'reports';
  private static readonly limit = 8;

  constructor(private readonly memento: vscode.Memento) {
    this.updateContext();
  }

  add(report: QuantizeReport): void {
    const others = this.all().filter((known) => known.open !== report.open);
    void this.memento.update(ReportStore.key, [report, ...others].slice(0, ReportStore.limit));
    this.updateContext();
  }

  /** The report whose output or source lies in the folder of `file`, newest first; without a file the newest. */
  find(file: string | undefined): QuantizeReport | undefined {
    const reports = this.all();
    if (file === undefined) return reports[0];
    const folder = path.dirname(file);
    return (
      reports.find((report) => path.dirname(report.open) === folder) ??
      reports.find((report) => path.dirname(report.source) === folder) ??
      reports[0]
    );
  }

  private all(): readonly QuantizeReport[] {
    return this.memento.get<readonly QuantizeReport[]>(ReportStore.key, []);
  }

  private updateContext(): void {
    void vscode.commands.executeCommand('setContext', 'tensorLoupe.hasReport', this.all().length > 0);
  }
}
