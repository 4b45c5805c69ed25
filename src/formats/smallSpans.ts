/** Reads tensors of a few bytes that say how others are stored. */
import type { ByteSource } from '../bytes/byteSource';
import { throwIfAborted } from '../errors';
import type { TensorSpan } from './checkpoint';

/** Reads that lie next to each other are joined up to this size. */
const joinedReadBytes = 65_536;

/**
 * A few bytes of each span, in order. Spans that touch are read together: writers put all weight_shape tensors side
 * by side.
 */
export async function readSmallSpans(
  spans: readonly TensorSpan[],
  open: (file: number) => Promise<ByteSource>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array[]> {
  const result: Uint8Array[] = new Array(spans.length);
  const order = spans
    .map((span, i) => ({ span, i }))
    .sort((a, b) => a.span.file - b.span.file || a.span.byteOffset - b.span.byteOffset);
  let at = 0;
  while (at < order.length) {
    const { file } = order[at]!.span;
    const source = await open(file);
    try {
      while (at < order.length && order[at]!.span.file === file) {
        throwIfAborted(signal);
        const start = order[at]!.span.byteOffset;
        let stop = at;
        let end = start;
        while (stop < order.length) {
          const { span } = order[stop]!;
          const touches = span.file === file && span.byteOffset === end;
          if (!touches || span.byteOffset + span.bytes - start > joinedReadBytes) break;
          end = span.byteOffset + span.bytes;
          stop++;
        }
        const bytes = await source.read(start, end - start);
        for (; at < stop; at++) {
          const { span, i } = order[at]!;
          result[i] = bytes.subarray(span.byteOffset - start, span.byteOffset - start + span.bytes);
        }
      }
    } finally {
      await source.close();
    }
  }
  return result;
}
