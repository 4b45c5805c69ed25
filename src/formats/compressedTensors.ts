/** How a model in compressed-tensors' layouts describes itself; layouts/ reads them. */

/** Modules whose weights are quantized alike: names of modules, or 'Linear' for all. */
export interface QuantizationGroup {
  readonly format: string;
  /** Arguments of the quantization. */
  readonly weights: Readonly<Record<string, unknown>>;
  readonly targets: readonly string[];
}

/**
 * The `quantization_config` of config.json for weight-only quantization, as vLLM and transformers load it. `ignore` lists the
 * modules (not tensors) that stay unquantized. A group states its own format only where formats differ: the model's is
 * "mixed-precision" then (compressed-tensors PR 415 and vLLM PR 22468 of August 2025; loaders before them know one format).
 * Only arguments that a scheme states are written: versions up to 0.12.2 refuse keys that they do not know.
 */
export function groupedConfig(options: {
  readonly groups: readonly QuantizationGroup[];
  readonly ignore: readonly string[];
}): Record<string, unknown> {
  const formats = new Set(options.groups.map(({ format }) => format));
  const [only] = formats;
  const isMixed = formats.size > 1;
  return {
    quant_method: 'compressed-tensors',
    format: isMixed ? 'mixed-precision' : only,
    quantization_status: 'compressed',
    global_compression_ratio: null,
    ignore: [...options.ignore],
    kv_cache_scheme: null,
    config_groups: Object.fromEntries(
      options.groups.map(({ format, weights, targets }, index) => [
        `group_${index}`,
        {
          targets: [...targets],
          weights: { ...weights },
          input_activations: null,
          output_activations: null,
          ...(isMixed ? { format } : {}),
        },
      ]),
    ),
  };
}
