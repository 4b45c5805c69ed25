/** A scheme's options beyond granularity, as the dialogs offer them. Nothing here talks to VS Code. */
import { pruneMethods, scaleDtypes } from '../quant/choice';
import type { Scheme } from '../quant/scheme';
import type { PruneMethod, SchemeChoice } from '../quant/types';
import { type Medium, whyUnwritable } from '../quant/writable';
import { type Choice, type Mode, usualHeadSize, variantsOf } from './schemeMenu';

/** What is chosen beside scheme and granularity; what is left out is the scheme's default. */
export type Options = Omit<SchemeChoice, 'scheme' | 'granularity' | 'blockSize' | 'doubleQuant'> & {
  readonly pure?: boolean | undefined;
};

export type OptionName = 'clip' | 'prune' | 'heads' | 'output' | 'outliers' | 'overflow' | 'scales' | 'head';
/** A number that is typed: a share, N:M, a magnitude, or a multiple of a median. */
export type Typed = 'ratio' | 'pattern' | 'threshold' | 'factor' | 'headSize';

/** An answer to the question for one option: all options then, once what it asks for is typed. */
export interface OptionAnswer {
  readonly options: Options;
  readonly ask?: Typed | undefined;
}

interface OptionLine {
  readonly name: OptionName;
  readonly label: string;
  readonly isDefault: boolean;
  /** What holds now. */
  readonly current: string;
}

const pruneTexts: Readonly<Record<PruneMethod, string>> = {
  magnitude: 'The smallest weights of each matrix',
  nm: 'All but the largest N of every M weights of a row',
  rows: 'Whole rows of small norm',
  columns: 'Whole columns of small norm',
  heads: 'Whole attention heads of small norm',
  layers: 'All weights of the layers of smallest norm',
};
const clipTexts = {
  none: ['From the extremes', 'No value is clipped'],
  mse: ['Of least squared error', '81 ranges are tried for each scale, which takes longer'],
  hqq: ['Half-quadratic zero points (HQQ)', 'Zero points become fractions; no layout has such'],
} as const;

const percent = (ratio: number): string => `${Number((100 * ratio).toFixed(2))} %`;

/** "the smallest weights, 50 %", "2:4". */
function pruneText({ prune, ratio = 0.5, keep = 2, of = 4 }: Options): string {
  if (prune === undefined) return 'nothing';
  return prune === 'nm' ? `${keep}:${of}` : `${prune}, ${percent(ratio)}`;
}

/** The options that a scheme has, and how each stands. */
export function optionLines(
  { name, family, options: taken }: Scheme,
  medium: Medium,
  own: Options,
): OptionLine[] {
  const line = (option: OptionName, label: string, isDefault: boolean, current: string): OptionLine => ({
    ...{ name: option, label, isDefault, current },
  });
  const { clip = 'none', output = 'auto', outlierThreshold, outlierFactor, overflow = 'saturate' } = own;
  const isPruning = family === 'pruning';
  const prunes = !isPruning || own.ratio !== undefined || own.keep !== undefined;
  const method = isPruning ? { ...own, prune: name.slice('prune-'.length) as PruneMethod } : own;
  const outliers =
    outlierThreshold !== undefined
      ? `from ${outlierThreshold} on`
      : outlierFactor !== undefined
        ? `beyond ${outlierFactor} medians`
        : 'by the usual multiple of the median';
  return [
    ...((taken.clips?.length ?? 0) > 1
      ? [line('clip', 'Scale', clip === 'none', clipTexts[clip][0].toLowerCase())]
      : []),
    ...(taken.outliers
      ? [line('outliers', 'Outlier columns', !outlierThreshold && !outlierFactor, outliers)]
      : []),
    ...(taken.overflow
      ? [line('overflow', 'Beyond the largest number', overflow === 'saturate', overflow)]
      : []),
    ...(taken.scaleDtypes
      ? [
          line(
            'scales',
            'Scales stored as',
            own.scaleDtype === undefined,
            own.scaleDtype ?? "the weight's type",
          ),
        ]
      : []),
    line(
      'prune',
      isPruning ? 'Prune' : 'Prune first',
      isPruning ? !prunes : own.prune === undefined,
      pruneText(method),
    ),
    ...(method.prune === 'heads'
      ? [line('heads', 'Rows of a head', true, String(own.headSize ?? usualHeadSize))]
      : []),
    ...(isPruning && medium === 'safetensors'
      ? []
      : [line('output', 'Output', output === 'auto', outputText(output))]),
    line('head', 'Output head', !own.pure, own.pure ? 'quantized, too' : 'kept'),
  ];
}

const outputText = (output: NonNullable<Options['output']>): string =>
  output === 'fake'
    ? 'dequantized values'
    : output === 'qdq'
      ? "ONNX's own operators"
      : "the scheme's layout";

const nouns: Readonly<Record<OptionName, string>> = {
  clip: 'clipping',
  outliers: 'outlier columns',
  overflow: 'overflow',
  scales: 'type of the scales',
  prune: 'pruning',
  heads: 'size of a head',
  output: 'form of the output',
  head: 'output head',
};
const sentence = (text: string): string => text[0]!.toUpperCase() + text.slice(1);

/** The last line beside the granularities: which options differ from the defaults, and that there are more. */
export function optionsItem<T>(value: T, scheme: Scheme, medium: Medium, own: Options): Choice<T> {
  const lines = optionLines(scheme, medium, own);
  const changed = lines.filter(({ isDefault }) => !isDefault);
  return {
    value,
    label: '$(settings-gear) More options...',
    description: changed.map(({ label, current }) => `${label}: ${current}`).join(' \u00b7 '),
    detail: sentence(lines.map(({ name }) => nouns[name]).join(', ')),
    alwaysShow: true,
  };
}

/** The answers to the question for an option. In a dialog that writes, what nothing holds says why. */
export function optionAnswers(
  option: OptionName,
  scheme: Scheme,
  medium: Medium,
  own: Options,
  mode: Mode,
  headSize = usualHeadSize,
): Choice<OptionAnswer>[] {
  const { name, family, options: taken } = scheme;
  const { prune, ratio, keep, of, outlierThreshold, outlierFactor, ...rest } = own;
  const answer = (label: string, detail: string, options: Options, ask?: Typed): Choice<OptionAnswer> => {
    const reason = mode === 'quantize' ? reasonAgainst(scheme, medium, options) : undefined;
    const value = { options, ask };
    return reason === undefined
      ? { label, detail, value }
      : { label, detail: `Cannot be written: ${reason}`, value, refused: true };
  };
  const outliers = { outlierThreshold, outlierFactor };
  const pruning = { prune, ratio, keep, of };
  switch (option) {
    case 'clip':
      return taken.clips!.map((clip) => answer(clipTexts[clip][0], clipTexts[clip][1], { ...own, clip }));
    case 'output':
      return [
        answer("The scheme's layout", 'What clients load in its codes', { ...own, output: undefined }),
        answer(
          'Dequantized values',
          "In the weight's own type: any client loads them, with the scheme's error",
          {
            ...own,
            output: 'fake',
          },
        ),
        ...(medium === 'onnx'
          ? [answer("ONNX's own operators only", "In place of onnxruntime's", { ...own, output: 'qdq' })]
          : []),
      ];
    case 'overflow':
      return [
        answer('Saturate', 'Values beyond become the largest number', { ...own, overflow: undefined }),
        answer('NaN', "As PyTorch's cast has it", { ...own, overflow: 'nan' }),
      ];
    case 'scales':
      return [
        answer("The weight's own type", 'As the layouts want it', { ...own, scaleDtype: undefined }),
        ...scaleDtypes.map((scaleDtype) => answer(scaleDtype, '', { ...own, scaleDtype })),
      ];
    case 'head':
      return [
        answer('Keep it', 'As loaders expect', { ...own, pure: undefined }),
        answer('Quantize it, too', 'Every weight that the scheme takes', { ...own, pure: true }),
      ];
    case 'outliers':
      return [
        answer('By the usual multiple of the median column', '', { ...rest, ...pruning }),
        answer(
          'From a magnitude on...',
          'Columns with a value of at least this',
          { ...rest, ...pruning },
          'threshold',
        ),
        answer('By a multiple of the median...', '', { ...rest, ...pruning }, 'factor'),
      ];
    case 'prune': {
      const others = { ...rest, ...outliers };
      if (family === 'pruning') {
        const asks = name === 'prune-nm' ? 'pattern' : 'ratio';
        return [
          answer(asks === 'pattern' ? '2:4' : '50 %', 'As by default', others),
          answer(asks === 'pattern' ? 'Other numbers...' : 'Another share...', '', others, asks),
        ];
      }
      const { headSize: _, ...plain } = others;
      return [
        answer('Prune nothing', '', plain),
        ...pruneMethods.map((method) =>
          answer(
            `${pruneTexts[method]}...`,
            'They become 0 before the rest is quantized',
            { ...plain, prune: method, ...(method === 'heads' ? { headSize } : {}) },
            method === 'nm' ? 'pattern' : 'ratio',
          ),
        ),
      ];
    }
    case 'heads':
      return [
        answer(`${headSize} rows`, 'As the model tells, else the usual number', { ...own, headSize }),
        answer('Another size...', '', own, 'headSize'),
      ];
  }
}

/** A scheme's granularities with options; those that do not go with them are left out, and in a dialog that writes what nothing holds. */
export function variantsWith(
  scheme: Scheme,
  medium: Medium,
  own: Options,
  mode: Mode,
): Choice<SchemeChoice>[] {
  const { pure: _, ...options } = own;
  return variantsOf(scheme).flatMap((variant) => {
    const { granularity } = variant.value;
    if (options.clip === 'hqq' && granularity !== 'row' && granularity !== 'block') return [];
    const value = { ...variant.value, ...options };
    return mode === 'preview' || whyUnwritable(value, medium) === undefined ? [{ ...variant, value }] : [];
  });
}

/** Why nothing holds any granularity with such options; undefined where something does. */
function reasonAgainst(scheme: Scheme, medium: Medium, options: Options): string | undefined {
  if (variantsWith(scheme, medium, options, 'quantize').length > 0) return undefined;
  const [first] = variantsWith(scheme, medium, options, 'preview');
  const reason = first && whyUnwritable(first.value, medium);
  const isWay =
    reason !== undefined && whyUnwritable({ ...first!.value, output: 'fake' }, medium) === undefined;
  return isWay ? `${reason} Choose dequantized values as the output first.` : reason;
}

const typedTexts: Readonly<Record<Typed, { readonly prompt: string; readonly value: string }>> = {
  ratio: { prompt: 'Share that becomes 0, such as 0.5 or 50%', value: '50%' },
  pattern: { prompt: 'N:M keeps N of every M weights of a row, such as 2:4', value: '2:4' },
  threshold: { prompt: 'Columns with a value of at least this magnitude stay in F16', value: '6' },
  headSize: { prompt: 'Rows of one attention head, such as 128', value: '64' },
  factor: {
    prompt: 'Columns whose largest magnitude is this many times the median column\u2019s stay in F16',
    value: '6',
  },
};
/** What the box says, and what stands in it at first; of a head's rows those of the model. */
export const typedText = (what: Typed, headSize?: number) =>
  what === 'headSize' && headSize !== undefined
    ? { ...typedTexts[what], value: String(headSize) }
    : typedTexts[what];

/** The options with what was typed, or why that cannot be taken. */
export function withTyped(what: Typed, text: string, options: Options): Options | string {
  if (what === 'pattern') {
    const [, keep, of] = /^\s*(\d{1,4})\s*:\s*(\d{1,4})\s*$/.exec(text) ?? [];
    const [n, m] = [Number(keep), Number(of)];
    if (!(n >= 1 && n <= m && m <= 1024))
      return 'Type N:M with N of 1 to M and M of 1024 at most, such as 2:4.';
    return { ...options, keep: n, of: m };
  }
  if (what === 'headSize') {
    const rows = /^\s*(\d{1,6})\s*$/.exec(text)?.[1];
    return Number(rows) > 0
      ? { ...options, headSize: Number(rows) }
      : 'Type a whole number of rows, such as 128.';
  }
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*$/.exec(text);
  const value = match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : Number.NaN;
  if (what === 'ratio')
    return value >= 0 && value <= 1
      ? { ...options, ratio: value }
      : 'Type a share of 0 to 1, or of 0 to 100 %.';
  if (!(value > 0 && match?.[2] === '')) return 'Type a number above 0.';
  return { ...options, [what === 'threshold' ? 'outlierThreshold' : 'outlierFactor']: value };
}
