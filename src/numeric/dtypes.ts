/**
 * One table of every element type that a checkpoint can hold: safetensors' dtypes
 * (huggingface/safetensors, tensor.rs `Dtype`) and ggml's types (ggml.h `ggml_type`, ggml-common.h
 * block structs). A plain type is a block of one element; a sub-byte plain type packs several elements
 * into one byte and so has a block of that many.
 */

export interface DtypeInfo {
  readonly name: string;
  /** Elements in one block. */
  readonly blockElements: number;
  /** Bytes of one block. */
  readonly blockBytes: number;
  /** 'float', 'int' and 'bool' are plain; 'quantized' has scales inside its blocks. */
  readonly kind: 'float' | 'int' | 'bool' | 'complex' | 'quantized';
}

const plain = (name: string, bits: number, kind: DtypeInfo['kind']): [string, DtypeInfo] => {
  const blockElements = bits >= 8 ? 1 : bits === 4 ? 2 : 4;
  return [name, { name, blockElements, blockBytes: (blockElements * bits) / 8, kind }];
};

const block = (name: string, blockElements: number, blockBytes: number): [string, DtypeInfo] => [
  name,
  { name, blockElements, blockBytes, kind: 'quantized' },
];

const K = 256;

/** By name. Names are the formats' own, in upper case. */
export const dtypes: ReadonlyMap<string, DtypeInfo> = new Map([
  plain('BOOL', 8, 'bool'),
  plain('F4', 4, 'float'),
  plain('F6_E2M3', 6, 'float'),
  plain('F6_E3M2', 6, 'float'),
  plain('U8', 8, 'int'),
  plain('I8', 8, 'int'),
  plain('F8_E5M2', 8, 'float'),
  plain('F8_E4M3', 8, 'float'),
  plain('F8_E8M0', 8, 'float'),
  plain('F8_E4M3FNUZ', 8, 'float'),
  plain('F8_E5M2FNUZ', 8, 'float'),
  plain('I16', 16, 'int'),
  plain('U16', 16, 'int'),
  plain('F16', 16, 'float'),
  plain('BF16', 16, 'float'),
  plain('I32', 32, 'int'),
  plain('U32', 32, 'int'),
  plain('F32', 32, 'float'),
  plain('C64', 64, 'complex'),
  plain('F64', 64, 'float'),
  plain('I64', 64, 'int'),
  plain('U64', 64, 'int'),
  block('Q4_0', 32, 18),
  block('Q4_1', 32, 20),
  block('Q5_0', 32, 22),
  block('Q5_1', 32, 24),
  block('Q8_0', 32, 34),
  block('Q8_1', 32, 36),
  block('Q2_K', K, 84),
  block('Q3_K', K, 110),
  block('Q4_K', K, 144),
  block('Q5_K', K, 176),
  block('Q6_K', K, 210),
  block('Q8_K', K, 292),
  block('IQ2_XXS', K, 66),
  block('IQ2_XS', K, 74),
  block('IQ3_XXS', K, 98),
  block('IQ1_S', K, 50),
  block('IQ4_NL', 32, 18),
  block('IQ3_S', K, 110),
  block('IQ2_S', K, 82),
  block('IQ4_XS', K, 136),
  block('IQ1_M', K, 56),
  block('TQ1_0', K, 54),
  block('TQ2_0', K, 66),
  block('MXFP4', 32, 17),
  block('NVFP4', 64, 36),
  block('Q1_0', 128, 18),
  block('Q2_0', 64, 18),
]);

/** Types that ONNX, PyTorch or NumPy have beyond these; a safetensors or GGUF file that names one is malformed. */
const otherDtypes: ReadonlyMap<string, DtypeInfo> = new Map([
  plain('U2', 2, 'int'),
  plain('I2', 2, 'int'),
  plain('U4', 4, 'int'),
  plain('I4', 4, 'int'),
  plain('C128', 128, 'complex'),
]);

/** A type of either table. */
export const findDtype = (name: string): DtypeInfo | undefined => dtypes.get(name) ?? otherDtypes.get(name);

/** ggml's type numbers. Numbers that ggml has removed or not yet given out are absent. */
export const ggmlTypes: ReadonlyMap<number, string> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [6, 'Q5_0'],
  [7, 'Q5_1'],
  [8, 'Q8_0'],
  [9, 'Q8_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [12, 'Q4_K'],
  [13, 'Q5_K'],
  [14, 'Q6_K'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [20, 'IQ4_NL'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [24, 'I8'],
  [25, 'I16'],
  [26, 'I32'],
  [27, 'I64'],
  [28, 'F64'],
  [29, 'IQ1_M'],
  [30, 'BF16'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
  [40, 'NVFP4'],
  [41, 'Q1_0'],
  [42, 'Q2_0'],
]);

/**
 * Bytes that `elements` values of a type take, or undefined when they do not fill whole blocks
 * or the result is no safe integer.
 */
export function byteSize(dtype: DtypeInfo, elements: number): number | undefined {
  if (!Number.isSafeInteger(elements) || elements % dtype.blockElements !== 0) return undefined;
  const bytes = (elements / dtype.blockElements) * dtype.blockBytes;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Types that float32 cannot hold: statistics run on float64 kernels. Integers beyond 2^53 are rounded to the
 * nearest float64 there. Pictures and errors are drawn from float32.
 */
export const wideDtypes: ReadonlySet<string> = new Set(['F64', 'I32', 'U32', 'I64', 'U64']);

/**
 * Types that the kernels decode to numbers: all but complex ones. Q8_1, which ggml stores in no file, is decoded as its
 * struct says.
 */
export const decodableDtypes: ReadonlySet<string> = new Set(
  [...dtypes.values(), ...otherDtypes.values()]
    .filter(({ kind }) => kind !== 'complex')
    .map(({ name }) => name),
);

/** One sentence about why the values of a type are not decoded, or undefined for `decodableDtypes`. */
export function undecodable(name: string): string | undefined {
  if (decodableDtypes.has(name)) return undefined;
  if (findDtype(name)?.kind === 'complex')
    return `Values of type ${name} are complex: they have no order, and figures over their parts would mislead.`;
  return `Values of type ${name} cannot be decoded.`;
}
