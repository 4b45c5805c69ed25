/** Shows quantized weights as what they are, whatever method stored them: tries each layout's detector in turn. */
import type { Finding, QuantizationSummary, TensorInfo, TensorSpan } from '../checkpoint';
import { asRecord } from '../jsonSidecar';
import type { OperatorUse } from '../onnx/quantizedOperators';
import { foldBitsandbytes4 } from './bitsandbytes4';
import { Folding } from './folding';
import { foldMxfp4Blocks, foldPackedFp4 } from './fp4';
import { foldGptqAndAwq } from './gptqAwq';
import { foldMlx } from './mlx';
import { foldOperators } from './onnxOperators';
import { foldPackQuantized } from './packQuantized';
import { foldBitsandbytes8, foldScaledEight } from './scaledEight';

export interface FoldResult {
  readonly tensors: readonly TensorInfo[];
  readonly findings: readonly Finding[];
  readonly quantization?: QuantizationSummary | undefined;
}

/** The most telling names come first, so that a general pattern does not claim a special layout's tensors. */
const detectors: readonly ((folding: Folding) => void | Promise<void>)[] = [
  foldPackQuantized,
  foldBitsandbytes4,
  foldBitsandbytes8,
  foldGptqAndAwq,
  foldPackedFp4,
  foldScaledEight,
  foldMlx,
  foldMxfp4Blocks,
];

/** Only names that end so are worth a detector's look: most checkpoints have none. */
const tellingSuffixes = [
  '.weight_packed',
  '.quant_state.bitsandbytes__nf4',
  '.quant_state.bitsandbytes__fp4',
  '.SCB',
  '.qweight',
  '.weight_scale',
  '.weight_scale_inv',
  '.weight_scale_2',
  '.scales',
  '_blocks',
];
/** Their last letters, looked at first: a model can have a million names. */
const lastLetters = new Set(tellingSuffixes.map((suffix) => suffix.charCodeAt(suffix.length - 1)));

function isTelling(name: string): boolean {
  if (!lastLetters.has(name.charCodeAt(name.length - 1))) return false;
  // Nearly every name ends in "weight": those of GPTQ and AWQ have a letter before it.
  if (name.endsWith('.weight')) return false;
  return tellingSuffixes.some((suffix) => name.endsWith(suffix));
}

/**
 * Folds the stored tensors of each quantized weight into one. `readSpans` gets small tensors (16 bytes to 1 KiB) and
 * gives their bytes in the same order. Pieces that do not fit together stay as they are stored, with a warning.
 * `config` is config.json; `quantizedUses` are the nodes of a graph, which say more than names.
 */
export async function foldLayouts(
  stored: readonly TensorInfo[],
  filePath: (file: number) => string,
  readSpans: (spans: readonly TensorSpan[]) => Promise<readonly Uint8Array[]>,
  config: Readonly<Record<string, unknown>> | undefined,
  quantizedUses: readonly OperatorUse[] = [],
): Promise<FoldResult> {
  const byName = stored.some(({ name }) => isTelling(name));
  if (!byName && quantizedUses.length === 0) return { tensors: stored, findings: [] };
  const folding = new Folding(stored, filePath, readSpans, config);
  foldOperators(folding, quantizedUses);
  if (byName) for (const detector of detectors) await detector(folding);
  const { tensors, findings } = folding.result();
  const quantization = summarize(tensors);
  return { tensors, findings, ...(quantization ? { quantization } : {}) };
}

/** The layout that most weights' elements have, the bits where all agree, and the mean cost of a weight. */
function summarize(tensors: readonly TensorInfo[]): QuantizationSummary | undefined {
  const elementsOf = new Map<string, number>();
  const widths = new Set<number>();
  let weights = 0;
  let elements = 0;
  let bytes = 0;
  for (const tensor of tensors) {
    if (!tensor.pieces) continue;
    const { layout, bits } = tensor.pieces;
    elementsOf.set(layout, (elementsOf.get(layout) ?? 0) + tensor.elements);
    widths.add(bits);
    weights++;
    elements += tensor.elements;
    bytes += tensor.bytes;
  }
  const [main] = [...elementsOf].sort((a, b) => b[1] - a[1]);
  if (!main) return undefined;
  const [bits] = widths;
  return {
    method: main[0],
    ...(widths.size === 1 && bits !== undefined ? { bits } : {}),
    bitsPerWeight: elements === 0 ? 0 : (bytes * 8) / elements,
    weights,
  };
}

/** The quantization method that config.json names, if any. */
export function configuredMethod(config: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const method = asRecord(config?.quantization_config)?.quant_method;
  return typeof method === 'string' && method !== '' ? method.slice(0, 100) : undefined;
}
