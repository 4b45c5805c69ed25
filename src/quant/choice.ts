/** Checks a choice that may come from a command line or a file, and fills in the scheme's defaults. */
import { LoupeError } from '../errors';
import type { ResolvedChoice, Scheme, Setting, WeightShape } from './scheme';
import { schemeNamed } from './schemes';
import type { Granularity, PruneMethod, ScaleDtype, SchemeChoice } from './types';

export const pruneMethods: readonly PruneMethod[] = ['magnitude', 'nm', 'rows', 'columns', 'heads', 'layers'];
export const scaleDtypes: readonly ScaleDtype[] = ['F32', 'BF16', 'F16'];

function usage(message: string): never {
  throw new LoupeError('usage', message);
}

function oneOf<T extends string | number>(value: T | undefined, known: readonly T[], what: string): T {
  if (value === undefined) return known[0]!;
  if (known.includes(value)) return value;
  return usage(`${what} cannot be ${value}. Known: ${known.join(', ')}.`);
}

/** The granularity that a scheme takes when none is chosen. */
export const defaultGranularity = ({ options }: Scheme): Granularity => options.granularities[0]!;

/** Throws `usage` for a scheme, an option or a value that does not exist, and says what does. */
export function resolveChoice(choice: SchemeChoice): ResolvedChoice {
  const scheme = schemeNamed(choice.scheme);
  const { options, label } = scheme;
  const refuse = (asked: unknown, option: string) => {
    if (asked !== undefined && asked !== false) usage(`${label} takes no ${option}.`);
  };
  if (!options.granularities.includes(choice.granularity)) {
    usage(
      `There is no granularity "${choice.granularity}" for ${label}. Known: ${options.granularities.join(', ')}.`,
    );
  }
  if (choice.granularity !== 'block') refuse(choice.blockSize, 'block size with this granularity');
  const blockSize =
    choice.granularity === 'block'
      ? oneOf(choice.blockSize, options.blockSizes ?? [], `The block size of ${label}`)
      : 0;
  if (!options.clips && choice.clip !== 'none') refuse(choice.clip, 'clipping search');
  const clip = options.clips ? oneOf(choice.clip, options.clips, `The clipping search of ${label}`) : 'none';
  if (clip === 'hqq' && choice.granularity !== 'row' && choice.granularity !== 'block') {
    usage('Half-quadratic refinement needs the values of a scale at once. Known granularities: row, block.');
  }
  if (!options.doubleQuant) refuse(choice.doubleQuant, 'double quantization');
  if (!options.overflow) refuse(choice.overflow, 'overflow rule');
  if (choice.scaleDtype !== undefined && !scaleDtypes.includes(choice.scaleDtype)) {
    usage(`Scales cannot be stored as "${choice.scaleDtype}". Known: ${scaleDtypes.join(', ')}.`);
  }
  if (!options.outliers) {
    refuse(choice.outlierThreshold, 'outlier threshold');
    refuse(choice.outlierFactor, 'outlier factor');
  } else if (choice.outlierThreshold !== undefined && choice.outlierFactor !== undefined) {
    usage('Outlier columns are told by a threshold or by a factor, not by both.');
  }
  positive(choice.outlierThreshold, 'The outlier threshold');
  positive(choice.outlierFactor, 'The outlier factor');
  const prune = pruningOf(choice);
  // Named one by one: a request carries more than its choice.
  return {
    scheme: choice.scheme,
    granularity: choice.granularity,
    scaleDtype: choice.scaleDtype,
    outlierThreshold: choice.outlierThreshold,
    outlierFactor: choice.outlierFactor,
    ratio: choice.ratio,
    keep: choice.keep,
    of: choice.of,
    headSize: choice.headSize,
    layers: choice.layers,
    blockSize,
    clip,
    doubleQuant: choice.doubleQuant ?? false,
    overflow: oneOf(choice.overflow, ['saturate', 'nan'], 'The overflow rule'),
    prune,
    output: oneOf(choice.output, ['auto', 'plain', 'fake', 'qdq'], 'The output'),
  };
}

function positive(value: number | undefined, what: string): void {
  if (value !== undefined && !(value > 0 && Number.isFinite(value))) usage(`${what} must be above 0.`);
}

function pruningOf(choice: SchemeChoice): PruneMethod | undefined {
  const own = choice.scheme.startsWith('prune-')
    ? (choice.scheme.slice('prune-'.length) as PruneMethod)
    : undefined;
  if (own && choice.prune !== undefined && choice.prune !== own)
    usage(`${choice.scheme} prunes one way only.`);
  const method = own ?? choice.prune;
  if (method === undefined) {
    if (
      [choice.ratio, choice.keep, choice.of, choice.headSize, choice.layers].some(
        (option) => option !== undefined,
      )
    )
      usage('A ratio, N:M or a head size says how to prune; choose a pruning with it.');
    return undefined;
  }
  oneOf(method, pruneMethods, 'The pruning');
  const { ratio, keep, of, headSize } = choice;
  if (method === 'nm') {
    if (ratio !== undefined) usage('N:M pruning takes N and M, and no ratio.');
    const whole = [keep ?? 2, of ?? 4].every((count) => Number.isInteger(count) && count > 0);
    if (!whole || (keep ?? 2) > (of ?? 4) || (of ?? 4) > 1024)
      usage(`N:M pruning keeps N of every M values, such as 2:4; ${keep}:${of} is not that.`);
  } else {
    if (keep !== undefined || of !== undefined) usage(`Pruning by ${method} takes a ratio, and no N:M.`);
    if (ratio !== undefined && !(ratio >= 0 && ratio <= 1))
      usage(`A ratio lies in 0 to 1; ${ratio} does not.`);
  }
  if (method === 'heads') {
    if (headSize === undefined || !(Number.isInteger(headSize) && headSize > 0))
      usage('Pruning heads needs the head size: the rows that belong to one attention head.');
  } else if (headSize !== undefined) usage('Only pruning heads takes a head size.');
  if (method !== 'layers' && choice.layers !== undefined)
    usage('Only pruning by layers takes a list of layers.');
  return method;
}

/** The options of a request or another object that holds more, those that were given. */
export function chosenOptions(choice: SchemeChoice): SchemeChoice {
  const { scheme, granularity } = choice;
  const given = optionNames.flatMap((name) => (choice[name] === undefined ? [] : [[name, choice[name]]]));
  return { scheme, granularity, ...Object.fromEntries(given) };
}

const optionNames = [
  ...(['scaleDtype', 'blockSize', 'clip', 'doubleQuant', 'overflow', 'outlierThreshold'] as const),
  ...(['outlierFactor', 'prune', 'ratio', 'keep', 'of', 'headSize', 'layers', 'output'] as const),
];

/**
 * The type that a tensor's scales are stored in. compressed-tensors keeps scales in the model's float type, and
 * its loaders take the type of the decompressed weight from them, so F32 scales would turn a BF16 model into
 * an F32 one.
 */
export function scaleDtypeFor(choice: SchemeChoice, dtype: string): ScaleDtype {
  return choice.scaleDtype ?? (dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32');
}

/** A choice made for one tensor. Throws `usage` as `resolveChoice` does. */
export function settingFor(
  choice: SchemeChoice,
  dtype: string,
  { rows, columns, layer }: WeightShape & Pick<Setting, 'layer'>,
): Setting {
  return {
    choice: resolveChoice(choice),
    dtype,
    rows,
    columns,
    layer,
    scaleDtype: scaleDtypeFor(choice, dtype),
  };
}
