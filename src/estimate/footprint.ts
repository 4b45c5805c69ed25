/** What transformers' get_memory_footprint reports of a loaded model: parameters and buffers, without scales. */
import { ModelConfig } from '../formats/modelConfig';
import { withFamilyDefaults } from './families/familyDefaults';
import { modelParameters } from './modelParameters';
import { elementsOf, type ParameterGroup } from './parameterList';
import type { Footprint, LoadMode } from './types';

/** What a config implies; undefined for a model whose parameters are not known exactly. */
export function footprintOf(fields: Readonly<Record<string, unknown>>): Footprint | undefined {
  try {
    const { groups, certainty } = modelParameters(fields);
    if (certainty !== 'exact') return undefined;
    const bytesIn = (mode: LoadMode): number =>
      modelBuffers(fields, mode === 'f32' ? 4 : 2).reduce(
        (sum, { bytes }) => sum + bytes,
        parameterFootprint(groups, mode),
      );
    return { f32: bytesIn('f32'), f16: bytesIn('f16'), int8: bytesIn('int8'), int4: bytesIn('int4') };
  } catch {
    // A config that does not suffice.
    return undefined;
  }
}

/** A tensor that a model keeps beside its parameters. */
export interface ModelBuffer {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Buffers that the classes of 2023's releases of transformers hold. GPT-2: a mask of the causal triangle, a byte a place, and
 * one number a layer in the model's float type. BERT and its kin: the positions' numbers in 64 bits.
 */
export function modelBuffers(fields: Readonly<Record<string, unknown>>, floatBytes: number): ModelBuffer[] {
  const config = withFamilyDefaults(new ModelConfig(fields));
  switch (config.modelType) {
    case 'gpt2': {
      const layers = config.count(['n_layer', 'num_hidden_layers']);
      const positions = config.count(['n_positions', 'max_position_embeddings']);
      return [
        { name: 'transformer.h.*.attn.bias', bytes: layers * positions * positions },
        { name: 'transformer.h.*.attn.masked_bias', bytes: layers * floatBytes },
      ];
    }
    case 'bert':
    case 'roberta':
    case 'distilbert': {
      const positions = config.count('max_position_embeddings');
      return [{ name: 'embeddings.position_ids', bytes: positions * 8 }];
    }
    default:
      return [];
  }
}

/**
 * Bytes of the parameters. With bitsandbytes (`int8`, `int4`) the weights of linear layers take a byte or half of one, all else
 * two bytes; the last module stays as it is, as do tied heads, which are no parameters of their own.
 */
export function parameterFootprint(groups: readonly ParameterGroup[], mode: LoadMode): number {
  if (mode === 'f32' || mode === 'f16') {
    const each = mode === 'f32' ? 4 : 2;
    return groups.reduce((sum, group) => sum + group.copies * elementsOf(group) * each, 0);
  }
  const last = moduleOf(groups.at(-1)?.name ?? '');
  return groups.reduce((sum, group) => {
    const elements = elementsOf(group);
    const isQuantized = isLinearWeight(group) && moduleOf(group.name) !== last;
    const bytes = !isQuantized ? 2 * elements : mode === 'int8' ? elements : Math.ceil(elements / 2);
    return sum + group.copies * bytes;
  }, 0);
}

const moduleOf = (name: string): string => name.replace(/\.[^.]*$/, '');

/** The matrix of a Linear module, or of GPT-2's Conv1D. */
function isLinearWeight({ name, shape, role }: ParameterGroup): boolean {
  return shape.length === 2 && name.endsWith('.weight') && role !== 'embedding' && role !== 'position';
}
