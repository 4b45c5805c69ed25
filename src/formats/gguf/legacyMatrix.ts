/**
 * The older form of importance matrices (.dat): entries of name, calls and values one behind the other; the number of chunks
 * and the text's name may follow (llama.cpp, common/imatrix-loader.cpp and tools/imatrix).
 */
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import type { MetadataEntry } from '../checkpoint';
import { type FileContents, quoteName, type ReadOptions } from '../fileContents';

/** One weight's entry; its values are F32, `calls` times a mean of squares each. */
export interface LegacyEntry {
  readonly name: string;
  readonly calls: number;
  /** Place of the values in the file, and how many there are. */
  readonly byteOffset: number;
  readonly count: number;
}

export interface LegacyLayout {
  readonly entries: readonly LegacyEntry[];
  /** 0 and undefined where the file ends before. */
  readonly chunks: number;
  readonly dataset: string | undefined;
}

/** Longest name, also of the text. */
const longestNameBytes = 4096;
/** No model has as many weights. */
const mostEntries = 1_000_000;
/** Enough for what stands before the values of an entry with a usual name. */
const usualBytes = 128;

/** Where the entries are; values are not read. Throws `malformed` with the place, naming the entry. */
export async function readLegacyLayout(
  source: ByteSource,
  signal?: AbortSignal | undefined,
): Promise<LegacyLayout> {
  const file = source.path;
  const fault = (message: string, byteOffset: number) =>
    new LoupeError('malformed', message, { file, byteOffset });
  const need = async (at: number, length: number, what: string): Promise<Buffer> => {
    if (length < 0 || at + length > source.size)
      throw fault(`This is no importance matrix: the file ends inside ${what}.`, at);
    return Buffer.from(await source.read(at, length));
  };
  const announced = (await need(0, 4, 'the number of entries')).readInt32LE(0);
  if (announced < 1) throw fault('The importance matrix has no entries.', 0);
  if (announced > mostEntries)
    throw fault('This is no importance matrix: it would have more entries than any model has weights.', 0);
  const entries: LegacyEntry[] = [];
  let at = 4;
  for (let i = 0; i < announced; i++) {
    throwIfAborted(signal);
    let head = await need(at, Math.min(usualBytes, source.size - at), `entry ${i}`);
    if (head.length < 4) throw fault(`This is no importance matrix: the file ends inside entry ${i}.`, at);
    const nameBytes = head.readInt32LE(0);
    if (nameBytes < 0 || nameBytes > longestNameBytes)
      throw fault(`Entry ${i} has a name of ${nameBytes} bytes.`, at);
    if (head.length < nameBytes + 12) head = await need(at, nameBytes + 12, `the name of entry ${i}`);
    const name = head.toString('utf8', 4, 4 + nameBytes);
    const calls = head.readInt32LE(4 + nameBytes);
    const count = head.readInt32LE(8 + nameBytes);
    at += nameBytes + 12;
    if (count < 1) throw fault(`${quoteName(name)} has no values.`, at - 4);
    if (at + 4 * count > source.size)
      throw fault(`This is no importance matrix: the file ends inside the values of ${quoteName(name)}.`, at);
    entries.push({ name, calls, byteOffset: at, count });
    at += 4 * count;
  }
  const end = await need(at, Math.min(8 + longestNameBytes, source.size - at), 'its end');
  const chunks = end.length >= 4 ? end.readInt32LE(0) : 0;
  const length = end.length >= 8 ? end.readInt32LE(4) : 0;
  const isNamed = length > 0 && 8 + length <= end.length;
  return { entries, chunks, dataset: isNamed ? end.toString('utf8', 8, 8 + length) : undefined };
}

/** The file as a checkpoint of F32 vectors, one a weight. */
export async function readLegacyMatrix(source: ByteSource, { signal }: ReadOptions): Promise<FileContents> {
  const { entries, chunks, dataset } = await readLegacyLayout(source, signal);
  const metadata: MetadataEntry[] = [
    { key: 'imatrix.chunk_count', type: 'i32', value: chunks },
    ...(dataset === undefined ? [] : [{ key: 'imatrix.dataset', type: 'string', value: dataset }]),
  ];
  return {
    format: 'imatrix',
    tensors: entries.map(({ name, byteOffset, count }) => ({
      ...{ name, dtype: 'F32', shape: [count], elements: count, bytes: 4 * count, file: 0, byteOffset },
    })),
    metadata,
    findings: [],
  };
}
