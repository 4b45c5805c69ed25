/**
 * Operators that take quantized weights, and at which input: onnx docs/Operators.md and onnxruntime's
 * docs/ContribOperators.md.
 */

export interface QuantizedOperator {
  /** Indices of the inputs that are codes. */
  readonly weights: readonly number[];
  /** How people call it. */
  readonly label: string;
}

/** A node that takes quantized weights. */
export interface OperatorUse {
  readonly operator: string;
  /** How the weights are quantized, in words. */
  readonly method: string;
  /** Before the names of tensors of the node's own graph. */
  readonly scope: string;
  /** Names, as the node says them; empty where an input is left out. */
  readonly inputs: readonly string[];
  /** The weights' places among the inputs. */
  readonly weights: readonly number[];
  /** Its attributes that are numbers. */
  readonly attributes: ReadonlyMap<string, number>;
}

export const quantizedOperators: ReadonlyMap<string, QuantizedOperator> = new Map([
  ['DequantizeLinear', { weights: [0], label: 'QDQ' }],
  ['MatMulNBits', { weights: [1], label: 'MatMulNBits' }],
  ['MatMulBnb4', { weights: [1], label: 'MatMulBnb4' }],
  ['GatherBlockQuantized', { weights: [0], label: 'GatherBlockQuantized' }],
  ['QMoE', { weights: [2, 5, 8], label: 'QMoE' }],
  ['QLinearMatMul', { weights: [3], label: 'QLinearMatMul' }],
  ['QLinearConv', { weights: [3], label: 'QLinearConv' }],
  ['QGemm', { weights: [3], label: 'QGemm' }],
  ['QAttention', { weights: [1], label: 'QAttention' }],
  ['MatMulInteger', { weights: [1], label: 'dynamic quantization, MatMulInteger' }],
  ['ConvInteger', { weights: [1], label: 'dynamic quantization, ConvInteger' }],
  ['MatMulIntegerToFloat', { weights: [1], label: 'dynamic quantization, MatMulIntegerToFloat' }],
  ['DynamicQuantizeMatMul', { weights: [1], label: 'dynamic quantization, DynamicQuantizeMatMul' }],
  ['DynamicQuantizeLSTM', { weights: [1, 2], label: 'dynamic quantization, DynamicQuantizeLSTM' }],
]);

/** "MatMulNBits, 4 bits, blocks of 32", from the node's integer attributes. */
export function describeMethod(
  operator: string,
  { label }: QuantizedOperator,
  attributes: ReadonlyMap<string, number>,
): string {
  const parts = [label];
  const bits = attributes.get('bits') ?? attributes.get('expert_weight_bits');
  if (operator === 'MatMulBnb4') parts.push(attributes.get('quant_type') === 0 ? 'FP4' : 'NF4');
  else if (bits !== undefined) parts.push(`${bits} bits`);
  const block = attributes.get('block_size');
  if (block !== undefined && block > 0) parts.push(`blocks of ${block}`);
  return parts.join(', ');
}
