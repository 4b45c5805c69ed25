/** ggml's types through the real forked engine: reports, comparisons, pictures, and what is refused. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Scheme } from '../../../src/quant/scheme';
import { schemes } from '../../../src/quant/schemes';
import { blockTypeNamed } from '../../../src/quant/schemes/ggml/blockTypes';
import { codeOffset, scaleGroups } from '../../../src/quant/shownCode';
import type { SchemeChoice } from '../../../src/quant/types';
import { f32Data } from '../../fixtures/makeCheckpoint';
import { encodeWhole } from '../quant/encodeWhole';
import { failureOf, randomValues, request, startEngine, temporaryFolder, writeModel } from './support';

const [rows, columns] = [6, 512];
const name = 'model.layers.0.mlp.up_proj.weight';
const values = randomValues(rows * columns, 11);
for (let i = 7; i < values.length; i += 311) values[i]! *= 6;
const engine = startEngine();
const folder = temporaryFolder();
const write = (file: string, dataOf: Float32Array, shape: number[]) =>
  writeModel(join(folder, file, 'model.safetensors'), [{ name, dtype: 'F32', shape, data: f32Data(dataOf) }]);
const path = write('whole', values, [rows, columns]);
const ggml = schemes.filter(({ family }) => family === 'ggml');
const choiceOf = ({ name: scheme }: Scheme): SchemeChoice => ({ scheme, granularity: 'none' });
const choices = ggml.filter(({ needsImportance }) => !needsImportance).map(choiceOf);

it.each(ggml.filter(({ needsImportance }) => needsImportance).map(choiceOf))(
  '$scheme is refused without an importance matrix',
  async (choice) => {
    expect(await failureOf(engine.call('errors', { path, choice }))).toMatchObject({
      code: 'refused',
      tensor: name,
      message: expect.stringMatching(/needs an importance matrix/),
    });
  },
);

describe.each(choices)('$scheme', (choice) => {
  const want = encodeWhole(choice, values, rows);

  it('reports the errors of its plain code, alone and beside others', async () => {
    const [row] = await engine.call('errors', { path, choice });
    const squares = want.dequantized.reduce((sum, y, i) => sum + (values[i]! - y) ** 2, 0);
    expect([row!.to, row!.bytes]).toEqual([want.to, want.pieces[0]!.bytes]);
    expect(Math.abs(row!.mse - squares / values.length)).toBeLessThanOrEqual(1e-12 * row!.mse);
    const { cells } = await engine.call('sensitivity', { path, tensors: [0], choices: [choice] });
    expect([cells[0]!.mse, cells[0]!.bytes]).toEqual([row!.mse, row!.bytes]);
  });

  it('shows the codes that are written, with the scales that they are multiplied by', async () => {
    const region = { row0: 2, row1: 4, column0: 250, column1: 310 };
    const against = { kind: 'scheme', choice } as const;
    const tile = await engine.call('errorTile', {
      ...{ path, tensor: 0, against, region, rows: 2, columns: 60, codes: choice },
    });
    if (!blockTypeNamed(choice.scheme)!.hasCodes) {
      expect(tile.codes).toBeUndefined();
      return;
    }
    const cut = (i: number) => (2 + Math.floor(i / 60)) * columns + 250 + (i % 60);
    const { codes, scales, zeros, groups } = tile.codes!;
    expect(groups).toEqual(scaleGroups(choice));
    for (const [i, code] of codes.entries()) {
      expect(code + codeOffset(choice.scheme)).toBe(want.codes[cut(i)]);
      expect(tile.dequantized[i] === want.dequantized[cut(i)]).toBe(true);
      if (zeros === undefined && /^iq|^mx/.test(choice.scheme)) continue;
      const zero = zeros?.[i] ?? 0;
      const size = (Math.abs(code) + Math.abs(zero)) * Math.abs(scales![i]!);
      // A group may have a minimum without a scale, and the tile's numbers are float32.
      if (scales![i] !== 0)
        expect(Math.abs((code - zero) * scales![i]! - tile.dequantized[i]!)).toBeLessThanOrEqual(5e-7 * size);
    }
  });

  it('is refused by name for rows that are no whole blocks, for values beyond its scales, and as safetensors', async () => {
    const odd = write('odd', values.slice(0, 6 * 80), [6, 80]);
    expect(await failureOf(engine.call('errors', { path: odd, choice }))).toMatchObject({
      code: 'refused',
      tensor: name,
      message: expect.stringMatching(/whole blocks of (32|256) values, and these have 80/),
    });
    const out = join(folder, `out-${choice.scheme}`);
    expect(await failureOf(engine.call('quantize', request(path, out, choice)))).toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/is a type of GGUF files; choose GGUF as output/),
    });
    if (choice.scheme === 'mxfp4-ggml') return;
    for (const factor of [1e9, 1e15, 1e30]) {
      const large = write(
        'large',
        values.map((value) => value * factor),
        [rows, columns],
      );
      expect(await failureOf(engine.call('errors', { path: large, choice }))).toMatchObject({
        code: 'refused',
        tensor: name,
        message: expect.stringMatching(/beyond 65,504/),
      });
    }
  });
});
