import { floatBytes, piece } from '../packing';
import { noChunks, noSurveys, type Scheme } from '../scheme';
import type { PruneMethod, ScaleDtype } from '../types';

/** Weights set to 0 and otherwise left as they are; the pruning itself is applied before any scheme. */
function pruned(method: PruneMethod, label: string, detail: string): Scheme {
  return {
    name: `prune-${method}`,
    label,
    detail,
    family: 'pruning',
    scope: 'linear',
    options: { granularities: ['none'] },
    stored: () => ({ layout: 'plain' }),
    encoding: ({ rows, columns, dtype }) => {
      const own: ScaleDtype = dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32';
      const bytesEach = own === 'F32' ? 4 : 2;
      return {
        to: `${own} pruned`,
        unit: 1,
        surveys: noSurveys,
        pieces: () => [piece('', own, [rows, columns])],
        wholePieces: noChunks,
        encode: ({ first, values }) => ({
          dequantized: values,
          chunks: () => [{ suffix: '', byteOffset: bytesEach * first, bytes: floatBytes(values, own) }],
        }),
      };
    },
  };
}

export const pruneOnly: readonly Scheme[] = [
  pruned('magnitude', 'Prune by magnitude', 'The smallest weights of each tensor become 0.'),
  pruned(
    'nm',
    'Prune N:M',
    'Of every M neighbours in a row the N largest stay (2:4 runs faster on recent GPUs).',
  ),
  pruned('rows', 'Prune rows', 'The output channels of smallest norm become 0.'),
  pruned('columns', 'Prune columns', 'The input channels of smallest norm become 0.'),
  pruned('heads', 'Prune heads', 'The attention heads of smallest norm become 0: groups of rows.'),
  pruned('layers', 'Prune layers', 'All weights of the layers of smallest norm become 0.'),
];
