/** A made-up importance matrix for the harness: layers of a model with experts, one of which was never asked. */
import type {
  ImportanceStatistics,
  LayerImportance,
  WeightImportance,
} from '../../../src/protocol/importanceApi';
import { type HarnessModel, toColumns } from './harnessModel';

const parts = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate_exps', 'ffn_up_exps', 'ffn_down_exps'];
const layerCount = 8;
const experts = 4;

/** In 0..1, the same for the same numbers. */
const made = (layer: number, part: number, salt: number) => {
  const value = Math.sin(12.9898 * layer + 78.233 * part + 37.719 * salt) * 43758.5453;
  return value - Math.floor(value);
};

function weightOf(layer: number, part: number): WeightImportance {
  const name = `blk.${layer}.${parts[part]}.weight`;
  const isStack = name.includes('exps');
  const unasked = isStack && layer === 3 ? 1 : 0;
  const elements = 4096 * (isStack ? experts - unasked : 1);
  const evenness = 0.55 + 0.4 * made(layer, part, 1) - (layer === 5 && part === 1 ? 0.35 : 0);
  const mean = 0.01 * (1 + layer) * (0.5 + made(layer, part, 2));
  return {
    ...{ name, layer, part: parts[part]!, elements, experts: isStack ? experts : 1, unasked },
    leastCount: unasked > 0 ? 0 : 512 * 100,
    mostCount: 512 * 100,
    total: mean * elements,
    mean,
    min: mean / 900,
    max: mean * (20 + 400 * made(layer, part, 3)),
    deviation: mean * (0.5 + 3 * made(layer, part, 4)),
    active: 0.9 + 0.1 * made(layer, part, 5),
    entropy: evenness * Math.log2(elements),
    evenness,
    zd: 0.02 + 0.15 * made(layer, part, 6),
    similarity: layer === 0 ? undefined : 0.6 + 0.39 * made(layer, part, 7),
  };
}

const weights = Array.from({ length: layerCount }, (_, layer) =>
  parts.map((_, part) => weightOf(layer, part)),
).flat();

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

export const madeUpImportance: ImportanceStatistics = {
  isLegacy: false,
  datasets: ['calibration <b>text</b>.txt'],
  chunks: 100,
  weights,
  unseen: [],
  layers: Array.from({ length: layerCount }, (_, layer): LayerImportance => {
    const own = weights.filter((weight) => weight.layer === layer);
    return {
      ...{ layer, weights: own.length, total: mean(own.map(({ total }) => total)) },
      zd: mean(own.map(({ zd }) => zd)),
      similarity: mean(own.map(({ similarity }) => similarity ?? 0)),
    };
  }),
};

/** The file as a checkpoint: sums and counts of each weight. */
export function importanceModel(): HarnessModel {
  let byteOffset = 4096;
  const tensors = weights.flatMap(({ name, experts: stack }) =>
    (
      [
        [`${name}.in_sum2`, [stack, 4096]],
        [`${name}.counts`, [stack, 1]],
      ] as const
    ).map(([own, shape]) => {
      const bytes = 4 * shape[0] * shape[1];
      byteOffset += bytes;
      return { name: own, dtype: 'F32', shape, bytes, byteOffset: byteOffset - bytes };
    }),
  );
  const columns = toColumns(tensors);
  const path = '/models/made-up/imatrix.gguf';
  const bytes = columns.bytes.reduce((sum, own) => sum + own, 0);
  return {
    catalogue: {
      ...{ format: 'gguf', name: 'imatrix', path, folder: '/models/made-up', generation: '1' },
      files: [{ path, bytes: bytes + 4096, mtimeMs: 0 }],
      tensors: columns,
      metadata: [{ key: 'general.type', type: 'string', value: 'imatrix' }],
      ...{ findings: [], parameters: bytes / 4, bytes, memory: [] },
    },
    values: () => null,
  };
}
