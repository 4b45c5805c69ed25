/**
 * The one error class of the product. Anything that a user can cause or cure is thrown as a
 * LoupeError with a stable code, a plain sentence, and where known the file, tensor and byte offset.
 */

export type ErrorCode =
  | 'usage' // the caller asked for something that does not exist
  | 'not-found' // no such file or folder
  | 'not-a-checkpoint' // the file is of no known format
  | 'malformed' // the file breaks its format's rules
  | 'unsupported' // well-formed, but beyond what is built
  | 'refused' // would lose or corrupt data
  | 'non-finite' // NaN or infinity where numbers are needed
  | 'changed' // the file is not the one that was opened
  | 'exists' // the target exists and overwriting was not asked for
  | 'io' // reading or writing failed
  | 'compute' // a backend failed
  | 'engine-died' // the compute process ended unexpectedly
  | 'cancelled';

export interface ErrorDetails {
  readonly file?: string | undefined;
  readonly tensor?: string | undefined;
  /** Absolute position in the file, in bytes. */
  readonly byteOffset?: number | undefined;
}

/** What crosses process borders and what `--json` prints. */
export interface SerializedError extends ErrorDetails {
  readonly code: ErrorCode;
  readonly message: string;
}

export class LoupeError extends Error {
  readonly code: ErrorCode;
  readonly file: string | undefined;
  readonly tensor: string | undefined;
  readonly byteOffset: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = 'LoupeError';
    this.code = code;
    this.file = details.file;
    this.tensor = details.tensor;
    this.byteOffset = details.byteOffset;
  }

  toJSON(): SerializedError {
    return {
      code: this.code,
      message: this.message,
      ...(this.file === undefined ? {} : { file: this.file }),
      ...(this.tensor === undefined ? {} : { tensor: this.tensor }),
      ...(this.byteOffset === undefined ? {} : { byteOffset: this.byteOffset }),
    };
  }

  static fromJSON(data: SerializedError): LoupeError {
    return new LoupeError(data.code, data.message, data);
  }

  /** Wraps anything thrown; a LoupeError passes through, a Node system error becomes `io` or `not-found`. */
  static from(thrown: unknown, details: ErrorDetails = {}): LoupeError {
    if (thrown instanceof LoupeError) return thrown;
    if (thrown instanceof Error) {
      if (thrown.name === 'AbortError') return new LoupeError('cancelled', 'Cancelled.', details);
      const { code, path } = thrown as { code?: unknown; path?: unknown };
      if (code === 'ENOENT')
        return new LoupeError(
          'not-found',
          typeof path === 'string' ? `There is no ${path}.` : thrown.message,
          details,
        );
      return new LoupeError(typeof code === 'string' ? 'io' : 'compute', thrown.message, details);
    }
    return new LoupeError('compute', String(thrown), details);
  }
}

/** Throws the `cancelled` LoupeError when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new LoupeError('cancelled', 'Cancelled.');
}
