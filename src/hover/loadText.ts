/** How a program says that it loads a model, in words. Pure. */
import type { LoadSetting } from '../estimate/loadSetting';

const quantizations: Readonly<Record<NonNullable<LoadSetting['quantization']>, string>> = {
  int8: '8 bit (LLM.int8)',
  nf4: '4 bit NF4',
  fp4: '4 bit FP4',
  fp8: '8-bit floats (FP8)',
};

/** "4 bit NF4, double quantization, 8,192 tokens"; empty where nothing is said. */
export function loadText(load: LoadSetting): string {
  const { dtype, quantization, doubleQuant, dequantized, context, kvDtype, valueDtype } = load;
  const float = dtype === undefined || dtype === 'auto' ? undefined : dtype.toUpperCase();
  const parts: (string | undefined)[] = [
    quantization && quantizations[quantization],
    doubleQuant && (quantization === 'nf4' || quantization === 'fp4') ? 'double quantization' : undefined,
    dequantized ? `dequantized to ${float ?? 'F32'}` : undefined,
    dequantized || !float ? undefined : quantization ? `the rest in ${float}` : float,
    dtype === 'auto' && !quantization ? 'the stored type' : undefined,
    context === undefined ? undefined : `${grouped(context)} tokens`,
    cacheText(kvDtype, valueDtype),
    placeText(load),
  ];
  return parts.filter((part) => part).join(', ');
}

function cacheText(keys: string | undefined, values: string | undefined): string | undefined {
  if (keys === undefined && values === undefined) return undefined;
  const [key, value] = [(keys ?? 'f16').toUpperCase(), (values ?? keys ?? 'f16').toUpperCase()];
  return key === value ? `KV cache in ${key}` : `keys in ${key}, values in ${value}`;
}

function placeText({ device, gpuLayers, tensorParallel }: LoadSetting): string | undefined {
  if (tensorParallel !== undefined && tensorParallel > 1) return `over ${tensorParallel} GPUs`;
  if (gpuLayers === 0 || device === 'cpu') return 'on the CPU';
  if (gpuLayers !== undefined)
    return gpuLayers < 0 ? 'all layers on the GPU' : `${gpuLayers} layers on the GPU`;
  if (typeof device === 'number') return `on GPU ${device}`;
  return device === 'cuda' ? 'on the GPU' : undefined;
}

/** Thousands apart by commas. */
export const grouped = (count: number): string => count.toLocaleString('en');
