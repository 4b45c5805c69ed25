/** BERT and its kin. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { type HeadKind, headKind, labelCount } from './heads';

interface LayerShape {
  readonly hidden: number;
  readonly layers: number;
  readonly width: number;
}

interface EncoderShape extends LayerShape {
  readonly vocabulary: number;
}

/** A layer as BERT's: four projections and two matrices, all with biases, and two LayerNorms. */
export function addLayers(body: ParameterList, { hidden, layers, width }: LayerShape): void {
  const layer = body.under('encoder.layer.*', layers);
  for (const name of ['self.query', 'self.key', 'self.value', 'output.dense'])
    layer.linear('attention', `attention.${name}`, hidden, hidden, true);
  layer.norm('attention.output.LayerNorm', hidden, true);
  layer.linear('mlp', 'intermediate.dense', width, hidden, true);
  layer.linear('mlp', 'output.dense', hidden, width, true);
  layer.norm('output.LayerNorm', hidden, true);
}

/** Classes with a pooler: those that look at the first token. */
const pooled: ReadonlySet<HeadKind> = new Set(['none', 'sequence', 'pretraining']);

function bertLike(
  config: ModelConfig,
  prefix: string,
  addOwnHead: (list: ParameterList, kind: HeadKind, shape: EncoderShape) => void,
): ParameterList {
  const list = new ParameterList();
  const kind = headKind(config, 'none');
  const body = kind === 'none' ? list : list.under(prefix);
  const shape = {
    hidden: config.count('hidden_size'),
    layers: config.count('num_hidden_layers'),
    width: config.count('intermediate_size'),
    vocabulary: config.count('vocab_size'),
  };
  const { hidden } = shape;
  const embeddings = body.under('embeddings');
  embeddings.add('embedding', 'word_embeddings.weight', shape.vocabulary, hidden);
  embeddings.add('position', 'position_embeddings.weight', config.count('max_position_embeddings'), hidden);
  embeddings.add('embedding', 'token_type_embeddings.weight', config.count('type_vocab_size', 2), hidden);
  embeddings.norm('LayerNorm', hidden, true);
  addLayers(body, shape);
  addOwnHead(list, kind, shape);
  return list;
}

export function bert(config: ModelConfig): ParameterList {
  return bertLike(config, 'bert', (list, kind, { hidden, vocabulary }) => {
    const body = kind === 'none' ? list : list.under('bert');
    if (pooled.has(kind)) body.linear('other', 'pooler.dense', hidden, hidden, true);
    if (kind === 'masked' || kind === 'pretraining' || kind === 'causal') {
      const head = list.under('cls.predictions');
      head.linear('head', 'transform.dense', hidden, hidden, true);
      head.norm('transform.LayerNorm', hidden, true);
      // The matrix is the embedding's.
      head.add('head', 'bias', vocabulary);
    }
    if (kind === 'pretraining') list.linear('head', 'cls.seq_relationship', 2, hidden, true);
    addClassifier(list, kind, config, hidden);
  });
}

export function roberta(config: ModelConfig): ParameterList {
  return bertLike(config, 'roberta', (list, kind, { hidden, vocabulary }) => {
    if (kind === 'none') list.linear('other', 'pooler.dense', hidden, hidden, true);
    if (kind === 'masked' || kind === 'causal') {
      list.linear('head', 'lm_head.dense', hidden, hidden, true);
      list.norm('lm_head.layer_norm', hidden, true);
      list.add('head', 'lm_head.bias', vocabulary);
    }
    // Its classifier of sequences has a layer of its own instead of the pooler.
    if (kind === 'sequence') {
      list.linear('head', 'classifier.dense', hidden, hidden, true);
      list.linear('head', 'classifier.out_proj', labelCount(config), hidden, true);
    } else addClassifier(list, kind, config, hidden);
  });
}

/** The matrix of a classifier of sequences or tokens, or of answers to questions. */
export function addClassifier(
  list: ParameterList,
  kind: HeadKind,
  config: ModelConfig,
  hidden: number,
): void {
  if (kind === 'sequence' || kind === 'token')
    list.linear('head', 'classifier', labelCount(config), hidden, true);
  if (kind === 'questions') list.linear('head', 'qa_outputs', 2, hidden, true);
}

export function distilbert(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const kind = headKind(config, 'none');
  const body = kind === 'none' ? list : list.under('distilbert');
  const hidden = config.count(['dim', 'hidden_size']);
  const vocabulary = config.count('vocab_size');
  const embeddings = body.under('embeddings');
  embeddings.add('embedding', 'word_embeddings.weight', vocabulary, hidden);
  embeddings.add('position', 'position_embeddings.weight', config.count('max_position_embeddings'), hidden);
  embeddings.norm('LayerNorm', hidden, true);
  const layer = body.under('transformer.layer.*', config.count(['n_layers', 'num_hidden_layers']));
  for (const name of ['q_lin', 'k_lin', 'v_lin', 'out_lin'])
    layer.linear('attention', `attention.${name}`, hidden, hidden, true);
  layer.norm('sa_layer_norm', hidden, true);
  const width = config.count(['hidden_dim', 'intermediate_size']);
  layer.linear('mlp', 'ffn.lin1', width, hidden, true);
  layer.linear('mlp', 'ffn.lin2', hidden, width, true);
  layer.norm('output_layer_norm', hidden, true);
  if (kind === 'masked') {
    list.linear('head', 'vocab_transform', hidden, hidden, true);
    list.norm('vocab_layer_norm', hidden, true);
    list.add('head', 'vocab_projector.bias', vocabulary);
  }
  if (kind === 'sequence') list.linear('head', 'pre_classifier', hidden, hidden, true);
  addClassifier(list, kind, config, hidden);
  return list;
}
