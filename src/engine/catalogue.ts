/** Turns a checkpoint into what crosses process borders. */
import { createHash } from 'node:crypto';
import type { Checkpoint, CheckpointFile } from '../formats/checkpoint';
import { weightMemory } from '../formats/weightMemory';
import type { Catalogue, CheckpointBrief, TensorColumns } from '../protocol/engineApi';

/** A short string that changes whenever a file's path, size or modification time does. */
export function generationOf(files: readonly CheckpointFile[]): string {
  const hash = createHash('sha256');
  for (const { path, bytes, mtimeMs } of files) hash.update(`${path}\0${bytes}\0${mtimeMs}\0`);
  return hash.digest('hex').slice(0, 16);
}

/** Every tensor, column by column, with the totals. */
export function toCatalogue(checkpoint: Checkpoint): Catalogue {
  const { format, name, path, folder, files, metadata, config, architecture, graph, findings } = checkpoint;
  const { quantization, sidecars } = checkpoint;
  return {
    format,
    name,
    path,
    folder,
    files,
    tensors: toColumns(checkpoint),
    metadata,
    ...(config === undefined ? {} : { config }),
    ...(architecture === undefined ? {} : { architecture }),
    ...(graph === undefined ? {} : { graph }),
    ...(quantization === undefined ? {} : { quantization }),
    ...(sidecars === undefined ? {} : { sidecars }),
    findings,
    ...totals(checkpoint),
    generation: generationOf(files),
  };
}

/** The totals alone, dtypes with the most bytes first. */
export function toBrief(checkpoint: Checkpoint): CheckpointBrief {
  const { format, name, path, files, architecture, findings, tensors } = checkpoint;
  const byDtype = new Map<string, { dtype: string; tensors: number; parameters: number; bytes: number }>();
  for (const { dtype, elements, bytes } of tensors) {
    const sum = byDtype.get(dtype) ?? { dtype, tensors: 0, parameters: 0, bytes: 0 };
    sum.tensors++;
    sum.parameters += elements;
    sum.bytes += bytes;
    byDtype.set(dtype, sum);
  }
  return {
    format,
    name,
    path,
    fileCount: files.length,
    ...(architecture === undefined ? {} : { architecture }),
    ...totals(checkpoint),
    dtypes: [...byDtype.values()].sort((a, b) => b.bytes - a.bytes),
    errors: findings.filter(({ severity }) => severity === 'error').length,
    warnings: findings.filter(({ severity }) => severity === 'warning').length,
  };
}

function totals({ tensors }: Checkpoint): Pick<Catalogue, 'parameters' | 'bytes' | 'memory'> {
  let parameters = 0;
  let bytes = 0;
  for (const tensor of tensors) {
    parameters += tensor.elements;
    bytes += tensor.bytes;
  }
  return { parameters, bytes, memory: weightMemory(tensors.map(({ elements }) => elements)) };
}

function toColumns({ tensors }: Checkpoint): TensorColumns {
  const count = tensors.length;
  const dtypeIndex = new Map<string, number>();
  const columns = {
    count,
    names: tensors.map(({ name }) => name),
    dtypes: [] as string[],
    dtype: new Uint16Array(count),
    shapes: new Float64Array(tensors.reduce((sum, { shape }) => sum + shape.length, 0)),
    shapeEnd: new Uint32Array(count),
    elements: new Float64Array(count),
    bytes: new Float64Array(count),
    file: new Uint32Array(count),
    byteOffset: new Float64Array(count),
    unreadable: [] as TensorColumns['unreadable'][number][],
    pieces: [] as TensorColumns['pieces'][number][],
  };
  let shapeEnd = 0;
  for (const [i, tensor] of tensors.entries()) {
    let index = dtypeIndex.get(tensor.dtype);
    if (index === undefined) {
      index = columns.dtypes.push(tensor.dtype) - 1;
      dtypeIndex.set(tensor.dtype, index);
    }
    columns.dtype[i] = index;
    columns.shapes.set(tensor.shape, shapeEnd);
    shapeEnd += tensor.shape.length;
    columns.shapeEnd[i] = shapeEnd;
    columns.elements[i] = tensor.elements;
    columns.bytes[i] = tensor.bytes;
    columns.file[i] = tensor.file;
    columns.byteOffset[i] = tensor.byteOffset;
    if (tensor.unreadable !== undefined) columns.unreadable.push({ index: i, reason: tensor.unreadable });
    if (tensor.pieces) columns.pieces.push({ index: i, pieces: tensor.pieces });
  }
  return columns;
}
