/** The extension's composition root: makes the parts and registers them with VS Code. Nothing heavy starts here. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { analyzeAll } from './commands/analyzeAll';
import { askHub } from './commands/askHub';
import { cleanOutputs } from './commands/cleanOutputs';
import { clearStatsCache } from './commands/clearStatsCache';
import { type CompareArguments, compareWith } from './commands/compareWith';
import { installCudaProvider, removeCudaProvider } from './commands/cudaProviderCommands';
import { type EditMetadataArguments, editChatTemplate, editMetadata } from './commands/editMetadata';
import { type ExportArguments, exportTensors } from './commands/exportTensors';
import { findingHelpUri, showFindingHelp } from './commands/findingHelp';
import { modelIn } from './commands/modelIn';
import { modelsCommands } from './commands/modelsCommands';
import { openCheckpointCommand } from './commands/openCheckpoint';
import { openAsHex, openAsText, revealInExplorer } from './commands/openElsewhere';
import { openFromHub, setHubToken } from './commands/openFromHub';
import { type QuantizeArguments, QuantizeCommands } from './commands/quantizeCommand';
import { type RecipeArguments, RecipeCommands } from './commands/recipeCommands';
import { selectBackend } from './commands/selectBackend';
import { showFailure } from './commands/showFailure';
import { showJobs } from './commands/showJobs';
import { type TensorErrorArguments, tensorErrorReport } from './commands/tensorErrorReport';
import { type ViewTensorArguments, viewTensor } from './commands/viewTensor';
import { readAnalysisSettings } from './editor/analysisSettings';
import { BackendPanel, backendsViewType } from './editor/backendPanel';
import { CheckpointEditorProvider, checkpointViewType, indexViewType } from './editor/checkpointEditor';
import { CheckpointSession } from './editor/checkpointSession';
import { FileCopies } from './editor/fileCopies';
import { FindingDiagnostics } from './editor/findingDiagnostics';
import { HubSettings } from './editor/hubSettings';
import { JobStatusItem } from './editor/jobStatusItem';
import { MetadataDocuments, metadataScheme } from './editor/metadataDocuments';
import { ModelFolders } from './editor/modelFolders';
import { ModelDecorations } from './editor/models/modelDecorations';
import { ModelSummaries } from './editor/models/modelSummaries';
import { ModelsView } from './editor/models/modelsView';
import { originOf } from './editor/originOf';
import { RecipeDocuments } from './editor/recipeDocuments';
import { ReportPanels, ReportStore } from './editor/reportPanel';
import { TensorPanels, tensorViewType } from './editor/tensorPanel';
import { EngineClient } from './engine/client';
import { LoupeError } from './errors';
import { ConfigDocuments, configSelector } from './hover/configDocuments';
import { type HubQuestion, HubQuestions } from './hover/hubQuestions';
import { IndexDocuments, indexSelector } from './hover/indexDocuments';
import { type AskedAt, hoverSelector, ModelHoverProvider } from './hover/modelHover';
import { hubScheme } from './hub/hubLocation';
import type { BackendSetting } from './protocol/backendPageApi';
import type { Catalogue } from './protocol/engineApi';
import type { SchemeName } from './quant/types';

/** What other extensions and the in-host tests can call. */
export interface TensorLoupeApi {
  readonly engine: EngineClient;
  /** What an open document shows; undefined when it is not open. Rejects with the reason that its page shows. */
  catalogue(uri: vscode.Uri): Promise<Catalogue> | undefined;
  /** The view of the models of this machine. */
  readonly models: ModelsView;
  readonly decorations: ModelDecorations;
  /** What `activate` took, in milliseconds. */
  readonly activationMs: number;
}

export function activate(context: vscode.ExtensionContext): TensorLoupeApi {
  const startedAt = performance.now();
  const log = vscode.window.createOutputChannel('Tensor Loupe', { log: true });
  const workers = vscode.workspace.getConfiguration('tensorLoupe').get<number>('workers', 0);
  const headerLimit = vscode.workspace.getConfiguration('tensorLoupe').get<number>('headerLimitMB', 0);
  let provider: CheckpointEditorProvider | undefined;
  let viewers: TensorPanels | undefined;
  const journalFolder = path.join(context.globalStorageUri.fsPath, 'outputs');
  const engine = new EngineClient({
    enginePath: path.join(context.extensionPath, 'dist', 'engine.js'),
    env: {
      TENSOR_LOUPE_JOURNAL: journalFolder,
      ...(workers > 0 ? { TENSOR_LOUPE_WORKERS: String(workers) } : {}),
      ...(headerLimit > 100 ? { TENSOR_LOUPE_HEADER_CAP_MB: String(headerLimit) } : {}),
    },
    onLog: (line) => log.info(line),
    onExit: (message) => {
      log.error(message);
      provider?.engineRestarted(message);
      viewers?.engineRestarted(message);
    },
  });

  const diagnostics = new FindingDiagnostics(findingHelpUri);
  const hub = new HubSettings(context.secrets);
  const statsFolder = path.join(context.globalStorageUri.fsPath, 'statistics');
  const copies = new FileCopies(path.join(context.globalStorageUri.fsPath, 'copies'));
  provider = new CheckpointEditorProvider(
    context.extensionUri,
    engine,
    (uri) => originOf(uri, { engine, copies, hub }),
    diagnostics,
    async () => {
      const reports = await engine.call('backends', {});
      return reports.find((report) => report.available)?.reason ?? '';
    },
    () => readAnalysisSettings(statsFolder),
  );
  const panels = new TensorPanels(
    context.extensionUri,
    engine,
    (uri) =>
      new CheckpointSession(uri, engine, originOf(uri, { engine, copies, hub }), () =>
        readAnalysisSettings(statsFolder),
      ),
    (error) => showFailure(error, log),
  );
  viewers = panels;
  const store = new ReportStore(context.workspaceState);
  const reports = new ReportPanels(context.extensionUri, engine, (report) => store.add(report));
  const quantize = new QuantizeCommands(engine, reports, log, (report) => store.add(report));
  const editors = provider;

  const command = (name: string, run: (...args: never[]) => unknown) =>
    context.subscriptions.push(
      vscode.commands.registerCommand(`tensorLoupe.${name}`, run as (...args: unknown[]) => unknown),
    );

  /** The checkpoint a command is meant for: its argument, the active editor's, or one the user picks. */
  const target = async (given: unknown): Promise<vscode.Uri | undefined> => {
    // Links in hovers carry paths.
    const uri = typeof given === 'string' ? vscode.Uri.file(given) : given;
    if (!(uri instanceof vscode.Uri)) return editors.active()?.uri ?? openCheckpointCommand.pick();
    try {
      return await modelIn(engine, uri);
    } catch (thrown) {
      await showFailure(LoupeError.from(thrown), log);
      return undefined;
    }
  };

  /** The file that holds a checkpoint's values; a failure is shown and gives undefined. */
  const onDisk = async (uri: vscode.Uri): Promise<vscode.Uri | undefined> => {
    if (uri.scheme === 'file') return uri;
    try {
      const session = editors.session(uri);
      if (uri.scheme === hubScheme || session)
        return vscode.Uri.file(await (session ?? originOf(uri, { engine, copies, hub })).diskPath());
      throw new LoupeError('unsupported', `Open ${path.posix.basename(uri.path)} first.`);
    } catch (thrown) {
      await showFailure(LoupeError.from(thrown), log);
      return undefined;
    }
  };

  command('openFromHub', (given?: string) => openFromHub(engine, hub, log, given));
  command('setHubToken', () => setHubToken(hub, log));
  const hubQuestions = new HubQuestions(engine, hub);
  command('askHub', (question: HubQuestion, at?: AskedAt) => askHub(hubQuestions, log, question, at));
  command('openCheckpoint', (given?: vscode.Uri | string) => openCheckpointCommand.open(given));
  command('planMemory', async (given?: unknown) => {
    const uri = await target(given);
    if (!uri) return;
    await editors.showMemory(uri);
    await openCheckpointCommand.open(uri);
  });
  command('quantize', async (given?: unknown, options?: QuantizeArguments) => {
    const uri = await target(given);
    const file = uri && (await onDisk(uri));
    // A copy goes with its editor, so nothing is written beside it.
    const mustAskFolder = file !== uri || options?.mustAskFolder === true;
    return file && quantize.quantize(file, { ...options, mustAskFolder });
  });
  const toGguf = (how: 'quantize' | 'convert') => async (given?: unknown, options?: QuantizeArguments) => {
    const uri = await target(given);
    const file = uri && (await onDisk(uri));
    const mustAskFolder = file !== uri || options?.mustAskFolder === true;
    return file && quantize.quantize(file, { ...options, toGguf: how, mustAskFolder });
  };
  command('quantizeToGguf', toGguf('quantize'));
  command('convertToGguf', toGguf('convert'));
  command('previewError', async (given?: unknown, options?: QuantizeArguments) => {
    const uri = await target(given);
    const file = uri && (await onDisk(uri));
    return file && quantize.preview(file, options);
  });
  const recipes = new RecipeDocuments(engine);
  const recipeCommands = new RecipeCommands(recipes, () => target(undefined), log);
  command('quantizeWithRecipe', (given?: unknown, options: RecipeArguments = {}) =>
    recipeCommands.run(given, options, async (uri, choice) => {
      const file = await onDisk(uri);
      return file && quantize.quantize(file, { ...choice, mustAskFolder: file !== uri });
    }),
  );
  command('previewRecipe', (given?: unknown, options: RecipeArguments = {}) =>
    recipeCommands.run(given, options, async (uri, choice) => {
      const file = await onDisk(uri);
      return file && quantize.preview(file, choice);
    }),
  );
  command('newRecipe', async (given?: unknown, scheme?: SchemeName) => {
    const uri = await target(given);
    const file = uri && (await onDisk(uri));
    return file && recipeCommands.create(file, scheme);
  });
  command('compareWith', async (given?: unknown, options?: CompareArguments) => {
    const uri = await target(given);
    const file = uri && (await onDisk(uri));
    return file && compareWith(engine, reports, log, file, options);
  });
  command('editMetadata', async (given?: unknown, options?: EditMetadataArguments) => {
    const uri = await target(given);
    return uri && editMetadata(engine, log, uri, options);
  });
  command('editChatTemplate', async (given?: unknown) => {
    const uri = await target(given);
    return uri && editChatTemplate(engine, log, uri);
  });
  context.subscriptions.push(
    vscode.workspace.registerFileSystemProvider(metadataScheme, new MetadataDocuments(engine), {
      isCaseSensitive: true,
    }),
  );
  command('exportTensors', async (given?: unknown, options?: ExportArguments) => {
    const uri = await target(given);
    if (!uri) return undefined;
    const read = () => editors.session(uri)?.catalogue() ?? engine.call('open', { path: uri.fsPath });
    return exportTensors(read, uri, options);
  });
  command('viewTensor', async (given?: unknown, options?: ViewTensorArguments) => {
    const uri = given instanceof vscode.Uri ? given : (panels.activeUri() ?? (await target(given)));
    if (!uri) return undefined;
    const read = () => editors.session(uri)?.catalogue() ?? engine.call('open', { path: uri.fsPath });
    return viewTensor(panels, uri, read, options);
  });
  command('goToIndex', () => panels.runInActive('goToIndex'));
  command('copyValues', () => panels.runInActive('copy'));
  command('saveTensor', () => panels.runInActive('save'));
  for (const [name, run] of Object.entries({ openAsText, openAsHex, revealInExplorer })) {
    command(name, async (given?: unknown) => {
      const uri = await target(given);
      if (uri?.scheme === hubScheme) {
        void vscode.window.showInformationMessage('This model is on the Hub: there is no file of it here.');
        return undefined;
      }
      return uri && run(uri);
    });
  }
  command('findingHelp', (code: unknown) => showFindingHelp(context.extensionUri, code));
  command('analyzeAll', () => {
    const active = editors.active();
    return active && analyzeAll(active);
  });
  command('clearStatsCache', () => clearStatsCache(engine, statsFolder));
  command('showErrorReport', async () => {
    const report = store.find(editors.active()?.uri.fsPath);
    if (report) await reports.show(report, { kind: 'file', path: report.open });
    else void vscode.window.showInformationMessage('No quantization was done in this workspace yet.');
  });
  command('showTensorErrors', async (given: TensorErrorArguments) => {
    try {
      const report = await tensorErrorReport(engine, given);
      const { choice, imatrix } = given;
      await reports.show(report, { kind: 'scheme', choice, imatrix });
    } catch (thrown) {
      await showFailure(LoupeError.from(thrown), log);
    }
  });
  const backendPanel = new BackendPanel(context.extensionUri, engine, (error) => showFailure(error, log));
  command('selectBackend', (given?: BackendSetting) => selectBackend(engine, log, given));
  command('showBackends', () => backendPanel.show());
  for (const [name, run] of Object.entries({ installCudaProvider, removeCudaProvider })) {
    command(name, async () => {
      const isDone = await run(engine, log);
      if (isDone) backendPanel.reload();
      return isDone;
    });
  }
  const summaries = new ModelSummaries(engine);
  const models = new ModelsView(engine, summaries, context.globalState, log);
  const decorations = new ModelDecorations(summaries);
  for (const [name, run] of Object.entries(modelsCommands({ engine, view: models, summaries, log })))
    command(name, run);
  command('showLog', () => log.show());
  command('showJobs', () => showJobs(quantize.jobs, (id) => quantize.show(id), log));
  command('runInBackground', (id?: number) => {
    for (const job of quantize.jobs.jobs) if (id === undefined || job.id === id) job.sendToBackground();
  });

  const configs = new ConfigDocuments(engine);
  const indexes = new IndexDocuments(engine);
  const editorOptions = { supportsMultipleEditorsPerDocument: true };
  context.subscriptions.push(
    log,
    engine,
    copies,
    new ModelFolders(),
    new JobStatusItem(quantize.jobs, 'tensorLoupe.showJobs'),
    diagnostics,
    recipes,
    models,
    decorations,
    vscode.window.registerCustomEditorProvider(checkpointViewType, provider, editorOptions),
    vscode.window.registerCustomEditorProvider(indexViewType, provider, editorOptions),
    vscode.window.registerWebviewPanelSerializer(tensorViewType, panels),
    vscode.window.registerWebviewPanelSerializer(backendsViewType, backendPanel),
    vscode.languages.registerHoverProvider(hoverSelector, new ModelHoverProvider(engine, hubQuestions)),
    vscode.languages.registerHoverProvider(configSelector, configs),
    vscode.languages.registerCodeLensProvider(configSelector, configs),
    indexes,
    vscode.languages.registerHoverProvider(indexSelector, indexes),
    vscode.languages.registerCodeLensProvider(indexSelector, indexes),
  );

  void cleanOutputs(engine, journalFolder, log);
  // `npm start` names a checkpoint that should be open when the window comes up.
  const toOpen = process.env.TENSOR_LOUPE_OPEN;
  if (toOpen) void openCheckpointCommand.open(toOpen);
  return {
    engine,
    models,
    decorations,
    catalogue: (uri) => editors.session(uri)?.catalogue(),
    activationMs: performance.now() - startedAt,
  };
}

export function deactivate(): void {
  // The engine client is in context.subscriptions, so VS Code disposes of it and the process ends.
}
