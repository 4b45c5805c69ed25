/** Plans the quantization of a GGUF model: the type of every tensor, the new header, and where every byte of the output lies. */
import * as path from 'node:path';
import { openFileSource } from '../../bytes/byteSource';
import { LoupeError } from '../../errors';
import type { Checkpoint, TensorInfo } from '../../formats/checkpoint';
import { type GgufLayout, readGgufLayout } from '../../formats/gguf/reader';
import { type GgufMetadataItem, partBytes, planGgufFile } from '../../formats/gguf/writer';
import type { QuantizeRequest } from '../../protocol/engineApi';
import { chosenOptions } from '../../quant/choice';
import { encodingFor } from '../../quant/encoding';
import { schemeOfType } from '../../quant/gguf/ggmlSchemes';
import type { GgufOptions } from '../../quant/gguf/options';
import { bytesIn, inGgufOrder } from '../../quant/gguf/tensorTypes';
import { recipeOf } from '../../quant/recipe';
import { noErrorSums, tensorError } from '../../quant/tensorError';
import { namingTensor } from '../namingTensor';
import { settingOf } from '../quantizeTensor';
import { type TensorSource, tensorSource } from '../tensorSource';
import { ggufImportance, type TensorImportance } from './ggufImportance';
import { fileTypeMetadata, keptMetadata, splitMetadata } from './ggufMetadata';
import { ggufSizes } from './ggufSizes';
import { assertGgufTarget, ggufTarget } from './ggufTarget';
import { type DecidedTensor, decideTypes } from './ggufTypes';
import type { QuantizePlan } from './plan';
import type { PlannedRun, PlannedShard, PlannedTensor } from './plannedShard';

/**
 * The output is one file, or as many as the source has. Throws `refused` before anything is written, naming the tensor, for what
 * cannot be stored or was quantized before; `unsupported` for types that are not written yet; `usage` for unknown names.
 */
export async function planGguf(checkpoint: Checkpoint, request: QuantizeRequest): Promise<QuantizePlan> {
  if (request.dryRun && request.sizesOnly && !request.gguf) return ggufSizes(checkpoint, request);
  assertSound(checkpoint);
  const layouts = await Promise.all(checkpoint.files.map(({ path: file }) => layoutOf(file)));
  const first = layouts[0]!;
  const options: GgufOptions | undefined = request.gguf;
  const importance = await ggufImportance(options);
  const ordered = inOutputOrder(checkpoint, options);
  const decision = decideTypes(checkpoint, ordered, request, importance !== undefined);
  const out = ggufTarget(checkpoint, request, decision.fileType.name);
  const isSplit = options?.keepSplit === true && checkpoint.files.length > 1;
  const parts = isSplit
    ? checkpoint.files.map((_, file) => ordered.filter((tensor) => tensor.file === file))
    : [ordered];
  const names = isSplit ? parts.map((_, no) => partName(out, no, parts.length)) : [path.basename(out)];
  if (!request.dryRun) await assertGgufTarget(out, names, checkpoint, request.overwrite);

  const own = [...keptMetadata(first), ...fileTypeMetadata(decision.fileType.number, options, importance)];
  const shards = parts.map((tensors, no): PlannedShard => {
    const metadata = isSplit
      ? [...(no === 0 ? own : []), ...splitMetadata(no, parts.length, ordered.length)]
      : own;
    const decided = tensors.map((tensor) => decision.byTensor.get(tensor)!);
    return planFile(checkpoint, names[no]!, metadata, first.alignment, decided, request, importance);
  });
  const target = path.join(path.dirname(out), names[0]!);
  return {
    checkpoint,
    request,
    recipe: request.recipe ?? recipeOf(chosenOptions(request), request.pure),
    rules: decision.recipeRules,
    warnings: [...decision.warnings, ...unusedImportance(importance, ordered)],
    out: target,
    asFiles: true,
    shards,
    texts: new Map(),
    sidecars: { ownFolder: false, names: [], bytes: 0 },
    open: path.basename(target),
    bytesBefore: checkpoint.files.reduce((sum, file) => sum + file.bytes, 0),
    bytesAfter: shards.reduce((sum, shard) => sum + shard.totalBytes, 0),
    fileType: decision.fileType.name,
  };
}

async function layoutOf(file: string): Promise<GgufLayout> {
  const source = await openFileSource(file);
  try {
    const layout = await readGgufLayout(source);
    if (layout.isBigEndian || layout.version === 1)
      throw new LoupeError(
        'unsupported',
        `${layout.isBigEndian ? 'Big-endian files' : 'Files of GGUF version 1'} are shown, but not written anew; llama.cpp's tools convert them.`,
        { file, byteOffset: 4 },
      );
    return layout;
  } finally {
    await source.close();
  }
}

/** Refuses a model with faults, naming the first. */
export function assertSound({ tensors, findings, files, path: file }: Checkpoint): void {
  const error = findings.find(({ severity }) => severity === 'error');
  if (error)
    throw new LoupeError('refused', `The model has a fault and is not quantized: ${error.message}`, error);
  const unreadable = tensors.find((tensor) => tensor.unreadable !== undefined);
  if (unreadable)
    throw new LoupeError('refused', `${unreadable.name} cannot be read: ${unreadable.unreadable}`, {
      file: files[unreadable.file]?.path ?? file,
      tensor: unreadable.name,
      byteOffset: unreadable.byteOffset,
    });
}

/** llama.cpp's order; of files that stay apart, each file's own. */
function inOutputOrder(checkpoint: Checkpoint, options: GgufOptions | undefined): TensorInfo[] {
  if (!options?.keepSplit) return inGgufOrder(checkpoint.tensors);
  return checkpoint.tensors.toSorted((a, b) => a.file - b.file || a.byteOffset - b.byteOffset);
}

/** "NAME-00002-of-00003.gguf", counted from 1, as llama.cpp finds parts. */
function partName(out: string, no: number, count: number): string {
  const stem = path.basename(out).replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '');
  const digits = (number: number) => String(number).padStart(5, '0');
  return `${stem}-${digits(no + 1)}-of-${digits(count)}.gguf`;
}

function planFile(
  checkpoint: Checkpoint,
  name: string,
  metadata: readonly GgufMetadataItem[],
  alignment: number,
  decided: readonly DecidedTensor[],
  request: QuantizeRequest,
  importance: TensorImportance | undefined,
): PlannedShard {
  const plan = planGgufFile({
    metadata,
    alignment,
    tensors: decided.map(({ tensor, type }) => ({
      name: tensor.name,
      dtype: type,
      shape: withoutOuterOnes(tensor.shape),
    })),
  });
  const runs: PlannedRun[] = [];
  let byteOffset = 0;
  for (const part of plan.header) {
    if ('given' in part) runs.push({ byteOffset, given: part.given });
    else runs.push({ byteOffset, file: checkpoint.files[0]!, from: part.start, bytes: part.bytes });
    byteOffset += partBytes(part);
  }
  const tensors = decided.map((each, i) =>
    planTensor(checkpoint, each, plan.tensors[i]!.byteOffset, request, importance),
  );
  return { name, headerBytes: new Uint8Array(0), runs, totalBytes: plan.totalBytes, tensors };
}

/** ggml does not count dimensions of 1 on the outside, and keeps at least one. */
function withoutOuterOnes(shape: readonly number[]): readonly number[] {
  const first = shape.findIndex((dimension) => dimension !== 1);
  return first < 0 ? shape.slice(-1) : shape.slice(first);
}

function planTensor(
  checkpoint: Checkpoint,
  { tensor, type, note, needsImportance }: DecidedTensor,
  byteOffset: number,
  request: QuantizeRequest,
  importance: TensorImportance | undefined,
): PlannedTensor {
  const { name, dtype, bytes, elements } = tensor;
  if (type === dtype) {
    const row = tensorError(noErrorSums, elements, { name, from: dtype, to: dtype, bytes, note });
    return { kind: 'copy', tensor, row, byteOffset };
  }
  const about = { name, from: dtype, to: type, bytes: bytesIn(type, tensor), note };
  const scheme = schemeOfType(type);
  if (scheme === undefined) {
    if (!request.dryRun)
      throw new LoupeError(
        'unsupported',
        `${name} would become ${type}, which cannot be written yet; its size can be planned.`,
        { tensor: name },
      );
    // Sizes are exact all the same.
    const row = tensorError(noErrorSums, elements, { ...about, note: 'not computed: dry run' });
    return { kind: 'copy', tensor, row, byteOffset, isCarried: true };
  }
  const source = rowsOf(checkpoint, tensor);
  const weights = importance?.of(tensor);
  if (importance && !weights && needsImportance && !request.dryRun)
    throw new LoupeError(
      'refused',
      `The importance matrix lacks ${name}, which would be garbage in ${type} without.`,
      { tensor: name },
    );
  const setting = {
    ...settingOf({ scheme, granularity: 'none' }, source),
    ...(weights ? { importance: weights } : {}),
  };
  namingTensor(source, () => encodingFor(setting));
  const withoutWeights = importance && !weights ? 'without importance: the matrix lacks it' : undefined;
  const notes = [note, withoutWeights].filter((each) => each !== undefined).join('; ');
  return {
    kind: 'quantize',
    tensor,
    source,
    setting,
    about: { ...about, note: notes === '' ? undefined : notes },
    names: [],
    pieces: new Map([['', byteOffset]]),
  };
}

/** The tensor as a matrix of its innermost rows: stacks of experts are quantized row by row. */
function rowsOf(checkpoint: Checkpoint, tensor: TensorInfo): TensorSource {
  const source = tensorSource(checkpoint, tensor);
  if (typeof source === 'string')
    throw new LoupeError('refused', `${tensor.name} cannot be read: ${source}`, { tensor: tensor.name });
  const columns = tensor.shape.at(-1) ?? 1;
  return { ...source, columns, rows: columns === 0 ? 0 : tensor.elements / columns };
}

/** Entries of a matrix that no tensor has are most likely those of another model. */
function unusedImportance(
  importance: TensorImportance | undefined,
  tensors: readonly TensorInfo[],
): string[] {
  if (!importance) return [];
  const names = new Set(tensors.map(({ name }) => name));
  const unused = importance.names.filter((name) => !names.has(name));
  return unused.length === 0
    ? []
    : [
        `The importance matrix has ${unused.length} of ${importance.names.length} entries for no tensor of this model, such as ${unused[0]}.`,
      ];
}
