/** Positional reads from a file or from memory: the only way that formats and kernels see bytes. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { LoupeError } from '../errors';

export interface ByteSource {
  /** Absolute path, or a name for bytes that are in no file. */
  readonly path: string;
  /** Bytes in the source when it was opened. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `byteOffset`, in memory of their own. Throws `io` when the range does not
   * lie inside the source, and `changed` when the file has become shorter since it was opened; both name
   * the file and the offset. Nothing is allocated for a range that lies outside.
   */
  read(byteOffset: number, length: number): Promise<Uint8Array>;
  /** Releases the file handle; closing twice is harmless. */
  close(): Promise<void>;
}

/** Throws `io`, naming the file and the offset, unless the range lies inside `size` bytes. */
export function checkRange(path: string, size: number, byteOffset: number, length: number): void {
  const inside =
    Number.isSafeInteger(byteOffset) &&
    Number.isSafeInteger(length) &&
    byteOffset >= 0 &&
    length >= 0 &&
    byteOffset + length <= size;
  if (inside) return;
  throw new LoupeError(
    'io',
    `Cannot read ${length} bytes at offset ${byteOffset}: the file has ${size} bytes.`,
    { file: path, byteOffset },
  );
}

class FileSource implements ByteSource {
  private closed = false;

  constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  async read(byteOffset: number, length: number): Promise<Uint8Array> {
    checkRange(this.path, this.size, byteOffset, length);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      let bytesRead: number;
      try {
        ({ bytesRead } = await this.handle.read(bytes, filled, length - filled, byteOffset + filled));
      } catch (error) {
        throw LoupeError.from(error, { file: this.path, byteOffset: byteOffset + filled });
      }
      if (bytesRead === 0) {
        throw new LoupeError('changed', 'The file became shorter while it was being read.', {
          file: this.path,
          byteOffset: byteOffset + filled,
        });
      }
      filled += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.handle.close();
  }
}

/**
 * Opens a regular file for reading. Throws `not-found`, `io`, or `not-a-checkpoint` for a folder, a pipe or a
 * device, which have no size and could block for ever.
 */
export async function openFileSource(path: string): Promise<ByteSource> {
  let handle: FileHandle | undefined;
  try {
    // Asked before opening, since opening a pipe waits for its writer.
    if (!(await stat(path)).isFile())
      throw new LoupeError('not-a-checkpoint', 'This is no regular file.', { file: path });
    handle = await open(path, 'r');
    return new FileSource(path, (await handle.stat()).size, handle);
  } catch (error) {
    await handle?.close();
    throw LoupeError.from(error, { file: path });
  }
}

/** A source over bytes in memory; reads are copies. */
export function memorySource(bytes: Uint8Array, path = '(memory)'): ByteSource {
  return {
    path,
    size: bytes.length,
    async read(byteOffset, length) {
      checkRange(path, bytes.length, byteOffset, length);
      return bytes.slice(byteOffset, byteOffset + length);
    },
    async close() {},
  };
}

export interface CountingSource extends ByteSource {
  /** Bytes asked for so far, overlapping ones counted each time. */
  readonly bytesRead: number;
  readonly reads: number;
}

/** Counts what is read through it: tests prove with it that only headers are read. */
export function countingSource(source: ByteSource): CountingSource {
  let bytesRead = 0;
  let reads = 0;
  return {
    path: source.path,
    size: source.size,
    get bytesRead() {
      return bytesRead;
    },
    get reads() {
      return reads;
    },
    read(byteOffset, length) {
      reads++;
      bytesRead += length;
      return source.read(byteOffset, length);
    },
    close: () => source.close(),
  };
}
