/** What the dialogs offer of GGUF file types: sizes, reasons and targets. Nothing here talks to VS Code. */
import * as path from 'node:path';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { CheckpointBrief, GgufError, QuantizeReport } from '../protocol/engineApi';
import { type GgufFileType, ggufFileTypes } from '../quant/gguf/fileTypes';
import { roomText } from './roomText';
import type { Choice } from './schemeMenu';

/** The plan of each file type that was asked for, or why it cannot be. */
export type TypePlans = ReadonlyMap<GgufFileType, QuantizeReport | LoupeError>;

/** The mean error of each file type that was measured, or why it cannot be. */
export type TypeErrors = ReadonlyMap<GgufFileType, GgufError | LoupeError>;

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

/** Searches over lattices take many times as long as other types: what most people look for comes before them. */
const isSlow = ({ type }: GgufFileType): boolean => /^IQ[123]/.test(type);

/**
 * Measures every type that can be written, the usual one first, one after another since they share what is measured of a tensor;
 * `tell` hears of each. Ends early when the signal fires.
 */
export async function measureTypes(
  plans: TypePlans,
  measure: (type: GgufFileType) => Promise<GgufError>,
  tell: (errors: TypeErrors) => void,
  signal: AbortSignal,
): Promise<void> {
  const errors = new Map<GgufFileType, GgufError | LoupeError>();
  const place = (type: GgufFileType) => (type === usualType ? 0 : isSlow(type) ? 2 : 1);
  const types = ggufFileTypes.filter((type) => {
    const plan = plans.get(type);
    return plan && !(plan instanceof LoupeError) && !plan.lacksMatrix;
  });
  for (const type of types.toSorted((one, other) => place(one) - place(other))) {
    const error = await measure(type).catch((thrown) => LoupeError.from(thrown));
    if (signal.aborted) return;
    errors.set(type, error);
    tell(errors);
  }
}

/** Each type with its size and error, as soon as these are known; one that cannot be says why. */
export function fileTypeItems(
  types: readonly GgufFileType[],
  plans?: TypePlans | undefined,
  errors?: TypeErrors | undefined,
): Choice<GgufFileType>[] {
  return types.map((value) => {
    const { name: label, detail } = value;
    const plan = plans?.get(value);
    if (!plan) return { value, label, detail };
    const error = errors?.get(value);
    const description =
      plan instanceof LoupeError
        ? `not for this model: ${plan.message}`
        : [sizeText(plan), ...(error ? [errorText(error)] : [])].join(' \u00b7 ');
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

function sizeText(plan: QuantizeReport): string {
  const { bytesAfter, bytesBefore, bitsPerWeight = 0 } = plan;
  const percent = Math.round((100 * bytesAfter) / Math.max(1, bytesBefore));
  return [
    `${binarySize(bytesAfter)} (${percent} % of now)`,
    `${bitsPerWeight.toFixed(2)} bits per weight`,
    ...(plan.lacksMatrix ? ['needs an importance matrix'] : []),
  ].join(' \u00b7 ');
}

/** "error 7.2 % (22.9 dB), sampled": the root of the squared error over the squared values, and the same as SQNR. */
function errorText(error: GgufError | LoupeError): string {
  if (error instanceof LoupeError) return `cannot be measured: ${error.message}`;
  return error.sampled ? `${figureText(error)}, sampled` : figureText(error);
}

/** "error 7.2 % (22.9 dB)". */
export function figureText({ relative, sqnr }: Pick<GgufError, 'relative' | 'sqnr'>): string {
  if (sqnr === null) return 'no error';
  const percent = 100 * relative;
  return `error ${percent >= 10 ? percent.toFixed(0) : percent.toPrecision(2)} % (${sqnr.toFixed(1)} dB)`;
}

export type TargetAnswer = 'default' | 'other' | 'plan' | 'shards' | 'matrix' | 'no matrix';

/** Where to write, and what else there is before that. A type of floats has no use for an importance matrix. */
export function targetItems(
  plan: QuantizeReport,
  type: GgufFileType,
  imatrix: string | undefined,
  changes = 0,
): Choice<TargetAnswer>[] {
  const isFloat = floatFileTypes.includes(type);
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
      label: isFloat ? 'Show what each tensor becomes' : 'Show what each tensor becomes, or change it',
      description: types.join(', '),
      detail: [
        `${plan.tensors.length} tensors${changes === 0 ? '' : `, ${changes === 1 ? 'a change' : `${changes} changes`} by you`}`,
        // What lacks a matrix is told by the line that asks for one; the plan has all warnings.
        ...(plan.lacksMatrix ? [] : (plan.warnings ?? [])),
      ].join('. '),
    },
  ];
  if (isFloat) return items;
  const weigh: Choice<TargetAnswer> = {
    value: 'matrix',
    label: 'Weigh by an importance matrix...',
    detail: 'A file of llama-imatrix (.gguf, .dat): weights with strong inputs count more',
  };
  // Without one it would be refused when it is written: nothing else can come first.
  if (plan.lacksMatrix) return [{ ...weigh, description: `${type.name} needs one` }, ...items.slice(2)];
  if (imatrix !== undefined)
    return [
      ...items,
      {
        value: 'no matrix',
        label: 'Quantize without the importance matrix',
        description: path.basename(imatrix),
      },
    ];
  return [...items, weigh];
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
