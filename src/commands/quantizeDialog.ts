/** The quick picks that lead to a quantization: scheme, granularity, backend, target. Escape leaves, Back goes back. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { readBackendSetting } from '../editor/backendSetting';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { BackendName, QuantizeReport } from '../protocol/engineApi';
import type { GgufFileType } from '../quant/gguf/fileTypes';
import { writableFileTypes } from '../quant/gguf/ggmlSchemes';
import { headSizeOf } from '../quant/pruning/attentionHeads';
import type { Scheme } from '../quant/scheme';
import { schemeNamed } from '../quant/schemes';
import type { SchemeChoice } from '../quant/types';
import { mediumOf } from '../quant/writable';
import { askOptions } from './askOptions';
import { askShardSize } from './askShardSize';
import { backendItems } from './backendItems';
import { askGgufTarget, type GgufSettings, showGguf } from './ggufDialog';
import { fileTypeItems } from './ggufMenu';
import { type Options, optionsItem, variantsWith } from './optionMenu';
import { type Answer, pick } from './pickStep';
import { dryRun, modelName, type QuantizeChoice, targetOf } from './quantizeChoice';
import { roomText } from './roomText';
import { type Choice, dequantizedItems, isHeld, type Mode, schemeItems, usualHeadSize } from './schemeMenu';
import { shardItem } from './shardMenu';

type Offered = Scheme | GgufFileType;

/** Above a group of lines. Never chosen, so its value does not matter. */
const head = (label: string): Choice<Offered> => ({
  label,
  kind: vscode.QuickPickItemKind.Separator,
  value: schemeNamed('int8-absmax'),
});

/** A file type of GGUF has a number, a scheme has options. */
const isFileType = (offered: Offered): offered is GgufFileType => 'number' in offered;

/** Among other schemes a type says what it is of: VS Code searches lines, not the heads above them. */
const amongOthers = (type: Choice<GgufFileType>): Choice<GgufFileType> =>
  type.refused ? type : { ...type, detail: `GGUF: ${type.detail}` };

/** The first step's lines: schemes, GGUF's types where the model may become one, and what is written dequantized. */
function offeredItems(mode: Mode, file: string, gguf: readonly Choice<GgufFileType>[]): Choice<Offered>[] {
  const medium = mediumOf(file);
  const dequantized = dequantizedItems(mode, medium);
  const holder = medium === 'onnx' ? 'No operator of ONNX Runtime' : 'No layout';
  return [
    ...schemeItems(mode, medium),
    ...(gguf.length === 0 ? [] : [head('GGUF, for llama.cpp and Ollama'), ...gguf.map(amongOthers)]),
    ...(dequantized.length === 0
      ? []
      : [head(`${holder} holds these, but any client loads them dequantized`), ...dequantized]),
  ];
}

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
  // An ONNX graph holds no model that llama.cpp runs.
  const offersGguf = mode === 'quantize' && medium === 'safetensors';
  let scheme: Offered = schemeItems(mode, medium)[0]!.value;
  let settings: GgufSettings = { allowRequantize: false };
  let variants: Choice<SchemeChoice>[] = [];
  let variant: SchemeChoice | undefined;
  let options: Options = {};
  let headSize: number | undefined;
  let backend = readBackendSetting();
  let step = 1;
  for (;;) {
    let answer: Answer<unknown>;
    if (step === 1) {
      const chosen: Answer<Offered> = await pick<Offered>(
        {
          // A GGUF type has fewer steps than a scheme.
          ...{ title, step, totalSteps: offersGguf ? undefined : totalSteps },
          ...{ placeholder: 'Scheme', active: scheme },
          update: offersGguf
            ? (show, signal) => {
                const showBeside = (gguf: readonly Choice<GgufFileType>[]) =>
                  show(offeredItems(mode, file, gguf));
                return showGguf(engine, file, settings, showBeside, signal);
              }
            : undefined,
        },
        offeredItems(mode, file, offersGguf ? fileTypeItems(writableFileTypes) : []),
      );
      if (chosen.kind === 'value') {
        const value: Offered = chosen.value;
        if (isFileType(value)) {
          const asked = await askGgufTarget(engine, file, `${title} to ${value.name}`, value, settings);
          if (asked.kind === 'value') return asked.choice;
          if (asked.kind === 'escape') return undefined;
          settings = asked.settings;
          scheme = value;
          continue;
        }
        if (value !== scheme || variants.length === 0) {
          options = mode === 'preview' || isHeld(value, medium) ? {} : { output: 'fake' };
          headSize ??= await askHeadSize(engine, file);
          if (value.name === 'prune-heads') options = { ...options, headSize };
          variants = variantsWith(value, medium, options, mode);
        }
        scheme = value;
      }
      answer = chosen;
    } else if (step === 2) {
      const own = scheme as Scheme;
      const { pure } = options;
      const more = optionsItem<'options'>('options', own, medium, options);
      const sized = mode === 'quantize' ? withSizes(engine, file, variants, pure) : variants;
      const chosen: Answer<SchemeChoice | 'options'> = await pick<SchemeChoice | 'options'>(
        { title, step, totalSteps, placeholder: 'Granularity of scales', active: variant },
        sized instanceof Promise ? sized.then((items) => [...items, more]) : [...sized, more],
      );
      if (chosen.kind === 'value' && chosen.value === 'options') {
        const asked = await askOptions({ title, step, totalSteps }, own, medium, options, mode, headSize);
        if (asked === undefined) return undefined;
        options = asked;
        variants = variantsWith(own, medium, options, mode);
        continue;
      }
      if (chosen.kind === 'value') variant = chosen.value as SchemeChoice;
      answer = chosen;
      if (chosen.kind === 'value' && mode === 'preview')
        return { ...variant!, pure, backend, out: undefined };
    } else if (step === 3) {
      const reports = engine.call('backends', {});
      const chosen: Answer<BackendName | 'auto'> = await pick(
        { title, step, totalSteps, placeholder: 'Backend', active: backend },
        reports.then(backendItems),
      );
      if (chosen.kind === 'value') backend = chosen.value;
      answer = chosen;
    } else {
      const choice = { ...variant!, pure: options.pure };
      const chosen = await askTarget(title, step, totalSteps, engine, file, choice);
      if (chosen.kind === 'value') return { ...choice, backend, ...chosen.value };
      answer = chosen;
    }
    if (answer.kind === 'escape') return undefined;
    step += answer.kind === 'back' ? -1 : 1;
  }
}

/** Rows of the model's attention heads as its configuration tells them, else the usual ones. */
async function askHeadSize(engine: EngineClient, file: string): Promise<number> {
  return headSizeOf(await engine.call('open', { path: file })) ?? usualHeadSize;
}

/** A variant that this model's shapes do not fit says so in place of its size, and one that loaders may not take which. */
async function withSizes(
  engine: EngineClient,
  file: string,
  variants: readonly Choice<SchemeChoice>[],
  pure: boolean | undefined,
): Promise<Choice<SchemeChoice>[]> {
  const planned = variants.map(async (variant): Promise<Choice<SchemeChoice>> => {
    try {
      const plan = await dryRun(engine, file, { ...variant.value, pure });
      const percent = Math.round((100 * plan.bytesAfter) / plan.bytesBefore);
      const size = `${binarySize(plan.bytesAfter)} (${percent} % of now)`;
      const description = [variant.description, size].filter(Boolean).join(' \u00b7 ');
      const { warnings = [] } = plan;
      return { ...variant, description, ...(warnings.length > 0 ? { detail: warnings.join(' ') } : {}) };
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'refused' || error.tensor === undefined || variants.length === 1) throw error;
      return { ...variant, description: `not for this model: ${error.message}` };
    }
  });
  return Promise.all(planned);
}

type Target = Pick<QuantizeChoice, 'out' | 'maxShardBytes'>;

/** Where to write. One more line leads to the sizes of the files, and back. */
async function askTarget(
  title: string,
  step: number,
  totalSteps: number,
  engine: EngineClient,
  file: string,
  choice: SchemeChoice & Pick<QuantizeChoice, 'pure'>,
): Promise<Answer<Target>> {
  const head = { title, step, totalSteps };
  const planOf = (maxShardBytes: number | undefined) => dryRun(engine, file, { ...choice, maxShardBytes });
  let maxShardBytes: number | undefined;
  for (;;) {
    const plan = await planOf(maxShardBytes);
    const chosen = await pick({ ...head, placeholder: 'Where to write' }, targetItems(plan, maxShardBytes));
    if (chosen.kind !== 'value') return chosen;
    if (chosen.value === 'default') return { kind: 'value', value: { out: undefined, maxShardBytes } };
    if (chosen.value === 'other') {
      const out = await askFolder(targetOf(plan));
      return out === undefined ? { kind: 'escape' } : { kind: 'value', value: { out, maxShardBytes } };
    }
    const size = await askShardSize(head, maxShardBytes, planOf);
    if (size.kind === 'escape') return size;
    if (size.kind === 'value') maxShardBytes = size.value;
  }
}

type TargetAnswer = 'default' | 'other' | 'shards';

function targetItems(plan: QuantizeReport, maxShardBytes: number | undefined): Choice<TargetAnswer>[] {
  const target = targetOf(plan);
  const isFile = target === plan.open;
  return [
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
    // An ONNX model is never cut.
    ...(isFile ? [] : [shardItem<TargetAnswer>('shards', maxShardBytes, plan)]),
  ];
}

/** A target of the same name in a folder that is asked for; undefined when left. */
async function askFolder(target: string): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: 'Folder to write the quantized model into',
    canSelectFiles: false,
    canSelectFolders: true,
    canSelectMany: false,
    openLabel: 'Write Here',
    defaultUri: vscode.Uri.file(path.dirname(target)),
  });
  return picked?.[0] && path.join(picked[0].fsPath, path.basename(target));
}
