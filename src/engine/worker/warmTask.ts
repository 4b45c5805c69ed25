/** Brings bytes into the system's file cache ahead of the threads that will compute with them. */
import type { FileSpan } from '../tensorSource';
import type { WorkerContext } from './workerContext';

/** A run of bytes that a task is about to read. */
export interface WarmSpan extends FileSpan {
  readonly bytes: number;
}

/** Reads a span from one end to the other and forgets what it read. */
export interface WarmTask {
  readonly kind: 'warm';
  readonly span: WarmSpan;
}

const probeBytes = 2 ** 20;
/** Short enough to stay in the second-level cache, where forgetting costs nothing. */
const chunkBytes = 2 ** 20;
/** Bytes that come faster than this were in the cache: disks are slower, copies of memory faster. */
const cachedBytesPerMillisecond = 3e6;
/** How far behind its end a stream may have made the system read ahead by itself. */
const readAheadBytes = 2 ** 26;

/** What this thread read last from end to end, and how much of it in a row came as fast as from the cache. */
let stream: { path: string; end: number; fastBytes: number } | undefined;

/**
 * Whether the bytes were in the cache before, judged by the first of them. Where this thread has just read what lies before
 * them, the system may have read on by itself: then all are read, and only a long run of fast ones tells. Errors are left to
 * whoever needs the bytes.
 */
export function runWarm(context: WorkerContext, { span }: WarmTask): boolean {
  const { file, byteOffset, bytes } = span;
  const distance = stream?.path === file.path ? byteOffset - stream.end : -1;
  const isNear = distance >= 0 && distance < readAheadBytes;
  const begin = performance.now();
  const isFast = (length: number) => length > (performance.now() - begin) * cachedBytesPerMillisecond;
  try {
    const probe = Math.min(probeBytes, bytes);
    read(context, span, 0, probe);
    if (!isNear && isFast(probe)) return true;
    read(context, span, probe, bytes);
  } catch {
    context.checkCancelled();
    return false;
  }
  const fastBytes = isNear && isFast(bytes) ? stream!.fastBytes + bytes : 0;
  stream = { path: file.path, end: byteOffset + bytes, fastBytes };
  return fastBytes >= readAheadBytes;
}

function read(
  { kernels, files, checkCancelled }: WorkerContext,
  { file, byteOffset }: WarmSpan,
  from: number,
  to: number,
): void {
  const mark = kernels.mark();
  const room = kernels.u8(kernels.alloc(chunkBytes), chunkBytes);
  kernels.reset(mark);
  for (let at = from; at < to; at += chunkBytes) {
    checkCancelled();
    files.read(file, byteOffset + at, room.subarray(0, Math.min(chunkBytes, to - at)));
  }
}
