/** Which operators hold a quantized weight in an ONNX graph: onnx docs/Operators.md, onnxruntime docs/ContribOperators.md. */
import { linearCodeNamed } from '../linearCode';
import type { ResolvedChoice, Setting } from '../scheme';
import { schemeNamed } from '../schemes';

export type OnnxForm =
  /** The weight's own type and shape. */
  | { readonly kind: 'plain' }
  /** A 16-bit float and a Cast back. */
  | { readonly kind: 'cast' }
  /** 8-bit codes before DequantizeLinear, with one scale or one for each output channel. */
  | { readonly kind: 'qdq'; readonly byChannel: boolean; readonly symmetric: boolean }
  | { readonly kind: 'nbits'; readonly bits: number; readonly symmetric: boolean }
  | { readonly kind: 'bnb4'; readonly name: 'nf4' | 'fp4' }
  /** This weight stays as it is. */
  | { readonly kind: 'keep'; readonly reason: string }
  /** No weight can be stored so. */
  | { readonly kind: 'none'; readonly reason: string };

/** MatMulNBits: powers of two from 16 on; onnxruntime's kernels know these. */
const nbitsBlocks: readonly number[] = [16, 32, 64, 128, 256];
/** Values of one band: blocks of all output channels are encoded at once. */
const mostBandValues = 2 ** 24;

/** How a weight with a place in a graph is stored. */
export function onnxForm(setting: Setting): OnnxForm {
  const { choice, dtype, graph } = setting;
  const keep = (reason: string): OnnxForm => ({ kind: 'keep', reason });
  const none = (reason: string): OnnxForm => ({ kind: 'none', reason });
  if (graph?.outputAxis === 1 && (choice.prune === 'nm' || choice.prune === 'heads'))
    return keep('this pruning runs along rows, and the weight is stored the other way round');
  const { label, family, scope } = schemeNamed(choice.scheme);
  if (choice.output === 'fake' || family === 'pruning') return { kind: 'plain' };
  if (choice.output === 'plain' && scope !== 'floats')
    return none(`${label} is not stored as plain tensors; the output "fake" writes dequantized values.`);
  if (scope === 'floats') return { kind: 'cast' };
  const code = linearCodeNamed(choice.scheme);
  const is4Bit = choice.scheme === 'nf4' || choice.scheme === 'fp4';
  if (!code && !is4Bit)
    return none(`ONNX Runtime has no operator for ${label}; the output "fake" writes dequantized values.`);
  if (dtype === 'BF16') return keep('onnxruntime has no operators that dequantize to BF16 on the CPU');
  if (choice.scheme === 'nf4' || choice.scheme === 'fp4') return bnb4Form(setting, choice.scheme);
  if (setting.scaleDtype !== dtype) return none("the operators take scales of the weight's own type.");
  if (choice.clip === 'hqq') return none('half-quadratic zero points are no integers.');
  const { bits, symmetric } = code!;
  if (choice.granularity === 'block') return nbitsForm(setting, bits, symmetric);
  if (bits !== 8)
    return none(`integers of ${bits} bits need blocks: MatMulNBits has one scale for 16 to 256 values.`);
  if (choice.granularity === 'column')
    return none('weights have one scale, or one for each output channel ("row").');
  return { kind: 'qdq', byChannel: choice.granularity === 'row', symmetric };
}

function nbitsForm({ choice, columns, graph }: Setting, bits: number, symmetric: boolean): OnnxForm {
  if (![2, 4, 8].includes(bits)) return { kind: 'none', reason: 'MatMulNBits has codes of 2, 4 and 8 bits.' };
  if (!nbitsBlocks.includes(choice.blockSize))
    return { kind: 'none', reason: 'MatMulNBits has blocks of 16, 32, 64, 128 or 256 values.' };
  if (graph?.operator !== 'MatMul')
    return { kind: 'keep', reason: 'blocks need MatMulNBits, which takes the place of a MatMul only' };
  if (columns * choice.blockSize * blocksPerByte(bits, symmetric) > mostBandValues)
    return {
      kind: 'keep',
      reason: 'its blocks of all output channels are too much at once; smaller blocks fit',
    };
  return { kind: 'nbits', bits, symmetric };
}

function bnb4Form({ choice, dtype, rows, columns, graph }: Setting, name: 'nf4' | 'fp4'): OnnxForm {
  if (choice.doubleQuant) return { kind: 'none', reason: 'MatMulBnb4 has no quantized scales.' };
  const keep = (reason: string): OnnxForm => ({ kind: 'keep', reason });
  if (graph?.operator !== 'MatMul') return keep('MatMulBnb4 takes the place of a MatMul only');
  if (dtype !== 'F32') return keep('MatMulBnb4 would need its scales in F16');
  if (rows % choice.blockSize !== 0)
    return keep(`${rows} input channels do not divide into blocks of ${choice.blockSize}`);
  if (columns * choice.blockSize > mostBandValues)
    return keep('its blocks of all output channels are too much at once; smaller blocks fit');
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
