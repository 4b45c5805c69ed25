/** The command line's grammar: which options each command takes, and what they mean. */
import { parseArgs } from 'node:util';
import { LoupeError } from '../errors';
import type { BackendName, Granularity, ScaleDtype, SchemeName } from '../protocol/engineApi';

export const usage = `Usage: tensor-loupe COMMAND PATH [options]

  inspect PATH                     what a checkpoint holds
  stats PATH                       figures of its tensors
      --tensor GLOB                only tensors whose name matches (may be repeated)
      --channels                   also the largest magnitude of each row and column
  quantize PATH --scheme NAME      write a quantized copy beside the model
      --granularity tensor|row     one scale for a tensor, or for each row (default)
      --out FOLDER                 where to write
      --backend NAME               auto (default), cpu, ort-cpu, webgpu, cuda, directml, coreml
      --scale-dtype f32|bf16|f16   type that scales are stored in (default: the weight's own)
      --dry-run                    write nothing, give the exact sizes
      --overwrite                  replace an older output
      --pure                       also quantize the output head
  error PATH --scheme NAME         the errors that quantizing would make, without writing
      --granularity, --tensor, --scale-dtype, --pure as above
      --grid RxC                   mean |error| of each cell, for each tensor

PATH is a .safetensors, .gguf, .onnx, .pt, .pth, .bin, .npz or .npy file, an *.index.json, or a model folder.
--json prints one JSON document. Exit: 0 fine, 2 wrong usage, 3 input refused or faulty,
4 cancelled, 5 reading, writing or computing failed.

Schemes: int8-absmax int8-zeropoint`;

export type Command = 'inspect' | 'stats' | 'quantize' | 'error';

export interface CliOptions {
  readonly command: Command;
  readonly path: string;
  readonly json: boolean;
  readonly tensors: readonly string[];
  readonly channels: boolean;
  readonly scheme: SchemeName;
  readonly granularity: Granularity;
  readonly scaleDtype: ScaleDtype | undefined;
  readonly backend: BackendName | 'auto';
  readonly out: string | undefined;
  readonly dryRun: boolean;
  readonly overwrite: boolean;
  readonly pure: boolean;
  readonly grid: { readonly rows: number; readonly columns: number } | undefined;
}

const optionsOf: Record<Command, readonly string[]> = {
  inspect: [],
  stats: ['tensor', 'channels'],
  quantize: ['scheme', 'granularity', 'out', 'backend', 'scale-dtype', 'dry-run', 'overwrite', 'pure'],
  error: ['scheme', 'granularity', 'tensor', 'scale-dtype', 'pure', 'grid'],
};

const specifications = {
  json: { type: 'boolean' },
  help: { type: 'boolean' },
  tensor: { type: 'string', multiple: true },
  channels: { type: 'boolean' },
  scheme: { type: 'string' },
  granularity: { type: 'string' },
  'scale-dtype': { type: 'string' },
  backend: { type: 'string' },
  out: { type: 'string' },
  'dry-run': { type: 'boolean' },
  overwrite: { type: 'boolean' },
  pure: { type: 'boolean' },
  grid: { type: 'string' },
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
  const [name = '', path, ...rest] = positionals;
  const command = oneOf('COMMAND', name, Object.keys(optionsOf) as Command[]);
  if (path === undefined) throw new LoupeError('usage', `${command} needs a PATH.`);
  if (rest.length > 0) throw new LoupeError('usage', `Unexpected argument "${rest[0]}".`);
  for (const option of Object.keys(values)) {
    if (option !== 'json' && !optionsOf[command].includes(option)) {
      throw new LoupeError('usage', `${command} takes no --${option}.`);
    }
  }
  if (optionsOf[command].includes('scheme') && values.scheme === undefined) {
    throw new LoupeError('usage', `${command} needs --scheme.`);
  }
  const scaleDtype = values['scale-dtype'];
  return {
    command,
    path,
    json: values.json ?? false,
    tensors: values.tensor ?? [],
    channels: values.channels ?? false,
    scheme: oneOf('scheme', values.scheme ?? 'int8-absmax', ['int8-absmax', 'int8-zeropoint']),
    granularity: oneOf('granularity', values.granularity ?? 'row', ['tensor', 'row']),
    scaleDtype:
      scaleDtype === undefined
        ? undefined
        : (oneOf('scale-dtype', scaleDtype, ['f32', 'bf16', 'f16']).toUpperCase() as ScaleDtype),
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
    grid: values.grid === undefined ? undefined : parseGrid(values.grid),
  };
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
