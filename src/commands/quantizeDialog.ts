/** The quick picks that lead to a quantization: scheme, granularity, backend, target. Escape leaves, Back goes back. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { binarySize } from '../numeric/sizeText';
import type {
  BackendName,
  BackendReport,
  Granularity,
  QuantizeReport,
  SchemeName,
} from '../protocol/engineApi';

export interface QuantizeChoice {
  readonly scheme: SchemeName;
  readonly granularity: Granularity;
  readonly backend: BackendName | 'auto';
  /** Absolute folder to write; undefined: the default beside the model. */
  readonly out: string | undefined;
}

interface Choice<T> extends vscode.QuickPickItem {
  readonly value: T;
}

export const schemeChoices: readonly Choice<SchemeName>[] = [
  {
    value: 'int8-absmax',
    label: 'INT8 absmax',
    description: 'symmetric',
    detail: 'scale = 127 / max|x|. Zero stays zero; the layout that vLLM runs fastest.',
  },
  {
    value: 'int8-zeropoint',
    label: 'INT8 zero-point',
    description: 'asymmetric',
    detail: 'scale = 255 / (max - min), with a zero point. Better where values lie to one side of zero.',
  },
];

export const granularityChoices: readonly Choice<Granularity>[] = [
  {
    value: 'row',
    label: 'Per row',
    description: 'one scale per output channel',
    detail: 'An outlier costs precision only in its own row.',
  },
  {
    value: 'tensor',
    label: 'Per tensor',
    description: 'one scale for the whole matrix',
    detail: 'Smallest; one outlier takes precision from every value.',
  },
];

type Answer<T> = { kind: 'value'; value: T } | { kind: 'back' } | { kind: 'escape' };

/** One step of the dialog. */
function pick<T>(
  options: {
    title: string;
    step: number;
    totalSteps: number;
    placeholder: string;
    active?: T | undefined;
  },
  items: readonly Choice<T>[] | Promise<readonly Choice<T>[]>,
): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const quickPick = vscode.window.createQuickPick<Choice<T>>();
    quickPick.title = options.title;
    quickPick.step = options.step;
    quickPick.totalSteps = options.totalSteps;
    quickPick.placeholder = options.placeholder;
    quickPick.matchOnDetail = true;
    // The view under the dialog may take the focus back between two steps; only Escape and Back leave.
    quickPick.ignoreFocusOut = true;
    const show = (choices: readonly Choice<T>[]) => {
      quickPick.items = choices;
      const active = choices.find((choice) => choice.value === options.active);
      if (active) quickPick.activeItems = [active];
      quickPick.busy = false;
    };
    if (items instanceof Promise) {
      quickPick.busy = true;
      items.then(show, (thrown) => {
        reject(thrown);
        quickPick.dispose();
      });
    } else show(items);
    if (options.step > 1) quickPick.buttons = [vscode.QuickInputButtons.Back];
    quickPick.onDidTriggerButton(() => finish({ kind: 'back' }));
    quickPick.onDidAccept(() => {
      const item = quickPick.selectedItems[0];
      if (item) finish({ kind: 'value', value: item.value });
    });
    quickPick.onDidHide(() => finish({ kind: 'escape' }));
    const finish = (answer: Answer<T>) => {
      resolve(answer);
      quickPick.dispose();
    };
    quickPick.show();
  });
}

/**
 * Asks for everything that a quantization needs. `preview` asks only for scheme and granularity.
 * Sizes shown are exact: they come from a dry run of the engine. Resolves to undefined when left.
 */
export async function askQuantizeChoice(
  engine: EngineClient,
  file: string,
  mode: 'quantize' | 'preview',
): Promise<QuantizeChoice | undefined> {
  const title = `${mode === 'quantize' ? 'Quantize' : 'Preview error of'} ${modelName(file)}`;
  const totalSteps = mode === 'quantize' ? 4 : 2;
  const configured = vscode.workspace
    .getConfiguration('tensorLoupe')
    .get<BackendName | 'auto'>('backend', 'auto');
  let scheme: SchemeName = 'int8-absmax';
  let granularity: Granularity = 'row';
  let backend: BackendName | 'auto' = configured;
  let step = 1;
  for (;;) {
    let answer: Answer<unknown>;
    if (step === 1) {
      const chosen: Answer<SchemeName> = await pick(
        { title, step, totalSteps, placeholder: 'Scheme', active: scheme },
        schemeChoices,
      );
      if (chosen.kind === 'value') scheme = chosen.value;
      answer = chosen;
    } else if (step === 2) {
      const items = mode === 'quantize' ? withSizes(engine, file, scheme) : granularityChoices;
      const chosen: Answer<Granularity> = await pick(
        { title, step, totalSteps, placeholder: 'Granularity of scales', active: granularity },
        items,
      );
      if (chosen.kind === 'value') granularity = chosen.value;
      answer = chosen;
      if (chosen.kind === 'value' && mode === 'preview')
        return { scheme, granularity, backend, out: undefined };
    } else if (step === 3) {
      const reports = engine.call('backends', {});
      const chosen: Answer<BackendName | 'auto'> = await pick(
        { title, step, totalSteps, placeholder: 'Backend', active: backend },
        reports.then(backendChoices),
      );
      if (chosen.kind === 'value') backend = chosen.value;
      answer = chosen;
    } else {
      const chosen = await askTarget(title, step, totalSteps, engine, file, scheme, granularity);
      if (chosen.kind === 'value') return { scheme, granularity, backend, out: chosen.value };
      answer = chosen;
    }
    if (answer.kind === 'escape') return undefined;
    step += answer.kind === 'back' ? -1 : 1;
  }
}

/** What people call the model: the folder of `model.safetensors` and of shards, else the file's own name. */
export function modelName(file: string): string {
  const base = path.basename(file);
  return /^model([.-]|$)/.test(base)
    ? path.basename(path.dirname(file))
    : base.replace(/\.(safetensors|gguf)$/, '');
}

/** The exact plan of a quantization: sizes and the default target, nothing computed or written. */
export function dryRun(
  engine: EngineClient,
  file: string,
  scheme: SchemeName,
  granularity: Granularity,
): Promise<QuantizeReport> {
  return engine.call('quantize', {
    path: file,
    scheme,
    granularity,
    backend: 'cpu',
    overwrite: true,
    pure: false,
    dryRun: true,
  });
}

async function withSizes(
  engine: EngineClient,
  file: string,
  scheme: SchemeName,
): Promise<Choice<Granularity>[]> {
  return Promise.all(
    granularityChoices.map(async (choice) => {
      const plan = await dryRun(engine, file, scheme, choice.value);
      const percent = Math.round((100 * plan.bytesAfter) / plan.bytesBefore);
      return {
        ...choice,
        description: `${choice.description} · ${binarySize(plan.bytesAfter)} (${percent} % of now)`,
      };
    }),
  );
}

const backendLabels: Record<BackendName, string> = {
  cpu: 'CPU kernels',
  'ort-cpu': 'ONNX Runtime on the CPU',
  webgpu: 'ONNX Runtime on WebGPU',
  cuda: 'ONNX Runtime on CUDA',
  directml: 'ONNX Runtime on DirectML',
  coreml: 'ONNX Runtime on CoreML',
};

/** Automatic first with what it would take, then what is there, then what is not with the reason. */
export function backendChoices(reports: readonly BackendReport[]): Choice<BackendName | 'auto'>[] {
  const automatic = reports.find((report) => report.available);
  const sorted = [...reports].sort((a, b) => Number(b.available) - Number(a.available));
  return [
    { value: 'auto', label: 'Automatic', detail: automatic?.reason ?? 'CPU kernels' },
    ...sorted.map((report) => ({
      value: report.name,
      label: backendLabels[report.name],
      description: report.available ? '' : 'not available',
      detail: report.reason,
    })),
  ];
}

async function askTarget(
  title: string,
  step: number,
  totalSteps: number,
  engine: EngineClient,
  file: string,
  scheme: SchemeName,
  granularity: Granularity,
): Promise<Answer<string | undefined>> {
  const plan = await dryRun(engine, file, scheme, granularity);
  const folder = path.dirname(plan.open);
  const chosen = await pick<'default' | 'other'>({ title, step, totalSteps, placeholder: 'Where to write' }, [
    {
      value: 'default',
      label: path.basename(folder),
      description: path.dirname(folder),
      detail: 'A new folder beside the model',
    },
    { value: 'other', label: 'Another folder...', detail: 'Choose where the new folder goes' },
  ]);
  if (chosen.kind !== 'value' || chosen.value === 'default') {
    return chosen.kind === 'value' ? { kind: 'value', value: undefined } : chosen;
  }
  const picked = await vscode.window.showOpenDialog({
    title: 'Folder to write the quantized model into',
    canSelectFiles: false,
    canSelectFolders: true,
    canSelectMany: false,
    openLabel: 'Write Here',
    defaultUri: vscode.Uri.file(path.dirname(folder)),
  });
  if (!picked?.[0]) return { kind: 'escape' };
  return { kind: 'value', value: path.join(picked[0].fsPath, path.basename(folder)) };
}
