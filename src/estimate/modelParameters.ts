/** How many parameters a config.json describes, tensor by tensor. */
import { LoupeError } from '../errors';
import { ModelConfig } from '../formats/modelConfig';
import { decoder } from './families/decoder';
import { expertCounts, routedExperts } from './families/experts';
import { familyNames, familyOf, hasExperts, nearestFamily, textConfigs } from './families/families';
import { filledIn } from './families/familyDefaults';
import { usuallyNamed } from './families/otherNames';
import { type ParameterGroup, ParameterList } from './parameterList';

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
  const notes: string[] = [];
  const known = ofFamily(config);
  const list = known ?? guess(config, notes);
  const filled = known ? filledIn(config) : [];
  if (filled.length > 0)
    notes.push(`The config leaves out ${filled.join(', ')}: as transformers fills them in.`);
  const extra = config.optionalCount('num_nextn_predict_layers');
  if (known && extra !== undefined && extra > 0) {
    notes.push(
      `Published files also hold ${extra === 1 ? 'a layer' : `${extra} layers`} that predict${extra === 1 ? 's' : ''} further tokens (MTP); the class leaves ${extra === 1 ? 'it' : 'them'} out, and so does this count.`,
    );
  }
  return {
    family: modelType ?? 'unknown',
    className,
    groups: list.groups,
    total: list.total,
    certainty: known ? 'exact' : 'approximate',
    notes,
  };
}

/** Undefined for a family that is not known, or within which the language model is not. */
function ofFamily(config: ModelConfig): ParameterList | undefined {
  try {
    return familyOf(config.modelType)?.(config);
  } catch (thrown) {
    if (LoupeError.from(thrown).code === 'unsupported') return undefined;
    throw thrown;
  }
}

/** As the family whose name begins like this one's, or else as Llama or BERT, of the figures that nearly every model states. */
function guess(config: ModelConfig, notes: string[]): ParameterList {
  const nested = textConfigs.find((name) => config.has(name));
  const text = nested === undefined ? config : config.nested(nested);
  const name = config.modelType === undefined ? 'no model_type' : `model_type "${config.modelType}"`;
  const list = new ParameterList();
  const part = nested === undefined ? '' : ', its language model alone';
  const known = nested === undefined ? undefined : familyOf(text.modelType);
  if (known) list.addAll(known(text));
  const [counted, like] = known ? [] : likeKnown(config, text, name);
  if (counted) list.addAll(counted);
  const towers = ['vision_config', 'audio_config'].filter((tower) => config.has(tower));
  const left = towers.filter((tower) => !addTower(list, config.nested(tower)));
  const described = left.map((tower) => `"${tower}"`).join(' and ');
  if (left.length > 0) notes.push(`What ${described} describes is not counted.`);
  if (known) {
    const counts =
      left.length < towers.length ? 'its towers are counted, what joins them is not.' : undefined;
    notes.push(
      `${name} is not known: ${counts ?? `only its language model, ${text.modelType}, is counted.`}`,
    );
  } else notes.push(`${name} is not known: counted as if it were built like ${like}${part}.`);
  return list;
}

/** Counts a tower of a family that is known; false for another. */
function addTower(list: ParameterList, tower: ModelConfig): boolean {
  const family = familyOf(tower.modelType);
  if (!family) return false;
  list.under('vision_tower').addAll(family(tower));
  return true;
}

/** The count, and what it is taken to be built like. Throws `unsupported` where the figures do not suffice. */
function likeKnown(config: ModelConfig, text: ModelConfig, name: string): [ParameterList, string] {
  const usual = usuallyNamed(text);
  // Some list a number for each tower.
  const experts = expertCounts.map((each) => usual.countOf(each)).find((count) => count !== undefined) ?? 0;
  const isLatent = usual.has('kv_lora_rank') && usual.has('qk_nope_head_dim');
  const nearest = isLatent
    ? 'deepseek_v3'
    : (nearestFamily(text.modelType ?? config.modelType) ?? nearestFamily(config.modelType));
  // A mixture of experts is nothing like the dense family whose name it begins with.
  if (nearest !== undefined && (experts < 2 || hasExperts(nearest))) {
    try {
      return [familyOf(nearest)!(text), nearest];
    } catch {
      // Its figures have other names: as any language model, then.
    }
  }
  try {
    const isEncoder = config.className?.endsWith('ForMaskedLM') || usual.has('type_vocab_size');
    if (isEncoder && experts < 2) return [familyOf('bert')!(usual), 'BERT'];
    if (experts < 2) return [decoder(usual), 'Llama'];
    const list = decoder(usual, { experts: (each) => routedExperts(each) });
    return [list, `Llama with ${experts} experts`];
  } catch (thrown) {
    throw new LoupeError(
      'unsupported',
      `The parameters cannot be counted: ${name} is none of ${familyNames.join(', ')}, and as a model like Llama: ${LoupeError.from(thrown).message}`,
    );
  }
}
