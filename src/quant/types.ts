/** The values that describe a quantization and its error. */

export type SchemeName = 'int8-absmax' | 'int8-zeropoint';
export type Granularity = 'tensor' | 'row';
export type ScaleDtype = 'F32' | 'BF16' | 'F16';

export interface SchemeChoice {
  readonly scheme: SchemeName;
  readonly granularity: Granularity;
  /** Type that scales are stored in; by default the tensor's own float type, as pack-quantized demands. */
  readonly scaleDtype?: ScaleDtype | undefined;
}

/** How far a quantized tensor is from its original. Sums run in float64 over the tensor in a fixed order. */
export interface TensorError {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Bytes in the output, all pieces. */
  readonly bytes: number;
  readonly mse: number;
  /** 10 log10(sum x^2 / sum e^2) in dB; null when the error is 0 (then the copy is exact). */
  readonly sqnr: number | null;
  readonly maxAbs: number;
  /** sum x y / sqrt(sum x^2 sum y^2); 1 when both are zero. */
  readonly cosine: number;
  /** Mean |error|. */
  readonly meanAbs: number;
  readonly note?: string | undefined;
}
