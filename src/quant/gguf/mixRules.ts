/**
 * The rules of GGUF's mixes: which type a tensor gets by what it is for and in which layer it lies. They are those of
 * llama.cpp's llama-quant.cpp (`llama_tensor_get_type_impl`), told here category by category.
 */
import { LoupeError } from '../../errors';
import type { ModelFacts } from './modelFacts';
import { holdsAttentionValues, type TensorCategory } from './tensorCategory';

/** How far the walk over the tensors is: some rules count how many tensors of a category came before. */
export interface MixCounters {
  attentionValues: number;
  ffnDown: number;
  ffnGate: number;
  ffnUp: number;
}

export interface MixContext {
  /** The file type's name: "Q4_K_M". */
  readonly mix: string;
  /** Its type. */
  readonly type: string;
  readonly facts: ModelFacts;
  readonly hasImportance: boolean;
  /** No tensor is named output.weight: the token table is the output too. */
  readonly isTied: boolean;
  /** Tensors that hold attention values, in the whole model. */
  readonly attentionValueTensors: number;
  readonly outputType?: string | undefined;
  readonly tokenEmbeddingType?: string | undefined;
  readonly counters: MixCounters;
}

export interface MixTensor {
  readonly name: string;
  readonly category: TensorCategory;
  /** Values of a row, and matrices that lie behind each other (experts). */
  readonly columns: number;
  readonly matrices: number;
}

const among =
  (...names: string[]) =>
  (name: string): boolean =>
    names.includes(name);
const isVerySmall = among('IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'IQ1_S', 'IQ1_M');
const isSmallerTwo = among('IQ2_S', 'IQ2_M');
const isOneBit = among('IQ1_S', 'IQ1_M');

/** The first and the last eighth of the layers, and every third between them. */
function isFavoured(layer: number, layers: number): boolean {
  const eighth = Math.trunc(layers / 8);
  return layer < eighth || layer >= Math.trunc((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

/** The type that the mix gives, before rows that do not fit its blocks are looked at. Advances the counters. */
export function mixType(
  context: MixContext,
  tensor: MixTensor,
  blockElementsOf: (type: string) => number,
): string {
  const { mix, type, facts, isTied } = context;
  const { category } = tensor;
  if (category === 'output' || (isTied && category === 'tokenEmbedding')) {
    if (context.outputType !== undefined) return context.outputType;
    const fits = tensor.columns % blockElementsOf(type) === 0;
    if (mix === 'MXFP4_MOE' || facts.architecture === 'falcon' || !fits) return 'Q8_0';
    if (isVerySmall(mix) || mix === 'IQ3_XXS') return 'Q5_K';
    return type === 'Q8_0' ? type : 'Q6_K';
  }
  if (mix === 'MXFP4_MOE') {
    const isExpert = category === 'ffnUp' || category === 'ffnGate' || category === 'ffnDown';
    const counts = facts.architecture !== 'bailingmoe3' || isExpert;
    return tensor.matrices > 1 && counts ? 'MXFP4' : 'Q8_0';
  }
  if (category === 'tokenEmbedding') return tokenTableType(context);
  if (isVerySmall(mix)) return verySmallType(context, category);
  if (holdsAttentionValues(category)) return attentionValueType(context);
  switch (category) {
    case 'attentionK':
      return facts.experts === 8 ? 'Q8_0' : attentionKeyType(mix, type);
    case 'attentionQ':
      return attentionKeyType(mix, type);
    case 'ffnDown':
      return ffnDownType(context, layerOf(tensor, facts, context.counters.ffnDown++));
    case 'attentionOutput':
      return attentionOutputType(context);
    case 'ffnGate':
      return ffnGateType(context, layerOf(tensor, facts, context.counters.ffnGate++));
    case 'ffnUp':
      return ffnGateType(context, layerOf(tensor, facts, context.counters.ffnUp++));
    default:
      return type;
  }
}

function tokenTableType({ mix, type, tokenEmbeddingType }: MixContext): string {
  if (tokenEmbeddingType !== undefined) return tokenEmbeddingType;
  if (['IQ2_XXS', 'IQ2_XS', 'IQ1_S', 'IQ1_M'].includes(mix)) return 'Q2_K';
  if (['IQ2_S', 'IQ2_M', 'IQ3_XXS'].includes(mix)) return 'IQ3_S';
  return mix === 'TQ1_0' || mix === 'TQ2_0' ? 'Q4_K' : type;
}

/** Mixes of about 2 bits or fewer give the weights that matter most a K type. */
function verySmallType({ mix, type, facts, counters }: MixContext, category: TensorCategory): string {
  const better = isSmallerTwo(mix) ? 'IQ3_S' : 'Q2_K';
  if (holdsAttentionValues(category)) {
    counters.attentionValues++;
    return facts.headsPerKeyHead >= 4 || facts.experts >= 4 ? 'Q4_K' : better;
  }
  if (category === 'attentionK') return facts.experts === 8 ? 'Q4_K' : type;
  if (category === 'ffnDown') return counters.ffnDown++ < Math.trunc(facts.layers / 8) ? better : type;
  if (category === 'attentionOutput') {
    if (facts.experts === 8) return 'Q5_K';
    if (isOneBit(mix)) return 'IQ2_XXS';
    return isSmallerTwo(mix) ? 'IQ3_S' : type;
  }
  return type;
}

function attentionValueType(context: MixContext): string {
  const { facts, counters } = context;
  let type = attentionValueBase(context);
  // Eight heads share these weights in the 70B models: they are few, and each counts eight times.
  if (facts.isSeventyB && (type === 'Q3_K' || type === 'Q4_K')) type = 'Q5_K';
  // With eight experts attention is a small part of the model.
  if (facts.experts === 8) type = 'Q8_0';
  counters.attentionValues++;
  return type;
}

function attentionValueBase(context: MixContext): string {
  const { mix, type, facts, hasImportance, attentionValueTensors } = context;
  const done = context.counters.attentionValues;
  const isGrouped = facts.headsPerKeyHead >= 4;
  switch (mix) {
    case 'Q2_K':
      return isGrouped ? 'Q4_K' : 'Q3_K';
    case 'Q2_K_S':
    case 'IQ3_XS':
    case 'IQ3_S':
      return isGrouped ? 'Q4_K' : type;
    case 'IQ3_XXS':
      if (isGrouped) return 'Q4_K';
      return hasImportance ? 'IQ3_XXS' : 'IQ3_S';
    case 'IQ3_M':
      return 'Q4_K';
    case 'Q3_K_M':
      return done < 2 ? 'Q5_K' : 'Q4_K';
    case 'Q3_K_L':
      return 'Q5_K';
    case 'IQ4_NL':
    case 'IQ4_XS':
      return isGrouped ? 'Q5_K' : type;
    case 'Q4_K_M':
    case 'Q5_K_M':
      return isFavoured(done, attentionValueTensors) ? 'Q6_K' : type;
    case 'Q4_K_S':
      return done < 4 ? 'Q5_K' : type;
    default:
      return type;
  }
}

/** Keys and queries. */
function attentionKeyType(mix: string, type: string): string {
  if (mix === 'IQ3_XS') return 'IQ3_XXS';
  return mix === 'IQ3_XXS' ? 'IQ2_S' : type;
}

function ffnDownType({ mix, type, facts, hasImportance }: MixContext, layer: number): string {
  const { layers, experts } = facts;
  const isFalcon = facts.architecture === 'falcon';
  const inFirstEighth = layer < Math.trunc(layers / 8);
  const inFirstSixteenth = layer < Math.trunc(layers / 16);
  const favoured = isFavoured(layer, layers);
  switch (mix) {
    case 'Q2_K':
      return 'Q3_K';
    case 'Q2_K_S':
      return inFirstEighth ? 'Q4_K' : type;
    case 'IQ3_XXS':
      if (hasImportance) return type;
      return inFirstEighth ? 'Q4_K' : 'Q3_K';
    case 'Q3_K_M':
      if (inFirstSixteenth) return 'Q5_K';
      return !isFalcon || favoured ? 'Q4_K' : 'Q3_K';
    case 'IQ3_M':
      return inFirstEighth || (experts === 8 && favoured) ? 'Q4_K' : type;
    case 'Q3_K_L':
      return isFalcon ? 'Q4_K' : 'Q5_K';
    case 'Q4_K_M':
      if (!isFalcon) return favoured ? 'Q6_K' : type;
      if (inFirstSixteenth) return 'Q6_K';
      return favoured ? 'Q5_K' : 'Q4_K';
    case 'IQ4_NL':
    case 'IQ4_XS':
      return inFirstEighth && !hasImportance ? 'Q5_K' : type;
    case 'Q5_K_M':
      return favoured ? 'Q6_K' : type;
    case 'Q4_K_S':
      return !isFalcon && inFirstEighth ? 'Q5_K' : type;
    case 'Q4_0':
      return hasImportance && inFirstEighth ? 'Q4_1' : type;
    case 'Q5_0':
      return hasImportance && inFirstEighth ? 'Q5_1' : type;
    default:
      return type;
  }
}

/** Mixes that give the output of attention in models of eight experts more bits. */
const outputInEight = among(
  ...[
    'Q2_K',
    'IQ3_XS',
    'IQ3_XXS',
    'Q3_K_S',
    'Q3_K_M',
    'IQ4_NL',
    'Q4_K_S',
    'Q4_K_M',
    'IQ3_S',
    'IQ3_M',
    'IQ4_XS',
  ],
);
const outputTypes: ReadonlyMap<string, string> = new Map([
  ['Q2_K', 'Q3_K'],
  ['IQ3_XXS', 'IQ3_S'],
  ['Q3_K_M', 'Q4_K'],
  ['Q3_K_L', 'Q5_K'],
  ['IQ3_M', 'Q4_K'],
]);

function attentionOutputType({ mix, type, facts }: MixContext): string {
  if (facts.architecture === 'falcon') return mix === 'Q3_K_L' ? 'Q4_K' : type;
  if (facts.experts === 8) return outputInEight(mix) ? 'Q5_K' : type;
  return outputTypes.get(mix) ?? type;
}

/** ffn_gate and ffn_up. */
function ffnGateType({ mix, type, facts: { layers } }: MixContext, layer: number): string {
  const isInner = layer >= Math.trunc(layers / 8) && layer < Math.trunc((7 * layers) / 8);
  return mix === 'IQ3_XS' && isInner ? 'IQ3_XXS' : type;
}

/** The number of a block in a name as C's scanf reads it, or undefined. */
export function blockOf(name: string): number | undefined {
  const digits = /^blk\.\s*([+-]?\d+)/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Experts' tensors do not come in order, so their names tell the layer; of others, how many came before. */
function layerOf({ name }: MixTensor, { experts, layers }: ModelFacts, before: number): number {
  if (experts <= 1) return before;
  const layer = blockOf(name);
  if (layer !== undefined && layer >= 0 && layer < layers) return layer;
  throw new LoupeError(
    'refused',
    `${name}: mixes go by layers, and this name tells none of the model's ${layers}. A plain type (--pure) can be written.`,
    { tensor: name },
  );
}
