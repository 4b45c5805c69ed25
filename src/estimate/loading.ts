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
export function loadedBytes(
  { tensors, modelType }: Pick<MemorySource, 'tensors' | 'modelType'>,
  { dtype, quantization, doubleQuant }: LoadSetting,
): number {
  const width = dtype === undefined || dtype === 'auto' ? undefined : bytesEach[dtype];
  const choice = quantization && {
    ...choices[quantization],
    ...(doubleQuant && (quantization === 'nf4' || quantization === 'fp4') ? { doubleQuant } : {}),
  };
  // The policy looks at numbers in names as at any other; an asterisk stands for all of them.
  const named = tensors.map((tensor) => ({ ...tensor, name: tensor.name.replaceAll('*', '0') }));
  const resolved = choice && resolveRecipe(recipeOf(choice, false), named, modelType).tensors;
  return named.reduce((sum, tensor, index) => {
    const own = resolved?.[index]?.choice;
    const encoded = own && encodedBytes(own, tensor);
    if (typeof encoded === 'number') return sum + tensor.copies * encoded;
    const stored = sizedBytes(tensor);
    if (!floats.has(tensor.dtype)) return sum + tensor.copies * stored;
    const elements = sizedElements(tensor);
    const bytes = width !== undefined ? width * elements : choice ? Math.min(stored, 2 * elements) : stored;
    return sum + tensor.copies * bytes;
  }, 0);
}
