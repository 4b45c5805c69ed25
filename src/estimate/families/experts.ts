/** Mixtures of experts in place of a layer's feed-forward. */
import type { ModelConfig } from '../../formats/modelConfig';
import { addGated, type Experts } from './decoder';

/** Every layer has experts: Mixtral. */
export function mixtralExperts(config: ModelConfig): Experts {
  const experts = config.count('num_local_experts');
  const width = config.count('intermediate_size');
  return {
    sparseLayers: config.count('num_hidden_layers'),
    add(layers, hidden) {
      const moe = layers.under('block_sparse_moe');
      moe.linear('router', 'gate', experts, hidden);
      const expert = moe.under('experts.*', experts);
      expert.linear('expert', 'w1', width, hidden);
      expert.linear('expert', 'w2', hidden, width);
      expert.linear('expert', 'w3', width, hidden);
    },
  };
}

/** Every `decoder_sparse_step`-th layer that `mlp_only_layers` does not list: Qwen2-MoE and Qwen3-MoE. */
export function qwenExperts(config: ModelConfig): Experts {
  const layers = config.count('num_hidden_layers');
  const experts = config.count('num_experts');
  const width = config.count('moe_intermediate_size');
  const step = Math.max(1, config.count('decoder_sparse_step', 1));
  const denseOnly = new Set(config.counts('mlp_only_layers') ?? []);
  const everySparse = experts === 0 ? 0 : Math.floor(layers / step);
  const exceptions = [...denseOnly].filter((at) => at >= 0 && at < layers && (at + 1) % step === 0).length;
  return {
    sparseLayers: Math.max(0, everySparse - exceptions),
    add(list, hidden) {
      const mlp = list.under('mlp');
      mlp.linear('router', 'gate', experts, hidden);
      addGated(mlp.under('experts.*', experts), hidden, width, 'expert');
      const shared = config.optionalCount('shared_expert_intermediate_size');
      if (shared === undefined) return;
      addGated(mlp.under('shared_expert'), hidden, shared, 'mlp');
      mlp.linear('router', 'shared_expert_gate', 1, hidden);
    },
  };
}

/** The first DeepSeek: dense layers, then small experts beside shared ones. */
export function deepseekExperts(config: ModelConfig): Experts | undefined {
  const experts = config.count('n_routed_experts', 0);
  if (experts === 0) return undefined;
  const layers = config.count('num_hidden_layers');
  const every = Math.max(1, config.count('moe_layer_freq', 1));
  const dense = Math.min(layers, config.count('first_k_dense_replace', 0));
  const width = config.count('moe_intermediate_size');
  return {
    sparseLayers: Math.ceil(layers / every) - Math.ceil(dense / every),
    add(list, hidden) {
      const mlp = list.under('mlp');
      mlp.linear('router', 'gate', experts, hidden);
      addGated(mlp.under('experts.*', experts), hidden, width, 'expert');
      const shared = config.count('n_shared_experts', 0);
      if (shared > 0) addGated(mlp.under('shared_experts'), hidden, width * shared, 'mlp');
    },
  };
}

/** OLMoE: small experts in every layer. */
export function olmoeExperts(config: ModelConfig): Experts {
  const experts = config.count('num_experts');
  return {
    sparseLayers: config.count('num_hidden_layers'),
    add(list, hidden) {
      const mlp = list.under('mlp');
      mlp.linear('router', 'gate', experts, hidden);
      addGated(mlp.under('experts.*', experts), hidden, config.count('intermediate_size'), 'expert');
    },
  };
}

/** gpt-oss: experts stacked into one tensor a matrix, each with a bias, as is the router. */
export function gptOssExperts(config: ModelConfig): Experts {
  const experts = config.count('num_local_experts');
  const width = config.count('intermediate_size');
  return {
    sparseLayers: config.count('num_hidden_layers'),
    add(list, hidden) {
      const mlp = list.under('mlp');
      mlp.linear('router', 'router', experts, hidden, true);
      mlp.add('expert', 'experts.gate_up_proj', experts, hidden, 2 * width);
      mlp.add('expert', 'experts.gate_up_proj_bias', experts, 2 * width);
      mlp.add('expert', 'experts.down_proj', experts, width, hidden);
      mlp.add('expert', 'experts.down_proj_bias', experts, hidden);
    },
  };
}

/** What `routedExperts` reads and a family may have besides. */
export interface RoutedTraits {
  /** A learned bias that balances the experts. */
  readonly routerBias?: boolean;
  /** An expert beside the routed ones in every sparse layer, as wide as they are. */
  readonly sharedExperts?: number;
  /** Width of the feed-forward in layers without experts. */
  readonly denseWidth?: (config: ModelConfig) => number;
}

/**
 * Experts as most configs describe them, whatever they call the figures: GLM-4.5, MiniMax, ERNIE, Llama 4, and what is like
 * them. Undefined for a model without experts.
 */
export function routedExperts(config: ModelConfig, traits: RoutedTraits = {}): Experts | undefined {
  const experts = config.optionalCount(expertCounts) ?? 0;
  if (experts < 2) return undefined;
  const layers = config.count('num_hidden_layers');
  const dense = Math.min(
    layers,
    config.count(['first_k_dense_replace', 'moe_layer_start_index', 'num_dense_layers'], 0),
  );
  const every = Math.max(
    1,
    config.count(['interleave_moe_layer_step', 'decoder_sparse_step', 'moe_layer_freq'], 1),
  );
  const width = config.count(['moe_intermediate_size', 'expert_ffn_hidden_size', 'intermediate_size']);
  const shared = config.optionalCount(['n_shared_experts', 'moe_num_shared_experts', 'num_shared_experts']);
  const sharedWidth =
    config.optionalCount('shared_expert_intermediate_size') ?? (shared ?? traits.sharedExperts ?? 0) * width;
  return {
    sparseLayers: Math.floor((layers - dense) / every),
    ...(traits.denseWidth ? { denseWidth: traits.denseWidth(config) } : {}),
    add(list, hidden) {
      const mlp = list.under('mlp');
      mlp.linear('router', 'gate', experts, hidden);
      if (traits.routerBias) mlp.add('router', 'gate.e_score_correction_bias', experts);
      addGated(mlp.under('experts.*', experts), hidden, width, 'expert');
      if (sharedWidth > 0) addGated(mlp.under('shared_experts'), hidden, sharedWidth, 'mlp');
    },
  };
}

/** Names under which configs tell how many experts there are. */
export const expertCounts: readonly string[] = [
  'num_local_experts',
  'num_experts',
  'n_routed_experts',
  'moe_num_experts',
];

/** Granite: experts stacked into one tensor a matrix, perhaps beside a feed-forward that all tokens go through. */
export function graniteExperts(config: ModelConfig): Experts {
  const experts = config.count('num_local_experts', 8);
  const width = config.count('intermediate_size');
  return {
    sparseLayers: config.count('num_hidden_layers'),
    add(list, hidden) {
      const moe = list.under('block_sparse_moe', experts > 0 ? 1 : 0);
      moe.linear('router', 'router.layer', experts, hidden);
      moe.add('expert', 'input_linear.weight', experts, 2 * width, hidden);
      moe.add('expert', 'output_linear.weight', experts, hidden, width);
      const shared = config.count('shared_intermediate_size', 0);
      const mlp = list.under('shared_mlp', shared > 0 ? 1 : 0);
      mlp.linear('mlp', 'input_linear', 2 * shared, hidden);
      mlp.linear('mlp', 'output_linear', hidden, shared);
    },
  };
}
