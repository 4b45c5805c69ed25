/** What weights take once a program has loaded them in the way that it says. */
import { recipeOf, resolveRecipe } from '../quant/recipe';
import type { SchemeChoice } from '../quant/types';
import type { LoadDtype, LoadQuantization, LoadSetting } from './loadSetting';
import type { MemorySource } from './memorySource';
import { encodedBytes, sizedBytes, sizedElements } from './schemeSizes';

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
  return bytesUnder(
    asLinear(source),
    { ...choices[quantization], ...(isNested ? { doubleQuant } : {}) },
    width,
  );
}

/** bitsandbytes takes GPT-2's Conv1D modules for linear layers, whose matrices are the other way round. */
function asLinear({ tensors, modelType }: WeightSource): WeightSource {
  if (modelType !== 'gpt2') return { tensors, modelType };
  return {
    modelType: undefined,
    tensors: tensors.map((tensor) =>
      /\.c_(attn|proj|fc)\.weight$/.test(tensor.name)
        ? { ...tensor, shape: [...tensor.shape].reverse() }
        : tensor,
    ),
  };
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
