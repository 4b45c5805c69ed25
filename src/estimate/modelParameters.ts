/** How many parameters a config.json describes, tensor by tensor. */
import { LoupeError } from '../errors';
import { ModelConfig } from '../formats/modelConfig';
import { decoder } from './families/decoder';
import { familyNames, familyOf, nearestFamily } from './families/families';
import { elementsOf, type ParameterGroup, type ParameterList } from './parameterList';

export interface ModelParameters {
  /** config.json's model_type. */
  readonly family: string;
  /** The class whose parameters these are, where the config names one. */
  readonly className?: string | undefined;
  readonly groups: readonly ParameterGroup[];
  readonly total: number;
  /** `approximate`: the family is not known and was counted as if it were built like Llama. */
  readonly certainty: 'exact' | 'approximate';
  /** What is counted otherwise than one might expect. */
  readonly notes: readonly string[];
}

/**
 * Parameters of the class that the config names, tied weights counted once. Throws `malformed` where a figure is missing or
 * no count, `unsupported` where the family is unknown and the figures do not suffice for a guess.
 */
export function modelParameters(fields: Readonly<Record<string, unknown>>): ModelParameters {
  const config = new ModelConfig(fields);
  const { modelType, className } = config;
  const family = familyOf(modelType);
  const notes: string[] = [];
  const list = family ? family(config) : guess(config, notes);
  const extra = config.optionalCount('num_nextn_predict_layers');
  if (family && extra !== undefined && extra > 0) {
    notes.push(
      `Published files also hold ${extra === 1 ? 'a layer' : `${extra} layers`} that predict${extra === 1 ? 's' : ''} further tokens (MTP); the class leaves ${extra === 1 ? 'it' : 'them'} out, and so does this count.`,
    );
  }
  return {
    family: modelType ?? 'unknown',
    className,
    groups: list.groups,
    total: list.total,
    certainty: family ? 'exact' : 'approximate',
    notes,
  };
}

/** As the family whose name begins like this one's, or else as Llama, of the figures that nearly every language model states. */
function guess(config: ModelConfig, notes: string[]): ParameterList {
  const nested = ['text_config', 'llm_config', 'language_config'].find((name) => config.has(name));
  const text = nested === undefined ? config : config.nested(nested);
  const known = familyOf(text.modelType);
  const towers = ['vision_config', 'audio_config'].filter((tower) => config.has(tower));
  if (towers.length > 0)
    notes.push(`What ${towers.map((tower) => `"${tower}"`).join(' and ')} describes is not counted.`);
  const name = config.modelType === undefined ? 'no model_type' : `model_type "${config.modelType}"`;
  if (nested !== undefined && known) {
    notes.push(`${name} is not known: only its language model, ${text.modelType}, is counted.`);
    return known(text);
  }
  const part = nested === undefined ? '' : ', its language model alone';
  const nearest = nearestFamily(text.modelType ?? config.modelType) ?? nearestFamily(config.modelType);
  if (nearest !== undefined) {
    try {
      const list = familyOf(nearest)!(text);
      notes.push(`${name} is not known: counted as if it were built like ${nearest}${part}.`);
      return list;
    } catch {
      // Its figures have other names: as any language model, then.
    }
  }
  try {
    const list = decoder(text);
    notes.push(`${name} is not known: counted as if it were built like Llama${part}.`);
    return list;
  } catch (thrown) {
    throw new LoupeError(
      'unsupported',
      `The parameters cannot be counted: ${name} is none of ${familyNames.join(', ')}, and as a model like Llama: ${LoupeError.from(thrown).message}`,
    );
  }
}

/** Parameters by what they do. */
export function parametersByRole(groups: readonly ParameterGroup[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const group of groups)
    sums.set(group.role, (sums.get(group.role) ?? 0) + group.copies * elementsOf(group));
  return sums;
}
