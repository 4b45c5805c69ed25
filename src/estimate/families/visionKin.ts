/** Towers that see: SigLIP, DINOv2, and Llama 4's. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { headKind, labelCount } from './heads';
import { addBlocks, patches } from './vision';

/** Both towers, or the one that a config is of. Source: modeling_siglip.py of transformers. */
export function siglip(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const type = config.modelType;
  if (type === 'siglip_vision_model') addSiglipVision(list, tower(config, 'vision_config'));
  else if (type === 'siglip_text_model') addSiglipText(list, tower(config, 'text_config'));
  else {
    addSiglipText(list, config.nested('text_config'));
    addSiglipVision(list, config.nested('vision_config'));
    list.add('other', 'logit_scale', 1);
    list.add('other', 'logit_bias', 1);
  }
  return list;
}

const tower = (config: ModelConfig, name: string): ModelConfig =>
  config.has(name) ? config.nested(name) : config;

function addSiglipText(list: ParameterList, config: ModelConfig): void {
  const model = list.under('text_model');
  const hidden = config.count('hidden_size', 768);
  const positions = config.count('max_position_embeddings', 64);
  model.add('embedding', 'embeddings.token_embedding.weight', config.count('vocab_size', 32000), hidden);
  model.add('position', 'embeddings.position_embedding.weight', positions, hidden);
  const layers = config.count('num_hidden_layers', 12);
  addBlocks(model.under('encoder'), { hidden, layers, width: config.count('intermediate_size', 3072) });
  model.norm('final_layer_norm', hidden, true);
  model.linear('head', 'head', config.count('projection_size', hidden), hidden, true);
}

function addSiglipVision(list: ParameterList, config: ModelConfig): void {
  const model = list.under('vision_model');
  const hidden = config.count('hidden_size', 768);
  const width = config.count('intermediate_size', 3072);
  const { size, count } = patches(config, 224, 16);
  const embeddings = model.under('embeddings');
  const channels = config.count('num_channels', 3);
  embeddings.add('convolution', 'patch_embedding.weight', hidden, channels, size, size);
  embeddings.add('convolution', 'patch_embedding.bias', hidden);
  embeddings.add('position', 'position_embedding.weight', count, hidden);
  const layers = config.count('num_hidden_layers', 12);
  addBlocks(model.under('encoder'), { hidden, layers, width });
  model.norm('post_layernorm', hidden, true);
  if (!config.flag('vision_use_head', true)) return;
  // One query that asks all patches.
  const head = model.under('head');
  head.add('other', 'probe', 1, 1, hidden);
  head.linear('attention', 'attention.in_proj', 3 * hidden, hidden, true);
  head.linear('attention', 'attention.out_proj', hidden, hidden, true);
  head.norm('layernorm', hidden, true);
  head.linear('mlp', 'mlp.fc1', width, hidden, true);
  head.linear('mlp', 'mlp.fc2', hidden, width, true);
}

/** Source: modeling_dinov2.py of transformers. */
export function dinov2(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const kind = headKind(config, 'none');
  const body = kind === 'none' ? list : list.under('dinov2');
  const hidden = config.count('hidden_size', 768);
  const layers = config.count('num_hidden_layers', 12);
  const { size, count } = patches(config, 224, 16);
  const embeddings = body.under('embeddings');
  embeddings.add('other', 'cls_token', 1, 1, hidden);
  if (config.flag('use_mask_token', true)) embeddings.add('other', 'mask_token', 1, hidden);
  embeddings.add('position', 'position_embeddings', 1, count + 1, hidden);
  const projection = embeddings.under('patch_embeddings.projection');
  projection.add('convolution', 'weight', hidden, config.count('num_channels', 3), size, size);
  projection.add('convolution', 'bias', hidden);
  const bias = config.flag('qkv_bias', true);
  const isGated = config.flag('use_swiglu_ffn', false);
  const width = Math.floor(hidden * config.number('mlp_ratio', 4));
  if (isGated) {
    // Two thirds of the width, up to a multiple of 8.
    const inner = Math.floor((Math.floor((width * 2) / 3) + 7) / 8) * 8;
    addBlocks(body.under('encoder'), { hidden, layers, width: 0, bias });
    const mlp = body.under('encoder.layer.*.mlp', layers);
    mlp.linear('mlp', 'weights_in', 2 * inner, hidden, true);
    mlp.linear('mlp', 'weights_out', hidden, inner, true);
  } else addBlocks(body.under('encoder'), { hidden, layers, width, bias });
  const scale = body.under('encoder.layer.*', layers);
  for (const name of ['layer_scale1', 'layer_scale2']) scale.add('other', `${name}.lambda1`, hidden);
  body.norm('layernorm', hidden, true);
  // What it classifies by is the first token beside the mean of the others.
  if (kind === 'image') list.linear('head', 'classifier', labelCount(config), 2 * hidden, true);
  return list;
}

/** Llama 4's tower, its adapter and the projection into the text model. Source: modeling_llama4.py of transformers. */
export function addLlama4Vision(list: ParameterList, config: ModelConfig, textWidth: number): void {
  const model = list.under('vision_model');
  const hidden = config.count('hidden_size', 768);
  const { size, count } = patches(config, 448, 14);
  const channels = config.count('num_channels', 3);
  model.linear('convolution', 'patch_embedding.linear', hidden, channels * size * size);
  model.add('other', 'class_embedding', hidden);
  model.add('position', 'positional_embedding_vlm', count + 1, hidden);
  model.norm('layernorm_pre', hidden, true);
  model.norm('layernorm_post', hidden, true);
  const layers = config.count('num_hidden_layers', 34);
  addBlocks(model.under('model'), { hidden, layers, width: config.count('intermediate_size', 5632) });
  const input = config.count('projector_input_dim', 4096);
  const output = config.count('projector_output_dim', 4096);
  const adapter = model.under('vision_adapter.mlp');
  adapter.linear('mlp', 'fc1', input, config.count('intermediate_size', 5632));
  adapter.linear('mlp', 'fc2', output, input);
  const projected = config.count('vision_output_dim', 7680);
  list.linear('other', 'multi_modal_projector.linear_1', textWidth, projected);
}
