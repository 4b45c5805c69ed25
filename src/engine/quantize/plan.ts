/** Decides everything about a quantization before anything is written: files, sizes, places of all bytes. */
import { readFile, realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { Checkpoint } from '../../formats/checkpoint';
import type { QuantizeRequest } from '../../protocol/engineApi';
import { chosenOptions, resolveChoice } from '../../quant/choice';
import { type Recipe, type ResolvedRecipe, recipeOf } from '../../quant/recipe';
import type { ResolvedChoice } from '../../quant/scheme';
import { resolveFor } from '../recipe/policy';
import { type ModelForm, modelForm } from './modelForm';
import type { PlannedShard } from './plannedShard';
import { indexText, planShards, stemOf } from './planShards';
import { findSidecars, type SidecarPlan } from './sidecars';
import { tiedHeads } from './tiedHead';

export type { PlannedRun, PlannedShard, PlannedTensor } from './plannedShard';

export interface QuantizePlan {
  readonly checkpoint: Checkpoint;
  readonly request: QuantizeRequest;
  /** The request's, or one of its choice alone. */
  readonly recipe: Recipe;
  /** For each rule of the recipe, how many tensors it decided about. */
  readonly rules: ResolvedRecipe['rules'];
  /** What loaders may not take. */
  readonly warnings: readonly string[];
  /** Folder to write, absolute; a file with `asFiles`. */
  readonly out: string;
  /** The shards are files beside each other, the last of which is `out`, rather than a folder. */
  readonly asFiles?: boolean | undefined;
  readonly shards: readonly PlannedShard[];
  /** Text files to write by name: config.json, and the index of a set of shards. */
  readonly texts: ReadonlyMap<string, string>;
  /** Files of the model that are carried along. */
  readonly sidecars: SidecarPlan;
  /** Name of what to open: the index or the only weights file. */
  readonly open: string;
  /** Weight files before and after, headers included. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Of a GGUF output. */
  readonly fileType?: string | undefined;
  /** Of a GGUF output: its type is refused without an importance matrix, and none was given. */
  readonly lacksMatrix?: boolean | undefined;
}

/**
 * Throws `unsupported` for a source that is no safetensors model, `refused` where quantizing would lose or
 * corrupt data: findings of severity error, unreadable or already quantized tensors, a target that is the source.
 */
export async function planQuantization(
  checkpoint: Checkpoint,
  request: QuantizeRequest,
): Promise<QuantizePlan> {
  const recipe = request.recipe ?? recipeOf(chosenOptions(request), request.pure);
  const suffix = outputSuffix(request);
  assertQuantizable(checkpoint);
  const sidecars = await findSidecars(checkpoint);
  const out = path.resolve(request.out ?? defaultTarget(checkpoint, suffix, sidecars.ownFolder));
  await assertApart(checkpoint.folder, out);

  const resolved = resolveFor(checkpoint, recipe);
  const choices = new Map(checkpoint.tensors.map((tensor, index) => [tensor, resolved.tensors[index]!]));
  const { shards, ignore, weights } = planShards(checkpoint, choices, shardLimit(request));

  const texts = new Map<string, string>();
  const form: ModelForm =
    request.dryRun && request.sizesOnly
      ? { warnings: [] }
      : modelForm(weights, [...ignore, ...tiedHeads(checkpoint)]);
  const config = await configText(checkpoint, form);
  if (config !== undefined) texts.set('config.json', config);
  let open = shards[0]!.name;
  if (shards.length > 1) {
    const own = `${stemOf(checkpoint)}.safetensors.index.json`;
    open = (shardLimit(request) === undefined ? sidecars.indexName : undefined) ?? own;
    texts.set(open, indexText(shards));
  }
  return {
    checkpoint,
    request,
    recipe,
    rules: resolved.rules,
    warnings: form.warnings,
    out,
    shards,
    texts,
    sidecars,
    open,
    bytesBefore: checkpoint.files.reduce((sum, file) => sum + file.bytes, 0),
    bytesAfter: shards.reduce((sum, shard) => sum + shard.totalBytes, 0),
  };
}

const formatNames = {
  gguf: 'GGUF',
  onnx: 'ONNX',
  pytorch: 'PyTorch',
  numpy: 'NumPy',
  imatrix: 'an importance matrix',
} as const;

function assertQuantizable(checkpoint: Checkpoint): void {
  const { config, tensors, findings, files } = checkpoint;
  if (checkpoint.format !== 'safetensors') {
    throw new LoupeError(
      'unsupported',
      `Only safetensors and ONNX models can be quantized yet; this one is ${formatNames[checkpoint.format]}.`,
      { file: checkpoint.path },
    );
  }
  const packed = tensors.find((tensor) => tensor.pieces);
  // Some tools write null for none.
  if (packed || (config?.quantization_config ?? undefined) !== undefined) {
    throw new LoupeError('refused', 'The model is quantized already.', {
      file: checkpoint.path,
      tensor: packed?.name,
    });
  }
  const error = findings.find(({ severity }) => severity === 'error');
  if (error) {
    throw new LoupeError('refused', `The model has a fault and is not quantized: ${error.message}`, error);
  }
  const unreadable = tensors.find((tensor) => tensor.unreadable !== undefined);
  if (unreadable) {
    throw new LoupeError('refused', `${unreadable.name} cannot be read: ${unreadable.unreadable}`, {
      file: files[unreadable.file]?.path,
      tensor: unreadable.name,
      byteOffset: unreadable.byteOffset,
    });
  }
}

/** Bytes that a file of the output may have; undefined: the source's shards are kept. */
const shardLimit = ({ maxShardBytes, recipe }: QuantizeRequest): number | undefined =>
  maxShardBytes ?? recipe?.maxShardBytes;

/** What a request's output is called after the source's name. */
export function outputSuffix(request: QuantizeRequest): string {
  return request.recipe ? recipeSuffix(request.recipe) : suffixOf(resolveChoice(request));
}

/** "INT8-absmax-row", "NF4-block64", "BF16". */
function suffixOf(choice: ResolvedChoice): string {
  const [kind, ...variant] = choice.scheme.split('-');
  const { granularity, blockSize, clip, doubleQuant, prune, ratio, keep, of, output } = choice;
  return [
    kind!.toUpperCase(),
    ...variant,
    ...(granularity === 'none' ? [] : [granularity === 'block' ? `block${blockSize}` : granularity]),
    ...(doubleQuant ? ['double'] : []),
    ...(clip === 'none' ? [] : [clip]),
    ...(prune === undefined || kind === 'prune' ? [] : [`pruned-${prune}`]),
    // Another share is another output.
    ...(ratio === undefined ? [] : [String(ratio)]),
    ...(keep === undefined ? [] : [`${keep}of${of ?? 4}`]),
    ...(output === 'fake' ? ['fake'] : []),
  ].join('-');
}

/** A recipe's name as far as file names take it, else "recipe". */
function recipeSuffix({ name = '' }: Recipe): string {
  const plain = name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '');
  return plain.slice(0, 60) || 'recipe';
}

/** A sibling of a model's own folder; else a folder beside the file. */
function defaultTarget(checkpoint: Checkpoint, suffix: string, ownFolder: boolean): string {
  if (ownFolder && path.dirname(checkpoint.folder) !== checkpoint.folder) {
    return `${checkpoint.folder}-${suffix}`;
  }
  return path.join(checkpoint.folder, `${stemOf(checkpoint)}-${suffix}`);
}

/** The target must not be the source's folder or hold it: writing replaces the whole target. */
async function assertApart(source: string, out: string): Promise<void> {
  const from = await realpath(source);
  const to = await realPathOfFuture(out);
  const relative = path.relative(to, from);
  const holds =
    relative === '' ||
    (!relative.startsWith(`..${path.sep}`) && relative !== '..' && !path.isAbsolute(relative));
  if (holds) {
    throw new LoupeError('refused', "The target is, or holds, the model's own folder.", { file: out });
  }
}

/** The real path of something that need not exist: of its nearest existing ancestor, plus the rest. */
async function realPathOfFuture(target: string): Promise<string> {
  try {
    return await realpath(target);
  } catch {
    const parent = path.dirname(target);
    return parent === target ? target : path.join(await realPathOfFuture(parent), path.basename(target));
  }
}

/**
 * config.json with the quantization added, or with the new type of a cast model; undefined where plain tensors need
 * none. The source's text is kept as it is, since parsing and printing would turn
 * 10000.0 into 10000, which typed readers refuse. Throws `refused` where there is a config.json that cannot be used.
 */
async function configText(
  { config, folder }: Checkpoint,
  { config: quantization, floatType }: ModelForm,
): Promise<string | undefined> {
  const file = path.join(folder, 'config.json');
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined;
    throw LoupeError.from(thrown, { file });
  });
  if (quantization === undefined) {
    if (text === undefined || floatType === undefined) return text;
    return text.replace(floatTypes, `$1"${floatType}"`);
  }
  const printed = JSON.stringify({ quantization_config: quantization }, undefined, 2);
  if (text === undefined) return `${printed}\n`;
  if (!config) {
    throw new LoupeError(
      'refused',
      'config.json cannot be used, and the quantization must be written there.',
      {
        file,
      },
    );
  }
  const known = Object.keys(config);
  if (known.length === 0) return `${printed}\n`;
  if (known.includes('quantization_config')) {
    return `${JSON.stringify({ ...config, quantization_config: quantization }, undefined, 2)}\n`;
  }
  // The text is one valid object, so its last brace closes it.
  const body = text.slice(0, text.lastIndexOf('}')).trimEnd();
  return `${body},${printed.slice(1)}\n`;
}

/** The type that loaders make a model of, in transformers' older and newer spelling. */
const floatTypes = /("(?:torch_)?dtype"\s*:\s*)"(?:float32|float16|bfloat16)"/g;
