/** Made-up language models: a small one, a large one, and one with values that no model should have. */
import { catalogueOf, type HarnessModel, type TensorSketch, toColumns } from './harnessModel';
import { madeUpValues } from './madeUpValues';

/**
 * A llama of `layers` layers, 32 wide, whose `model.layers.1.mlp.down_proj.weight` has outlier columns 5 and 11,
 * and where `broken.weight` cannot be read.
 */
export function madeUpModel(layers: number): HarnessModel {
  const tensors: TensorSketch[] = [];
  let byteOffset = 4096;
  const add = (name: string, dtype: string, shape: readonly number[]) => {
    const bytes = shape.reduce((a, b) => a * b, 1) * (dtype === 'F32' ? 4 : 2);
    tensors.push({ name, dtype, shape, bytes, byteOffset });
    byteOffset += bytes;
  };
  add('broken.weight', 'BF16', [32, 32]);
  add('lm_head.weight', 'BF16', [64, 32]);
  add('model.embed_tokens.weight', 'BF16', [64, 32]);
  // As files have them: by name, 10 before 2.
  const order = Array.from({ length: layers }, (_, i) => String(i)).sort();
  for (const layer of order) {
    const prefix = `model.layers.${layer}`;
    add(`${prefix}.input_layernorm.weight`, 'F32', [32]);
    add(`${prefix}.mlp.down_proj.weight`, 'BF16', [32, 96]);
    add(`${prefix}.mlp.gate_proj.weight`, 'BF16', [96, 32]);
    add(`${prefix}.mlp.up_proj.weight`, 'BF16', [96, 32]);
    add(`${prefix}.self_attn.k_proj.weight`, 'BF16', [16, 32]);
    add(`${prefix}.self_attn.o_proj.weight`, 'BF16', [32, 32]);
    add(`${prefix}.self_attn.q_proj.weight`, 'BF16', [32, 32]);
    add(`${prefix}.self_attn.v_proj.weight`, 'BF16', [16, 32]);
  }
  add('model.norm.weight', 'F32', [32]);
  const unreadable = [{ index: 0, reason: 'its 2,048 bytes end beyond the end of the file.' }];
  return {
    catalogue: catalogueOf('made-up', toColumns(tensors, { unreadable }), {
      architecture: { name: 'LlamaForCausalLM', layers, hiddenSize: 32 },
    }),
    values: (tensor) => {
      if (tensor === 0) return null;
      const { name, shape } = tensors[tensor]!;
      const rows = shape.length > 1 ? shape[0]! : 1;
      const columns = shape.at(-1)!;
      return madeUpValues(
        tensor,
        rows,
        columns,
        name === 'model.layers.1.mlp.down_proj.weight' ? [5, 11] : [],
      );
    },
  };
}

/** A mixture of experts with at least `count` tensors. */
export function largeModel(count: number): HarnessModel {
  const tensors: TensorSketch[] = [];
  let byteOffset = 4096;
  for (let layer = 0; tensors.length < count; layer++) {
    for (let expert = 0; expert < 128 && tensors.length < count; expert++) {
      for (const part of ['down_proj', 'gate_proj', 'up_proj']) {
        const shape = part === 'down_proj' ? [2048, 768] : [768, 2048];
        const bytes = 2 * 2048 * 768;
        tensors.push({
          name: `model.layers.${layer}.mlp.experts.${expert}.${part}.weight`,
          dtype: 'BF16',
          shape,
          bytes,
          byteOffset,
        });
        byteOffset += bytes;
      }
    }
  }
  return {
    catalogue: catalogueOf('large', toColumns(tensors.slice(0, count)), {
      architecture: { name: 'Qwen3MoeForCausalLM', layers: Math.ceil(count / 384), hiddenSize: 2048 },
    }),
    values: (tensor) => madeUpValues(tensor, 64, 64, []),
  };
}

/** A model in which the analysis finds NaN, infinities and zeros. */
export function brokenModel(): HarnessModel {
  const model = madeUpModel(2);
  const { tensors } = model.catalogue;
  const at = (name: string) => tensors.names.indexOf(name);
  return {
    catalogue: {
      ...model.catalogue,
      findings: [
        {
          severity: 'warning',
          code: 'trailing-data',
          message: 'The file has 12 bytes after the last tensor.',
          file: model.catalogue.path,
          byteOffset: 99_328,
        },
      ],
    },
    values: (tensor) => {
      const values = model.values(tensor);
      if (tensor === at('lm_head.weight')) return values!.map((value, i) => (i < 3 ? Number.NaN : value));
      if (tensor === at('model.layers.0.mlp.gate_proj.weight'))
        return values!.map((value, i) => (i < 2 ? Number.POSITIVE_INFINITY : value));
      return tensor === at('model.norm.weight') ? values!.map(() => 0) : values;
    },
  };
}
