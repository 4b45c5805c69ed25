/** The dialog's questions for options beyond scheme and granularity. */
import * as vscode from 'vscode';
import type { Scheme } from '../quant/scheme';
import type { Medium } from '../quant/writable';
import {
  type OptionAnswer,
  type OptionName,
  type Options,
  optionAnswers,
  optionLines,
  typedText,
  withTyped,
} from './optionMenu';
import { type Answer, pick } from './pickStep';
import type { Mode } from './schemeMenu';

interface Head {
  readonly title: string;
  readonly step: number;
  readonly totalSteps: number;
}

/** Within a step of a dialog, until nothing more is to be changed. `headSize` is the model's. Resolves to undefined when the dialog is left. */
export async function askOptions(
  head: Head,
  scheme: Scheme,
  medium: Medium,
  given: Options,
  mode: Mode,
  headSize?: number,
): Promise<Options | undefined> {
  let options = given;
  let active: OptionName | 'done' = 'done';
  for (;;) {
    const answer: Answer<OptionName | 'done'> = await pick<OptionName | 'done'>(
      { ...head, placeholder: `Options of ${scheme.label}`, active },
      [
        ...optionLines(scheme, medium, options).map(({ name, label, current, isDefault }) => ({
          ...{ value: name, label, description: current },
          ...(isDefault ? {} : { detail: 'Changed' }),
        })),
        { value: 'done' as const, label: '$(check) Done', alwaysShow: true },
      ],
    );
    if (answer.kind === 'escape') return undefined;
    if (answer.kind === 'back' || answer.value === 'done') return options;
    active = answer.value;
    const changed = await askOption(head, active, scheme, medium, options, mode, headSize);
    if (changed === 'escape') return undefined;
    options = changed;
  }
}

async function askOption(
  head: Head,
  name: OptionName,
  scheme: Scheme,
  medium: Medium,
  own: Options,
  mode: Mode,
  headSize: number | undefined,
): Promise<Options | 'escape'> {
  const { label } = optionLines(scheme, medium, own).find((line) => line.name === name)!;
  const answer = await pick<OptionAnswer>(
    { ...head, placeholder: label },
    optionAnswers(name, scheme, medium, own, mode, headSize),
  );
  if (answer.kind === 'escape') return 'escape';
  if (answer.kind === 'back') return own;
  const { options, ask } = answer.value;
  if (ask === undefined) return options;
  const typed = await vscode.window.showInputBox({
    ...{ title: head.title, ignoreFocusOut: true },
    ...typedText(ask, headSize),
    validateInput: (text) => {
      const result = withTyped(ask, text, options);
      return typeof result === 'string' ? result : undefined;
    },
  });
  const result = typed === undefined ? own : withTyped(ask, typed, options);
  return typeof result === 'string' ? own : result;
}
