/** What a request for a GGUF output says beyond its file type. */

/** A type for tensors whose names match a pattern: a glob, or an expression between slashes. */
export interface TypeRule {
  readonly pattern: string;
  readonly type: string;
}

export interface GgufOptions {
  /** A file type by its name in either case: "Q4_K_M". */
  readonly fileType: string;
  /** Absolute path of an importance matrix. */
  readonly imatrix?: string | undefined;
  /** What the output calls it (`quantize.imatrix.file`); undefined: its file name. */
  readonly imatrixName?: string | undefined;
  /** Types for tensors by their names, before the mix; the first that matches decides. */
  readonly rules?: readonly TypeRule[] | undefined;
  /** Types for output.weight and for the token table. */
  readonly outputType?: string | undefined;
  readonly tokenEmbeddingType?: string | undefined;
  /** Keep output.weight as it is. */
  readonly leaveOutput?: boolean | undefined;
  /** Quantize tensors again that are quantized already. */
  readonly allowRequantize?: boolean | undefined;
  /** Write as many files as the source has. */
  readonly keepSplit?: boolean | undefined;
}
