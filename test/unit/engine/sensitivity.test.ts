/** The comparison of schemes through the real forked engine. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SensitivityCell, TensorError } from '../../../src/protocol/engineApi';
import { schemes } from '../../../src/quant/schemes';
import type { SchemeChoice } from '../../../src/quant/types';
import { bf16Data, f32Data } from '../../fixtures/makeCheckpoint';
import { demoModel, failureOf, randomValues, startEngine, temporaryFolder, writeModel } from './support';

const engine = startEngine();
const folder = temporaryFolder();

/** The default choice of every scheme, and variants that know something of the whole tensor or prune first. */
const choices: readonly SchemeChoice[] = [
  ...schemes.map(
    ({ name, options }): SchemeChoice => ({
      scheme: name,
      granularity: options.granularities[0]!,
      ...(name === 'prune-heads' ? { headSize: 1 } : {}),
    }),
  ),
  { scheme: 'int8-absmax', granularity: 'tensor' },
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
  { scheme: 'int4-absmax', granularity: 'tensor', clip: 'mse' },
  { scheme: 'int5-zeropoint', granularity: 'column' },
  { scheme: 'int3-zeropoint', granularity: 'block', blockSize: 64, clip: 'hqq' },
  { scheme: 'nf4', granularity: 'block', doubleQuant: true },
  { scheme: 'f8-e4m3', granularity: 'tensor', prune: 'magnitude', ratio: 0.3 },
  { scheme: 'int8-absmax', granularity: 'row', output: 'fake' },
];

/** Odd widths, so that blocks begin within rows; one of several parts; a norm and a bias that are kept. */
const model = writeModel(join(folder, 'odd', 'model.safetensors'), [
  {
    name: 'model.layers.0.mlp.up_proj.weight',
    dtype: 'F32',
    shape: [37, 77],
    data: f32Data(randomValues(37 * 77)),
  },
  {
    name: 'model.layers.0.mlp.down_proj.weight',
    dtype: 'BF16',
    shape: [600, 513],
    data: bf16Data(randomValues(600 * 513, 2)),
  },
  { name: 'model.layers.0.mlp.up_proj.bias', dtype: 'F32', shape: [37], data: f32Data(randomValues(37, 3)) },
  { name: 'model.norm.weight', dtype: 'F32', shape: [77], data: f32Data(randomValues(77, 4)) },
]);

const figures = ({ to, bytes, mse, sqnr, maxAbs, cosine, meanAbs }: SensitivityCell | TensorError) => ({
  to,
  bytes,
  mse,
  sqnr,
  maxAbs,
  cosine,
  meanAbs,
});

describe('exact cells', () => {
  const compared = engine.call('sensitivity', { path: model, tensors: [0, 1, 2, 3], choices });

  it.each(choices.map((choice, i) => [JSON.stringify(choice), choice, i] as const))(
    'agree with the error report to the last bit: %s',
    async (_, choice, place) => {
      const { cells } = await compared;
      const own = cells.filter((cell) => cell.choice === place);
      expect(own.map(({ tensor }) => tensor)).toEqual([0, 1, 2, 3]);
      const rows = await engine.call('errors', { path: model, choice });
      for (const [i, row] of rows.entries()) {
        const cell = own[i]!;
        expect(cell.state).toBe(row.note?.startsWith('kept') ? 'kept' : 'quantized');
        expect(figures(cell)).toEqual({
          ...figures(row),
          ...(cell.state === 'kept' ? { to: row.from } : {}),
        });
        expect(cell.note).toBe(row.note);
        expect(cell.sampled).toBeUndefined();
      }
    },
  );
});
