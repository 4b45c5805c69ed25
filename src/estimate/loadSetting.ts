/** How a program says that it loads a model: plain values that travel between processes. */
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
