/** Decides everything about a quantization before anything is written: files, sizes, places of all bytes. */
import { readFile, realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { Checkpoint, CheckpointFile, TensorInfo } from '../../formats/checkpoint';
import { planSafetensors, type SafetensorsEntry } from '../../formats/safetensors/writer';
import type { QuantizeRequest, TensorError } from '../../protocol/engineApi';
import { chosenOptions, resolveChoice } from '../../quant/choice';
import { encodingFor, storedFormFor } from '../../quant/encoding';
import { moduleOf } from '../../quant/quantizationPolicy';
import { type Recipe, type ResolvedRecipe, type ResolvedTensor, recipeOf } from '../../quant/recipe';
import { type ResolvedChoice, type Setting, storedBytes } from '../../quant/scheme';
import { noErrorSums, tensorError } from '../../quant/tensorError';
import { namingTensor } from '../namingTensor';
import { kindIn, resolveFor } from '../policy';
import { settingOf } from '../quantizeTensor';
import { type TensorSource, tensorSource } from '../tensorSource';
import { type FormedWeight, type ModelForm, modelForm } from './modelForm';
import { findSidecars, type SidecarPlan } from './sidecars';

/** A tensor of the source and where its bytes go. */
export type PlannedTensor =
  | {
      readonly kind: 'copy';
      readonly tensor: TensorInfo;
      readonly row: TensorError;
      readonly byteOffset: number;
      /** Its bytes are in the shard's runs. */
      readonly isCarried?: boolean | undefined;
    }
  | {
      readonly kind: 'quantize';
      readonly tensor: TensorInfo;
      readonly source: TensorSource;
      readonly setting: Setting;
      readonly about: Pick<TensorError, 'name' | 'from' | 'to' | 'bytes'>;
      /** Names of the stored tensors. */
      readonly names: readonly string[];
      /** Where each piece begins in the file, by its suffix. */
      readonly pieces: ReadonlyMap<string, number>;
    };

/** Bytes that are given, or copied from a file of the source. */
export type PlannedRun =
  | { readonly byteOffset: number; readonly given: Uint8Array }
  | {
      readonly byteOffset: number;
      readonly file: CheckpointFile;
      readonly from: number;
      readonly bytes: number;
    };

export interface PlannedShard {
  /** File name; of safetensors the source's own. */
  readonly name: string;
  readonly headerBytes: Uint8Array;
  /** Everything else that is in the file besides its tensors. */
  readonly runs?: readonly PlannedRun[] | undefined;
  readonly totalBytes: number;
  readonly tensors: readonly PlannedTensor[];
}

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
  const ignore: string[] = [];
  const weights: FormedWeight[] = [];
  const shards = checkpoint.files.map((file, index) => {
    const name = path.relative(checkpoint.folder, file.path);
    if (path.dirname(name) !== '.') {
      throw new LoupeError('unsupported', 'Shards in subfolders cannot be quantized yet.', {
        file: file.path,
      });
    }
    const tensors = checkpoint.tensors.filter((tensor) => tensor.file === index);
    return planShard(checkpoint, choices, name, tensors, ignore, weights);
  });

  const texts = new Map<string, string>();
  const form: ModelForm = request.dryRun && request.sizesOnly ? { warnings: [] } : modelForm(weights, ignore);
  const config = await configText(checkpoint, form);
  if (config !== undefined) texts.set('config.json', config);
  let open = shards[0]!.name;
  if (shards.length > 1) {
    open =
      sidecars.indexName ??
      `${shards[0]!.name.replace(/-\d+-of-\d+\.safetensors$/, '')}.safetensors.index.json`;
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

const formatNames = { gguf: 'GGUF', onnx: 'ONNX', pytorch: 'PyTorch', numpy: 'NumPy' } as const;

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

/** What a request's output is called after the source's name. */
export function outputSuffix(request: QuantizeRequest): string {
  return request.recipe ? recipeSuffix(request.recipe) : suffixOf(resolveChoice(request));
}

/** "INT8-absmax-row", "NF4-block64", "BF16". */
function suffixOf(choice: ResolvedChoice): string {
  const [kind, ...variant] = choice.scheme.split('-');
  const { granularity, blockSize, clip, doubleQuant, prune, output } = choice;
  return [
    kind!.toUpperCase(),
    ...variant,
    ...(granularity === 'none' ? [] : [granularity === 'block' ? `block${blockSize}` : granularity]),
    ...(doubleQuant ? ['double'] : []),
    ...(clip === 'none' ? [] : [clip]),
    ...(prune === undefined || kind === 'prune' ? [] : [`pruned-${prune}`]),
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
  const file = path.basename(checkpoint.files[0]!.path);
  const stem = file.replace(/(-\d+-of-\d+)?\.safetensors$/i, '');
  return path.join(checkpoint.folder, `${stem}-${suffix}`);
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

function planShard(
  checkpoint: Checkpoint,
  choices: ReadonlyMap<TensorInfo, ResolvedTensor>,
  name: string,
  tensors: readonly TensorInfo[],
  ignore: string[],
  weights: FormedWeight[],
): PlannedShard {
  const entries: SafetensorsEntry[] = [];
  const decided = tensors.map((tensor) => {
    const decision = choices.get(tensor)!;
    if (!decision.choice) {
      if (decision.linear) ignore.push(moduleOf(tensor.name));
      entries.push(tensor);
      return { tensor, kept: decision.reason } as const;
    }
    const source = tensorSource(checkpoint, tensor);
    if (typeof source === 'string') throw new LoupeError('unsupported', source, { tensor: tensor.name });
    const setting = settingOf(decision.choice, source);
    const encoding = namingTensor(source, () => encodingFor(setting));
    const own = storedFormFor(setting);
    const { kind, isLinear } = kindIn(checkpoint, tensor);
    weights.push({ name: tensor.name, isLinear, kind, form: own });
    const pieces = encoding.pieces();
    for (const { suffix, dtype, shape } of pieces) {
      // A plain tensor keeps its own shape, whatever matrix it is worked on as.
      const whole = suffix === '' && own.layout === 'plain' ? tensor.shape : shape;
      entries.push({ name: pieceName(tensor.name, suffix), dtype, shape: whole });
    }
    return { tensor, source, setting, pieces, to: encoding.to } as const;
  });

  const layout = planSafetensors(entries, stringMetadata(checkpoint));
  const offsets = new Map(layout.entries.map((entry) => [entry.name, entry.byteOffset]));
  const planned = decided.map((item): PlannedTensor => {
    const { tensor } = item;
    const { name: tensorName, dtype: from, bytes } = tensor;
    if (item.kept !== undefined) {
      const about = { name: tensorName, from, to: from, bytes, note: item.kept };
      const row = tensorError(noErrorSums, tensor.elements, about);
      return { kind: 'copy', tensor, row, byteOffset: offsets.get(tensorName)! };
    }
    const { source, setting, pieces, to } = item;
    return {
      kind: 'quantize',
      tensor,
      source,
      setting,
      about: { name: tensorName, from, to, bytes: storedBytes(pieces) },
      names: pieces.map(({ suffix }) => pieceName(tensorName, suffix)),
      pieces: new Map(pieces.map(({ suffix }) => [suffix, offsets.get(pieceName(tensorName, suffix))!])),
    };
  });
  const { headerBytes, totalBytes } = layout;
  return { name, headerBytes, totalBytes, tensors: planned };
}

/** A stored tensor's name. A suffix that begins with "/" names a tensor of the module rather than of its weight. */
function pieceName(tensorName: string, suffix: string): string {
  return suffix.startsWith('/') ? `${moduleOf(tensorName)}.${suffix.slice(1)}` : `${tensorName}${suffix}`;
}

/** The files' own metadata; loaders look for {"format": "pt"}. */
function stringMetadata({ metadata }: Checkpoint): Record<string, string> {
  return Object.fromEntries(
    metadata.flatMap(({ key, value }) => (typeof value === 'string' ? [[key, value]] : [])),
  );
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

function indexText(shards: readonly PlannedShard[]): string {
  const files: [string, string][] = [];
  let totalSize = 0;
  for (const shard of shards) {
    totalSize += shard.totalBytes - shard.headerBytes.length;
    for (const planned of shard.tensors) {
      const { name } = planned.tensor;
      if (planned.kind === 'copy') files.push([name, shard.name]);
      else {
        for (const piece of planned.names) files.push([piece, shard.name]);
      }
    }
  }
  files.sort(([a], [b]) => (a < b ? -1 : 1));
  // Object.fromEntries defines properties, so a tensor named "__proto__" is one like any other.
  const index = { metadata: { total_size: totalSize }, weight_map: Object.fromEntries(files) };
  return `${JSON.stringify(index, undefined, 2)}\n`;
}
