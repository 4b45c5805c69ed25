/** How a model in compressed-tensors' `pack-quantized` layout describes itself; layouts/packQuantized reads it. */

/**
 * The `quantization_config` of config.json for weight-only INT8 with one scale per row, as vLLM and transformers
 * load it. `ignore` lists the modules (not tensors) that stay unquantized. `scale_dtype` is left out: versions
 * up to 0.12.2 refuse unknown keys.
 */
export function quantizationConfig(options: {
  readonly symmetric: boolean;
  readonly ignore: readonly string[];
}): Record<string, unknown> {
  return {
    quant_method: 'compressed-tensors',
    format: 'pack-quantized',
    quantization_status: 'compressed',
    global_compression_ratio: null,
    ignore: [...options.ignore],
    kv_cache_scheme: null,
    config_groups: {
      group_0: {
        targets: ['Linear'],
        weights: {
          num_bits: 8,
          type: 'int',
          symmetric: options.symmetric,
          strategy: 'channel',
          dynamic: false,
        },
        input_activations: null,
        output_activations: null,
      },
    },
  };
}
