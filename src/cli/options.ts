/** The command line's grammar: which options each command takes, and what they mean. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LoupeError } from '../errors';
import type { BackendName, ErrorTiming, ScaleDtype, SchemeChoice, SchemeName } from '../protocol/engineApi';
import { defaultGranularity, pruneMethods } from '../quant/choice';
import type { GgufOptions } from '../quant/gguf/options';
import { schemeNamed, schemes } from '../quant/schemes';
import type { PruneMethod } from '../quant/types';
import { parseByteSize } from './byteSize';
import { type EditOptions, editOptionNames, editOptions } from './editOptions';
import { ggufOptionNames, ggufOptions, schemeOfFileType } from './ggufOptions';
import {
  type MemoryOptions,
  memoryOptionNames,
  memoryOptionSpecifications,
  memoryOptions,
} from './memoryOptions';
import { type MetricName, metrics, parseSchemeList, type SensitivityOptions } from './schemeList';
import { type ViewOptions, viewOptions } from './viewOptions';

export type Command =
  | 'inspect'
  | 'stats'
  | 'quantize'
  | 'error'
  | 'sensitivity'
  | 'compare'
  | 'memory'
  | 'edit-metadata'
  | 'show'
  | 'save'
  | 'backends';

export interface CliOptions {
  readonly command: Command;
  readonly path: string;
  readonly json: boolean;
  readonly tensors: readonly string[];
  readonly channels: boolean;
  /** Folder that figures are kept in. */
  readonly cache: string | undefined;
  /** Checked by the engine but for what numbers are; made for commands that take a scheme. */
  readonly choice: SchemeChoice;
  /** What a GGUF output takes beside the scheme; undefined where nothing of it was given. */
  readonly gguf: GgufOptions | undefined;
  /** Path of a recipe, which stands for the choice. */
  readonly recipe: string | undefined;
  readonly backend: BackendName | 'auto';
  readonly out: string | undefined;
  readonly dryRun: boolean;
  readonly overwrite: boolean;
  readonly pure: boolean;
  readonly maxShardBytes: number | undefined;
  /** Keep what is finished when interrupted, and go on from that. */
  readonly resume: boolean;
  /** When a quantization's errors are measured. */
  readonly errors: ErrorTiming;
  readonly grid: { readonly rows: number; readonly columns: number } | undefined;
  /** Absolute path of an importance matrix. */
  readonly imatrix: string | undefined;
  readonly sensitivity: SensitivityOptions | undefined;
  /** The second checkpoint of compare. */
  readonly other: string | undefined;
  /** Of memory; `isConfig`: the path is a config.json's. */
  readonly memory: (MemoryOptions & { readonly isConfig: boolean }) | undefined;
  /** Of backends. */
  readonly backends: { readonly measure: boolean; readonly gpu: string | undefined } | undefined;
  /** Of edit-metadata. */
  readonly edit: EditOptions | undefined;
  /** Of show and save. */
  readonly view: ViewOptions | undefined;
}

const schemeOptions = [
  ...['scheme', 'granularity', 'block', 'clip', 'double-quant', 'overflow', 'outliers', 'outlier-factor'],
  ...['prune', 'ratio', 'nm', 'head-size', 'output', 'scale-dtype', 'pure'],
];

const optionsOf: Record<Command, readonly string[]> = {
  inspect: [],
  stats: ['tensor', 'channels', 'cache'],
  quantize: [
    ...schemeOptions,
    ...ggufOptionNames,
    'recipe',
    'out',
    'backend',
    'dry-run',
    'overwrite',
    'max-shard-size',
    'resume',
    'errors',
  ],
  error: [...schemeOptions, 'recipe', 'tensor', 'grid', 'imatrix'],
  sensitivity: ['schemes', 'tensor', 'metric', 'exact', 'pure', 'imatrix'],
  compare: ['tensor'],
  memory: memoryOptionNames,
  'edit-metadata': [...editOptionNames, 'out', 'overwrite', 'dry-run'],
  show: ['rows', 'columns', 'slice', 'element'],
  save: ['rows', 'columns', 'slice', 'out', 'overwrite'],
  backends: ['measure', 'gpu'],
};

const specifications = {
  json: { type: 'boolean' },
  measure: { type: 'boolean' },
  gpu: { type: 'string' },
  help: { type: 'boolean' },
  tensor: { type: 'string', multiple: true },
  channels: { type: 'boolean' },
  cache: { type: 'string' },
  scheme: { type: 'string' },
  schemes: { type: 'string' },
  metric: { type: 'string' },
  exact: { type: 'boolean' },
  recipe: { type: 'string' },
  granularity: { type: 'string' },
  block: { type: 'string' },
  clip: { type: 'string' },
  'double-quant': { type: 'boolean' },
  overflow: { type: 'string' },
  outliers: { type: 'string' },
  'outlier-factor': { type: 'string' },
  prune: { type: 'string' },
  ratio: { type: 'string' },
  nm: { type: 'string' },
  'head-size': { type: 'string' },
  output: { type: 'string' },
  'scale-dtype': { type: 'string' },
  backend: { type: 'string' },
  out: { type: 'string' },
  'dry-run': { type: 'boolean' },
  imatrix: { type: 'string' },
  'tensor-type': { type: 'string', multiple: true },
  'output-tensor-type': { type: 'string' },
  'token-embedding-type': { type: 'string' },
  'leave-output-tensor': { type: 'boolean' },
  'allow-requantize': { type: 'boolean' },
  'keep-split': { type: 'boolean' },
  set: { type: 'string', multiple: true },
  'set-file': { type: 'string', multiple: true },
  remove: { type: 'string', multiple: true },
  name: { type: 'string' },
  overwrite: { type: 'boolean' },
  'max-shard-size': { type: 'string' },
  resume: { type: 'boolean' },
  errors: { type: 'string' },
  pure: { type: 'boolean' },
  grid: { type: 'string' },
  rows: { type: 'string' },
  columns: { type: 'string' },
  slice: { type: 'string' },
  element: { type: 'string' },
  ...memoryOptionSpecifications,
} as const;

/** Cells of `--grid` at most, so that a slip of the hand does not print gigabytes. */
const maxGridCells = 4_000_000;

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value.toLowerCase());
  if (found === undefined) {
    throw new LoupeError('usage', `--${option} takes ${allowed.join(', ')}; "${value}" is none of them.`);
  }
  return found;
}

/** Reads the arguments; throws a LoupeError of code `usage` that names what is wrong. 'help' asks for the usage. */
export function parseOptions(args: readonly string[]): CliOptions | 'help' {
  let parsed: ReturnType<typeof parseArgs<{ options: typeof specifications; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options: specifications, allowPositionals: true });
  } catch (thrown) {
    throw new LoupeError('usage', thrown instanceof Error ? thrown.message : String(thrown));
  }
  const { values, positionals } = parsed;
  if (values.help || args.length === 0 || positionals[0] === 'help') return 'help';
  const [name = '', given, ...others] = positionals;
  const command = oneOf('COMMAND', name, Object.keys(optionsOf) as Command[]);
  // A config.json stands for the model that it describes.
  const path = given ?? (command === 'memory' ? values.config : command === 'backends' ? '' : undefined);
  if (command === 'backends' && given !== undefined)
    throw new LoupeError('usage', `Unexpected argument "${given}".`);
  if (path === undefined) throw new LoupeError('usage', `${command} needs a PATH.`);
  if (given !== undefined && values.config !== undefined)
    throw new LoupeError('usage', 'memory takes a PATH or --config, not both.');
  const isView = command === 'show' || command === 'save';
  const [second, ...rest] = isView || command === 'compare' ? others : [undefined, ...others];
  if (rest.length > 0) throw new LoupeError('usage', `Unexpected argument "${rest[0]}".`);
  if (command === 'compare' && second === undefined)
    throw new LoupeError('usage', 'compare needs a second PATH.');
  for (const option of Object.keys(values)) {
    if (option !== 'json' && !optionsOf[command].includes(option)) {
      throw new LoupeError('usage', `${command} takes no --${option}.`);
    }
  }
  if (values.recipe !== undefined) {
    const other = [...schemeOptions, 'grid'].find((option) => option in values);
    if (other)
      throw new LoupeError('usage', `A recipe says all of that: --recipe and --${other} exclude each other.`);
  } else if (optionsOf[command].includes('scheme') && values.scheme === undefined) {
    const or = optionsOf[command].includes('recipe') ? ' or --recipe' : '';
    throw new LoupeError('usage', `${command} needs --scheme${or}.`);
  }
  return {
    command,
    path,
    json: values.json ?? false,
    tensors: values.tensor ?? [],
    channels: values.channels ?? false,
    cache: values.cache,
    choice: parseChoice(values, command),
    gguf: command === 'quantize' ? ggufOptions(values) : undefined,
    imatrix: values.imatrix === undefined ? undefined : resolve(values.imatrix),
    recipe: values.recipe,
    backend: oneOf('backend', values.backend ?? 'auto', [
      'auto',
      'cpu',
      'ort-cpu',
      'webgpu',
      'cuda',
      'directml',
      'coreml',
    ]),
    out: values.out,
    dryRun: values['dry-run'] ?? false,
    overwrite: values.overwrite ?? false,
    pure: values.pure ?? false,
    maxShardBytes:
      values['max-shard-size'] === undefined
        ? undefined
        : parseByteSize('max-shard-size', values['max-shard-size']),
    resume: values.resume ?? false,
    errors: oneOf('errors', values.errors ?? 'writing', ['writing', 'later']),
    grid: values.grid === undefined ? undefined : parseGrid(values.grid),
    sensitivity: command === 'sensitivity' ? sensitivityOptions(values) : undefined,
    other: command === 'compare' ? second : undefined,
    edit: command === 'edit-metadata' ? editOptions(values) : undefined,
    memory:
      command === 'memory' ? { ...memoryOptions(values), isConfig: values.config !== undefined } : undefined,
    backends: command === 'backends' ? { measure: values.measure ?? false, gpu: values.gpu } : undefined,
    view: isView ? viewOptions(command, second, values) : undefined,
  };
}

function sensitivityOptions({
  schemes: list,
  metric,
  exact,
  imatrix,
}: {
  readonly schemes?: string | undefined;
  readonly metric?: string | undefined;
  readonly exact?: boolean | undefined;
  readonly imatrix?: string | undefined;
}): SensitivityOptions {
  if (list === undefined) throw new LoupeError('usage', 'sensitivity needs --schemes.');
  return {
    schemes: parseSchemeList(list),
    metric: oneOf('metric', metric ?? 'sqnr', Object.keys(metrics) as MetricName[]),
    exact: exact ?? false,
    imatrix: imatrix === undefined ? undefined : resolve(imatrix),
  };
}

/** The scheme and its options; which of them a scheme takes is the engine's matter. */
function parseChoice(
  values: Partial<Record<keyof typeof specifications, string | boolean | string[]>>,
  command: Command,
): SchemeChoice {
  const text = (name: keyof typeof specifications): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const choose = <T extends string>(name: keyof typeof specifications, known: readonly T[]) => {
    const value = text(name);
    return value === undefined ? undefined : oneOf(name, value, known);
  };
  const number = (name: keyof typeof specifications): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    if (value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
    throw new LoupeError('usage', `--${name} takes a number; "${value}" is none.`);
  };
  const asked = text('scheme') ?? 'int8-absmax';
  // A mix of GGUF's stands for several schemes, so it can only be written.
  const mix = command === 'quantize' ? schemeOfFileType(asked) : undefined;
  const scheme: SchemeName =
    mix ??
    oneOf(
      'scheme',
      asked,
      schemes.map(({ name }) => name),
    );
  const nm = text('nm');
  const ratioOfGroups = /^(\d{1,4}):(\d{1,4})$/.exec(nm ?? '');
  if (nm !== undefined && !ratioOfGroups) {
    throw new LoupeError('usage', `--nm takes N:M, such as 2:4; "${nm}" is not that.`);
  }
  const choice: SchemeChoice = {
    scheme,
    granularity:
      choose('granularity', ['tensor', 'row', 'column', 'block', 'none']) ??
      (text('block') === undefined ? defaultGranularity(schemeNamed(scheme)) : 'block'),
    scaleDtype: choose('scale-dtype', ['f32', 'bf16', 'f16'])?.toUpperCase() as ScaleDtype | undefined,
    blockSize: number('block'),
    clip: choose('clip', ['none', 'mse', 'hqq']),
    doubleQuant: values['double-quant'] === true ? true : undefined,
    overflow: choose('overflow', ['saturate', 'nan']),
    outlierThreshold: number('outliers'),
    outlierFactor: number('outlier-factor'),
    prune:
      choose<PruneMethod>('prune', pruneMethods) ?? (nm && !scheme.startsWith('prune-') ? 'nm' : undefined),
    ratio: number('ratio'),
    keep: ratioOfGroups ? Number(ratioOfGroups[1]) : undefined,
    of: ratioOfGroups ? Number(ratioOfGroups[2]) : undefined,
    headSize: number('head-size'),
    output: choose('output', ['auto', 'plain', 'fake', 'qdq']),
  };
  // Options that were not given are left out, so that a report shows what was asked for.
  return Object.fromEntries(
    Object.entries(choice).filter(([, value]) => value !== undefined),
  ) as unknown as SchemeChoice;
}

function parseGrid(text: string): { rows: number; columns: number } {
  const match = /^(\d{1,7})x(\d{1,7})$/i.exec(text);
  const rows = Number(match?.[1]);
  const columns = Number(match?.[2]);
  if (!(rows > 0 && columns > 0 && rows * columns <= maxGridCells)) {
    throw new LoupeError('usage', `--grid takes ROWSxCOLUMNS, such as 32x64; "${text}" is not that.`);
  }
  return { rows, columns };
}

/** A glob over tensor names: `*` any run of characters, `?` one; everything else is literal. */
export function globPattern(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's');
}
