/** Vision transformers, CLIP, and the vision tower of Gemma 3. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { headKind, labelCount } from './heads';

interface BlockShape {
  readonly hidden: number;
  readonly layers: number;
  /** 0: the feed-forward is another one. */
  readonly width: number;
  readonly bias?: boolean;
}

/** Layers of four projections and two matrices with biases and two LayerNorms, under CLIP's names. */
export function addBlocks(list: ParameterList, { hidden, layers, width, bias = true }: BlockShape): void {
  const layer = list.under('layers.*', layers);
  for (const name of ['q_proj', 'k_proj', 'v_proj'])
    layer.linear('attention', `self_attn.${name}`, hidden, hidden, bias);
  layer.linear('attention', 'self_attn.out_proj', hidden, hidden, true);
  layer.norm('layer_norm1', hidden, true);
  layer.norm('layer_norm2', hidden, true);
  if (width === 0) return;
  layer.linear('mlp', 'mlp.fc1', width, hidden, true);
  layer.linear('mlp', 'mlp.fc2', hidden, width, true);
}

/** Patches of a square picture, with a side and a patch for what the config leaves out. */
export function patches(config: ModelConfig, image: number, patch: number): { size: number; count: number } {
  const size = config.count('patch_size', patch);
  const side = size > 0 ? Math.floor(config.count('image_size', image) / size) : 0;
  return { size, count: side * side };
}

export function vit(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const kind = headKind(config, 'none');
  const body = kind === 'none' ? list : list.under('vit');
  const hidden = config.count('hidden_size');
  const { size, count } = patches(config, 224, 16);
  const embeddings = body.under('embeddings');
  embeddings.add('other', 'cls_token', 1, 1, hidden);
  embeddings.add('position', 'position_embeddings', 1, count + 1, hidden);
  const projection = embeddings.under('patch_embeddings.projection');
  projection.add('convolution', 'weight', hidden, config.count('num_channels', 3), size, size);
  projection.add('convolution', 'bias', hidden);
  const bias = config.flag('qkv_bias', true);
  const layers = config.count('num_hidden_layers');
  addBlocks(body.under('encoder'), { hidden, layers, width: config.count('intermediate_size'), bias });
  body.norm('layernorm', hidden, true);
  if (kind === 'none') list.linear('other', 'pooler.dense', hidden, hidden, true);
  if (kind === 'image') list.linear('head', 'classifier', labelCount(config), hidden, true);
  return list;
}

/** Both towers and their projections; one of them alone for CLIPTextModel and CLIPVisionModel. */
export function clip(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const name = config.className ?? towerNames.get(config.modelType ?? '') ?? 'CLIPModel';
  const hasProjection = name.endsWith('WithProjection');
  if (name.startsWith('CLIPText')) {
    const text = tower(config, 'text_config');
    addClipText(list, text);
    const width = text.count('projection_dim', 512);
    if (hasProjection) list.linear('other', 'text_projection', width, text.count('hidden_size', 512));
  } else if (name.startsWith('CLIPVision')) {
    const vision = tower(config, 'vision_config');
    addClipVision(list, vision);
    const width = vision.count('projection_dim', 512);
    if (hasProjection) list.linear('other', 'visual_projection', width, vision.count('hidden_size', 768));
  } else {
    const [text, vision] = [config.nested('text_config'), config.nested('vision_config')];
    addClipText(list, text);
    addClipVision(list, vision);
    const width = config.count('projection_dim', 512);
    list.linear('other', 'text_projection', width, text.count('hidden_size', 512));
    list.linear('other', 'visual_projection', width, vision.count('hidden_size', 768));
    list.add('other', 'logit_scale', 1);
  }
  return list;
}

/** What a tower's config without a class stands for. */
const towerNames: ReadonlyMap<string, string> = new Map([
  ['clip_text_model', 'CLIPTextModel'],
  ['clip_vision_model', 'CLIPVisionModel'],
]);

/** A tower's own config, or the one within the whole model's. */
const tower = (config: ModelConfig, name: string): ModelConfig =>
  config.has(name) ? config.nested(name) : config;

/** Configs of CLIP leave out what equals the first model's figures. */
function addClipText(list: ParameterList, config: ModelConfig): void {
  const model = list.under('text_model');
  const hidden = config.count('hidden_size', 512);
  model.add('embedding', 'embeddings.token_embedding.weight', config.count('vocab_size', 49408), hidden);
  const positions = config.count('max_position_embeddings', 77);
  model.add('position', 'embeddings.position_embedding.weight', positions, hidden);
  const layers = config.count('num_hidden_layers', 12);
  addBlocks(model.under('encoder'), { hidden, layers, width: config.count('intermediate_size', 2048) });
  model.norm('final_layer_norm', hidden, true);
}

function addClipVision(list: ParameterList, config: ModelConfig): void {
  const model = list.under('vision_model');
  const hidden = config.count('hidden_size', 768);
  const { size, count } = patches(config, 224, 32);
  model.add('other', 'embeddings.class_embedding', hidden);
  const channels = config.count('num_channels', 3);
  model.add('convolution', 'embeddings.patch_embedding.weight', hidden, channels, size, size);
  model.add('position', 'embeddings.position_embedding.weight', count + 1, hidden);
  model.norm('pre_layrnorm', hidden, true);
  const layers = config.count('num_hidden_layers', 12);
  addBlocks(model.under('encoder'), { hidden, layers, width: config.count('intermediate_size', 3072) });
  model.norm('post_layernorm', hidden, true);
}

/** SigLIP's tower without its pooling head, and the projection into the text model: what Gemma 3 sees with. */
export function addGemmaVision(list: ParameterList, config: ModelConfig, textWidth: number): void {
  const model = list.under('vision_tower.vision_model');
  const hidden = config.count('hidden_size', 1152);
  const { size, count } = patches(config, 896, 14);
  const embedding = model.under('embeddings');
  embedding.add('convolution', 'patch_embedding.weight', hidden, config.count('num_channels', 3), size, size);
  embedding.add('convolution', 'patch_embedding.bias', hidden);
  embedding.add('position', 'position_embedding.weight', count, hidden);
  const layers = config.count('num_hidden_layers', 27);
  addBlocks(model.under('encoder'), { hidden, layers, width: config.count('intermediate_size', 4304) });
  model.norm('post_layernorm', hidden, true);
  const projector = list.under('multi_modal_projector');
  projector.add('other', 'mm_input_projection_weight', hidden, textWidth);
  projector.norm('mm_soft_emb_norm', hidden);
}
