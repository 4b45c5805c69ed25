/** What the dialogs offer of GGUF file types: sizes, reasons and targets. Nothing here talks to VS Code. */
import * as path from 'node:path';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { CheckpointBrief, QuantizeReport } from '../protocol/engineApi';
import { type GgufFileType, ggufFileTypes } from '../quant/gguf/fileTypes';
import { roomText } from './roomText';
import type { Choice } from './schemeMenu';

/** The plan of each file type that was asked for, or why it cannot be. */
export type TypePlans = ReadonlyMap<GgufFileType, QuantizeReport | LoupeError>;

const named = (name: string): GgufFileType => ggufFileTypes.find((type) => type.name === name)!;

/** What most people want. */
export const usualType = named('Q4_K_M');

/** Types that keep floats: what a conversion without quantization offers. */
export const floatFileTypes: readonly GgufFileType[] = [named('F16'), named('BF16'), named('F32')];

/** The float type that most of a model has already; F16, which everything reads, where it has none. */
export function closestFloatType(dtypes: CheckpointBrief['dtypes']): GgufFileType {
  const [most] = dtypes.toSorted((a, b) => b.parameters - a.parameters);
  return floatFileTypes.find(({ name }) => name === most?.dtype) ?? named('F16');
}

/**
 * Plans every type, one after another: each plan reads a model's tokenizer, which may be large. F16 comes first, and its failure
 * is thrown, for what it lacks all lack. Stops early when the signal fires.
 */
export async function planTypes(
  types: readonly GgufFileType[],
  plan: (type: GgufFileType) => Promise<QuantizeReport>,
  signal: AbortSignal,
): Promise<TypePlans> {
  const plans = new Map<GgufFileType, QuantizeReport | LoupeError>();
  const first = types.find(({ name }) => name === 'F16') ?? types[0];
  if (first) plans.set(first, await plan(first));
  for (const type of types) {
    if (signal.aborted) break;
    if (type !== first) plans.set(type, await plan(type).catch((thrown) => LoupeError.from(thrown)));
  }
  return plans;
}

/** Each type with its size, as soon as that is known; one that cannot be says why. */
export function fileTypeItems(
  types: readonly GgufFileType[],
  plans?: TypePlans | undefined,
): Choice<GgufFileType>[] {
  return types.map((value) => {
    const { name: label, detail } = value;
    const plan = plans?.get(value);
    if (!plan) return { value, label, detail };
    const description = plan instanceof LoupeError ? `not for this model: ${plan.message}` : sizeText(plan);
    return { value, label, detail, description };
  });
}

/** One line in place of all types; it shows whatever is typed. */
export const noGgufItem = ({ message }: LoupeError): Choice<GgufFileType> => ({
  value: usualType,
  label: 'No GGUF file can be made of this model',
  detail: message,
  alwaysShow: true,
  refused: true,
});

function sizeText({ bytesAfter, bytesBefore, bitsPerWeight = 0, warnings = [] }: QuantizeReport): string {
  const percent = Math.round((100 * bytesAfter) / Math.max(1, bytesBefore));
  const matrix = warnings.some((warning) => warning.includes('needs an importance matrix'));
  return [
    `${binarySize(bytesAfter)} (${percent} % of now)`,
    `${bitsPerWeight.toFixed(2)} bits per weight`,
    ...(matrix ? ['needs an importance matrix'] : []),
  ].join(' \u00b7 ');
}

export type TargetAnswer = 'default' | 'other' | 'plan' | 'matrix' | 'no matrix';

/** Where to write, and what else there is before that. A type of floats has no use for an importance matrix. */
export function targetItems(
  plan: QuantizeReport,
  type: GgufFileType,
  imatrix: string | undefined,
): Choice<TargetAnswer>[] {
  const counts = new Map<string, number>();
  for (const { to } of plan.tensors) counts.set(to, (counts.get(to) ?? 0) + 1);
  const types = [...counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`);
  const items: Choice<TargetAnswer>[] = [
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
  ];
  if (floatFileTypes.includes(type)) return items;
  if (imatrix !== undefined)
    return [
      ...items,
      {
        value: 'no matrix',
        label: 'Quantize without the importance matrix',
        description: path.basename(imatrix),
      },
    ];
  return [
    ...items,
    {
      value: 'matrix',
      label: 'Weigh by an importance matrix...',
      detail: 'Made by llama-imatrix (.gguf or .dat): errors count by how strong the inputs of a weight are',
    },
  ];
}

/** The plan, tensor by tensor. */
export function planItems({ tensors }: QuantizeReport): Choice<string>[] {
  return tensors.map(({ name: label, from, to, bytes, note = '' }) => {
    const why = note.replace(/(; )?not computed: dry run$/, '');
    return {
      value: label,
      label,
      description: [from === to ? to : `${from} → ${to}`, binarySize(bytes), ...(why ? [why] : [])].join(
        ' \u00b7 ',
      ),
    };
  });
}
