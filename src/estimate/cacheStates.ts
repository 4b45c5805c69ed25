/** Layers that keep a state of fixed size instead of keys and values: how many there are, and how large one is. */
import type { ModelConfig } from '../formats/modelConfig';
import { jambaShape, mamba2Shape, mambaShape, periodic } from './families/stateSpace';

/** Families that have no attention at all. */
const stateOnly: ReadonlySet<string> = new Set(['mamba', 'mamba2', 'falcon_mamba']);

/** How many of a model's layers keep a state. */
export function stateLayers(config: ModelConfig, type: string | undefined, layers: number): number {
  if (type !== undefined && stateOnly.has(type)) return layers;
  if (type === 'jamba') return layers - periodic(config, 'attn', layers, [8, 4]);
  const types = config.texts('layer_types') ?? config.texts('layers_block_type');
  // A "hybrid" layer of Zamba has attention beside its state.
  if (types) return types.filter((name) => /linear|mamba|conv|recurrent/.test(name)).length;
  const attending = config.counts('attn_layer_indices') ?? config.counts('full_attn_idxs');
  if (attending) return Math.max(0, layers - new Set(attending).size);
  const pattern = config.text('hybrid_override_pattern');
  // Nemotron-H: M for Mamba, * for attention, - for a feed-forward, which keeps nothing.
  if (pattern) return pattern.slice(0, layers).replace(/[^M]/g, '').length;
  const interval = config.optionalCount('full_attention_interval');
  if (interval !== undefined && interval > 1 && config.has('linear_num_value_heads'))
    return layers - Math.floor(layers / interval);
  return 0;
}

/** How many layers have neither attention nor a state: feed-forwards that stand as layers of their own. */
export function plainLayers(config: ModelConfig, layers: number): number {
  const pattern = config.text('hybrid_override_pattern');
  return pattern ? pattern.slice(0, layers).replace(/[M*]/g, '').length : 0;
}

/** Elements of one layer's state of one sequence; undefined where the config does not tell. */
export function stateElements(config: ModelConfig): number | undefined {
  if (config.has('linear_num_value_heads')) return deltaNet(config);
  const type = config.modelType;
  if (type === 'mamba' || type === 'falcon_mamba') return selective(mambaShape(config));
  if (type === 'jamba' && !config.has('d_inner')) return selective(jambaShape(config));
  if (type === 'mamba2') return grouped(mamba2Shape(config));
  // GGUF's figures, whatever the family.
  if (config.has('d_inner') && config.has('state_size'))
    return grouped({
      inner: config.count('d_inner'),
      state: config.count('state_size'),
      groups: config.count('n_groups', 0),
      convolution: config.count('conv_kernel', 4),
    });
  if (config.has('mamba_d_state')) {
    const hidden = config.count('hidden_size');
    const heads = config.optionalCount('mamba_n_heads');
    const width = config.optionalCount('mamba_d_head');
    const inner =
      heads !== undefined && width !== undefined ? heads * width : config.count('mamba_expand', 2) * hidden;
    return grouped({
      inner: config.count('mamba_d_ssm', inner),
      state: config.count('mamba_d_state'),
      groups: config.count(['mamba_n_groups', 'mamba_ngroups'], 1),
      convolution: config.count('mamba_d_conv', 4),
    });
  }
  // Short convolutions keep their tail and no state.
  if (config.has('conv_L_cache'))
    return Math.max(0, config.count('conv_L_cache') - 1) * config.count('hidden_size');
  if (config.has('mamba_num_heads')) {
    return grouped({
      inner: config.count('mamba_num_heads') * config.count('mamba_head_dim', 64),
      state: config.count('ssm_state_size', 128),
      groups: config.count('n_groups', 8),
      convolution: config.count('conv_kernel', 4),
    });
  }
  return undefined;
}

interface Widths {
  readonly inner: number;
  readonly state: number;
  readonly convolution: number;
}

/** Mamba: the convolution's last inputs, and a state for each channel. */
const selective = ({ inner, state, convolution }: Widths): number =>
  Math.max(0, convolution - 1) * inner + state * inner;

/** Mamba 2: what a group shares goes through the convolution too. */
const grouped = ({ inner, state, convolution, groups }: Widths & { readonly groups: number }): number =>
  Math.max(0, convolution - 1) * (inner + 2 * groups * state) + state * inner;

/** Gated delta nets (Qwen3-Next): a short convolution's tail and one matrix a value head. */
function deltaNet(config: ModelConfig): number {
  const keyHeads = config.count('linear_num_key_heads');
  const valueHeads = config.count('linear_num_value_heads');
  const keyWidth = config.count('linear_key_head_dim');
  const valueWidth = config.count('linear_value_head_dim');
  const tail = Math.max(0, config.count('linear_conv_kernel_dim', 4) - 1);
  const convolution = tail * (2 * keyWidth * keyHeads + valueWidth * valueHeads);
  return convolution + valueHeads * valueWidth * keyWidth;
}
