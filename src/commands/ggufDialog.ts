/** The quick picks that lead from a GGUF model to a smaller one: type with exact size, then target, plan and importance matrix. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { findDtype } from '../numeric/dtypes';
import { binarySize } from '../numeric/sizeText';
import type { GgufOptions, QuantizeReport } from '../protocol/engineApi';
import type { GgufFileType } from '../quant/gguf/fileTypes';
import { writableFileTypes } from '../quant/gguf/ggmlSchemes';
import { modelName, pick, type QuantizeChoice } from './quantizeDialog';
import { roomText } from './roomText';
import type { Choice } from './schemeMenu';

/** A GGUF request names a scheme in any case; beside a file type it counts for nothing. */
export const anyScheme = { scheme: 'q8_0', granularity: 'none' } as const;

type TargetAnswer = 'default' | 'other' | 'plan' | 'matrix' | 'no matrix';

/** Asks for everything; sizes come from the engine's plans. Resolves to undefined when left. */
export async function askGgufChoice(engine: EngineClient, file: string): Promise<QuantizeChoice | undefined> {
  const title = `Quantize ${modelName(file)}`;
  const totalSteps = 2;
  const allowRequantize = await askRequantize(engine, file);
  if (allowRequantize === undefined) return undefined;
  let fileType = writableFileTypes.find(({ name }) => name === 'Q4_K_M') ?? writableFileTypes[0]!;
  let imatrix: string | undefined;
  let step = 1;
  for (;;) {
    const options = (type: GgufFileType): GgufOptions => ({
      fileType: type.name,
      allowRequantize,
      ...(imatrix === undefined ? {} : { imatrix }),
    });
    if (step === 1) {
      const placeholder =
        imatrix === undefined
          ? 'Type of the weights; sizes are exact'
          : `Type of the weights, weighed by ${path.basename(imatrix)}; sizes are exact`;
      const answer = await pick<GgufFileType>(
        { title, step, totalSteps, placeholder, active: fileType },
        withSizes(engine, file, options),
      );
      if (answer.kind !== 'value') return undefined;
      fileType = answer.value;
      step = 2;
      continue;
    }
    const plan = await planOf(engine, file, options(fileType));
    const answer = await pick<TargetAnswer>(
      { title: `${title} to ${fileType.name}`, step, totalSteps, placeholder: 'Where to write' },
      targetItems(plan, imatrix),
    );
    if (answer.kind === 'escape') return undefined;
    if (answer.kind === 'back') step = 1;
    else if (answer.value === 'plan') {
      if ((await showPlan(plan, fileType)) === 'escape') return undefined;
    } else if (answer.value === 'matrix' || answer.value === 'no matrix') {
      imatrix = answer.value === 'matrix' ? ((await askMatrix(file)) ?? imatrix) : undefined;
      step = 1;
    } else {
      const out = answer.value === 'other' ? await askOtherTarget(plan) : plan.open;
      if (out !== undefined) return { ...anyScheme, gguf: options(fileType), backend: 'auto', out };
    }
  }
}

/** False for a model of floats; asks about one that is quantized already, and gives undefined when left. */
async function askRequantize(engine: EngineClient, file: string): Promise<boolean | undefined> {
  const { dtypes } = await engine.call('brief', { path: file });
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

function planOf(engine: EngineClient, file: string, gguf: GgufOptions): Promise<QuantizeReport> {
  return engine.call('quantize', {
    path: file,
    ...anyScheme,
    ...{ gguf, backend: 'cpu', overwrite: true, pure: false, dryRun: true },
  });
}

/** Each type with its size; one that cannot be says why. */
async function withSizes(
  engine: EngineClient,
  file: string,
  options: (type: GgufFileType) => GgufOptions,
): Promise<Choice<GgufFileType>[]> {
  const failures: LoupeError[] = [];
  const choices = await Promise.all(
    writableFileTypes.map(async (value): Promise<Choice<GgufFileType>> => {
      const { name: label, detail } = value;
      try {
        return { value, label, detail, description: sizeText(await planOf(engine, file, options(value))) };
      } catch (thrown) {
        const error = LoupeError.from(thrown);
        failures.push(error);
        return { value, label, detail, description: `not for this model: ${error.message}` };
      }
    }),
  );
  // What holds for all of them is said once.
  if (failures.length === choices.length) throw failures[0]!;
  return choices;
}

function sizeText({ bytesAfter, bytesBefore, bitsPerWeight = 0, warnings = [] }: QuantizeReport): string {
  const percent = Math.round((100 * bytesAfter) / Math.max(1, bytesBefore));
  const matrix = warnings.some((warning) => warning.includes('needs an importance matrix'));
  return [
    `${binarySize(bytesAfter)} (${percent} % of now)`,
    `${bitsPerWeight.toFixed(2)} bits per weight`,
    ...(matrix ? ['needs an importance matrix'] : []),
  ].join(' \u00b7 ');
}

function targetItems(plan: QuantizeReport, imatrix: string | undefined): Choice<TargetAnswer>[] {
  const counts = new Map<string, number>();
  for (const { to } of plan.tensors) counts.set(to, (counts.get(to) ?? 0) + 1);
  const types = [...counts].sort(([, a], [, b]) => b - a).map(([type, count]) => `${count} ${type}`);
  return [
    {
      value: 'default',
      label: path.basename(plan.open),
      description: path.dirname(plan.open),
      detail: `A new file beside the model${roomText(plan)}`,
    },
    { value: 'other', label: 'Another file...', detail: 'Choose name and folder of the new file' },
    {
      value: 'plan',
      label: 'Show what each tensor becomes',
      description: types.join(', '),
      detail: [`${plan.tensors.length} tensors`, ...(plan.warnings ?? [])].join('. '),
    },
    imatrix === undefined
      ? {
          value: 'matrix',
          label: 'Weigh by an importance matrix...',
          detail:
            'Made by llama-imatrix (.gguf or .dat): errors count by how strong the inputs of a weight are',
        }
      : {
          value: 'no matrix',
          label: 'Quantize without the importance matrix',
          description: path.basename(imatrix),
        },
  ];
}

/** The plan as a list that can be searched; nothing is chosen in it. */
async function showPlan({ tensors }: QuantizeReport, { name }: GgufFileType): Promise<'back' | 'escape'> {
  const items = tensors.map(({ name: label, from, to, bytes, note = '' }): Choice<string> => {
    const why = note.replace(/(; )?not computed: dry run$/, '');
    return {
      value: label,
      label,
      description: [from === to ? to : `${from} → ${to}`, binarySize(bytes), ...(why ? [why] : [])].join(
        ' \u00b7 ',
      ),
    };
  });
  const answer = await pick<string>(
    {
      title: `What each tensor becomes in ${name}`,
      step: 2,
      totalSteps: 2,
      placeholder: 'Back or Enter returns',
    },
    items,
  );
  return answer.kind === 'escape' ? 'escape' : 'back';
}

async function askMatrix(file: string): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: 'Importance matrix',
    canSelectMany: false,
    openLabel: 'Use',
    filters: { 'Importance matrices': ['gguf', 'dat', 'imatrix'], 'All files': ['*'] },
    defaultUri: vscode.Uri.file(path.dirname(file)),
  });
  return picked?.[0]?.fsPath;
}

async function askOtherTarget({ open }: QuantizeReport): Promise<string | undefined> {
  const picked = await vscode.window.showSaveDialog({
    title: 'File to write the quantized model into',
    saveLabel: 'Write Here',
    filters: { GGUF: ['gguf'] },
    defaultUri: vscode.Uri.file(open),
  });
  if (picked && picked.scheme !== 'file')
    throw new LoupeError('usage', 'Choose a file on disk: a quantized model is written nowhere else.');
  return picked && (/\.gguf$/i.test(picked.fsPath) ? picked.fsPath : `${picked.fsPath}.gguf`);
}
