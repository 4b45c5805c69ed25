/** Brings bytes into the system's file cache ahead of the threads that will compute with them. */
import { open } from 'node:fs/promises';
import type { FileSpan } from '../tensorSource';
import type { WorkerContext } from './workerContext';

/** A run of bytes that a task is about to read. */
export interface WarmSpan extends FileSpan {
  readonly bytes: number;
}

/** Reads spans from one end to the other and forgets what it read. */
export interface WarmTask {
  readonly kind: 'warm';
  readonly spans: readonly WarmSpan[];
}

const probeBytes = 2 ** 20;
const chunkBytes = 2 ** 22;
/** Bytes that come faster than this were in the cache: disks are slower, copies of memory faster. */
const cachedBytesPerMillisecond = 3e6;

/** Whether the bytes were in the cache before. Errors are left to whoever needs the bytes. */
export async function runWarm(context: WorkerContext, { spans }: WarmTask): Promise<boolean> {
  const [first] = spans;
  if (spans.length === 1) return readOn(context, first!);
  if (first) await readTogether(first.file.path, spans);
  return false;
}

/** From one end to the other. A span whose first bytes come from the cache is taken to be there. */
function readOn(
  { kernels, files, checkCancelled }: WorkerContext,
  { file, byteOffset, bytes }: WarmSpan,
): boolean {
  const room = kernels.u8(kernels.alloc(chunkBytes), chunkBytes);
  for (let done = 0; done < bytes; ) {
    checkCancelled();
    const length = Math.min(done === 0 ? probeBytes : chunkBytes, bytes - done);
    const begin = performance.now();
    try {
      files.read(file, byteOffset + done, room.subarray(0, length));
    } catch {
      return false;
    }
    if (done === 0 && length > (performance.now() - begin) * cachedBytesPerMillisecond) return true;
    done += length;
  }
  return false;
}

/** Short spans of one file that lie apart, all at once: each by itself would wait for the disk. */
async function readTogether(path: string, spans: readonly WarmSpan[]): Promise<void> {
  try {
    const file = await open(path, 'r');
    try {
      await Promise.all(
        spans.map(({ byteOffset, bytes }) => file.read(new Uint8Array(bytes), 0, bytes, byteOffset)),
      );
    } finally {
      await file.close();
    }
  } catch {
    // As above.
  }
}
