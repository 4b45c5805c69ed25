/** The importance matrix that a comparison weighs errors by, matched to the tensors of an opened checkpoint. */
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { fileStamp } from '../../bytes/fileStamp';
import type { ConvertedTensor } from '../../convert/convertedTensor';
import { convertTensors } from '../../convert/convertModel';
import { LoupeError } from '../../errors';
import type { Checkpoint, TensorInfo } from '../../formats/checkpoint';
import { quoteName } from '../../formats/fileContents';
import type { ImportanceCover } from '../../protocol/sensitivityApi';
import { takesImportance } from '../../quant/gguf/ggmlSchemes';
import type { Setting } from '../../quant/scheme';
import { schemeNamed } from '../../quant/schemes';
import type { OpenedCheckpoint } from '../checkpointCache';
import { ggufImportance } from '../quantize/gguf/ggufImportance';
import { convertedTensors } from '../quantize/gguf/ggufSource';
import { sha256Of } from './recipeImportance';

/** What the matrix says of one tensor: a number a column, for each expert of a stack; or why it says nothing. */
export type TensorWeights =
  | { readonly values: Float32Array; readonly stamp: string }
  | { readonly values: undefined; readonly reason: string };

export interface ModelImportance {
  readonly cover: ImportanceCover;
  of(index: number): TensorWeights;
}

/**
 * Reads the matrix and matches it to the tensors under the names that they have in a GGUF file of the model: those of a Hugging Face
 * model by the conversion's mapping, an expert by its part of the stack. Throws as reading and quantizing with the matrix do, and
 * `refused` where it is that of another model. Kept until the file changes.
 */
export async function modelImportance(opened: OpenedCheckpoint, given: string): Promise<ModelImportance> {
  const file = path.resolve(given);
  const stamp = await fileStamp(file);
  return opened.remember(`weights ${file} ${stamp}`, () => readImportance(opened.checkpoint, file));
}

async function readImportance(checkpoint: Checkpoint, file: string): Promise<ModelImportance> {
  const matrix = (await ggufImportance({ fileType: 'F16', imatrix: file }))!;
  const places = placesOf(checkpoint, file);
  const used = new Set<string>();
  const all = checkpoint.tensors.map((tensor, index): TensorWeights => {
    const place = places[index];
    if (!place) return { values: undefined, reason: `a GGUF file has no tensor of ${tensor.name}` };
    const found: Float32Array[] = [];
    for (const made of place.tensors) {
      const own = matrix.of(made);
      if (!own) return { values: undefined, reason: `the importance matrix lacks ${nameOf(tensor, made)}` };
      used.add(made.name);
      found.push(own);
    }
    if (place.isTransposed)
      return {
        values: undefined,
        reason: `a GGUF file holds ${tensor.name} in another arrangement, and here it is taken as it lies`,
      };
    const experts = place.tensors[0]!.shape.at(-3) ?? 1;
    const columns = found[0]!.length / place.parts;
    const values =
      found.length > 1
        ? expertByExpert(found, experts)
        : found[0]!.subarray(place.part * columns, (place.part + 1) * columns);
    return { values, stamp: createHash('sha256').update(values).digest('base64') };
  });
  if (used.size === 0)
    throw new LoupeError(
      'refused',
      `The importance matrix has no tensor of this model: it weighs others, such as ${quoteName(matrix.names[0]!)}. Choose the one that was made of this model.`,
      { file },
    );
  const matrices = [...checkpoint.tensors.keys()].filter((index) => isMatrix(checkpoint.tensors[index]!));
  const blind = matrices.filter((index) => all[index]!.values === undefined);
  return {
    of: (index) => all[index]!,
    cover: {
      file,
      sha256: await sha256Of(file),
      datasets: matrix.datasets,
      chunks: matrix.chunks,
      entries: matrix.names.length,
      unused: matrix.names.filter((name) => !used.has(name)).length,
      weighed: matrices.length - blind.length,
      unweighed: blind.map((index) => checkpoint.tensors[index]!.name),
    },
  };
}

const isMatrix = ({ shape }: TensorInfo): boolean => shape.length > 1;

/** "model.layers.0.mlp.up_proj.weight (blk.0.ffn_up.weight)" */
const nameOf = ({ name }: TensorInfo, made: TensorInfo): string =>
  made.name === name ? name : `${name} (${made.name})`;

/** Of each expert the numbers of all tensors of the file, in the order in which the model's one tensor has their rows. */
function expertByExpert(found: readonly Float32Array[], experts: number): Float32Array {
  const columns = found[0]!.length / experts;
  const values = new Float32Array(found.length * experts * columns);
  for (let expert = 0; expert < experts; expert++)
    for (const [at, own] of found.entries())
      values.set(
        own.subarray(expert * columns, (expert + 1) * columns),
        (expert * found.length + at) * columns,
      );
  return values;
}

/** The tensors of a GGUF file that hold one of the model's, and which part of the only one that is. */
interface Place {
  /** Several: of each expert as many rows of each of them, in this order. */
  readonly tensors: readonly TensorInfo[];
  readonly part: number;
  readonly parts: number;
  /** The file has its rows as columns, or cuts it into others. */
  readonly isTransposed: boolean;
}

/** By the index of the model's tensor. Throws `refused` for a model that cannot become a GGUF file. */
function placesOf(checkpoint: Checkpoint, file: string): readonly (Place | undefined)[] {
  const whole = { part: 0, parts: 1, isTransposed: false };
  const { format, tensors, config } = checkpoint;
  if (format === 'gguf') return tensors.map((tensor) => ({ ...whole, tensors: [tensor] }));
  if (format !== 'safetensors' || !config)
    throw new LoupeError(
      'refused',
      'An importance matrix goes by the names of a GGUF file: it weighs GGUF models, and safetensors models whose config.json tells their architecture.',
      { file },
    );
  const { made } = convertedTensors(checkpoint, convertedBy({ tensors, files: { config } }, file));
  const byName = new Map<string, Place>();
  const fused = new Map<string, { tensor: TensorInfo; firstRow: number }[]>();
  for (const [tensor, { making }] of made) {
    if (making.kind === 'stack')
      for (const [part, name] of making.sources.entries())
        byName.set(name, { ...whole, tensors: [tensor], part, parts: making.sources.length });
    else if (making.kind === 'expert-rows') {
      const rows = [...(fused.get(making.source) ?? []), { tensor, firstRow: making.firstRow }];
      fused.set(making.source, rows);
      const inOrder = rows.toSorted((a, b) => a.firstRow - b.firstRow);
      const { isTransposed } = making;
      byName.set(making.source, { ...whole, tensors: inOrder.map((each) => each.tensor), isTransposed });
    } else if (making.kind !== 'given')
      byName.set(making.source, { ...whole, tensors: [tensor], isTransposed: making.kind === 'transpose' });
  }
  return tensors.map(({ name }) => byName.get(name));
}

function convertedBy(model: Parameters<typeof convertTensors>[0], file: string): readonly ConvertedTensor[] {
  try {
    return convertTensors(model).tensors;
  } catch (thrown) {
    const { message, tensor } = LoupeError.from(thrown);
    throw new LoupeError(
      'refused',
      `An importance matrix goes by the names of a GGUF file, which this model cannot become: ${message}`,
      { file, tensor },
    );
  }
}

/** A setting and, where its scheme would weigh errors and cannot, why. */
export interface WeighedSetting {
  readonly setting: Setting;
  readonly note?: string | undefined;
}

/**
 * Gives a setting the importance of its tensor, as quantizing with the matrix does. Throws `refused` for a type that is garbage without
 * importance where the matrix has none.
 */
export function weighedSetting(
  setting: Setting,
  importance: ModelImportance | undefined,
  index: number,
): WeighedSetting {
  const { scheme } = setting.choice;
  if (!importance || !takesImportance(scheme)) return { setting };
  const weights = importance.of(index);
  if (weights.values) return { setting: { ...setting, importance: weights.values } };
  const { label, needsImportance } = schemeNamed(scheme);
  if (needsImportance)
    throw new LoupeError(
      'refused',
      `${weights.reason[0]!.toUpperCase()}${weights.reason.slice(1)}; without importance ${label} would be garbage.`,
      { file: importance.cover.file },
    );
  return { setting, note: `Not weighed: ${weights.reason}.` };
}
