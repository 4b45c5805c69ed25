/** What an estimate starts from: a model's files, or its config.json alone. */
import { LoupeError } from '../errors';
import type { Checkpoint } from '../formats/checkpoint';
import { ModelConfig } from '../formats/modelConfig';
import { type CachePlan, cachePlan } from './cachePlan';
import type { ComputeShape } from './computeBuffers';
import { configQuantization } from './configQuantization';
import { attentionShape } from './families/decoder';
import { expertCounts } from './families/experts';
import { languageModel } from './families/families';
import { footprintOf } from './footprint';
import { configFromGguf } from './ggufConfig';
import { modelParameters } from './modelParameters';
import { type SizedTensor, sizedBytes } from './schemeSizes';
import type { Footprint } from './types';

export interface MemorySource {
  readonly tensors: readonly SizedTensor[];
  /** `exact`: from headers, or a family that is known. */
  readonly certainty: 'exact' | 'approximate';
  readonly modelType: string | undefined;
  /** Undefined where nothing says how attention is built. */
  readonly cache: CachePlan | undefined;
  readonly compute: ComputeShape | undefined;
  /** Share of the weights' bytes that one token goes through: less than 1 for mixtures of experts. */
  readonly activeShare?: number | undefined;
  /** Longest context that the model was made for. */
  readonly longestContext: number | undefined;
  readonly footprint?: Footprint | undefined;
  readonly notes: readonly string[];
}

/** Type names of PyTorch in config.json. */
const torchDtypes: ReadonlyMap<string, string> = new Map([
  ['float32', 'F32'],
  ['float16', 'F16'],
  ['bfloat16', 'BF16'],
  ['float64', 'F64'],
]);

/** The type that a config names, perhaps in what it says of the language model; undefined where it names none that is known. */
export function configDtype(fields: Readonly<Record<string, unknown>>): string | undefined {
  const config = new ModelConfig(fields);
  const places = [config, languageModel(config)];
  const named = places.map((place) => place.text('torch_dtype') ?? place.text('dtype')).find(Boolean);
  return torchDtypes.get(named?.replace('torch.', '') ?? '');
}

/** From config.json alone, in the type that it names. Throws as `modelParameters` does. */
export function sourceFromConfig(fields: Readonly<Record<string, unknown>>): MemorySource {
  const counted = modelParameters(fields);
  const config = new ModelConfig(fields);
  const dtype = configDtype(fields);
  const notes = [...counted.notes];
  if (!dtype) notes.push('The config names no type: weights are counted in F32.');
  const figures = attentionFigures(fields);
  const quantization = configQuantization(fields);
  if (quantization) notes.push(quantization.note);
  const tensors = counted.groups.map((group): SizedTensor => {
    const { name, shape, copies } = group;
    const packed = quantization?.stored(group);
    const own = packed ? { bytes: packed.bytes, stored: packed.dtype } : {};
    return { name, shape, copies, dtype: dtype ?? 'F32', ...own };
  });
  return {
    tensors,
    certainty: counted.certainty,
    modelType: config.modelType,
    activeShare: activeShare(tensors, languageModel(config)),
    footprint: footprintOf(fields),
    ...figures,
    notes: [...notes, ...figures.notes],
  };
}

/** From the headers of the files; attention from config.json or GGUF's metadata. */
export function sourceFromCheckpoint({ tensors, config, metadata, format }: Checkpoint): MemorySource {
  const fields = format === 'gguf' ? configFromGguf(metadata) : config;
  const modelType = fields && new ModelConfig(fields).modelType;
  const notes: string[] = [];
  const nothing = { cache: undefined, compute: undefined, longestContext: undefined, notes };
  if (!fields)
    notes.push('Nothing beside the weights tells how attention is built: the cache is not counted.');
  const figures = fields ? attentionFigures(fields) : nothing;
  const sized = alike(tensors);
  const share = fields && activeShare(sized, languageModel(new ModelConfig(fields)));
  const footprint = format === 'gguf' || !config ? undefined : footprintOf(config);
  return { tensors: sized, certainty: 'exact', modelType, activeShare: share, footprint, ...figures };
}

/** Experts that a token is sent to, of all; 1 for models without. */
function activeShare(tensors: readonly SizedTensor[], config: ModelConfig): number {
  const bytes = (of: readonly SizedTensor[]) =>
    of.reduce((sum, tensor) => sum + tensor.copies * sizedBytes(tensor), 0);
  const [all, experts] = [bytes(tensors), bytes(tensors.filter(({ name }) => expertNames.test(name)))];
  if (experts === 0) return 1;
  try {
    const total = config.count(expertCounts);
    const used = config.count([
      'num_experts_per_tok',
      'num_experts_per_token',
      'experts_per_token',
      'moe_k',
      'moe_top_k',
    ]);
    return total === 0 ? 1 : 1 - (experts / all) * (1 - Math.min(1, used / total));
  } catch {
    // Without the figures all of them may be read.
    return 1;
  }
}
const expertNames = /\.experts\.|_exps\.|block_sparse_moe\.(input|output)_linear\./;

/** Tensors of the same type, shape and place in a layer as one with copies: a thousand layers cost what one does. */
function alike(tensors: Checkpoint['tensors']): SizedTensor[] {
  const groups = new Map<string, { -readonly [Key in keyof SizedTensor]: SizedTensor[Key] }>();
  for (const { name, dtype, shape, bytes } of tensors) {
    const pattern = name.replace(/\d+/g, '*');
    const key = `${pattern}\0${dtype}\0${shape.join(',')}\0${bytes}`;
    const known = groups.get(key);
    if (known) known.copies++;
    else groups.set(key, { name: pattern, dtype, shape, bytes, copies: 1 });
  }
  return [...groups.values()];
}

function attentionFigures(
  fields: Readonly<Record<string, unknown>>,
): Pick<MemorySource, 'cache' | 'compute' | 'longestContext' | 'notes'> {
  const notes: string[] = [];
  let cache: CachePlan | undefined;
  try {
    cache = cachePlan(fields);
    notes.push(...cache.notes);
  } catch (thrown) {
    notes.push(`The cache is not counted: ${LoupeError.from(thrown).message}`);
  }
  const text = languageModel(new ModelConfig(fields));
  let longestContext: number | undefined;
  try {
    longestContext = text.optionalCount(['max_position_embeddings', 'n_positions', 'n_ctx', 'max_seq_len']);
  } catch {
    notes.push('The longest context in the config is no count.');
  }
  return { cache, compute: computeShape(text), longestContext, notes };
}

/** Undefined for models whose configs speak of something else than a decoder. */
function computeShape(config: ModelConfig): ComputeShape | undefined {
  try {
    const { hidden, heads, kvHeads, headWidth } = attentionShape(config);
    const feedForward = config.optionalCount(['intermediate_size', 'ffn_dim', 'n_inner', 'ffn_hidden_size']);
    const vocabulary = config.count('vocab_size');
    const layers = config.optionalCount(['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers']);
    return {
      ...{ hidden, heads, vocabulary, layers },
      feedForward: feedForward ?? 4 * hidden,
      keyWidth: kvHeads * headWidth,
    };
  } catch {
    return undefined;
  }
}
