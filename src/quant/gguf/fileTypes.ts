/**
 * The file types of GGUF models: what people call Q4_K_M is a mix that gives each tensor a type of its own. Names and
 * numbers are llama.cpp's (llama.h `llama_ftype`, tools/quantize); the number is stored as `general.file_type`.
 */
import { LoupeError } from '../../errors';

export interface GgufFileType {
  /** As llama.cpp writes it: "Q4_K_M". */
  readonly name: string;
  /** `general.file_type`. */
  readonly number: number;
  /** The type of most tensors; the mix starts from it. */
  readonly type: string;
  /** For menus, one sentence. */
  readonly detail: string;
}

const fileType = (name: string, number: number, type: string, detail: string): GgufFileType => ({
  name,
  number,
  type,
  detail,
});

/** Every file type that can be planned, from many bits to few within each family. */
export const ggufFileTypes: readonly GgufFileType[] = [
  fileType('Q8_0', 7, 'Q8_0', 'Nearly lossless: 8 bits and a scale for each 32 values.'),
  fileType('Q6_K', 18, 'Q6_K', 'Very close to the original; 6 bits with scales in two levels.'),
  fileType('Q5_K_M', 17, 'Q5_K', 'Close to the original; half of attn_v and ffn_down in Q6_K.'),
  fileType('Q5_K_S', 16, 'Q5_K', 'All weights in Q5_K but for the output.'),
  fileType('Q4_K_M', 15, 'Q4_K', 'The usual choice: half of attn_v and ffn_down in Q6_K.'),
  fileType('Q4_K_S', 14, 'Q4_K', 'Smaller than Q4_K_M: only the first layers get more bits.'),
  fileType('Q3_K_L', 13, 'Q3_K', 'attn_v, attn_output and ffn_down in Q5_K.'),
  fileType('Q3_K_M', 12, 'Q3_K', 'attn_v, attn_output and ffn_down in Q4_K, the first in Q5_K.'),
  fileType('Q3_K_S', 11, 'Q3_K', 'All weights in Q3_K but for the output: losses show.'),
  fileType('Q2_K', 10, 'Q2_K', 'Smallest without an importance matrix; ffn_down in Q3_K.'),
  fileType('Q2_K_S', 21, 'Q2_K', 'Q2_K nearly throughout; needs an importance matrix.'),
  fileType('IQ4_NL', 25, 'IQ4_NL', '4 bits on an uneven grid, blocks of 32.'),
  fileType(
    'IQ4_XS',
    30,
    'IQ4_XS',
    '4 bits on an uneven grid with scales in two levels: smaller than Q4_K_S.',
  ),
  fileType('IQ3_M', 27, 'IQ3_S', 'IQ3_S with attention values and outputs in Q4_K.'),
  fileType('IQ3_S', 26, 'IQ3_S', '3.4 bits: groups of four values share a code.'),
  fileType('IQ3_XS', 22, 'IQ3_S', 'IQ3_S, and IQ3_XXS in the middle layers.'),
  fileType('IQ3_XXS', 23, 'IQ3_XXS', '3.1 bits; needs an importance matrix.'),
  fileType('IQ2_M', 29, 'IQ2_S', '2.7 bits; needs an importance matrix.'),
  fileType('IQ2_S', 28, 'IQ2_XS', '2.5 bits; needs an importance matrix.'),
  fileType('IQ2_XS', 20, 'IQ2_XS', '2.3 bits; needs an importance matrix.'),
  fileType('IQ2_XXS', 19, 'IQ2_XXS', '2.1 bits; needs an importance matrix.'),
  fileType('IQ1_M', 31, 'IQ1_M', '1.75 bits; needs an importance matrix.'),
  fileType('IQ1_S', 24, 'IQ1_S', '1.6 bits; needs an importance matrix.'),
  fileType('Q5_1', 9, 'Q5_1', '5 bits with scale and minimum for each 32 values.'),
  fileType('Q5_0', 8, 'Q5_0', '5 bits with a scale for each 32 values.'),
  fileType('Q4_1', 3, 'Q4_1', '4 bits with scale and minimum for each 32 values.'),
  fileType('Q4_0', 2, 'Q4_0', '4 bits with a scale for each 32 values: the fastest on most processors.'),
  fileType('TQ2_0', 37, 'TQ2_0', 'For models trained with ternary weights: 2.06 bits.'),
  fileType('TQ1_0', 36, 'TQ1_0', 'For models trained with ternary weights: 1.69 bits.'),
  fileType('MXFP4_MOE', 38, 'MXFP4', 'Experts in MXFP4, everything else in Q8_0.'),
  fileType('BF16', 32, 'BF16', 'Not quantized: 16 bits with the range of F32.'),
  fileType('F16', 1, 'F16', 'Not quantized: 16 bits.'),
  fileType('F32', 0, 'F32', 'Not quantized: 32 bits.'),
];

/** Keeps every tensor as it is, to join or to cut files; llama-quantize calls it so too, and it is no type of a file. */
const copyType = fileType('COPY', -1, 'F32', 'Every tensor as it is.');

/** Whether a name means that tensors are only copied. */
export const isCopy = (name: string | undefined): boolean => name?.toUpperCase() === copyType.name;

/** What llama-quantize and our own schemes call some of them besides. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['Q3_K', 'Q3_K_M'],
  ['Q4_K', 'Q4_K_M'],
  ['Q5_K', 'Q5_K_M'],
  ['MXFP4', 'MXFP4_MOE'],
]);

const byName = new Map(ggufFileTypes.map((each) => [each.name, each]));

/** The file type of a name in either case, or of an alias ("q4_k"); undefined where there is none. */
export function findFileType(name: string): GgufFileType | undefined {
  const upper = name.toUpperCase();
  return isCopy(name) ? copyType : byName.get(aliases.get(upper) ?? upper);
}

/** As `findFileType`; throws `usage` and lists the names for an unknown one. */
export function fileTypeNamed(name: string): GgufFileType {
  const found = findFileType(name);
  if (found) return found;
  const known = ggufFileTypes.map((each) => each.name).join(', ');
  throw new LoupeError('usage', `There is no GGUF file type "${name}". Known: ${known}.`);
}
