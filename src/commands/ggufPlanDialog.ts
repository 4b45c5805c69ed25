/** The plan of a GGUF output, tensor by tensor, as a list in which types can be changed before anything is written. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { GgufOptions, QuantizeReport } from '../protocol/engineApi';
import { exactPattern } from '../protocol/exactPattern';
import { mixSampleValues } from '../protocol/ggufApi';
import type { TypeRule } from '../quant/gguf/options';
import { matchingSteps } from '../quant/gguf/tensorTypes';
import { compilePattern } from '../quant/namePattern';
import { figureText } from './ggufMenu';
import { alike, type PlanAnswer, PlanLines, type TypeAnswer, TypeLines, withTypeRule } from './ggufPlanMenu';
import { pick } from './pickStep';
import { anyScheme, dryRun } from './quantizeChoice';

/** What the plan is of. */
export interface PlannedModel {
  readonly engine: EngineClient;
  readonly file: string;
  /** Name of the mix. */
  readonly mix: string;
  /** The options with these rules. */
  options(rules: readonly TypeRule[]): GgufOptions;
}

/** Shows the plan until it is left; resolves to the rules that were made, or `escape`. */
export async function askPlan(
  model: PlannedModel,
  given: readonly TypeRule[],
): Promise<readonly TypeRule[] | 'escape'> {
  const { engine, file, mix } = model;
  const lines = new PlanLines();
  let rules = given;
  for (;;) {
    const gguf = model.options(rules);
    const plan = await dryRun(engine, file, { ...anyScheme, gguf });
    const changed = changedNames(plan, rules);
    const answer = await pick<PlanAnswer>(
      {
        ...{ title: `What each tensor becomes in ${mix}`, step: 2, totalSteps: 2 },
        placeholder: 'Choose a tensor to change its type; Enter on the first line, or Back, returns',
        update: async (show, signal) => {
          const asked = { path: file, gguf, sampleValues: mixSampleValues };
          const error = await engine.call('ggufError', asked, { signal }).catch(() => undefined);
          if (error) show(lines.items(plan, rules, changed, error));
        },
      },
      lines.items(plan, rules, changed),
    );
    if (answer.kind === 'escape') return 'escape';
    if (answer.kind === 'back' || answer.value === lines.done) return rules;
    const { value } = answer;
    if (value.kind === 'reset') rules = [];
    else {
      const names = plan.tensors.map(({ name }) => name);
      const pattern = value.kind === 'tensor' ? exactPattern(value.name) : await askPattern(names);
      const next = pattern === undefined ? rules : await askType(model, plan, rules, pattern);
      if (next === 'escape') return 'escape';
      rules = next;
    }
  }
}

/** The tensors that rules decide about. */
function changedNames({ tensors }: QuantizeReport, rules: readonly TypeRule[]): ReadonlySet<string> {
  const patterns = rules.map(({ pattern }) => compilePattern(pattern));
  const work = { steps: matchingSteps };
  const isMeant = ({ name, note = '' }: { name: string; note?: string | undefined }) =>
    !/^kept: (?!.* already)/.test(note) && patterns.some((pattern) => pattern.test(name, work));
  return new Set(tensors.filter(isMeant).map(({ name }) => name));
}

/** Asks for a pattern that matches something; undefined when left. */
function askPattern(names: readonly string[]): Promise<string | undefined> {
  const { Info, Error: Fault } = vscode.InputBoxValidationSeverity;
  return Promise.resolve(
    vscode.window.showInputBox({
      title: 'Change tensors by a pattern',
      prompt: 'A glob such as blk.*.ffn_down.weight, or an expression between slashes such as /attn_(k|v)/',
      value: 'blk.*.',
      valueSelection: [6, 6],
      ignoreFocusOut: true,
      validateInput(text) {
        try {
          const pattern = compilePattern(text.trim());
          const work = { steps: matchingSteps };
          const found = names.filter((name) => pattern.test(name, work));
          if (found.length === 0) return { message: 'No tensor has such a name yet.', severity: Fault };
          const more = found.length > 1 ? ` and ${found.length - 1} more` : '';
          return { message: `Matches ${found[0]}${more}.`, severity: Info };
        } catch (thrown) {
          return { message: LoupeError.from(thrown).message, severity: Fault };
        }
      },
    }),
  ).then((text) => text?.trim());
}

/** Asks for the type of the tensors of a pattern. */
async function askType(
  model: PlannedModel,
  plan: QuantizeReport,
  rules: readonly TypeRule[],
  pattern: string,
): Promise<readonly TypeRule[] | 'escape'> {
  const { engine, file } = model;
  const given = await engine.call('ggufTypeChoices', { path: file, gguf: model.options(rules), pattern });
  const [first] = given.tensors;
  if (first === undefined) {
    await vscode.window.showWarningMessage(
      'These tensors keep their type whatever the mix: vectors, normalizations, routers and small matrices.',
      { modal: true },
    );
    return rules;
  }
  const own = new Set(given.tensors);
  const types = new Set(plan.tensors.filter(({ name }) => own.has(name)).map(({ to }) => to));
  const isOne = given.tensors.length === 1;
  const names = plan.tensors.map(({ name }) => name);
  const lines = new TypeLines(
    given,
    types.size === 1 ? [...types][0] : undefined,
    rules.some((rule) => rule.pattern === pattern),
    isOne ? alike(first, names) : undefined,
  );
  const answer = await pick<TypeAnswer>(
    {
      title: isOne ? `Type of ${first}` : `Type of the ${given.tensors.length} tensors of ${pattern}`,
      ...{ step: 2, totalSteps: 2, placeholder: 'Sizes are exact', active: lines.active },
      update: async (show, signal) => {
        const errors = new Map<string, string>();
        for (const { type, refused } of given.choices) {
          if (refused !== undefined || signal.aborted) continue;
          const gguf = model.options(withTypeRule(rules, pattern, type));
          const asked = { path: file, gguf, only: pattern, sampleValues: mixSampleValues };
          const error = await engine.call('ggufError', asked, { signal }).catch(() => undefined);
          if (!error) continue;
          errors.set(type, `${figureText(error)}${error.sampled ? ', sampled' : ''}`);
          show(lines.items(errors));
        }
      },
    },
    lines.items(),
  );
  if (answer.kind === 'escape') return 'escape';
  if (answer.kind === 'back') return rules;
  if (answer.value.kind === 'alike') return askType(model, plan, rules, answer.value.pattern);
  return withTypeRule(rules, pattern, answer.value.kind === 'mix' ? undefined : answer.value.type);
}
