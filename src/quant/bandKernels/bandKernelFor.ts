/** Which settings the kernels encode. */
import type { Kernels } from '../../kernels/kernels';
import { linearCodeNamed } from '../linearCode';
import { graphEncodeLater, graphEncoding } from '../onnx/graphEncoding';
import type { Band, Chunk, EncodedBand, Encoding, Knowledge, Setting } from '../scheme';
import { blockTypeNamed } from '../schemes/ggml/blockTypes';
import type { SchemeName } from '../types';
import type { BandKernel, EncodeRows, GraphKernel, KernelBand, KernelEncoded } from './bandKernel';
import { prepareCodebook } from './codebooks';
import { castKernel, prepareFloat8, prepareMicroscaling } from './floats';
import { ggmlKernel } from './ggml';
import { groupGraphKernel, groupKernel, type PrepareBand } from './groupKernel';
import { prepareBnbInt8, prepareInteger, prepareTernary } from './integers';
import { llmInt8Kernel } from './llmInt8';
import { dequantizedKernel, keptKernel, prunedKernel } from './pruned';

/** The kernel of a setting; undefined where its plain code is run. */
export function bandKernelFor(kernels: Kernels, setting: Setting): BandKernel | undefined {
  const { choice, graph } = setting;
  const { scheme, prune, output } = choice;
  // Weights of graphs have layouts of their own, but for casts.
  if (graph && (prune !== undefined || output === 'fake')) return undefined;
  if (output === 'fake') {
    const inner = bandKernelFor(kernels, { ...setting, choice: { ...choice, output: 'auto' } });
    return inner && dequantizedKernel(kernels, setting, inner);
  }
  if (prune !== undefined) {
    const inner = bandKernelFor(kernels, { ...setting, choice: { ...choice, prune: undefined } });
    return inner && prunedKernel(kernels, setting, inner);
  }
  if (scheme.startsWith('prune-')) return keptKernel(kernels, setting);
  if (scheme === 'f16' || scheme === 'bf16') return castKernel(kernels, scheme);
  const blockType = graph ? undefined : blockTypeNamed(scheme);
  if (blockType) return ggmlKernel(kernels, setting, blockType);
  if (scheme === 'llm-int8')
    return llmInt8Kernel(kernels, setting, groupKernel(kernels, prepareBnbInt8(kernels, setting)));
  const prepare = graph ? undefined : prepareFor(kernels, setting);
  return prepare && groupKernel(kernels, prepare);
}

/** Values as they are, and codes that follow from a scale alone. */
function isKernelSetting({ choice }: Setting): boolean {
  return choice.prune === undefined && choice.output !== 'fake';
}

/** The parameters of groups by the kernels, for schemes that have such. */
function prepareFor(kernels: Kernels, setting: Setting): PrepareBand | undefined {
  const { scheme } = setting.choice;
  const code = linearCodeNamed(scheme);
  if (code) return prepareInteger(kernels, code, setting);
  switch (scheme) {
    case 'nf4':
    case 'fp4':
      return prepareCodebook(kernels, setting, scheme);
    case 'f8-e4m3':
    case 'f8-e5m2':
      return prepareFloat8(kernels, setting, scheme);
    case 'mxfp4':
    case 'mxfp8':
    case 'nvfp4':
      return prepareMicroscaling(kernels, setting, scheme);
    case 'ternary':
      return prepareTernary(kernels, setting);
    case 'bnb-int8':
      return prepareBnbInt8(kernels, setting);
    default:
      return undefined;
  }
}

/** Schemes whose codes a graph makes, besides linear integers. */
const graphSchemes: ReadonlySet<string> = new Set([
  'nf4',
  'fp4',
  'f8-e4m3',
  'f8-e5m2',
  'mxfp4',
  'mxfp8',
  'nvfp4',
  'ternary',
  'bnb-int8',
] satisfies SchemeName[]);

/** Whether a graph of ONNX Runtime can make the codes of a setting: where each follows from x times a number by few operators. */
export function runsAsGraph(setting: Setting): boolean {
  const { scheme, overflow } = setting.choice;
  if (!isKernelSetting(setting) || overflow !== 'saturate') return false;
  return linearCodeNamed(scheme) !== undefined || graphSchemes.has(scheme);
}

/** The kernel of a plain setting whose codes are made by `encode`; undefined where `runsAsGraph` is false. */
export function graphKernelFor(
  kernels: Kernels,
  setting: Setting,
  encode: EncodeRows,
): GraphKernel | undefined {
  const prepare = !setting.graph && runsAsGraph(setting) ? prepareFor(kernels, setting) : undefined;
  return prepare && groupGraphKernel(kernels, prepare, encode);
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
    const mark = kernels.mark();
    try {
      const placed = placeBand(kernels, band);
      const encoded = kernel(placed, known);
      if (!encoded) return encoding.encode(band, known);
      const { codes } = encoded;
      const { count, y } = placed;
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

/** `Encoding.encode` of the weight of an ONNX model with codes made by `encode`; undefined where a graph cannot make them. */
export function encodeLaterBy(
  kernels: Kernels,
  setting: Setting,
  encode: EncodeRows,
): ((band: Band, known: Knowledge) => Promise<EncodedBand>) | undefined {
  if (!setting.graph || !runsAsGraph(setting)) return undefined;
  return graphEncodeLater(setting, async (plain, own, band, known) => {
    const kernel = graphKernelFor(kernels, plain, encode);
    if (!kernel) return encodeWhole(kernels, plain, own)(band, known);
    const mark = kernels.mark();
    try {
      const placed = placeBand(kernels, band);
      const encoded = await kernel(placed, known);
      return encoded ? copied(kernels, placed, encoded) : own.encode(band, known);
    } finally {
      kernels.reset(mark);
    }
  });
}

function placeBand(kernels: Kernels, { first, values }: Band): KernelBand {
  const count = values.length;
  const x = kernels.alloc(4 * count);
  const y = kernels.alloc(4 * count);
  kernels.f32(x, count).set(values);
  return { first, count, x, y };
}

/** What a kernel made, with all bytes, outside of its memory. */
function copied(kernels: Kernels, { count, y }: KernelBand, encoded: KernelEncoded): EncodedBand {
  const codes = encoded.codes === undefined ? undefined : kernels.u8(encoded.codes, count).slice();
  const dequantized = kernels.f32(y, count).slice();
  const chunks: Chunk[] = [];
  for (const chunk of encoded.chunks()) chunks.push({ ...chunk, bytes: chunk.bytes.slice() });
  return { codes, dequantized, chunks: () => chunks };
}

/** As `encodeBy` with all bytes at once, for those that put them in another order. */
function encodeWhole(kernels: Kernels, setting: Setting, encoding: Encoding): Encoding['encode'] {
  const kernel = bandKernelFor(kernels, setting);
  if (!kernel) return encoding.encode;
  return (band, known) => {
    const mark = kernels.mark();
    try {
      const placed = placeBand(kernels, band);
      const encoded = kernel(placed, known);
      return encoded ? copied(kernels, placed, encoded) : encoding.encode(band, known);
    } finally {
      kernels.reset(mark);
    }
  };
}
