/** Encoders that are built like BERT but for one thing or another: ALBERT, ELECTRA, MPNet, DeBERTa, ModernBERT. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { addClassifier, addLayers } from './encoders';
import { type HeadKind, headKind } from './heads';

interface Begun {
  readonly list: ParameterList;
  readonly body: ParameterList;
  readonly kind: HeadKind;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly shape: { readonly hidden: number; readonly layers: number; readonly width: number };
}

function begin(config: ModelConfig, prefix: string): Begun {
  const list = new ParameterList();
  const kind = headKind(config, 'none');
  const hidden = config.count('hidden_size');
  return {
    list,
    body: kind === 'none' ? list : list.under(prefix),
    kind,
    hidden,
    vocabulary: config.count('vocab_size'),
    shape: {
      hidden,
      layers: config.count('num_hidden_layers'),
      width: config.count('intermediate_size'),
    },
  };
}

function addEmbeddings(
  body: ParameterList,
  config: ModelConfig,
  width: number,
  { types = 2, hasPositions = true } = {},
): void {
  const embeddings = body.under('embeddings');
  embeddings.add('embedding', 'word_embeddings.weight', config.count('vocab_size'), width);
  const positions = config.count('max_position_embeddings', 512);
  if (hasPositions) embeddings.add('position', 'position_embeddings.weight', positions, width);
  embeddings.add('embedding', 'token_type_embeddings.weight', types, width);
  embeddings.norm('LayerNorm', width, true);
}

/** Source: modeling_albert.py of transformers. All layers share the matrices of a few. */
export function albert(config: ModelConfig): ParameterList {
  const { list, body, kind, hidden, vocabulary, shape } = begin(config, 'albert');
  const embedded = config.count('embedding_size', 128);
  addEmbeddings(body, config, embedded, { types: config.count('type_vocab_size', 2) });
  body.linear('other', 'encoder.embedding_hidden_mapping_in', hidden, embedded, true);
  const copies = config.count('num_hidden_groups', 1) * config.count('inner_group_num', 1);
  addLayers(body, { ...shape, layers: copies });
  if (kind !== 'masked' && kind !== 'token' && kind !== 'questions')
    body.linear('other', 'pooler', hidden, hidden, true);
  if (kind === 'masked' || kind === 'pretraining') {
    list.linear('head', 'predictions.dense', embedded, hidden, true);
    list.norm('predictions.LayerNorm', embedded, true);
    list.add('head', 'predictions.bias', vocabulary);
  }
  if (kind === 'pretraining') list.linear('head', 'sop_classifier.classifier', 2, hidden, true);
  addClassifier(list, kind, config, hidden);
  return list;
}

/** Source: modeling_electra.py of transformers. */
export function electra(config: ModelConfig): ParameterList {
  const { list, body, kind, hidden, vocabulary, shape } = begin(config, 'electra');
  const embedded = config.count('embedding_size', 128);
  addEmbeddings(body, config, embedded, { types: config.count('type_vocab_size', 2) });
  if (embedded !== hidden) body.linear('other', 'embeddings_project', hidden, embedded, true);
  addLayers(body, shape);
  if (kind === 'pretraining') {
    list.linear('head', 'discriminator_predictions.dense', hidden, hidden, true);
    list.linear('head', 'discriminator_predictions.dense_prediction', 1, hidden, true);
  }
  if (kind === 'masked') {
    list.linear('head', 'generator_predictions.dense', embedded, hidden, true);
    list.norm('generator_predictions.LayerNorm', embedded, true);
    list.add('head', 'generator_lm_head.bias', vocabulary);
  }
  // Its classifier of sequences has a layer of its own.
  if (kind === 'sequence') list.linear('head', 'classifier.dense', hidden, hidden, true);
  addClassifier(list, kind, config, hidden);
  return list;
}

/** Source: modeling_mpnet.py of transformers. */
export function mpnet(config: ModelConfig): ParameterList {
  const { list, body, kind, hidden, vocabulary, shape } = begin(config, 'mpnet');
  addEmbeddings(body, config, hidden, { types: 0 });
  addLayers(body, shape);
  const buckets = config.count('relative_attention_num_buckets', 32);
  const heads = config.count('num_attention_heads', 12);
  body.add('position', 'encoder.relative_attention_bias.weight', buckets, heads);
  if (kind === 'none') body.linear('other', 'pooler.dense', hidden, hidden, true);
  if (kind === 'masked') {
    list.linear('head', 'lm_head.dense', hidden, hidden, true);
    list.norm('lm_head.layer_norm', hidden, true);
    list.add('head', 'lm_head.bias', vocabulary);
  }
  if (kind === 'sequence') list.linear('head', 'classifier.dense', hidden, hidden, true);
  addClassifier(list, kind, config, hidden);
  return list;
}

/** Source: modeling_deberta_v2.py of transformers. */
export function deberta(config: ModelConfig): ParameterList {
  const { list, body, kind, hidden, vocabulary, shape } = begin(config, 'deberta');
  addEmbeddings(body, config, hidden, {
    types: config.count('type_vocab_size', 0),
    hasPositions: config.flag('position_biased_input', true),
  });
  addLayers(body, shape);
  const isRelative = config.flag('relative_attention', false);
  if (isRelative) {
    const buckets = config.optionalNumber('position_buckets') ?? -1;
    const span = buckets > 0 ? buckets : config.count('max_position_embeddings', 512);
    body.add('position', 'encoder.rel_embeddings.weight', 2 * span, hidden);
    if (config.text('norm_rel_ebd')?.includes('layer_norm')) body.norm('encoder.LayerNorm', hidden, true);
    if (!config.flag('share_att_key', false)) {
      const kinds = config.text('pos_att_type')?.split('|') ?? config.texts('pos_att_type') ?? [];
      const layer = body.under('encoder.layer.*.attention.self', shape.layers);
      if (kinds.includes('c2p')) layer.linear('attention', 'pos_key_proj', hidden, hidden, true);
      if (kinds.includes('p2c')) layer.linear('attention', 'pos_query_proj', hidden, hidden, true);
    }
  }
  const kernel = config.count('conv_kernel_size', 0);
  if (kernel > 0) {
    body.add('convolution', 'encoder.conv.conv.weight', hidden, hidden, kernel);
    body.add('convolution', 'encoder.conv.conv.bias', hidden);
    body.norm('encoder.conv.LayerNorm', hidden, true);
  }
  if (kind === 'masked') {
    list.linear('head', 'cls.predictions.transform.dense', hidden, hidden, true);
    list.norm('cls.predictions.transform.LayerNorm', hidden, true);
    list.add('head', 'cls.predictions.bias', vocabulary);
  }
  if (kind === 'sequence') list.linear('head', 'pooler.dense', hidden, hidden, true);
  addClassifier(list, kind, config, hidden);
  return list;
}

/** Source: modeling_modernbert.py of transformers. The first layer has no norm before its attention. */
export function modernBert(config: ModelConfig): ParameterList {
  const { list, body, kind, hidden, vocabulary, shape } = begin(config, 'model');
  const { layers, width } = shape;
  body.add('embedding', 'embeddings.tok_embeddings.weight', vocabulary, hidden);
  const hasNormBias = config.flag('norm_bias', false);
  body.norm('embeddings.norm', hidden, hasNormBias);
  const layer = body.under('layers.*', layers);
  const attentionBias = config.flag('attention_bias', false);
  layer.linear('attention', 'attn.Wqkv', 3 * hidden, hidden, attentionBias);
  layer.linear('attention', 'attn.Wo', hidden, hidden, attentionBias);
  const mlpBias = config.flag('mlp_bias', false);
  layer.linear('mlp', 'mlp.Wi', 2 * width, hidden, mlpBias);
  layer.linear('mlp', 'mlp.Wo', hidden, width, mlpBias);
  layer.norm('mlp_norm', hidden, hasNormBias);
  body.under('layers.*', Math.max(0, layers - 1)).norm('attn_norm', hidden, hasNormBias);
  body.norm('final_norm', hidden, hasNormBias);
  if (kind === 'none') return list;
  list.linear('head', 'head.dense', hidden, hidden, config.flag('classifier_bias', false));
  list.norm('head.norm', hidden, hasNormBias);
  if (kind === 'masked' && config.flag('decoder_bias', true)) list.add('head', 'decoder.bias', vocabulary);
  addClassifier(list, kind, config, hidden);
  return list;
}
