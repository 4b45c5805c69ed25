/** What every one of ggml's block types is made of. */
import type { SchemeName } from '../../types';

/** The values of one block, and how much each matters. */
export interface BlockInput {
  readonly x: Float32Array;
  /** One number a value, from an importance matrix. */
  readonly importance?: Float32Array | undefined;
  /** Mean square of the whole row; given with `importance`. */
  readonly rowMeanSquare: number;
}

/** Where a block goes. */
export interface BlockOutput {
  /** The block's bytes, 0 at first. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** One a value: what pictures show. */
  readonly codes: Uint8Array;
  /** One for each `groupElements` values. */
  readonly scales: Float32Array;
  /** x~ = (code - zero) * scale; not for types whose codes are indices into levels. */
  readonly zeros: Float32Array;
}

/** A type of ggml and its quantizer. */
export interface BlockType {
  readonly name: SchemeName;
  /** ggml's name, which is its dtype's. */
  readonly type: string;
  readonly label: string;
  readonly detail: string;
  /** Values that share a scale within a block. */
  readonly groupElements: number;
  /** Codes are indices into levels: there is no zero point to show. */
  readonly hasLevels?: boolean;
  /** The block's scale is an F16 number, which bounds the values. */
  readonly hasHalfScale: boolean;
  /** Its codes are at most 8 bits each and are shown in pictures. */
  readonly hasCodes: boolean;
  /** It cannot be encoded without an importance matrix. */
  readonly needsImportance?: boolean;
  /** What is taken from a code to show it. */
  readonly codeOffset: number;
  /** Throws `refused` where a block's scale is beyond F16. */
  encode(input: BlockInput, output: BlockOutput): void;
}
