/** Plans the quantization of a GGUF model: the type of every tensor, the new header, and where every byte of the output lies. */
import * as path from 'node:path';
import { LoupeError } from '../../../errors';
import type { Checkpoint, TensorInfo } from '../../../formats/checkpoint';
import { type GgufMetadataItem, partBytes, planGgufFile } from '../../../formats/gguf/writer';
import type { QuantizeRequest } from '../../../protocol/engineApi';
import { isImportanceMatrix } from '../../../protocol/importanceApi';
import { chosenOptions } from '../../../quant/choice';
import { encodingFor } from '../../../quant/encoding';
import { isCopy } from '../../../quant/gguf/fileTypes';
import { schemeOfType } from '../../../quant/gguf/ggmlSchemes';
import type { GgufOptions } from '../../../quant/gguf/options';
import { bytesIn } from '../../../quant/gguf/tensorTypes';
import { recipeOf } from '../../../quant/recipe';
import { noErrorSums, tensorError } from '../../../quant/tensorError';
import { settingOf } from '../../encode/quantizeTensor';
import { assertRecipeMatrix } from '../../importance/recipeImportance';
import { namingTensor } from '../../namingTensor';
import type { QuantizePlan } from '../plan';
import type { PlannedRun, PlannedShard, PlannedTensor } from '../plannedShard';
import { ggufImportance, type TensorImportance } from './ggufImportance';
import { fileTypeMetadata, splitMetadata } from './ggufMetadata';
import { inOutputOrder, partNames, partsOf } from './ggufParts';
import { ggufSizes } from './ggufSizes';
import { type GgufSource, ggufSource, plannedGgufSource } from './ggufSource';
import { assertGgufTarget, ggufTarget } from './ggufTarget';
import { type DecidedTensor, decideTypes } from './ggufTypes';

/**
 * Of a GGUF model, or of a safetensors model that becomes one. The output is one file, or as many as a GGUF source has. Throws
 * `refused` before anything is written, naming the tensor, for what cannot be stored or was quantized before; `unsupported` for
 * types and models that are not known; `usage` for unknown names.
 */
export async function planGguf(given: Checkpoint, request: QuantizeRequest): Promise<QuantizePlan> {
  if (request.dryRun && request.sizesOnly && !request.gguf) return ggufSizes(given, request);
  assertSound(given);
  if (isCopy(request.gguf?.fileType) && given.format !== 'gguf')
    throw new LoupeError('usage', 'Only the tensors of a GGUF model are copied as they are.', {
      file: given.path,
    });
  const model = await (request.dryRun ? plannedGgufSource(given) : ggufSource(given));
  const { checkpoint } = model;
  const options: GgufOptions | undefined = request.gguf;
  const importance = await ggufImportance(options);
  await assertRecipeMatrix(request.recipe, options?.imatrix);
  const ordered = inOutputOrder(checkpoint, request);
  const decision = decideTypes({ given, model }, ordered, request, importance !== undefined);
  const out = ggufTarget(checkpoint, request, decision.fileType.name, model.name);
  const parts =
    given.format === 'gguf' || request.maxShardBytes !== undefined
      ? partsOf(checkpoint, ordered, decision, request)
      : [ordered];
  const isSplit = parts.length > 1;
  const names = partNames(out, parts.length);
  if (!request.dryRun) await assertGgufTarget(out, names, checkpoint, request.overwrite);

  const own = isCopy(decision.fileType.name)
    ? model.copiedMetadata
    : [...model.metadata, ...fileTypeMetadata(decision.fileType.number, options, importance)];
  const shards = parts.map((tensors, no): PlannedShard => {
    const metadata = isSplit
      ? [...(no === 0 ? own : []), ...splitMetadata(no, parts.length, ordered.length)]
      : own;
    const decided = tensors.map((tensor) => asRead(decision.byTensor.get(tensor)!, model));
    return planFile(model, names[no]!, metadata, decided, request, importance);
  });
  const target = path.join(path.dirname(out), names[0]!);
  return {
    checkpoint,
    request,
    recipe: request.recipe ?? recipeOf(chosenOptions(request), request.pure),
    rules: decision.recipeRules,
    warnings: [...model.warnings, ...decision.warnings, ...unusedImportance(importance, ordered)],
    out: target,
    asFiles: true,
    shards,
    texts: new Map(),
    sidecars: { ownFolder: false, names: [], bytes: 0 },
    open: path.basename(target),
    bytesBefore: checkpoint.files.reduce((sum, file) => sum + file.bytes, 0),
    bytesAfter: shards.reduce((sum, shard) => sum + shard.totalBytes, 0),
    fileType: decision.fileType.name,
    lacksMatrix: decision.lacksMatrix,
  };
}

/** Vectors, norms and routers of a converted model are F32, which GGUF models have them in already. */
function asRead(decided: DecidedTensor, model: GgufSource): DecidedTensor {
  return model.isAlwaysF32(decided.tensor) ? { ...decided, type: 'F32', note: undefined } : decided;
}

/** Refuses a model with faults, naming the first. */
export function assertSound({ tensors, findings, files, path: file, ...model }: Checkpoint): void {
  if (isImportanceMatrix(model))
    throw new LoupeError(
      'unsupported',
      'This is an importance matrix, and no model: it weighs the errors of one.',
      {
        file,
      },
    );
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

function planFile(
  model: GgufSource,
  name: string,
  metadata: readonly GgufMetadataItem[],
  decided: readonly DecidedTensor[],
  request: QuantizeRequest,
  importance: TensorImportance | undefined,
): PlannedShard {
  const { checkpoint, alignment } = model;
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
  const tensors = decided.map((each, i) => {
    const at = plan.tensors[i]!.byteOffset;
    const bytes = model.given(each.tensor);
    if (bytes) runs.push({ byteOffset: at, given: bytes });
    return planTensor(model, each, at, request, importance);
  });
  return { name, headerBytes: new Uint8Array(0), runs, totalBytes: plan.totalBytes, tensors };
}

/** ggml does not count dimensions of 1 on the outside, and keeps at least one. */
function withoutOuterOnes(shape: readonly number[]): readonly number[] {
  const first = shape.findIndex((dimension) => dimension !== 1);
  return first < 0 ? shape.slice(-1) : shape.slice(first);
}

function planTensor(
  model: GgufSource,
  { tensor, type, note, needsImportance }: DecidedTensor,
  byteOffset: number,
  request: QuantizeRequest,
  importance: TensorImportance | undefined,
): PlannedTensor {
  const { name, dtype, bytes, elements } = tensor;
  const isGiven = model.given(tensor) !== undefined;
  if (type === dtype && (isGiven || model.copiesBytes(tensor))) {
    const row = tensorError(noErrorSums, elements, { name, from: dtype, to: dtype, bytes, note });
    return { kind: 'copy', tensor, row, byteOffset, isCarried: isGiven };
  }
  const about = { name, from: dtype, to: type, bytes: bytesIn(type, tensor), note };
  const scheme = schemeOfType(type);
  // A mix may be planned without the matrix that it will need; a recipe says whether it can be written.
  const isSizing = request.dryRun && !request.recipe;
  const isBlind = isSizing && needsImportance && !importance?.of(tensor);
  if (scheme === undefined || isBlind) {
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
  const source = model.sourceOf(tensor);
  const weights = importance?.of(tensor);
  if (importance && !weights && needsImportance && !isSizing)
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
