/** Which settings the kernels encode. */
import type { Kernels } from '../../kernels/kernels';
import { linearCodeNamed } from '../linearCode';
import type { EncodedBand, Encoding, Setting } from '../scheme';
import type { BandKernel } from './bandKernel';
import { codebookKernel } from './codebooks';
import { castKernel, float8Kernel, microscalingKernel } from './floats';
import { bnbInt8Kernel, integerKernel, ternaryKernel } from './integers';

/** The kernel of a setting; undefined where its plain code is run. */
export function bandKernelFor(kernels: Kernels, setting: Setting): BandKernel | undefined {
  const { scheme, prune, output, clip, overflow } = setting.choice;
  if (prune !== undefined || output === 'fake' || clip === 'hqq') return undefined;
  // Weights of graphs have layouts of their own, but for casts.
  if (setting.graph && scheme !== 'f16' && scheme !== 'bf16') return undefined;
  const code = linearCodeNamed(scheme);
  if (code) return integerKernel(kernels, code, setting);
  switch (scheme) {
    case 'nf4':
    case 'fp4':
      return codebookKernel(kernels, setting, scheme);
    case 'f8-e4m3':
    case 'f8-e5m2':
      return overflow === 'saturate' ? float8Kernel(kernels, setting, scheme) : undefined;
    case 'mxfp4':
    case 'mxfp8':
    case 'nvfp4':
      return microscalingKernel(kernels, setting, scheme);
    case 'f16':
    case 'bf16':
      return castKernel(kernels, scheme);
    case 'ternary':
      return ternaryKernel(kernels, setting);
    case 'bnb-int8':
      return bnbInt8Kernel(kernels, setting);
    default:
      return undefined;
  }
}

/**
 * `Encoding.encode` by the kernel where there is one, for values outside of the kernels' memory; the same bits either way.
 * Results are copies, and nothing stays reserved in the kernels' memory.
 */
export function encodeBy(kernels: Kernels, setting: Setting, encoding: Encoding): Encoding['encode'] {
  const kernel = bandKernelFor(kernels, setting);
  if (!kernel) return encoding.encode;
  return (band, known) => {
    const count = band.values.length;
    const mark = kernels.mark();
    try {
      const x = kernels.alloc(4 * count);
      const y = kernels.alloc(4 * count);
      kernels.f32(x, count).set(band.values);
      const encoded = kernel({ first: band.first, count, x, y }, known);
      if (!encoded) return encoding.encode(band, known);
      const { codes } = encoded;
      return {
        codes: codes === undefined ? undefined : kernels.u8(codes, count).slice(),
        dequantized: kernels.f32(y, count).slice(),
        // Asked for seldom, and then the plain code gives the same.
        chunks: () => encoding.encode(band, known).chunks(),
      } satisfies EncodedBand;
    } finally {
      kernels.reset(mark);
    }
  };
}
