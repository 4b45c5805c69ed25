/** Which settings the kernels encode. */
import type { Kernels } from '../../kernels/kernels';
import { linearCodeNamed } from '../linearCode';
import { graphEncoding } from '../onnx/graphEncoding';
import type { Chunk, EncodedBand, Encoding, Setting } from '../scheme';
import type { BandKernel, EncodeRows, GraphKernel } from './bandKernel';
import { codebookKernel } from './codebooks';
import { castKernel, float8Kernel, microscalingKernel } from './floats';
import { bnbInt8Kernel, integerGraphKernel, integerKernel, ternaryKernel } from './integers';

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

/** Whether a graph of ONNX Runtime can make the codes of a setting: linear integers whose groups are rows of a matrix. */
export function runsAsGraph({ choice, columns, graph }: Setting): boolean {
  const { scheme, granularity, blockSize, prune, output, clip } = choice;
  const isPlain = prune === undefined && output !== 'fake' && clip !== 'hqq' && graph === undefined;
  const areRows =
    granularity === 'block' ? columns % Math.min(blockSize, columns) === 0 : granularity !== 'column';
  return isPlain && areRows && linearCodeNamed(scheme) !== undefined;
}

/** The kernel of a setting whose codes are made by `encode`; undefined where `runsAsGraph` is false. */
export function graphKernelFor(
  kernels: Kernels,
  setting: Setting,
  encode: EncodeRows,
): GraphKernel | undefined {
  const code = linearCodeNamed(setting.choice.scheme);
  return code && runsAsGraph(setting) ? integerGraphKernel(kernels, code, setting, encode) : undefined;
}

/**
 * `Encoding.encode` by the kernel where there is one, for values outside of the kernels' memory; the same bits either way.
 * Results are copies, and nothing stays reserved in the kernels' memory.
 */
export function encodeBy(kernels: Kernels, setting: Setting, encoding: Encoding): Encoding['encode'] {
  if (setting.graph) {
    const { prune, output } = setting.choice;
    if (prune !== undefined || output === 'fake') return encoding.encode;
    return graphEncoding(setting, (plain, own) => encodeWhole(kernels, plain, own)).encode;
  }
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

/** As `encodeBy` with all bytes at once, for those that put them in another order. */
function encodeWhole(kernels: Kernels, setting: Setting, encoding: Encoding): Encoding['encode'] {
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
      const codes = encoded.codes === undefined ? undefined : kernels.u8(encoded.codes, count).slice();
      const dequantized = kernels.f32(y, count).slice();
      const chunks: Chunk[] = [];
      for (const chunk of encoded.chunks()) chunks.push({ ...chunk, bytes: chunk.bytes.slice() });
      return { codes, dequantized, chunks: () => chunks };
    } finally {
      kernels.reset(mark);
    }
  };
}
