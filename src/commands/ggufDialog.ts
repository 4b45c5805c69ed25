/** The quick picks that lead to a GGUF file: type with exact size, then target, plan and importance matrix. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { pickMatrix } from '../editor/pickMatrix';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { findDtype } from '../numeric/dtypes';
import type { CheckpointBrief, GgufOptions, QuantizeReport } from '../protocol/engineApi';
import { mixSampleValues } from '../protocol/ggufApi';
import type { GgufFileType } from '../quant/gguf/fileTypes';
import { writableFileTypes } from '../quant/gguf/ggmlSchemes';
import type { TypeRule } from '../quant/gguf/options';
import { askShardSize } from './askShardSize';
import {
  closestFloatType,
  fileTypeItems,
  floatFileTypes,
  measureTypes,
  noGgufItem,
  planItems,
  planTypes,
  type TargetAnswer,
  type TypePlans,
  targetItems,
  usualType,
} from './ggufMenu';
import { askPlan } from './ggufPlanDialog';
import { pick } from './pickStep';
import { anyScheme, dryRun, modelName, type QuantizeChoice } from './quantizeChoice';
import type { Choice } from './schemeMenu';
import { shardItem } from './shardMenu';

/** What was settled before the type. */
export interface GgufSettings {
  readonly allowRequantize: boolean;
  readonly imatrix?: string | undefined;
  /** Types that were chosen for single tensors. */
  readonly rules?: readonly TypeRule[] | undefined;
}

type Asked =
  | { readonly kind: 'value'; readonly choice: QuantizeChoice }
  | { readonly kind: 'back'; readonly settings: GgufSettings }
  | { readonly kind: 'escape' };

/**
 * Asks for everything; `convert` offers only types without quantization. Sizes come from the engine's plans. Resolves to
 * undefined when left.
 */
export async function askGgufChoice(
  engine: EngineClient,
  file: string,
  mode: 'quantize' | 'convert',
): Promise<QuantizeChoice | undefined> {
  const isConversion = mode === 'convert';
  const title = `${isConversion ? 'Convert' : 'Quantize'} ${modelName(file)}`;
  const isGguf = /\.gguf$/i.test(file);
  const { dtypes } = await engine.call('brief', { path: file });
  const allowRequantize = await askRequantize(file, dtypes);
  if (allowRequantize === undefined) return undefined;
  let settings: GgufSettings = { allowRequantize };
  const types = isConversion ? floatFileTypes : writableFileTypes;
  let fileType = isConversion ? closestFloatType(dtypes) : usualType;
  for (;;) {
    const answer = await pick<GgufFileType>(
      {
        ...{ title: isGguf ? title : `${title} to GGUF`, step: 1, totalSteps: 2, active: fileType },
        placeholder: typesText(settings),
        update: (show, signal) => showFigures(engine, file, types, settings, show, signal),
      },
      fileTypeItems(types),
    );
    if (answer.kind !== 'value') return undefined;
    fileType = answer.value;
    const asked = await askGgufTarget(engine, file, `${title} to ${fileType.name}`, fileType, settings);
    if (asked.kind === 'escape') return undefined;
    if (asked.kind === 'value') return asked.choice;
    settings = asked.settings;
  }
}

function typesText({ imatrix, rules = [] }: GgufSettings): string {
  const weighed = imatrix === undefined ? '' : `, weighed by ${path.basename(imatrix)}`;
  const changes =
    rules.length === 0
      ? ''
      : `, with ${rules.length === 1 ? 'a change' : `${rules.length} changes`} to its plan`;
  return `Type of the weights${weighed}${changes}; sizes are exact, errors are means over all weights`;
}

/** The second and last step. A change of the importance matrix leads back to the types, whose sizes may depend on it. */
export async function askGgufTarget(
  engine: EngineClient,
  file: string,
  title: string,
  fileType: GgufFileType,
  settings: GgufSettings,
): Promise<Asked> {
  const { imatrix } = settings;
  let rules = settings.rules ?? [];
  let maxShardBytes: number | undefined;
  const head = { title, step: 2, totalSteps: 2 };
  for (;;) {
    const own = { ...settings, rules };
    const gguf = optionsOf(fileType, own);
    const planOf = (bytes: number | undefined) =>
      dryRun(engine, file, { ...anyScheme, gguf, maxShardBytes: bytes });
    const planned = planOf(maxShardBytes);
    const answer = await pick<TargetAnswer>(
      { ...head, placeholder: 'Where to write, and how' },
      planned.then((plan) => [
        ...targetItems(plan, fileType, imatrix, rules.length),
        // Before there is a matrix, nothing can be written, whole or cut.
        ...(plan.lacksMatrix ? [] : [shardItem<TargetAnswer>('shards', maxShardBytes, plan, 'one file')]),
      ]),
    );
    if (answer.kind === 'escape') return answer;
    if (answer.kind === 'back') return { kind: 'back', settings: own };
    const plan = await planned;
    if (answer.value === 'plan') {
      const options = (changed: readonly TypeRule[]) => optionsOf(fileType, { ...own, rules: changed });
      const isFloat = floatFileTypes.includes(fileType);
      const asked = isFloat
        ? await showPlan(plan, fileType)
        : await askPlan({ engine, file, mix: fileType.name, options }, rules);
      if (asked === 'escape') return { kind: 'escape' };
      if (asked !== 'back') rules = asked;
    } else if (answer.value === 'shards') {
      const size = await askShardSize(head, maxShardBytes, planOf, 'one file');
      if (size.kind === 'escape') return size;
      if (size.kind === 'value') maxShardBytes = size.value;
    } else if (answer.value === 'matrix') {
      return { kind: 'back', settings: { ...own, imatrix: (await pickMatrix(file)) ?? imatrix } };
    } else if (answer.value === 'no matrix') {
      return { kind: 'back', settings: { ...own, imatrix: undefined } };
    } else {
      const out = answer.value === 'other' ? await askOtherTarget(plan) : undefined;
      if (out !== undefined || answer.value === 'default')
        return { kind: 'value', choice: { ...anyScheme, gguf, backend: 'auto', out, maxShardBytes } };
    }
  }
}

/** Beside other schemes: the types with their figures, or one line that says why there are none. */
export async function showGguf(
  engine: EngineClient,
  file: string,
  settings: GgufSettings,
  show: (items: readonly Choice<GgufFileType>[]) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    await showFigures(engine, file, writableFileTypes, settings, show, signal);
  } catch (thrown) {
    show([noGgufItem(LoupeError.from(thrown))]);
  }
}

/** Shows the types with their sizes, then again and again with the errors that were measured meanwhile. */
async function showFigures(
  engine: EngineClient,
  file: string,
  types: readonly GgufFileType[],
  settings: GgufSettings,
  show: (items: readonly Choice<GgufFileType>[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const plans = await plansOf(engine, file, types, settings, signal);
  show(fileTypeItems(types, plans));
  const measure = (type: GgufFileType) =>
    engine.call(
      'ggufError',
      { path: file, gguf: optionsOf(type, settings), sampleValues: mixSampleValues },
      { signal },
    );
  await measureTypes(plans, measure, (errors) => show(fileTypeItems(types, plans, errors)), signal);
}

function plansOf(
  engine: EngineClient,
  file: string,
  types: readonly GgufFileType[],
  settings: GgufSettings,
  signal: AbortSignal,
): Promise<TypePlans> {
  const plan = (type: GgufFileType) =>
    dryRun(engine, file, { ...anyScheme, gguf: optionsOf(type, settings) });
  return planTypes(types, plan, signal);
}

/** Types of floats take no rules: everything becomes that type. */
const optionsOf = (
  fileType: GgufFileType,
  { allowRequantize, imatrix, rules = [] }: GgufSettings,
): GgufOptions => ({
  fileType: fileType.name,
  allowRequantize,
  ...(imatrix === undefined ? {} : { imatrix }),
  ...(rules.length === 0 || floatFileTypes.includes(fileType) ? {} : { rules }),
});

/** False for a model of floats; asks about one that is quantized already, and gives undefined when left. */
async function askRequantize(file: string, dtypes: CheckpointBrief['dtypes']): Promise<boolean | undefined> {
  const quantized = dtypes.filter(({ dtype }) => findDtype(dtype)?.kind === 'quantized');
  if (quantized.length === 0) return false;
  const [most] = quantized.toSorted((a, b) => b.parameters - a.parameters);
  const again = 'Quantize Again';
  const answer = await vscode.window.showWarningMessage(
    `${modelName(file)} is quantized already: most of it is ${most!.dtype}.`,
    {
      modal: true,
      detail:
        'Quantizing it again adds a second error to the first. Start from an F16 or BF16 file if there is one.',
    },
    again,
  );
  return answer === again ? true : undefined;
}

/** The plan as a list that can be searched; nothing is chosen in it. */
async function showPlan(plan: QuantizeReport, { name }: GgufFileType): Promise<'back' | 'escape'> {
  const title = `What each tensor becomes in ${name}`;
  const placeholder = 'Back or Enter returns';
  const answer = await pick<string>({ title, step: 2, totalSteps: 2, placeholder }, planItems(plan));
  return answer.kind === 'escape' ? 'escape' : 'back';
}

async function askOtherTarget({ open }: QuantizeReport): Promise<string | undefined> {
  const picked = await vscode.window.showSaveDialog({
    title: 'GGUF file to write',
    saveLabel: 'Write Here',
    filters: { GGUF: ['gguf'] },
    defaultUri: vscode.Uri.file(open),
  });
  if (picked && picked.scheme !== 'file')
    throw new LoupeError('usage', 'Choose a file on disk: a model is written nowhere else.');
  return picked && (/\.gguf$/i.test(picked.fsPath) ? picked.fsPath : `${picked.fsPath}.gguf`);
}
