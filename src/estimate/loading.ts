/** What weights take once a program has loaded them in the way that it says. */
import { recipeOf, resolveRecipe } from '../quant/recipe';
import type { SchemeChoice } from '../quant/types';
import type { MemorySource } from './memorySource';
import { encodedBytes, sizedBytes, sizedElements } from './schemeSizes';
import type { Runtime } from './types';

/** Types that float weights are converted to. */
export type LoadDtype = 'f32' | 'f16' | 'bf16';
/** What becomes of linear layers' weights: bitsandbytes' LLM.int8(), NF4 and FP4, or 8-bit floats. */
export type LoadQuantization = 'int8' | 'nf4' | 'fp4' | 'fp8';

/** How a program says that it loads a model; what is undefined it does not say. */
export interface LoadSetting {
  readonly runtime?: Runtime | undefined;
  /** `auto`: as stored. */
  readonly dtype?: LoadDtype | 'auto' | undefined;
  readonly quantization?: LoadQuantization | undefined;
  /** A GGUF file is read as floats, in `dtype` or else F32. */
  readonly dequantized?: boolean | undefined;
  /** The scales of NF4 and FP4 are quantized too. */
  readonly doubleQuant?: boolean | undefined;
  /** Tokens. */
  readonly context?: number | undefined;
  /** Of the cache of keys, and of values where they differ. */
  readonly kvDtype?: string | undefined;
  readonly valueDtype?: string | undefined;
  /** llama.cpp's --n-gpu-layers; a negative number means all. */
  readonly gpuLayers?: number | undefined;
  /** `cpu`, `auto`, `cuda`, or the number of a GPU. */
  readonly device?: 'cpu' | 'auto' | 'cuda' | number | undefined;
  /** GPUs that share each layer. */
  readonly tensorParallel?: number | undefined;
}

const choices: Readonly<Record<LoadQuantization, SchemeChoice>> = {
  int8: { scheme: 'bnb-int8', granularity: 'row' },
  nf4: { scheme: 'nf4', granularity: 'block', blockSize: 64 },
  fp4: { scheme: 'fp4', granularity: 'block', blockSize: 64 },
  fp8: { scheme: 'f8-e4m3', granularity: 'tensor' },
};
const floats: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16', 'F64']);
const bytesEach: Readonly<Record<LoadDtype, number>> = { f32: 4, f16: 2, bf16: 2 };

/**
 * Bytes of the weights in memory. Float tensors take `dtype`, others stay. With a quantization the weights of linear layers but
 * the head take its pieces, and what is left is in half precision, as bitsandbytes and vLLM load it.
 */
export function loadedBytes(source: WeightSource, load: LoadSetting): number {
  const { dtype, quantization, doubleQuant, dequantized } = load;
  const width = dtype === undefined || dtype === 'auto' ? undefined : bytesEach[dtype];
  if (dequantized) return elementsOf(source) * (width ?? 4);
  if (quantization === undefined) return floatBytes(source, width);
  const isNested = doubleQuant === true && (quantization === 'nf4' || quantization === 'fp4');
  return bytesUnder(source, { ...choices[quantization], ...(isNested ? { doubleQuant } : {}) }, width);
}

type WeightSource = Pick<MemorySource, 'tensors' | 'modelType'>;

const elementsOf = ({ tensors }: WeightSource): number =>
  tensors.reduce((sum, tensor) => sum + tensor.copies * sizedElements(tensor), 0);

/** Floats in so many bytes each, or as stored. */
function floatBytes({ tensors }: WeightSource, width: number | undefined): number {
  return tensors.reduce((sum, tensor) => {
    const isConverted = width !== undefined && floats.has(tensor.dtype);
    return sum + tensor.copies * (isConverted ? width * sizedElements(tensor) : sizedBytes(tensor));
  }, 0);
}

/**
 * Weights under a choice by its scheme's own policy of what is kept; what is kept takes `width` bytes each, or at most half
 * precision.
 */
export function bytesUnder(
  { tensors, modelType }: WeightSource,
  choice: SchemeChoice,
  width?: number | undefined,
): number {
  // The policy looks at numbers in names as at any other; an asterisk stands for all of them.
  const named = tensors.map((tensor) => ({ ...tensor, name: tensor.name.replaceAll('*', '0') }));
  const resolved = resolveRecipe(recipeOf(choice, false), named, modelType).tensors;
  return named.reduce((sum, tensor, index) => {
    const own = resolved[index]!.choice;
    const encoded = own && encodedBytes(own, tensor);
    if (typeof encoded === 'number') return sum + tensor.copies * encoded;
    const elements = sizedElements(tensor);
    const stored = sizedBytes(tensor);
    const bytes = floats.has(tensor.dtype)
      ? width
        ? width * elements
        : Math.min(stored, 2 * elements)
      : stored;
    return sum + tensor.copies * bytes;
  }, 0);
}
