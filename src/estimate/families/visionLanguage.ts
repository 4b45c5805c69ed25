/** Language models that see through a tower of another family: Qwen's and LLaVA. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { addGated } from './decoder';
import { clip } from './vision';
import { siglip } from './visionKin';

type Family = (config: ModelConfig) => ParameterList;

/** The text's own config, or the whole one, which older files have in one. */
export const textOf = (config: ModelConfig): ModelConfig =>
  config.has('text_config') ? config.nested('text_config') : config;

/** Qwen2-VL: LayerNorms and plain feed-forwards. Source: modeling_qwen2_vl.py of transformers. */
export function qwen2Vl(config: ModelConfig, text: Family): ParameterList {
  const { list, vision, model } = begin(config, text);
  const width = vision.count('embed_dim', 1280);
  const inner = Math.floor(width * vision.number('mlp_ratio', 4));
  addPatches(model, vision, width, 14, false);
  const block = model.under('blocks.*', vision.count('depth', 32));
  addAttention(block, width);
  for (const name of ['norm1', 'norm2']) block.norm(name, width, true);
  block.linear('mlp', 'mlp.fc1', inner, width, true);
  block.linear('mlp', 'mlp.fc2', width, inner, true);
  const merged = width * mergedPatches(vision);
  model.norm('merger.ln_q', width, true);
  model.linear('other', 'merger.mlp.0', merged, merged, true);
  // Here hidden_size is the text model's.
  model.linear('other', 'merger.mlp.2', vision.count('hidden_size', 3584), merged, true);
  return list;
}

/** Qwen2.5-VL: RMS norms and gated feed-forwards with biases. Source: modeling_qwen2_5_vl.py. */
export function qwen25Vl(config: ModelConfig, text: Family): ParameterList {
  const { list, vision, model } = begin(config, text);
  const width = vision.count('hidden_size', 1280);
  const inner = vision.count('intermediate_size', 3420);
  addPatches(model, vision, width, 14, false);
  const block = model.under('blocks.*', vision.count('depth', 32));
  addAttention(block, width);
  for (const name of ['norm1', 'norm2']) block.norm(name, width);
  for (const name of ['gate_proj', 'up_proj']) block.linear('mlp', `mlp.${name}`, inner, width, true);
  block.linear('mlp', 'mlp.down_proj', width, inner, true);
  const merged = width * mergedPatches(vision);
  model.norm('merger.ln_q', width);
  model.linear('other', 'merger.mlp.0', merged, merged, true);
  model.linear('other', 'merger.mlp.2', vision.count('out_hidden_size', 3584), merged, true);
  return list;
}

/** Qwen3-VL: learned positions, and mergers behind inner layers too. Source: modeling_qwen3_vl.py. */
export function qwen3Vl(config: ModelConfig, text: Family): ParameterList {
  const { list, vision, model } = begin(config, text);
  const width = vision.count('hidden_size', 1152);
  const inner = vision.count('intermediate_size', 4304);
  addPatches(model, vision, width, 16, true);
  model.add('position', 'pos_embed.weight', vision.count('num_position_embeddings', 2304), width);
  const block = model.under('blocks.*', vision.count('depth', 27));
  addAttention(block, width);
  for (const name of ['norm1', 'norm2']) block.norm(name, width, true);
  block.linear('mlp', 'mlp.linear_fc1', inner, width, true);
  block.linear('mlp', 'mlp.linear_fc2', width, inner, true);
  const merged = width * mergedPatches(vision);
  const out = vision.count('out_hidden_size', 3584);
  const addMerger = (merger: ParameterList, normWidth: number) => {
    merger.norm('norm', normWidth, true);
    merger.linear('other', 'linear_fc1', merged, merged, true);
    merger.linear('other', 'linear_fc2', out, merged, true);
  };
  addMerger(model.under('merger'), width);
  const deep = vision.counts('deepstack_visual_indexes')?.length ?? 3;
  addMerger(model.under('deepstack_merger_list.*', deep), merged);
  return list;
}

/** LLaVA and LLaVA-NeXT: a tower, two matrices, a language model. Source: modeling_llava.py, modeling_llava_next.py. */
export function llava(config: ModelConfig, text: Family): ParameterList {
  const list = new ParameterList();
  const own = textOf(config);
  const counted = text(own);
  list.under('language_model').addAll(counted);
  const vision = config.nested('vision_config');
  const isSiglip = vision.modelType === 'siglip_vision_model';
  const tower = vision.withDefaults({ model_type: 'clip_vision_model' });
  list.under('vision_tower').addAll(isSiglip ? siglip(tower) : clip(tower));
  const hidden = hiddenOf(counted);
  const layers = config.counts('vision_feature_layer')?.length ?? 1;
  const input = layers * vision.count('hidden_size', 768);
  const bias = config.flag('multimodal_projector_bias', true);
  list.linear('other', 'multi_modal_projector.linear_1', hidden, input, bias);
  list.linear('other', 'multi_modal_projector.linear_2', hidden, hidden, bias);
  if (config.modelType === 'llava_next') list.add('other', 'image_newline', hidden);
  return list;
}

/** Pixtral's tower: rotary positions, RMS norms, gated feed-forwards. Source: modeling_pixtral.py of transformers. */
export function pixtral(config: ModelConfig): ParameterList {
  const list = new ParameterList();
  const width = config.count('hidden_size', 1024);
  const inner = config.count('intermediate_size', 4096);
  const size = config.count('patch_size', 16);
  list.add('convolution', 'patch_conv.weight', width, config.count('num_channels', 3), size, size);
  list.norm('ln_pre', width);
  const layer = list.under('transformer.layers.*', config.count('num_hidden_layers', 24));
  for (const name of ['q_proj', 'k_proj', 'v_proj', 'o_proj'])
    layer.linear('attention', `attention.${name}`, width, width);
  layer.norm('attention_norm', width);
  layer.norm('ffn_norm', width);
  addGated(layer.under('feed_forward'), width, inner, 'mlp');
  return list;
}

/** Mistral Small 3.1 and later: patches are merged before they go to the language model. Source: modeling_mistral3.py. */
export function mistral3(config: ModelConfig, text: Family): ParameterList {
  const list = new ParameterList();
  const counted = text(textOf(config));
  list.under('language_model').addAll(counted);
  if (!config.has('vision_config')) return list;
  const vision = config.nested('vision_config');
  list.under('vision_tower').addAll(pixtral(vision));
  const width = vision.count('hidden_size', 1024);
  const hidden = hiddenOf(counted);
  const projector = list.under('multi_modal_projector');
  const bias = config.flag('multimodal_projector_bias', false);
  projector.norm('norm', width);
  projector.linear(
    'other',
    'patch_merger.merging_layer',
    width,
    width * config.count('spatial_merge_size', 2) ** 2,
  );
  projector.linear('other', 'linear_1', hidden, width, bias);
  projector.linear('other', 'linear_2', hidden, hidden, bias);
  return list;
}

/** Width of the embedding of a model that was counted. */
const hiddenOf = ({ groups }: ParameterList): number =>
  groups.find(({ role }) => role === 'embedding')?.shape[1] ?? 0;

function begin(
  config: ModelConfig,
  text: Family,
): { list: ParameterList; vision: ModelConfig; model: ParameterList } {
  const list = new ParameterList();
  list.addAll(text(textOf(config)));
  return { list, vision: config.nested('vision_config'), model: list.under('visual') };
}

const mergedPatches = (vision: ModelConfig): number => vision.count('spatial_merge_size', 2) ** 2;

function addPatches(
  model: ParameterList,
  vision: ModelConfig,
  width: number,
  patch: number,
  hasBias: boolean,
): void {
  const size = vision.count('patch_size', patch);
  const frames = vision.count('temporal_patch_size', 2);
  const channels = vision.count(['in_chans', 'in_channels'], 3);
  model.add('convolution', 'patch_embed.proj.weight', width, channels, frames, size, size);
  if (hasBias) model.add('convolution', 'patch_embed.proj.bias', width);
}

function addAttention(block: ParameterList, width: number): void {
  block.linear('attention', 'attn.qkv', 3 * width, width, true);
  block.linear('attention', 'attn.proj', width, width, true);
}
