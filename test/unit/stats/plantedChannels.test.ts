import { describe, expect, it } from 'vitest';
import { outlierFactor } from '../../../src/stats/outliers';
import type { TensorStats } from '../../../src/stats/types';
import { loadKernels } from '../kernels/loadKernels';
import { computeStats } from './computeStats';
import { demoModels, plantedLayers } from './demoModels';

const kernels = loadKernels();
const layers = plantedLayers();

function statsOf(model: string): Map<string, TensorStats> {
  const { tensors } = demoModels.find((entry) => entry.model === model && entry.dtype === 'BF16')!;
  return new Map([...tensors()].map(([name, tensor]) => [name, computeStats(kernels, { name, ...tensor })]));
}

/** "tensor axis index" of every channel found. */
function found(stats: Map<string, TensorStats>): string[] {
  return [...stats.values()].flatMap(({ name, channels }) => [
    ...channels!.rows.outliers.map((i) => `${name} row ${i}`),
    ...channels!.columns.outliers.map((i) => `${name} column ${i}`),
  ]);
}

describe('outlier channels', () => {
  const base = statsOf('demo-llama-3m');
  const planted = statsOf('demo-llama-3m-outliers');

  it('are exactly the planted ones that were enlarged 16 times or more', () => {
    const expected = layers.flatMap((layer) => {
      const block = `model.layers.${layer.layer}`;
      return [
        ...layer.norm_channels.map((i) => `${block}.input_layernorm.weight column ${i}`),
        ...layer.norm_channels.map((i) => `${block}.post_attention_layernorm.weight column ${i}`),
        ...layer.up_rows_enlarged.map((i) => `${block}.mlp.up_proj.weight row ${i}`),
        ...layer.v_rows_enlarged.map((i) => `${block}.self_attn.v_proj.weight row ${i}`),
        ...layer.k_rows_enlarged.map((i) => `${block}.self_attn.k_proj.weight row ${i}`),
      ];
    });
    expect(expected.length).toBe(44);
    expect(found(planted).sort()).toEqual(expected.sort());
  });

  it('are none in the model before the planting', () => {
    expect(found(base)).toEqual([]);
  });

  it('carry most of the energy where rows were enlarged', () => {
    for (const { layer } of layers) {
      const { rows } = planted.get(`model.layers.${layer}.mlp.up_proj.weight`)!.channels!;
      expect(rows.outlierEnergy).toBeGreaterThan(0.9);
      expect(rows.outlierEnergy).toBeLessThan(1);
    }
  });

  it('show columns enlarged 4 times at 4 times their height, below the factor', () => {
    for (const layer of layers) {
      const cases = [
        [`model.layers.${layer.layer}.mlp.down_proj.weight`, layer.up_rows_shrunk, layer.down_col_factor],
        [`model.layers.${layer.layer}.self_attn.o_proj.weight`, layer.o_cols_enlarged, layer.o_col_factor],
      ] as const;
      for (const [name, columns, factor] of cases) {
        const before = base.get(name)!.channels!.columns;
        const after = planted.get(name)!.channels!.columns;
        for (const column of columns) {
          expect(after.absmax[column]).toBe(factor * before.absmax[column]!);
          expect(after.absmax[column]! / after.median).toBeLessThan(outlierFactor);
        }
      }
    }
  });
});
