/** Plans the quantization of an ONNX model: which operators take the weights' place, and where every byte of the output lies. */
import * as path from 'node:path';
import { openFileSource } from '../../bytes/byteSource';
import { LoupeError } from '../../errors';
import type { Checkpoint, TensorInfo } from '../../formats/checkpoint';
import { editModel, type ModelRun, totalBytes } from '../../formats/onnx/editModel';
import { graphNames, uniqueName } from '../../formats/onnx/graphNames';
import { blockOpset } from '../../formats/onnx/opsetChanges';
import {
  castNode,
  contributedDomain,
  dequantizeNode,
  dequantizeOpset,
  type ExternalPlace,
  type WeightEdit,
  type WrittenTensor,
} from '../../formats/onnx/quantizedNodes';
import type { QuantizeRequest } from '../../protocol/engineApi';
import { chosenOptions } from '../../quant/choice';
import { encodingFor } from '../../quant/encoding';
import { type OnnxForm, onnxForm } from '../../quant/onnx/onnxForm';
import { recipeOf } from '../../quant/recipe';
import { type Piece, type Setting, storedBytes } from '../../quant/scheme';
import { noErrorSums, tensorError } from '../../quant/tensorError';
import { settingOf } from '../encode/quantizeTensor';
import { namingTensor } from '../namingTensor';
import { resolveFor } from '../recipe/policy';
import { type TensorSource, tensorSource } from '../tensorSource';
import { assertPlainFile, freeDataName } from './outputFiles';
import { outputSuffix, type PlannedRun, type PlannedTensor, type QuantizePlan } from './plan';

/** Protocol buffers end at 2 GiB; a margin is left for what other tools add. */
const largestModelBytes = 2 ** 31 - 2 ** 20;
/** Data files are mapped: on Windows from multiples of this on, elsewhere from pages (onnx docs/ExternalData.md). */
const largeAlignment = 65_536;
const smallAlignment = 4096;

/** The version of ONNX's file format that has integers of 4 bits (onnx/onnx.proto, `IR_VERSION_2024_3_25`). */
const nibbleVersion = 10;

interface Weight {
  readonly tensor: TensorInfo;
  readonly source: TensorSource;
  readonly setting: Setting;
  readonly form: OnnxForm;
  readonly pieces: readonly Piece[];
  readonly to: string;
}

/**
 * The output is one file, and a data file beside it where the source has some or the model would pass 2 GiB. Throws
 * `refused` before anything is written, naming the tensor, for what cannot be stored or was quantized before.
 */
export async function planOnnx(checkpoint: Checkpoint, request: QuantizeRequest): Promise<QuantizePlan> {
  const recipe = request.recipe ?? recipeOf(chosenOptions(request), request.pure);
  assertSound(checkpoint);
  const out = targetFor(checkpoint, request);
  if (!request.dryRun) await assertPlainFile(out, checkpoint, request.overwrite);
  const resolved = resolveFor(checkpoint, recipe);
  const isSizesOnly = request.dryRun && request.sizesOnly === true;
  const weights: Weight[] = [];
  const kept: { readonly tensor: TensorInfo; readonly reason: string }[] = [];
  for (const [index, decision] of resolved.tensors.entries()) {
    const tensor = checkpoint.tensors[index]!;
    if (!decision.choice) {
      kept.push({ tensor, reason: decision.reason });
      continue;
    }
    const source = tensorSource(checkpoint, tensor);
    if (typeof source === 'string') throw new LoupeError('refused', source, { tensor: tensor.name });
    const setting = settingOf(decision.choice, source);
    const form = onnxForm(setting);
    if (form.kind === 'none' && !isSizesOnly)
      throw new LoupeError(
        'refused',
        `${tensor.name}: this cannot be written: ${form.reason} Its error can be previewed.`,
        { file: checkpoint.path, tensor: tensor.name },
      );
    const encoding = namingTensor(source, () => encodingFor(setting));
    weights.push({ tensor, source, setting, form, pieces: encoding.pieces(), to: encoding.to });
  }
  if (weights.length === 0 && !isSizesOnly) {
    const first = kept.find(({ tensor }) => tensor.shape.length > 1 && floats.has(tensor.dtype)) ?? kept[0];
    throw new LoupeError(
      'refused',
      `No weight of this model is quantized so.${first ? ` ${first.tensor.name} is ${first.reason}.` : ''}`,
      { file: checkpoint.path, tensor: first?.tensor.name },
    );
  }
  const base = {
    ...{ checkpoint, request, recipe, rules: resolved.rules, warnings: [], out },
    ...{ texts: new Map<string, string>(), sidecars: { ownFolder: false, names: [], bytes: 0 } },
    open: path.basename(out),
    asFiles: true,
    bytesBefore: checkpoint.files.reduce((sum, file) => sum + file.bytes, 0),
  };
  const keptRows = kept.map(({ tensor, reason }): PlannedTensor => {
    const { name, dtype, bytes, elements } = tensor;
    const row = tensorError(noErrorSums, elements, { name, from: dtype, to: dtype, bytes, note: reason });
    return { kind: 'copy', tensor, row, byteOffset: 0, isCarried: true };
  });
  const planned = (weight: Weight, places: ReadonlyMap<string, number>): PlannedTensor => {
    const { tensor, source, setting, pieces, to } = weight;
    const about = { name: tensor.name, from: tensor.dtype, to, bytes: storedBytes(pieces) };
    return { kind: 'quantize', tensor, source, setting, about, names: [], pieces: places };
  };
  if (isSizesOnly) {
    const tensors = [...keptRows, ...weights.map((weight) => planned(weight, new Map()))];
    const saved = weights.reduce((sum, { tensor, pieces }) => sum + tensor.bytes - storedBytes(pieces), 0);
    const bytesAfter = base.bytesBefore - saved;
    return {
      ...base,
      bytesAfter,
      shards: [{ name: base.open, headerBytes: new Uint8Array(0), totalBytes: bytesAfter, tensors }],
    };
  }

  const source = await openFileSource(checkpoint.path);
  try {
    const names = await graphNames(source);
    const own = checkpoint.graph?.opsets.find(({ domain }) => domain === 'ai.onnx')?.version ?? 0;
    const hasBlocks = weights.some(({ form }) => form.kind === 'qdq' && form.scales === 'block');
    const opset = hasBlocks ? Math.max(own, blockOpset) : own;
    const edits = new Map(weights.map((weight) => [weight.tensor.name, editOf(weight, names, opset)]));
    const needed =
      checkpoint.files[0]!.bytes +
      [...edits.values()].flatMap(({ tensors }) => tensors).reduce((sum, { bytes }) => sum + bytes, 0);
    const isExternal = checkpoint.files.length > 1 || needed > largestModelBytes;
    const hasNibbles = weights.some(({ form }) => form.kind === 'qdq' && form.bits === 4);
    const layout = isExternal
      ? await dataLayout(
          checkpoint,
          out,
          edits,
          kept.map(({ tensor }) => tensor),
        )
      : undefined;
    const runs = await editModel(source, {
      weights: edits,
      external: layout?.places ?? new Map(),
      newName: (wanted) => uniqueName(wanted, names),
      ...{ opset: opset > own ? opset : 0, irVersion: hasNibbles ? nibbleVersion : 0 },
    });
    const modelBytes = totalBytes(runs);
    if (modelBytes > largestModelBytes)
      throw new LoupeError('refused', 'The model would be larger than a protocol buffer can be.', {
        file: checkpoint.path,
      });
    const { placed, offsets } = placeRuns(checkpoint, runs);
    const shards = [];
    const inModel = weights.filter(({ tensor }) => !layout?.pieces.has(tensor.name));
    shards.push({
      name: base.open,
      headerBytes: new Uint8Array(0),
      runs: placed,
      totalBytes: modelBytes,
      tensors: [
        ...keptRows.filter(({ tensor }) => !layout?.copies.has(tensor.name)),
        ...inModel.map((weight) => planned(weight, offsets.get(weight.tensor.name) ?? new Map())),
      ],
    });
    if (layout)
      // The data file comes first, so that the model appears when all that it names is there.
      shards.unshift({
        name: layout.name,
        headerBytes: new Uint8Array(0),
        totalBytes: layout.bytes,
        tensors: [
          ...keptRows.flatMap((row): PlannedTensor[] => {
            const byteOffset = layout.copies.get(row.tensor.name);
            return byteOffset === undefined || row.kind !== 'copy'
              ? []
              : [{ ...row, byteOffset, isCarried: false }];
          }),
          ...weights
            .filter(({ tensor }) => layout.pieces.has(tensor.name))
            .map((weight) => planned(weight, layout.pieces.get(weight.tensor.name)!)),
        ],
      });
    return { ...base, shards, bytesAfter: shards.reduce((sum, shard) => sum + shard.totalBytes, 0) };
  } finally {
    await source.close();
  }
}

const floats: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16']);

/** Throws `refused` for a model that was quantized before, or has a fault. */
function assertSound({ tensors, graph, findings, path: file }: Checkpoint): void {
  const packed = tensors.find((tensor) => tensor.pieces)?.name ?? graph?.quantizedWeights[0]?.tensor;
  if (packed !== undefined)
    throw new LoupeError('refused', `The model is quantized already: ${packed} holds codes.`, {
      file,
      tensor: packed,
    });
  const error = findings.find(({ severity }) => severity === 'error');
  if (error)
    throw new LoupeError('refused', `The model has a fault and is not quantized: ${error.message}`, error);
}

/** A file beside the source, the file that was asked for, or one of the source's name in the folder that was. */
function targetFor({ path: file }: Checkpoint, request: QuantizeRequest): string {
  const stem = path.basename(file).replace(/\.onnx$/i, '');
  if (request.out === undefined)
    return path.resolve(path.dirname(file), `${stem}-${outputSuffix(request)}.onnx`);
  return path.resolve(/\.onnx$/i.test(request.out) ? request.out : path.join(request.out, `${stem}.onnx`));
}

/** Tensors and node that hold a weight; the codes keep its name, so that both models can be compared by names. */
function editOf({ tensor, setting, form, pieces }: Weight, names: Set<string>, opset: number): WeightEdit {
  const { name, dtype, shape } = tensor;
  const tensors = pieces.map((piece): WrittenTensor => {
    const isWhole = form.kind === 'plain' || form.kind === 'cast' || form.kind === 'qdq';
    return {
      ...piece,
      name: piece.suffix === '' ? name : uniqueName(`${name}${piece.suffix}`, names),
      // A weight that keeps its elements in place keeps its shape, whatever matrix it is worked on as.
      shape: isWhole && piece.suffix === '' ? shape : piece.shape,
    };
  });
  const inputs = tensors.map((written) => written.name);
  const { outputAxis } = setting.graph!;
  const [K, N] = outputAxis === 1 ? [setting.rows, setting.columns] : [setting.columns, setting.rows];
  const block_size = setting.choice.blockSize;
  switch (form.kind) {
    case 'cast': {
      const output = uniqueName(`${name}_cast`, names);
      return { name, tensors, action: { kind: 'before', output, node: castNode(name, output, dtype) } };
    }
    case 'qdq': {
      const output = uniqueName(`${name}_dequantized`, names);
      const { bits, scales } = form;
      const attributes: Record<string, number> = {};
      if (scales === 'channel') attributes.axis = outputAxis;
      // Blocks run along the input channels.
      if (scales === 'block') Object.assign(attributes, { axis: 1 - outputAxis, block_size });
      // A newer set could change what other nodes mean; onnxruntime's own operator is the same and needs none.
      const isOld = opset < dequantizeOpset({ bits, byAxis: scales === 'channel', isHalf: dtype === 'F16' });
      const node = dequantizeNode(inputs, output, attributes, isOld ? contributedDomain : undefined);
      return { name, tensors, action: { kind: 'before', output, node } };
    }
    case 'nbits': {
      const attributes = { K, N, bits: form.bits, block_size };
      return { name, tensors, action: { kind: 'replace', operator: 'MatMulNBits', attributes } };
    }
    case 'gather': {
      const attributes = { gather_axis: 0, quantize_axis: 1, bits: form.bits, block_size };
      return { name, tensors, action: { kind: 'replace', operator: 'GatherBlockQuantized', attributes } };
    }
    case 'bnb4': {
      const attributes = { K, N, block_size, quant_type: form.name === 'nf4' ? 1 : 0 };
      return { name, tensors, action: { kind: 'replace', operator: 'MatMulBnb4', attributes } };
    }
    default:
      return { name, tensors, action: { kind: 'none' } };
  }
}

interface DataLayout {
  /** The data file's name, as the model says it. */
  readonly name: string;
  readonly bytes: number;
  /** By the names of written and kept tensors. */
  readonly places: ReadonlyMap<string, ExternalPlace>;
  /** Where the pieces of a weight begin, by its name and their suffixes. */
  readonly pieces: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Where kept tensors are copied to. */
  readonly copies: ReadonlyMap<string, number>;
}

/** The layout of the data file: kept tensors that the source has outside of the model, and all that is quantized. */
async function dataLayout(
  checkpoint: Checkpoint,
  out: string,
  edits: ReadonlyMap<string, WeightEdit>,
  kept: readonly TensorInfo[],
): Promise<DataLayout> {
  const location = await freeDataName(out);
  const places = new Map<string, ExternalPlace>();
  const pieces = new Map<string, Map<string, number>>();
  const copies = new Map<string, number>();
  let end = 0;
  const place = (name: string, bytes: number): number => {
    const alignment = bytes >= 2 ** 20 ? largeAlignment : smallAlignment;
    const byteOffset = Math.ceil(end / alignment) * alignment;
    places.set(name, { location, byteOffset, bytes });
    end = byteOffset + bytes;
    return byteOffset;
  };
  for (const tensor of kept) {
    if (tensor.file === 0) continue;
    const use = tensor.graphWeight;
    if (use && 'reason' in use && unreachable.has(use.reason))
      throw new LoupeError('refused', `${tensor.name} has its data in another file, but ${use.reason}.`, {
        file: checkpoint.path,
        tensor: tensor.name,
      });
    copies.set(tensor.name, place(tensor.name, tensor.bytes));
  }
  for (const { name, tensors } of edits.values())
    pieces.set(name, new Map(tensors.map((written) => [written.suffix, place(written.name, written.bytes)])));
  return { name: location, bytes: end, places, pieces, copies };
}

/** Places of tensors that are no initializers of the main graph; see WeightUses. */
const unreachable: ReadonlySet<string> = new Set(['it is in a subgraph', 'it is an attribute of a node']);

/** Runs with their places in the new file, and where the data of each weight's pieces goes. */
function placeRuns(
  checkpoint: Checkpoint,
  runs: readonly ModelRun[],
): { placed: readonly PlannedRun[]; offsets: ReadonlyMap<string, ReadonlyMap<string, number>> } {
  const placed: PlannedRun[] = [];
  const offsets = new Map<string, Map<string, number>>();
  let byteOffset = 0;
  for (const run of runs) {
    if (run.kind === 'bytes') {
      placed.push({ byteOffset, given: run.bytes });
      byteOffset += run.bytes.length;
      continue;
    }
    if (run.kind === 'source')
      placed.push({ byteOffset, file: checkpoint.files[0]!, from: run.start, bytes: run.bytes });
    else {
      const own = offsets.get(run.tensor) ?? new Map<string, number>();
      offsets.set(run.tensor, own.set(run.suffix, byteOffset));
    }
    byteOffset += run.bytes;
  }
  return { placed, offsets };
}
