/** The quick picks that lead to a quantization: scheme, granularity, backend, target. Escape leaves, Back goes back. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { readBackendSetting } from '../editor/backendSetting';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { BackendName, GgufOptions, QuantizeReport } from '../protocol/engineApi';
import { chosenOptions } from '../quant/choice';
import type { Recipe } from '../quant/recipe';
import type { Scheme } from '../quant/scheme';
import { schemeNamed } from '../quant/schemes';
import type { SchemeChoice } from '../quant/types';
import { isWritable, mediumOf } from '../quant/writable';
import { backendItems } from './backendItems';
import { roomText } from './roomText';
import { type Choice, type Mode, refusedItems, schemeItems, variantsOf } from './schemeMenu';

export interface QuantizeChoice extends SchemeChoice {
  readonly backend: BackendName | 'auto';
  /** Instead of the scheme: what each tensor gets. */
  readonly recipe?: Recipe | undefined;
  /** Of a GGUF model, instead of the scheme: the file type and what goes with it. */
  readonly gguf?: GgufOptions | undefined;
  /** Absolute folder to write; undefined: the default beside the model. */
  readonly out: string | undefined;
}

type Answer<T> = { kind: 'value'; value: T } | { kind: 'back' } | { kind: 'escape' };

/** One step of the dialog. */
export function pick<T>(
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
      // A line that only gives a reason stays where it is.
      if (item && !item.refused) finish({ kind: 'value', value: item.value });
    });
    quickPick.onDidHide(() => finish({ kind: 'escape' }));
    const finish = (answer: Answer<T>) => {
      resolve(answer);
      quickPick.dispose();
    };
    quickPick.show();
  });
}

/** Above the schemes that are only previewed. Never chosen, so its value does not matter. */
const refusedHead: Choice<Scheme> = {
  label: 'Can be previewed, not written',
  kind: vscode.QuickPickItemKind.Separator,
  value: schemeNamed('int8-absmax'),
};

/**
 * Asks for everything that a quantization needs. `preview` asks only for the scheme and its variant.
 * Sizes shown are exact: they come from a dry run of the engine. Resolves to undefined when left.
 */
export async function askQuantizeChoice(
  engine: EngineClient,
  file: string,
  mode: Mode,
): Promise<QuantizeChoice | undefined> {
  const title = `${mode === 'quantize' ? 'Quantize' : 'Preview error of'} ${modelName(file)}`;
  const totalSteps = mode === 'quantize' ? 4 : 2;
  const medium = mediumOf(file);
  const items = schemeItems(mode, medium);
  const refused = refusedItems(mode, medium);
  let scheme = items[0]!.value;
  let variants: Choice<SchemeChoice>[] = [];
  let variant: SchemeChoice | undefined;
  let backend = readBackendSetting();
  let step = 1;
  for (;;) {
    let answer: Answer<unknown>;
    if (step === 1) {
      const chosen: Answer<Scheme> = await pick(
        { title, step, totalSteps, placeholder: 'Scheme', active: scheme },
        refused.length === 0 ? items : [...items, refusedHead, ...refused],
      );
      if (chosen.kind === 'value') {
        if (chosen.value !== scheme || variants.length === 0)
          variants = variantsOf(chosen.value).filter(
            ({ value }) => mode === 'preview' || isWritable(value, medium),
          );
        scheme = chosen.value;
      }
      answer = chosen;
    } else if (step === 2) {
      const chosen: Answer<SchemeChoice> = await pick(
        { title, step, totalSteps, placeholder: 'Granularity of scales', active: variant },
        mode === 'quantize' ? withSizes(engine, file, variants) : variants,
      );
      if (chosen.kind === 'value') variant = chosen.value;
      answer = chosen;
      if (chosen.kind === 'value' && mode === 'preview') return { ...chosen.value, backend, out: undefined };
    } else if (step === 3) {
      const reports = engine.call('backends', {});
      const chosen: Answer<BackendName | 'auto'> = await pick(
        { title, step, totalSteps, placeholder: 'Backend', active: backend },
        reports.then(backendItems),
      );
      if (chosen.kind === 'value') backend = chosen.value;
      answer = chosen;
    } else {
      const chosen = await askTarget(title, step, totalSteps, engine, file, variant!);
      if (chosen.kind === 'value') return { ...variant!, backend, out: chosen.value };
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
    : base.replace(/\.(safetensors|gguf|onnx)$/, '');
}

/** What a planned quantization writes: an ONNX or GGUF file, or the folder of what is opened then. */
export const targetOf = ({ open }: Pick<QuantizeReport, 'open'>): string =>
  /\.(onnx|gguf)$/i.test(open) ? open : path.dirname(open);

/** The exact plan of a quantization: sizes and the default target, nothing computed or written. */
export function dryRun(
  engine: EngineClient,
  file: string,
  choice: SchemeChoice & Pick<QuantizeChoice, 'gguf'>,
): Promise<QuantizeReport> {
  return engine.call('quantize', {
    path: file,
    ...chosenOptions(choice),
    gguf: choice.gguf,
    backend: 'cpu',
    overwrite: true,
    pure: false,
    dryRun: true,
  });
}

/** A variant that this model's shapes do not fit says so in place of its size. */
async function withSizes(
  engine: EngineClient,
  file: string,
  variants: readonly Choice<SchemeChoice>[],
): Promise<Choice<SchemeChoice>[]> {
  const planned = variants.map(async (variant): Promise<Choice<SchemeChoice>> => {
    try {
      const plan = await dryRun(engine, file, variant.value);
      const percent = Math.round((100 * plan.bytesAfter) / plan.bytesBefore);
      const size = `${binarySize(plan.bytesAfter)} (${percent} % of now)`;
      return { ...variant, description: [variant.description, size].filter(Boolean).join(' \u00b7 ') };
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'refused' || error.tensor === undefined || variants.length === 1) throw error;
      return { ...variant, description: `not for this model: ${error.message}` };
    }
  });
  return Promise.all(planned);
}

async function askTarget(
  title: string,
  step: number,
  totalSteps: number,
  engine: EngineClient,
  file: string,
  choice: SchemeChoice,
): Promise<Answer<string | undefined>> {
  const plan = await dryRun(engine, file, choice);
  const target = targetOf(plan);
  const isFile = target === plan.open;
  const chosen = await pick<'default' | 'other'>({ title, step, totalSteps, placeholder: 'Where to write' }, [
    {
      value: 'default',
      label: path.basename(target),
      description: path.dirname(target),
      detail: `A new ${isFile ? 'file' : 'folder'} beside the model${roomText(plan)}`,
    },
    {
      value: 'other',
      label: 'Another folder...',
      detail: `Choose where the new ${isFile ? 'file' : 'folder'} goes`,
    },
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
    defaultUri: vscode.Uri.file(path.dirname(target)),
  });
  if (!picked?.[0]) return { kind: 'escape' };
  return { kind: 'value', value: path.join(picked[0].fsPath, path.basename(target)) };
}
