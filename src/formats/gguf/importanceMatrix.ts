/**
 * Importance matrices: the mean square of each weight column's inputs over a text, as llama-imatrix writes them, in a GGUF
 * file of F32 tensors or in the older .dat form (llama.cpp, common/imatrix-loader.cpp and tools/quantize).
 */
import { type ByteSource, openFileSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import type { TensorInfo } from '../checkpoint';
import { quoteName } from '../fileContents';
import { readLegacyLayout } from './legacyMatrix';
import { readGguf } from './reader';

export interface ImportanceMatrix {
  /** By the names of the model's tensors: a number for each column; of experts' stacks, for each column of each expert. */
  readonly entries: ReadonlyMap<string, Float32Array>;
  /** By the same names: how often inputs were summed up, one number, or one for each expert of a stack. */
  readonly counts: ReadonlyMap<string, Float32Array>;
  /** Pieces of text that it was made from; 0 where the file does not tell. */
  readonly chunks: number;
  /** Names of the texts. */
  readonly datasets: readonly string[];
  readonly isLegacy: boolean;
}

const sumsEnding = '.in_sum2';
const countsEnding = '.counts';
/** No model's matrix is near this; it is read into memory whole. */
const mostBytes = 2 ** 30;

/** Throws `refused` for a file that no matrix is as large as. */
export function assertMatrixSize({ path, size }: Pick<ByteSource, 'path' | 'size'>): void {
  if (size > mostBytes)
    throw new LoupeError('refused', 'The file is too large for an importance matrix.', { file: path });
}

/** Reads a file of either form. Throws `malformed` or `refused`, naming the file and the entry. */
export async function readImportanceMatrix(path: string, signal?: AbortSignal): Promise<ImportanceMatrix> {
  const source = await openFileSource(path);
  try {
    assertMatrixSize(source);
    const start = Buffer.from(await source.read(0, Math.min(4, source.size)));
    const matrix =
      start.toString('latin1') === 'GGUF' ? await readNew(source, signal) : await readOld(source, signal);
    for (const [name, values] of matrix.entries) {
      if (values.every((value) => Number.isFinite(value))) continue;
      throw new LoupeError(
        'refused',
        `The importance of ${quoteName(name)} has values that are no numbers.`,
        {
          file: path,
          tensor: name,
        },
      );
    }
    return matrix;
  } finally {
    await source.close();
  }
}

async function readNew(source: ByteSource, signal: AbortSignal | undefined): Promise<ImportanceMatrix> {
  const { tensors, metadata, findings } = await readGguf(source, { signal });
  const file = source.path;
  const fault = findings.find(({ severity }) => severity === 'error');
  if (fault) throw new LoupeError('malformed', fault.message, fault);
  const value = (key: string) => metadata.find((entry) => entry.key === key)?.value;
  const datasets = value('imatrix.datasets');
  const chunks = value('imatrix.chunk_count');
  if (typeof datasets !== 'object' || typeof chunks !== 'number' || value('imatrix.chunk_size') === undefined)
    throw new LoupeError(
      'refused',
      'This GGUF file is no importance matrix: it lacks imatrix.datasets, imatrix.chunk_count or imatrix.chunk_size.',
      { file },
    );
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const entries = new Map<string, Float32Array>();
  const allCounts = new Map<string, Float32Array>();
  for (const sums of tensors) {
    if (!sums.name.endsWith(sumsEnding)) continue;
    throwIfAborted(signal);
    const name = sums.name.slice(0, -sumsEnding.length);
    const counts = byName.get(name + countsEnding);
    if (!counts || sums.dtype !== 'F32' || counts.dtype !== 'F32' || counts.elements === 0)
      throw new LoupeError(
        'malformed',
        `The importance of ${quoteName(name)} needs sums and counts in F32.`,
        {
          file,
          tensor: name,
          byteOffset: sums.byteOffset,
        },
      );
    const asked = await floats(source, counts);
    entries.set(name, means(await floats(source, sums), asked));
    allCounts.set(name, asked);
  }
  if (entries.size === 0) throw new LoupeError('refused', 'The importance matrix is empty.', { file });
  return {
    entries,
    counts: allCounts,
    chunks,
    datasets: datasets.head.map(String),
    isLegacy: false,
  };
}

/** Sums by how often each expert was asked; one that never was has no opinion: 1 for all columns. */
function means(sums: Float32Array, counts: Float32Array): Float32Array {
  const columns = Math.floor(sums.length / counts.length);
  return sums.map((sum, at) => {
    const count = Math.round(counts[Math.min(counts.length - 1, Math.floor(at / Math.max(1, columns)))]!);
    return count > 0 ? sum / count : 1;
  });
}

async function floats(source: ByteSource, { byteOffset, bytes }: TensorInfo): Promise<Float32Array> {
  const read = await source.read(byteOffset, bytes);
  return new Float32Array(read.buffer, read.byteOffset, bytes / 4);
}

/** Values are sums over the calls of each chunk's means. */
async function readOld(source: ByteSource, signal: AbortSignal | undefined): Promise<ImportanceMatrix> {
  const layout = await readLegacyLayout(source, signal);
  const entries = new Map<string, Float32Array>();
  const counts = new Map<string, Float32Array>();
  for (const { name, calls, byteOffset, count } of layout.entries) {
    throwIfAborted(signal);
    const read = await source.read(byteOffset, 4 * count);
    const bytes = new DataView(read.buffer, read.byteOffset, 4 * count);
    const divisor = calls > 0 ? Math.fround(calls) : 1;
    entries.set(
      name,
      Float32Array.from({ length: count }, (_, v) => bytes.getFloat32(4 * v, true) / divisor),
    );
    counts.set(name, Float32Array.of(calls));
  }
  const { chunks, dataset } = layout;
  return { entries, counts, chunks, datasets: dataset === undefined ? [] : [dataset], isLegacy: true };
}
