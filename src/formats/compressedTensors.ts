/** How a model in compressed-tensors' layouts describes itself; layouts/ reads them. */

/**
 * The `quantization_config` of config.json for weight-only quantization, as vLLM and transformers load it. `weights`
 * are the arguments of its only group. `ignore` lists the modules (not tensors) that stay unquantized. `scale_dtype`
 * is left out: versions up to 0.12.2 refuse unknown keys.
 */
export function quantizationConfig(options: {
  readonly format: string;
  readonly weights: Readonly<Record<string, unknown>>;
  readonly ignore: readonly string[];
}): Record<string, unknown> {
  return {
    quant_method: 'compressed-tensors',
    format: options.format,
    quantization_status: 'compressed',
    global_compression_ratio: null,
    ignore: [...options.ignore],
    kv_cache_scheme: null,
    config_groups: {
      group_0: {
        targets: ['Linear'],
        weights: { ...options.weights },
        input_activations: null,
        output_activations: null,
      },
    },
  };
}
