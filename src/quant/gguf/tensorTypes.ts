/** Plans a GGUF quantization: the type of every tensor, as llama-quantize decides (llama.cpp, llama-quant.cpp). */
import { LoupeError } from '../../errors';
import { byteSize, dtypes } from '../../numeric/dtypes';
import { compilePattern } from '../namePattern';
import type { GgufFileType } from './fileTypes';
import { blockOf, type MixContext, mixType } from './mixRules';
import type { ModelFacts } from './modelFacts';
import type { TypeRule } from './options';
import { categoryOf, holdsAttentionValues, keptBecause } from './tensorCategory';

export interface GgufTensor {
  readonly name: string;
  readonly dtype: string;
  /** Outermost first. */
  readonly shape: readonly number[];
}

export interface MixOptions {
  /** Every weight in the file type's own type. */
  readonly pure: boolean;
  /** Keep output.weight as it is. */
  readonly leaveOutput?: boolean | undefined;
  /** Types instead of the mix's for output.weight and for the token table. */
  readonly outputType?: string | undefined;
  readonly tokenEmbeddingType?: string | undefined;
  /** The first rule whose pattern matches decides; undecided tensors go by the mix. */
  readonly rules?: readonly TypeRule[] | undefined;
  readonly hasImportance: boolean;
}

export interface PlannedType {
  readonly type: string;
  /** Why the tensor stays as it is: "normalization". */
  readonly kept?: string | undefined;
  /** Its rows do not fill blocks of the type that it should have had. */
  readonly insteadOf?: string | undefined;
  /** This type makes garbage without an importance matrix. */
  readonly needsImportance: boolean;
}

/** Steps of pattern matching for a whole model: far beyond any that is meant. */
export const matchingSteps = 50_000_000;

/** The order in which llama.cpp writes and counts tensors: those outside of blocks first, then block by block, by bytes. */
export function inGgufOrder<T extends { readonly name: string }>(tensors: readonly T[]): T[] {
  const keyed = tensors.map((tensor) => ({
    tensor,
    block: blockOf(tensor.name) ?? -1,
    bytes: encoder.encode(tensor.name),
  }));
  keyed.sort((a, b) => a.block - b.block || compareBytes(a.bytes, b.bytes));
  return keyed.map(({ tensor }) => tensor);
}

/**
 * Types in the tensors' order, which counts: rules by layers go by how many tensors came before. Throws `refused` naming a
 * tensor for which there is no type, `usage` for types and patterns that do not exist.
 */
export function planTypes(
  fileType: GgufFileType,
  tensors: readonly GgufTensor[],
  facts: ModelFacts,
  options: MixOptions,
): PlannedType[] {
  const { outputType, tokenEmbeddingType } = options;
  for (const type of [outputType, tokenEmbeddingType]) if (type !== undefined) writableType(type);
  const rules = (options.rules ?? []).map(({ pattern, type }) => ({
    matches: compilePattern(pattern),
    type: writableType(type),
  }));
  const work = { steps: matchingSteps };
  const ruleFor = (name: string) => {
    const found = rules.find(({ matches }) => matches.test(name, work));
    if (work.steps < 0) throw new LoupeError('usage', 'The patterns take too long to match.');
    return found;
  };
  const categories = tensors.map(({ name }) => categoryOf(name));
  const context: MixContext = {
    mix: fileType.name,
    type: fileType.type,
    facts,
    hasImportance: options.hasImportance,
    isTied: !categories.includes('output'),
    attentionValueTensors: categories.filter(holdsAttentionValues).length,
    outputType,
    tokenEmbeddingType,
    counters: { attentionValues: 0, ffnDown: 0, ffnGate: 0, ffnUp: 0 },
  };
  const isQuantized = dtypes.get(fileType.type)!.kind === 'quantized';
  return tensors.map(({ name, dtype, shape }, index): PlannedType => {
    const category = categories[index]!;
    const isLeft = options.leaveOutput === true && category === 'output';
    const kept = isLeft ? 'the output, as asked' : keptBecause(name, shape);
    if (kept !== undefined) return { type: dtype, kept, needsImportance: false };
    const type = (chosen: string, insteadOf?: string): PlannedType => ({
      type: chosen,
      insteadOf,
      needsImportance: needsImportance(name, chosen, fileType.name),
    });
    const isLayerTable = name === 'per_layer_token_embd.weight';
    if (category === 'tokenEmbedding' && tokenEmbeddingType !== undefined) {
      // The table by layer follows the token table's type, unless a rule names it.
      if (!(isLayerTable && ruleFor(name))) return type(tokenEmbeddingType);
    }
    if (category === 'output' && outputType !== undefined) return type(outputType);
    if (!isQuantized) return type(fileType.type);
    const columns = shape.at(-1)!;
    const rule = ruleFor(name);
    let wanted = fileType.type;
    if (rule) wanted = rule.type;
    else if (!options.pure)
      wanted = mixType(context, { name, category, columns, matrices: shape.at(-3) ?? 1 }, blockElements);
    const fitting = fittingType(name, columns, wanted);
    return type(fitting, fitting === wanted ? undefined : wanted);
  });
}

const encoder = new TextEncoder();

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}

/** Bytes of a tensor in a type; throws `refused` where its rows do not fill whole blocks. */
export function bytesIn(type: string, { name, shape }: Pick<GgufTensor, 'name' | 'shape'>): number {
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  const info = dtypes.get(type);
  const bytes = info && byteSize(info, elements);
  if (bytes !== undefined && (shape.at(-1) ?? 1) % info!.blockElements === 0) return bytes;
  throw new LoupeError('refused', `${name}: rows of ${shape.at(-1)} values do not fill blocks of ${type}.`, {
    tensor: name,
  });
}

const blockElements = (type: string): number => dtypes.get(type)!.blockElements;

/** A type by its name in either case, as options give it. Throws `usage` for one that holds no weights. */
function writableType(name: string): string {
  const type = name.toUpperCase();
  const known = [...dtypes.keys()].filter((each) => isWeightType(each));
  if (known.includes(type)) return type;
  throw new LoupeError('usage', `There is no type "${name}" for weights. Known: ${known.join(', ')}.`);
}

/** Types of activations only. */
const notOfWeights: ReadonlySet<string> = new Set(['Q8_1', 'Q8_K']);

function isWeightType(type: string): boolean {
  const isQuantized = dtypes.get(type)!.kind === 'quantized' && !notOfWeights.has(type);
  return isQuantized || type === 'F32' || type === 'F16' || type === 'BF16';
}

/** What stands in for a type of long blocks where rows are not multiples of them: one of about as many bits, in short blocks. */
const shorterBlocks: ReadonlyMap<string, string> = new Map([
  ...['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ3_XXS', 'IQ3_S', 'IQ4_XS'].map(
    (type) => [type, 'IQ4_NL'] as const,
  ),
  ...['Q2_0', 'Q2_K', 'Q3_K', 'TQ1_0', 'TQ2_0'].map((type) => [type, 'Q4_0'] as const),
  ['Q4_K', 'Q5_0'],
  ['Q5_K', 'Q5_1'],
  ['Q6_K', 'Q8_0'],
]);

/** The type that a tensor gets where one was wanted: another one if its rows do not fill its blocks. Throws `refused` if none fits. */
export function fittingType(name: string, columns: number, type: string): string {
  if (columns % blockElements(type) === 0) return type;
  const shorter = shorterBlocks.get(type);
  if (shorter === undefined && blockElements(type) > 32)
    throw new LoupeError(
      'refused',
      `${name}: rows of ${columns} values do not fill blocks of ${type}, and nothing stands in for it.`,
      { tensor: name },
    );
  const chosen = shorter ?? type;
  return columns % blockElements(chosen) === 0 ? chosen : 'F16';
}

/** Types whose searches find nothing good unless they know which values matter. */
const blindTypes: ReadonlySet<string> = new Set(['IQ3_XXS', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ1_M', 'IQ1_S']);

/** Whether a tensor would be garbage in a type without an importance matrix. */
export function needsImportance(name: string, type: string, mix: string): boolean {
  const category = categoryOf(name);
  if (category === 'tokenEmbedding' || category === 'output') return false;
  return blindTypes.has(type) || (type === 'Q2_K' && mix === 'Q2_K_S');
}
