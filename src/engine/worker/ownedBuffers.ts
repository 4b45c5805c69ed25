/** The memory of results: moved between threads, and given back at once when it is not needed any more. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Smaller arrays are as well copied and left to the collector. */
const worthMovingBytes = 4096;

/** The buffers of large arrays in a result; views of a part of a buffer, such as of the kernels' memory, are left out. */
export function ownedBuffers(result: unknown, depth = 4): ArrayBuffer[] {
  if (typeof result !== 'object' || result === null || depth === 0) return [];
  const found = new Set<ArrayBuffer>();
  for (const value of Object.values(result)) {
    if (!ArrayBuffer.isView(value)) {
      if (!Array.isArray(value)) for (const buffer of ownedBuffers(value, depth - 1)) found.add(buffer);
      continue;
    }
    const { buffer, byteLength } = value;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
    if (isWhole && byteLength >= worthMovingBytes) found.add(buffer);
  }
  return [...found];
}

/** A port that nobody listens to: what is moved there is gone. */
let drain: MessagePort | undefined;

/**
 * Frees the large arrays of a result, which are empty afterwards. Parts of a large tensor come with a megabyte each, a
 * hundred a second, and the collector lets them pile up to a hundred megabytes.
 */
export function releaseBuffers(result: unknown): void {
  const buffers = ownedBuffers(result);
  if (buffers.length === 0) return;
  if (!drain) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    port1.unref();
    drain = port1;
  }
  drain.postMessage(null, buffers);
}
