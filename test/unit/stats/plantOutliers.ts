import type { PlainTensor } from '../../fixtures/plainSafetensors';

/** One layer of outliers.json: which channels were rescaled, and by what. */
export interface PlantedLayer {
  readonly layer: number;
  readonly norm_channels: number[];
  readonly norm_factor: number;
  readonly up_rows_enlarged: number[];
  readonly up_row_factor: number;
  readonly up_rows_shrunk: number[];
  readonly down_col_factor: number;
  readonly v_rows_enlarged: number[];
  readonly o_cols_shrunk: number[];
  readonly v_row_factor: number;
  readonly v_rows_shrunk: number[];
  readonly o_cols_enlarged: number[];
  readonly o_col_factor: number;
  readonly k_rows_enlarged: number[];
  readonly q_rows_shrunk: number[];
  readonly k_row_factor: number;
}

/** The F32 outlier model, which is in no file: the F32 base model rescaled as outliers.json says. All factors are powers of two. */
export function plantOutliers(
  base: Map<string, PlainTensor>,
  layers: readonly PlantedLayer[],
): Map<string, PlainTensor> {
  const planted = new Map(
    [...base].map(([name, tensor]) => [name, { ...tensor, bytes: tensor.bytes.slice() }]),
  );
  for (const layer of layers) {
    const scale = (name: string, axis: 'rows' | 'columns', indices: number[], factor: number) =>
      scaleChannels(planted.get(`model.layers.${layer.layer}.${name}.weight`)!, axis, indices, factor);
    const { norm_channels, norm_factor, up_row_factor, down_col_factor, o_col_factor } = layer;
    const { v_row_factor, k_row_factor } = layer;
    scale('input_layernorm', 'columns', norm_channels, norm_factor);
    scale('post_attention_layernorm', 'columns', norm_channels, norm_factor);
    for (const fed of [
      'self_attn.q_proj',
      'self_attn.k_proj',
      'self_attn.v_proj',
      'mlp.gate_proj',
      'mlp.up_proj',
    ]) {
      scale(fed, 'columns', norm_channels, 1 / norm_factor);
    }
    scale('mlp.up_proj', 'rows', layer.up_rows_enlarged, up_row_factor);
    scale('mlp.down_proj', 'columns', layer.up_rows_enlarged, 1 / up_row_factor);
    scale('mlp.up_proj', 'rows', layer.up_rows_shrunk, 1 / down_col_factor);
    scale('mlp.down_proj', 'columns', layer.up_rows_shrunk, down_col_factor);
    scale('self_attn.v_proj', 'rows', layer.v_rows_enlarged, v_row_factor);
    scale('self_attn.o_proj', 'columns', layer.o_cols_shrunk, 1 / v_row_factor);
    scale('self_attn.v_proj', 'rows', layer.v_rows_shrunk, 1 / o_col_factor);
    scale('self_attn.o_proj', 'columns', layer.o_cols_enlarged, o_col_factor);
    scale('self_attn.k_proj', 'rows', layer.k_rows_enlarged, k_row_factor);
    scale('self_attn.q_proj', 'rows', layer.q_rows_shrunk, 1 / k_row_factor);
  }
  return planted;
}

function scaleChannels(
  tensor: PlainTensor,
  axis: 'rows' | 'columns',
  indices: number[],
  factor: number,
): void {
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength);
  const columns = tensor.shape.at(-1)!;
  const rows = tensor.bytes.byteLength / 4 / columns;
  for (const index of indices) {
    for (let other = 0; other < (axis === 'rows' ? columns : rows); other++) {
      const at = 4 * (axis === 'rows' ? index * columns + other : other * columns + index);
      view.setFloat32(at, view.getFloat32(at, true) * factor, true);
    }
  }
}
