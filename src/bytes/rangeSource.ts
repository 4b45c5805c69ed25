/** A ByteSource over something that gives one range at a time and takes long to answer, such as a web server. */
import { LoupeError } from '../errors';
import { type ByteSource, checkRange } from './byteSource';

/** Fetched at least: a header's first look and its first kilobytes come in one answer. */
const leastFetchBytes = 65_536;
/** What is fetched ahead grows to this while reading goes on from front to back. */
const mostAheadBytes = 1_048_576;
/** Longer reads are cut, so that each answer has its own time limit. */
const mostFetchBytes = 4_194_304;

export interface RangeOptions {
  /** A name for messages: an absolute path or a URI. */
  readonly path: string;
  readonly size: number;
  /** Exactly the bytes from `byteOffset`; what it throws passes through. */
  readonly fetch: (byteOffset: number, length: number) => Promise<Uint8Array>;
}

/**
 * Reads through `fetch`, keeping the last answer: a header that is walked in small steps costs few requests. Beyond
 * what is asked for it fetches at most 64 KiB, or as much again as was read in one go before, up to 1 MiB.
 * Throws as `ByteSource.read` says, and `io` when an answer has another length.
 */
export function rangeSource({ path, size, fetch }: RangeOptions): ByteSource {
  let kept: Uint8Array = new Uint8Array(0);
  let keptStart = 0;
  let ahead = leastFetchBytes;

  const fetchChecked = async (byteOffset: number, length: number): Promise<Uint8Array> => {
    const bytes = await fetch(byteOffset, length);
    if (bytes.length === length) return bytes;
    throw new LoupeError('io', `Asked for ${length} bytes, but ${bytes.length} came.`, {
      file: path,
      byteOffset,
    });
  };

  return {
    path,
    size,
    async read(byteOffset, length) {
      checkRange(path, size, byteOffset, length);
      const result = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const at = byteOffset + filled;
        const inKept = at - keptStart;
        if (inKept < 0 || inKept >= kept.length) {
          const goesOn = kept.length > 0 && at === keptStart + kept.length;
          ahead = goesOn ? Math.min(ahead * 2, mostAheadBytes) : leastFetchBytes;
          const wanted = Math.min(Math.max(length - filled, ahead), mostFetchBytes, size - at);
          kept = await fetchChecked(at, wanted);
          keptStart = at;
          continue;
        }
        const part = kept.subarray(inKept, inKept + length - filled);
        result.set(part, filled);
        filled += part.length;
      }
      return result;
    },
    async close() {
      kept = new Uint8Array(0);
    },
  };
}
