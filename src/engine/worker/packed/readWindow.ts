/** Reads a window of a matrix of bytes that lies in a file. */
import type { FileSpan } from '../../tensorSource';
import type { FileCache } from '../fileCache';

export interface Window {
  /** Bytes from one row of the file's matrix to the next. */
  readonly pitchBytes: number;
  readonly firstRow: number;
  readonly rows: number;
  /** Of each row. */
  readonly byteOffset: number;
  readonly bytes: number;
}

/** A call of the system costs about as much as copying this many bytes. */
const cheaperToSkipBytes = 8192;
const stagingBytes = 2 ** 20;

/**
 * The window's rows one after the other. Rows that lie close together are read in one run, and what is between is
 * dropped; others one by one. The caller has checked that the window lies in the span.
 */
export function readWindow(files: FileCache, span: FileSpan, window: Window): Uint8Array<ArrayBuffer> {
  const { pitchBytes, firstRow, rows, byteOffset, bytes } = window;
  const result = new Uint8Array(rows * bytes);
  const start = span.byteOffset + firstRow * pitchBytes + byteOffset;
  if (rows <= 1 || bytes === pitchBytes) {
    files.read(span.file, start, result);
    return result;
  }
  if (pitchBytes - bytes > cheaperToSkipBytes || pitchBytes > stagingBytes) {
    for (let row = 0; row < rows; row++)
      files.read(span.file, start + row * pitchBytes, result.subarray(row * bytes, (row + 1) * bytes));
    return result;
  }
  const step = Math.max(1, Math.floor(stagingBytes / pitchBytes));
  const staging = new Uint8Array(Math.min(step, rows) * pitchBytes);
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    // The last row ends with the window, which may be where the file ends.
    const run = staging.subarray(0, (count - 1) * pitchBytes + bytes);
    files.read(span.file, start + row * pitchBytes, run);
    for (let i = 0; i < count; i++)
      result.set(run.subarray(i * pitchBytes, i * pitchBytes + bytes), (row + i) * bytes);
  }
  return result;
}
