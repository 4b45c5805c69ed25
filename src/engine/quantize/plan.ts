/** Decides everything about a quantization before anything is written: files, sizes, places of all bytes. */
import { readFile, realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { Checkpoint, TensorInfo } from '../../formats/checkpoint';
import { quantizationConfig } from '../../formats/compressedTensors';
import { planSafetensors, type SafetensorsEntry } from '../../formats/safetensors/writer';
import type { QuantizeRequest, TensorError } from '../../protocol/engineApi';
import { moduleOf } from '../../quant/quantizationPolicy';
import { schemeNamed } from '../../quant/schemes';
import { noErrorSums, tensorError } from '../../quant/tensorError';
import { matrixShape } from '../../stats/matrixShape';
import { decisionFor, packedBytes } from '../policy';
import { checkChoice, scaleDtypeFor } from '../quantizeTensor';
import { type TensorSource, tensorSource } from '../tensorSource';
import { findSidecars, type SidecarPlan } from './sidecars';

/** A tensor of the source and where its bytes go. */
export type PlannedTensor =
  | {
      readonly kind: 'copy';
      readonly tensor: TensorInfo;
      readonly row: TensorError;
      readonly byteOffset: number;
    }
  | {
      readonly kind: 'quantize';
      readonly tensor: TensorInfo;
      readonly source: TensorSource;
      readonly about: Pick<TensorError, 'name' | 'from' | 'to' | 'bytes'>;
      readonly codesOffset: number;
      readonly strideBytes: number;
      readonly scaleOffset: number;
      readonly shapeOffset: number;
      readonly zeroPointOffset?: number | undefined;
    };

export interface PlannedShard {
  /** File name, the source's own. */
  readonly name: string;
  readonly headerBytes: Uint8Array;
  readonly totalBytes: number;
  readonly tensors: readonly PlannedTensor[];
}

export interface QuantizePlan {
  readonly checkpoint: Checkpoint;
  readonly request: QuantizeRequest;
  /** Folder to write, absolute. */
  readonly out: string;
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
  checkChoice(request);
  assertQuantizable(checkpoint);
  const scheme = schemeNamed(request.scheme);
  const sidecars = await findSidecars(checkpoint);
  const out = path.resolve(request.out ?? defaultTarget(checkpoint, request, sidecars.ownFolder));
  await assertApart(checkpoint.folder, out);

  const ignore: string[] = [];
  const shards = checkpoint.files.map((file, index) => {
    const name = path.relative(checkpoint.folder, file.path);
    if (path.dirname(name) !== '.') {
      throw new LoupeError('unsupported', 'Shards in subfolders cannot be quantized yet.', {
        file: file.path,
      });
    }
    const tensors = checkpoint.tensors.filter((tensor) => tensor.file === index);
    return planShard(checkpoint, request, name, tensors, scheme.symmetric, ignore);
  });

  const texts = new Map<string, string>();
  const quantization = quantizationConfig({ symmetric: scheme.symmetric, ignore });
  texts.set('config.json', await configText(checkpoint, quantization));
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
      `Only safetensors models can be quantized yet; this one is ${formatNames[checkpoint.format]}.`,
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

/** A sibling of a model's own folder; else a folder beside the file. */
function defaultTarget(checkpoint: Checkpoint, request: QuantizeRequest, ownFolder: boolean): string {
  const [, variant] = request.scheme.split('-');
  const suffix = `INT8-${variant}-${request.granularity}`;
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
  request: QuantizeRequest,
  name: string,
  tensors: readonly TensorInfo[],
  symmetric: boolean,
  ignore: string[],
): PlannedShard {
  const entries: SafetensorsEntry[] = [];
  const decided = tensors.map((tensor) => {
    const decision = decisionFor(checkpoint, tensor, request.pure);
    if (!decision.quantize) {
      if (decision.linear) ignore.push(moduleOf(tensor.name));
      entries.push(tensor);
      return { tensor, decision } as const;
    }
    const { rows, columns } = matrixShape(tensor.shape);
    const scaleDtype = scaleDtypeFor(request, tensor.dtype);
    entries.push(
      { name: `${tensor.name}_packed`, dtype: 'I32', shape: [rows, Math.ceil(columns / 4)] },
      { name: `${tensor.name}_scale`, dtype: scaleDtype, shape: [rows, 1] },
      { name: `${tensor.name}_shape`, dtype: 'I64', shape: [2] },
    );
    if (!symmetric) {
      entries.push({ name: `${tensor.name}_zero_point`, dtype: 'I32', shape: [Math.ceil(rows / 4), 1] });
    }
    return { tensor, decision, rows, columns, scaleBytes: scaleDtype === 'F32' ? 4 : 2 } as const;
  });

  const layout = planSafetensors(entries, stringMetadata(checkpoint));
  const offsets = new Map(layout.entries.map((entry) => [entry.name, entry.byteOffset]));
  const planned = decided.map((item): PlannedTensor => {
    const { tensor } = item;
    const { name: tensorName, dtype: from, bytes } = tensor;
    if (!item.decision.quantize) {
      const about = { name: tensorName, from, to: from, bytes, note: item.decision.reason };
      const row = tensorError(noErrorSums, tensor.elements, about);
      return { kind: 'copy', tensor, row, byteOffset: offsets.get(tensorName)! };
    }
    const { rows, columns, scaleBytes } = item as Extract<typeof item, { rows: number }>;
    const source = tensorSource(checkpoint, tensor);
    if (typeof source === 'string') throw new LoupeError('unsupported', source, { tensor: tensorName });
    return {
      kind: 'quantize',
      tensor,
      source,
      about: {
        name: tensorName,
        from,
        to: 'INT8',
        bytes: packedBytes(rows, columns, scaleBytes, symmetric).total,
      },
      codesOffset: offsets.get(`${tensorName}_packed`)!,
      strideBytes: 4 * Math.ceil(columns / 4),
      scaleOffset: offsets.get(`${tensorName}_scale`)!,
      shapeOffset: offsets.get(`${tensorName}_shape`)!,
      zeroPointOffset: offsets.get(`${tensorName}_zero_point`),
    };
  });
  return { name, headerBytes: layout.headerBytes, totalBytes: layout.totalBytes, tensors: planned };
}

/** The files' own metadata; loaders look for {"format": "pt"}. */
function stringMetadata({ metadata }: Checkpoint): Record<string, string> {
  return Object.fromEntries(
    metadata.flatMap(({ key, value }) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}

/**
 * config.json with the quantization added. The source's text is kept as it is, since parsing and printing would turn
 * 10000.0 into 10000, which typed readers refuse. Throws `refused` where there is a config.json that cannot be used.
 */
async function configText(
  { config, folder }: Checkpoint,
  quantization: Record<string, unknown>,
): Promise<string> {
  const file = path.join(folder, 'config.json');
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined;
    throw LoupeError.from(thrown, { file });
  });
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

function indexText(shards: readonly PlannedShard[]): string {
  const files: [string, string][] = [];
  let totalSize = 0;
  for (const shard of shards) {
    totalSize += shard.totalBytes - shard.headerBytes.length;
    for (const planned of shard.tensors) {
      const { name } = planned.tensor;
      if (planned.kind === 'copy') files.push([name, shard.name]);
      else {
        const pieces = [
          'packed',
          'scale',
          'shape',
          ...(planned.zeroPointOffset === undefined ? [] : ['zero_point']),
        ];
        for (const piece of pieces) files.push([`${name}_${piece}`, shard.name]);
      }
    }
  }
  files.sort(([a], [b]) => (a < b ? -1 : 1));
  // Object.fromEntries defines properties, so a tensor named "__proto__" is one like any other.
  const index = { metadata: { total_size: totalSize }, weight_map: Object.fromEntries(files) };
  return `${JSON.stringify(index, undefined, 2)}\n`;
}
