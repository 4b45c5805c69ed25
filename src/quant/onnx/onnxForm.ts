/** Which operators hold a quantized weight in an ONNX graph: onnx docs/Operators.md, onnxruntime docs/ContribOperators.md. */
import { linearCodeNamed } from '../linearCode';
import type { ResolvedChoice, Setting } from '../scheme';
import { schemeNamed } from '../schemes';

export type OnnxForm =
  /** The weight's own type and shape. */
  | { readonly kind: 'plain' }
  /** A 16-bit float and a Cast back. */
  | { readonly kind: 'cast' }
  /** Codes before DequantizeLinear, with one scale, one for each output channel, or one for each block. */
  | {
      readonly kind: 'qdq';
      readonly bits: 4 | 8;
      readonly scales: 'tensor' | 'channel' | 'block';
      readonly symmetric: boolean;
    }
  | { readonly kind: 'nbits'; readonly bits: number; readonly symmetric: boolean }
  /** GatherBlockQuantized. */
  | { readonly kind: 'gather'; readonly bits: number; readonly symmetric: boolean }
  | { readonly kind: 'bnb4'; readonly name: 'nf4' | 'fp4' }
  /** This weight stays as it is. */
  | { readonly kind: 'keep'; readonly reason: string }
  /** No weight can be stored so. */
  | { readonly kind: 'none'; readonly reason: string };

/** MatMulNBits: powers of two from 16 on; onnxruntime's kernels know these. */
const nbitsBlocks: readonly number[] = [16, 32, 64, 128, 256];
/** Values of one band: blocks of all output channels are encoded at once. */
const mostBandValues = 2 ** 24;

const keep = (reason: string): OnnxForm => ({ kind: 'keep', reason });
const none = (reason: string): OnnxForm => ({ kind: 'none', reason });
const tooWide = keep('its blocks of all output channels are too much at once; smaller blocks fit');

/** How a weight with a place in a graph is stored. */
export function onnxForm(setting: Setting): OnnxForm {
  const { choice, dtype, graph } = setting;
  if (graph?.outputAxis === 1 && (choice.prune === 'nm' || choice.prune === 'heads'))
    return keep('this pruning runs along rows, and the weight is stored the other way round');
  const { label, family, scope } = schemeNamed(choice.scheme);
  if (choice.output === 'fake' || family === 'pruning') return { kind: 'plain' };
  if (choice.output === 'plain' && scope !== 'floats')
    return none(`${label} is not stored as plain tensors; the output "fake" writes dequantized values.`);
  if (scope === 'floats') return castForm(setting);
  const code = linearCodeNamed(choice.scheme);
  const is4Bit = choice.scheme === 'nf4' || choice.scheme === 'fp4';
  if (!code && !is4Bit)
    return none(`ONNX Runtime has no operator for ${label}; the output "fake" writes dequantized values.`);
  if (!code && choice.output === 'qdq') return none(`ONNX's own operators do not know ${label}.`);
  if (dtype === 'BF16') return keep('onnxruntime has no operators that dequantize to BF16 on the CPU');
  if (choice.scheme === 'nf4' || choice.scheme === 'fp4') return bnb4Form(setting, choice.scheme);
  if (setting.scaleDtype !== dtype) return none("the operators take scales of the weight's own type.");
  if (choice.clip === 'hqq') return none('half-quadratic zero points are no integers.');
  const { bits, symmetric } = code!;
  if (choice.granularity === 'block') return blockForm(setting, bits, symmetric);
  if (bits !== 8 && bits !== 4)
    return none(`integers of ${bits} bits need blocks: DequantizeLinear has codes of 4 and 8 bits.`);
  if (choice.granularity === 'column')
    return none('weights have one scale, or one for each output channel ("row").');
  const scales = choice.granularity === 'row' ? 'channel' : 'tensor';
  return wholeRows(setting, bits, { kind: 'qdq', bits, scales, symmetric });
}

/** Cast takes BF16 from this operator set on. */
const bf16Opset = 13;

function castForm({ choice, graph }: Setting): OnnxForm {
  const opset = graph?.opset ?? bf16Opset;
  if (choice.scheme !== 'bf16' || opset >= bf16Opset) return { kind: 'cast' };
  return none(`a Cast from BF16 needs operator set ${bf16Opset}, and the model says ${opset}; F16 fits.`);
}

/** Rows of 4-bit codes follow each other without gaps, and readers need each to begin on a byte. */
const wholeRows = ({ columns }: Setting, bits: number, form: OnnxForm): OnnxForm =>
  (columns * bits) % 8 === 0
    ? form
    : keep(`${columns} codes of ${bits} bits, which is a row of it, do not fill whole bytes`);

/** onnxruntime's operators where they can take a node's place, else ONNX's own; with the output `qdq` always these. */
function blockForm(setting: Setting, bits: number, symmetric: boolean): OnnxForm {
  const { choice, columns, graph } = setting;
  const { blockSize } = choice;
  const ownOnly = choice.output === 'qdq';
  const isTooWide =
    graph?.outputAxis === 1 && columns * blockSize * blocksPerByte(bits, symmetric) > mostBandValues;
  if (![2, 4, 8].includes(bits)) return none('the operators with blocks have codes of 2, 4 and 8 bits.');
  const isProduct = graph?.operator === 'MatMul' || graph?.operator === 'Gemm';
  if (!ownOnly && isProduct && nbitsBlocks.includes(blockSize) && !graph.beyondProduct)
    return isTooWide ? tooWide : { kind: 'nbits', bits, symmetric };
  if (!ownOnly && graph?.operator === 'Gather')
    return wholeRows(setting, bits, { kind: 'gather', bits, symmetric });
  if (graph?.operator === 'Conv') return keep('no operator has blocks for a convolution');
  const beyond =
    graph?.beyondProduct && `MatMulNBits cannot take the place of its Gemm, which ${graph.beyondProduct}`;
  if (bits !== 4 && bits !== 8)
    return beyond ? keep(beyond) : none('DequantizeLinear has blocks of codes of 4 and 8 bits.');
  if (graph?.withoutBlocks !== undefined) {
    const reason = `blocks of ${blockSize} need DequantizeLinear of a newer ONNX, and ${graph.withoutBlocks}`;
    if (beyond) return keep(`${beyond}, and ${graph.withoutBlocks}`);
    return none(`${reason}.`);
  }
  if (isTooWide) return tooWide;
  return wholeRows(setting, bits, { kind: 'qdq', bits, scales: 'block', symmetric });
}

function bnb4Form(setting: Setting, name: 'nf4' | 'fp4'): OnnxForm {
  const { choice, dtype, rows, columns, graph } = setting;
  if (choice.doubleQuant) return none('MatMulBnb4 has no quantized scales.');
  if (graph?.operator !== 'MatMul' && graph?.operator !== 'Gemm')
    return keep('MatMulBnb4 takes the place of a MatMul or a Gemm only');
  if (graph.beyondProduct)
    return keep(`MatMulBnb4 cannot take the place of its Gemm, which ${graph.beyondProduct}`);
  if (dtype !== 'F32') return keep('MatMulBnb4 would need its scales in F16');
  const inputs = graph.outputAxis === 1 ? rows : columns;
  if (inputs % choice.blockSize !== 0)
    return keep(`${inputs} input channels do not divide into blocks of ${choice.blockSize}`);
  if (graph.outputAxis === 1 && columns * choice.blockSize > mostBandValues) return tooWide;
  return { kind: 'bnb4', name };
}

/** Blocks whose zero points fill a byte: bands begin at whole ones. */
export const blocksPerByte = (bits: number, symmetric: boolean): number => (symmetric ? 1 : 8 / bits);

/**
 * The choice as it reads on the stored matrix. Rows mean output channels everywhere; where those lie along the second
 * dimension, as in MatMul's B [K, N], rows and columns change places.
 */
export function storedChoice({ choice, graph }: Setting): ResolvedChoice {
  if (graph?.outputAxis !== 1) return choice;
  const { granularity, prune } = choice;
  const swapped = { row: 'column', column: 'row' } as const;
  const pruned = { rows: 'columns', columns: 'rows' } as const;
  return {
    ...choice,
    granularity: granularity === 'row' || granularity === 'column' ? swapped[granularity] : granularity,
    prune: prune === 'rows' || prune === 'columns' ? pruned[prune] : prune,
  };
}
