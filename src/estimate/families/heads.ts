/** What stands on top of a model: a language model's head, a classifier, or nothing. */
import type { ModelConfig } from '../../formats/modelConfig';
import type { ParameterList } from '../parameterList';

export type HeadKind =
  | 'none'
  | 'causal'
  | 'sequence'
  | 'token'
  | 'questions'
  | 'masked'
  | 'pretraining'
  | 'image';

/** By the ending of the class's name; a config without one is taken for what its family is published as. */
export function headKind(config: ModelConfig, otherwise: HeadKind = 'causal'): HeadKind {
  const name = config.className;
  if (name === undefined) return otherwise;
  if (/ForSequenceClassification$|ForMultipleChoice$/.test(name)) return 'sequence';
  if (/ForTokenClassification$/.test(name)) return 'token';
  if (/ForQuestionAnswering$/.test(name)) return 'questions';
  if (/ForMaskedLM$/.test(name)) return 'masked';
  if (/ForPreTraining$/.test(name)) return 'pretraining';
  if (/ForImageClassification$/.test(name)) return 'image';
  if (/(?:ForCausalLM|LMHeadModel|ForConditionalGeneration)$/.test(name)) return 'causal';
  if (/Model$/.test(name)) return 'none';
  return otherwise;
}

/** Classes of a classifier: two unless the config lists labels, as in transformers. */
export const labelCount = (config: ModelConfig): number =>
  config.optionalCount('num_labels') ?? config.entries('id2label') ?? 2;

export interface HeadShape {
  readonly hidden: number;
  readonly vocabulary: number;
  readonly tied: boolean;
  readonly bias?: boolean | undefined;
  /** The module's name. */
  readonly name?: string | undefined;
}

/** The head of a decoder. A tied head shares the embedding's matrix, and only a bias of its own counts. */
export function addHead(list: ParameterList, config: ModelConfig, shape: HeadShape): void {
  const { hidden, vocabulary, tied, bias = false, name = 'lm_head' } = shape;
  const kind = headKind(config);
  if (kind === 'causal') {
    if (tied) {
      if (bias) list.add('head', `${name}.bias`, vocabulary);
    } else list.linear('head', name, vocabulary, hidden, bias);
  } else if (kind === 'sequence') list.linear('head', 'score', labelCount(config), hidden);
  else if (kind === 'token') list.linear('head', 'score', labelCount(config), hidden, true);
  else if (kind === 'questions') list.linear('head', 'qa_outputs', 2, hidden, true);
}
