/** Brings a few short runs of bytes into the system's file cache. */
import { open } from 'node:fs/promises';
import type { WarmSpan } from './warmTask';

/** All at once, since each by itself would wait for the disk. Errors are left to whoever needs the bytes. */
export async function touchSpans(spans: readonly WarmSpan[]): Promise<void> {
  const [first] = spans;
  if (!first) return;
  try {
    const file = await open(first.file.path, 'r');
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
