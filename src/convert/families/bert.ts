/** BERT and DistilBERT, which llama.cpp reads for embeddings and classifiers; heads for missing words are left out. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import type { MetadataList } from '../metadataList';
import type { GgufFamily } from './family';
import { commonHyperparameters } from './hyperparameters';

interface Names {
  readonly prefix: RegExp;
  readonly layer: RegExp;
  readonly inLayer: Readonly<Record<string, string>>;
  readonly skipped: RegExp;
  /** Of a model that gives a whole text its scores. */
  readonly classifier: Readonly<Record<string, string>>;
}

/** Whether the model gives texts scores, and is no plain encoder. */
const isClassifier = ({ className }: ModelConfig): boolean =>
  className?.endsWith('ForSequenceClassification') === true;

/** Throws `unsupported` for scores of something else than a text. */
function assertClassifies(module: string, config: ModelConfig): void {
  const { className } = config;
  if (module !== 'classifier' || className === undefined || isClassifier(config)) return;
  throw new LoupeError(
    'unsupported',
    `llama.cpp scores whole texts, and a ${className.slice(0, 60)} scores something else. Its encoder alone can be converted: save it by AutoModel.`,
  );
}

const embeddings: Readonly<Record<string, string>> = {
  'embeddings.word_embeddings': 'token_embd',
  'embeddings.position_embeddings': 'position_embd',
  'embeddings.token_type_embeddings': 'token_types',
  'embeddings.LayerNorm': 'token_embd_norm',
};

function target(name: string, config: ModelConfig, names: Names): ReturnType<GgufFamily['target']> {
  // The first checkpoints call weight and bias of a norm gamma and beta.
  const plain = name
    .replace(names.prefix, '')
    .replace(/\.gamma$/, '.weight')
    .replace(/\.beta$/, '.bias');
  const [, module = '', ending = ''] = /^(.+)\.(weight|bias)$/.exec(plain) ?? [];
  const outside = { ...embeddings, ...names.classifier };
  assertClassifies(module, config);
  if (names.skipped.test(plain) && !(isClassifier(config) && Object.hasOwn(outside, module))) return 'skip';
  if (Object.hasOwn(outside, module)) {
    const isEmbedding = module === 'embeddings.word_embeddings';
    return { name: `${outside[module as keyof typeof outside]}.${ending}`, isEmbedding };
  }
  const [, layer, inner = ''] = names.layer.exec(module) ?? [];
  if (layer === undefined || !Object.hasOwn(names.inLayer, inner)) return undefined;
  return { name: `blk.${layer}.${names.inLayer[inner]}.${ending}` };
}

function hyperparameters(list: MetadataList, config: ModelConfig): void {
  commonHyperparameters(list, config);
  if (config.flag('is_causal', true)) list.flag('attention.causal', false);
}

export const bert: GgufFamily = {
  architecture: 'bert',
  pools: true,
  target: (name, config) =>
    target(name, config, {
      prefix: /^bert\./,
      layer: /^encoder\.layer\.(\d{1,6})\.(.+)$/,
      skipped: /^(?:embeddings\.position_ids$|pooler\.|cls\.)/,
      inLayer: {
        'attention.self.query': 'attn_q',
        'attention.self.key': 'attn_k',
        'attention.self.value': 'attn_v',
        'attention.output.dense': 'attn_output',
        'attention.output.LayerNorm': 'attn_output_norm',
        'intermediate.dense': 'ffn_up',
        'output.dense': 'ffn_down',
        'output.LayerNorm': 'layer_output_norm',
      },
      // llama.cpp has what stands before the scores, a layer and tanh, under this name: BERT's pooler is that.
      classifier: { 'pooler.dense': 'cls', classifier: 'cls.output' },
    }),
  hyperparameters,
};

export const distilbert: GgufFamily = {
  architecture: 'bert',
  pools: true,
  target: (name, config) =>
    target(name, config, {
      prefix: /^distilbert\./,
      layer: /^transformer\.layer\.(\d{1,6})\.(.+)$/,
      skipped: /^(?:embeddings\.position_ids$|vocab_)/,
      inLayer: {
        'attention.q_lin': 'attn_q',
        'attention.k_lin': 'attn_k',
        'attention.v_lin': 'attn_v',
        'attention.out_lin': 'attn_output',
        sa_layer_norm: 'attn_output_norm',
        'ffn.lin1': 'ffn_up',
        'ffn.lin2': 'ffn_down',
        output_layer_norm: 'layer_output_norm',
      },
      classifier: { pre_classifier: 'cls', classifier: 'cls.output' },
    }),
  hyperparameters,
  warnings: (config) =>
    isClassifier(config)
      ? [
          'Before its scores llama.cpp takes tanh, where DistilBERT takes what is above 0 (ReLU): scores will differ from those of transformers.',
        ]
      : [],
};
