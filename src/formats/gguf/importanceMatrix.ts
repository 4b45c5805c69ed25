/**
 * Importance matrices: the mean square of each weight column's inputs over a text, as llama-imatrix writes them, in a GGUF
 * file of F32 tensors or in the older .dat form (llama.cpp, common/imatrix-loader.cpp and tools/quantize).
 */
import { type ByteSource, openFileSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import type { TensorInfo } from '../checkpoint';
import { quoteName } from '../fileContents';
import { readGguf } from './reader';

export interface ImportanceMatrix {
  /** By the names of the model's tensors: a number for each column; of experts' stacks, for each column of each expert. */
  readonly entries: ReadonlyMap<string, Float32Array>;
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
/** Longest name in a .dat file. */
const longestNameBytes = 4096;

/** Reads a file of either form. Throws `malformed` or `refused`, naming the file and the entry. */
export async function readImportanceMatrix(path: string, signal?: AbortSignal): Promise<ImportanceMatrix> {
  const source = await openFileSource(path);
  try {
    if (source.size > mostBytes)
      throw new LoupeError('refused', 'The file is too large for an importance matrix.', { file: path });
    const start = Buffer.from(await source.read(0, Math.min(4, source.size)));
    const matrix =
      start.toString('latin1') === 'GGUF' ? await readNew(source, signal) : await readOld(source);
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
    entries.set(name, means(await floats(source, sums), await floats(source, counts)));
  }
  if (entries.size === 0) throw new LoupeError('refused', 'The importance matrix is empty.', { file });
  return { entries, chunks, datasets: datasets.head.map(String), isLegacy: false };
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

/** Entries of name, calls and values behind each other; the number of chunks and the text's name may follow. */
async function readOld(source: ByteSource): Promise<ImportanceMatrix> {
  const file = source.path;
  const bytes = Buffer.from(await source.read(0, source.size));
  let at = 0;
  const need = (length: number, what: string): number => {
    if (!(length >= 0 && at + length <= bytes.length))
      throw new LoupeError('malformed', `This is no importance matrix: the file ends inside ${what}.`, {
        file,
        byteOffset: at,
      });
    at += length;
    return at - length;
  };
  const integer = (what: string): number => bytes.readInt32LE(need(4, what));
  const count = integer('the number of entries');
  if (count < 1) throw new LoupeError('malformed', 'The importance matrix has no entries.', { file });
  const entries = new Map<string, Float32Array>();
  for (let i = 0; i < count; i++) {
    const length = integer(`entry ${i}`);
    if (length < 0 || length > longestNameBytes)
      throw new LoupeError('malformed', `Entry ${i} has a name of ${length} bytes.`, {
        file,
        byteOffset: at - 4,
      });
    const start = need(length, `the name of entry ${i}`);
    const name = bytes.toString('utf8', start, start + length);
    const what = `the values of ${quoteName(name)}`;
    const calls = integer(what);
    const size = integer(what);
    if (size < 1)
      throw new LoupeError('malformed', `${quoteName(name)} has no values.`, { file, byteOffset: at - 4 });
    const values = need(4 * size, what);
    const divisor = calls > 0 ? Math.fround(calls) : 1;
    entries.set(
      name,
      Float32Array.from({ length: size }, (_, v) => bytes.readFloatLE(values + 4 * v) / divisor),
    );
  }
  const chunks = bytes.length - at >= 4 ? integer('the number of chunks') : 0;
  const length = bytes.length - at >= 4 ? integer('the name of the text') : 0;
  const isNamed = length > 0 && at + length <= bytes.length;
  return {
    entries,
    chunks,
    datasets: isNamed ? [bytes.toString('utf8', at, at + length)] : [],
    isLegacy: true,
  };
}
