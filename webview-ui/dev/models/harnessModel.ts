/** What the harness shows as a checkpoint, and its catalogue as the engine lays it out. */
import type { Catalogue, TensorColumns } from '../../../src/protocol/engineApi';

export interface HarnessModel {
  readonly catalogue: Catalogue;
  /** Values of a tensor; null: they cannot be read. */
  values(tensor: number): Float32Array | null;
}

export interface TensorSketch {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly byteOffset: number;
  readonly file?: number;
}

/** Lays tensors out in columns, as the engine does. */
export function toColumns(
  tensors: readonly TensorSketch[],
  more: Partial<Pick<TensorColumns, 'unreadable' | 'pieces'>> = {},
): TensorColumns {
  const dtypes = [...new Set(tensors.map((tensor) => tensor.dtype))];
  const ends: number[] = [];
  let end = 0;
  for (const tensor of tensors) {
    end += tensor.shape.length;
    ends.push(end);
  }
  return {
    count: tensors.length,
    names: tensors.map((tensor) => tensor.name),
    dtypes,
    dtype: Uint16Array.from(tensors, (tensor) => dtypes.indexOf(tensor.dtype)),
    shapes: Float64Array.from(tensors.flatMap((tensor) => tensor.shape)),
    shapeEnd: Uint32Array.from(ends),
    elements: Float64Array.from(tensors, (tensor) => tensor.shape.reduce((a, b) => a * b, 1)),
    bytes: Float64Array.from(tensors, (tensor) => tensor.bytes),
    file: Uint32Array.from(tensors, (tensor) => tensor.file ?? 0),
    byteOffset: Float64Array.from(tensors, (tensor) => tensor.byteOffset),
    unreadable: more.unreadable ?? [],
    pieces: more.pieces ?? [],
  };
}

/** A catalogue of these tensors; `more` says what is not as in a plain safetensors folder. */
export function catalogueOf(name: string, columns: TensorColumns, more: Partial<Catalogue> = {}): Catalogue {
  const parameters = columns.elements.reduce((sum, count) => sum + count, 0);
  const bytes = columns.bytes.reduce((sum, count) => sum + count, 0);
  return {
    format: 'safetensors',
    name,
    path: `/models/${name}/model.safetensors`,
    folder: `/models/${name}`,
    files: [{ path: `/models/${name}/model.safetensors`, bytes: bytes + 4096, mtimeMs: 0 }],
    tensors: columns,
    metadata: [{ key: 'format', type: 'string', value: 'pt' }],
    findings: [],
    parameters,
    bytes,
    memory: [
      { label: 'F32', bytes: parameters * 4 },
      { label: 'F16/BF16', bytes: parameters * 2 },
      { label: 'INT8', bytes: parameters },
      { label: 'INT4', bytes: Math.ceil(parameters / 2) },
    ],
    generation: '1',
    ...more,
  };
}
