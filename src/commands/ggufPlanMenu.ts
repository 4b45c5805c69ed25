/** What the dialogs offer of a GGUF output's plan: each tensor with its type, and the types that it could have. Nothing here talks to VS Code. */
import { binarySize } from '../numeric/sizeText';
import type { GgufError, GgufTypeChoices, QuantizeReport } from '../protocol/engineApi';
import { exactPattern } from '../protocol/exactPattern';
import type { TypeRule } from '../quant/gguf/options';
import { figureText } from './ggufMenu';
import type { Choice } from './schemeMenu';

/** What a line of the plan leads to. */
export type PlanAnswer =
  | { readonly kind: 'done' | 'pattern' | 'reset' }
  /** `name` is the tensor's. */
  | { readonly kind: 'tensor'; readonly name: string };

/** What a line of the types leads to. */
export type TypeAnswer =
  | { readonly kind: 'type'; readonly type: string }
  /** Change all tensors of this pattern together. */
  | { readonly kind: 'alike'; readonly pattern: string }
  /** Leave them to the mix again. */
  | { readonly kind: 'mix' };

/** The same object for the same line, so that a list finds it again. */
const answers = {
  done: { kind: 'done' },
  pattern: { kind: 'pattern' },
  reset: { kind: 'reset' },
} as const;

/** Keeps one answer for each tensor. */
export class PlanLines {
  private readonly tensors = new Map<string, PlanAnswer>();

  tensor(name: string): PlanAnswer {
    const known = this.tensors.get(name) ?? { kind: 'tensor', name };
    this.tensors.set(name, known);
    return known;
  }

  /** The plan: the way back with the whole size, the ways to change many tensors, and each tensor. */
  items(
    plan: QuantizeReport,
    rules: readonly TypeRule[],
    changed: ReadonlySet<string>,
    error?: GgufError | undefined,
  ): Choice<PlanAnswer>[] {
    const { bytesAfter, bitsPerWeight = 0, tensors, warnings = [] } = plan;
    const figures = new Map(error?.tensors.map((own) => [own.name, own]));
    const whole = error && `${figureText(error)}${error.sampled ? ', sampled' : ''}`;
    const lines = tensors.map(({ name, from, to, bytes, note = '' }): Choice<PlanAnswer> => {
      const why = note.replace(/(; )?not computed: dry run$/, '');
      const own = figures.get(name);
      return {
        value: this.tensor(name),
        label: name,
        description: joined(
          from === to ? to : `${from} → ${to}`,
          binarySize(bytes),
          own && figureText(own),
          why === '' ? undefined : why,
        ),
      };
    });
    return [
      {
        value: answers.done,
        label: 'Use this plan',
        description: joined(binarySize(bytesAfter), `${bitsPerWeight.toFixed(2)} bits per weight`, whole),
        detail: [
          `${tensors.length} tensors${changed.size > 0 ? `, ${changed.size} changed by you` : ''}`,
          ...warnings,
        ].join('. '),
      },
      {
        value: answers.pattern,
        label: 'Change tensors by a pattern...',
        detail: 'One type for all tensors whose names match, such as blk.*.ffn_down.weight',
      },
      ...(rules.length === 0
        ? []
        : [
            {
              value: answers.reset,
              label: 'Undo all changes',
              description: rules.map(({ pattern, type }) => `${pattern} → ${type}`).join(', '),
            },
          ]),
      ...(changed.size === 0
        ? lines
        : [
            head('Changed by you'),
            ...lines.filter(({ label }) => changed.has(label)),
            head('As the mix has them'),
            ...lines.filter(({ label }) => !changed.has(label)),
          ]),
    ];
  }

  readonly done: PlanAnswer = answers.done;
}

/** Above a group of lines; never chosen. `kind` is VS Code's number of separators. */
const head = (label: string): Choice<PlanAnswer> => ({ label, kind: -1, value: answers.done });

const joined = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined).join(' \u00b7 ');

/** A type of one or several tensors, or none while `choices` are the mix's. */
export class TypeLines {
  private readonly answers = new Map<string, TypeAnswer>();
  private readonly mix: TypeAnswer = { kind: 'mix' };
  private readonly alike: TypeAnswer | undefined;

  constructor(
    private readonly given: GgufTypeChoices,
    /** Type and bytes now; undefined where the tensors are of several types. */
    private readonly now: string | undefined,
    private readonly hasRule: boolean,
    /** Tensors of the same kind in other layers, and their pattern. */
    private readonly others: { readonly pattern: string; readonly count: number } | undefined,
  ) {
    if (others) this.alike = { kind: 'alike', pattern: others.pattern };
  }

  answer(type: string): TypeAnswer {
    const known = this.answers.get(type) ?? { kind: 'type', type };
    this.answers.set(type, known);
    return known;
  }

  /** The type that the tensors have now. */
  get active(): TypeAnswer | undefined {
    return this.now === undefined ? undefined : this.answer(this.now);
  }

  items(errors?: ReadonlyMap<string, string>): Choice<TypeAnswer>[] {
    const { given, now, others } = this;
    return [
      ...(others && this.alike
        ? [
            {
              value: this.alike,
              label: `All ${others.count} of ${others.pattern}...`,
              description: 'this tensor in every layer',
            },
          ]
        : []),
      ...(this.hasRule ? [{ value: this.mix, label: 'Leave it to the mix' }] : []),
      ...given.choices.map(({ type, bytes, unfit, refused }): Choice<TypeAnswer> => {
        const some = unfit > 0 ? `${unfit} of ${given.tensors.length} get another type` : undefined;
        const description = refused
          ? `not here: ${refused}`
          : joined(binarySize(bytes), errors?.get(type), some, type === now ? 'now' : undefined);
        return { value: this.answer(type), label: type, description, refused: refused !== undefined };
      }),
    ];
  }
}

/** The pattern that means a tensor in every layer, and how many there are; undefined for one that has no like. */
export function alike(
  name: string,
  names: readonly string[],
): { readonly pattern: string; readonly count: number } | undefined {
  if (exactPattern(name) !== name) return undefined;
  const layer = /^(.*?\.)\d+(\..*)$/.exec(name);
  if (!layer) return undefined;
  const [, before = '', after = ''] = layer;
  const count = names.filter(
    (other) =>
      other.startsWith(before) &&
      other.endsWith(after) &&
      /^[^.]*$/.test(other.slice(before.length, other.length - after.length)),
  ).length;
  return count > 1 ? { pattern: `${before}*${after}`, count } : undefined;
}

/** The rules with one more, which comes first and takes the place of one for the same pattern; `type` undefined takes it away. */
export function withTypeRule(
  rules: readonly TypeRule[],
  pattern: string,
  type: string | undefined,
): readonly TypeRule[] {
  const others = rules.filter((rule) => rule.pattern !== pattern);
  return type === undefined ? others : [{ pattern, type }, ...others];
}
