/** Plain code and kernels against bytes of ggml's quantizers, without and with an importance matrix. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { bandKernelFor } from '../../../../src/quant/bandKernels/bandKernelFor';
import { settingFor } from '../../../../src/quant/choice';
import { encodingFor } from '../../../../src/quant/encoding';
import type { Setting } from '../../../../src/quant/scheme';
import { blockTypes } from '../../../../src/quant/schemes/ggml/blockTypes';
import type { SchemeName } from '../../../../src/quant/types';
import {
  vectorColumns,
  vectorImportance,
  vectorRows,
  vectorValues,
} from '../../../fixtures/ggml-vectors/inputs';
import { loadKernels } from '../../kernels/loadKernels';

const kernels = loadKernels();
const values = vectorValues();
const importance = vectorImportance();
const folder = fileURLToPath(new URL('../../../fixtures/ggml-vectors/', import.meta.url));

/** Bytes of a run of rows by the plain code and, where there is one, by the kernel. */
function encodedBy(setting: Setting, first: number, count: number): Uint8Array[] {
  const band = values.slice(first, first + count);
  const plain = [...encodingFor(setting).encode({ first, values: band }, []).chunks()][0]!;
  const kernel = bandKernelFor(kernels, setting);
  if (!kernel) return [plain.bytes];
  kernels.reset();
  const [x, y] = [kernels.alloc(4 * count), kernels.alloc(4 * count)];
  kernels.f32(x, count).set(band);
  const [chunk] = [...kernel({ first, count, x, y }, [])!.chunks()];
  expect(chunk!.byteOffset).toBe(plain.byteOffset);
  return [plain.bytes, chunk!.bytes.slice()];
}

const cases = blockTypes.flatMap(({ name, type }) =>
  [false, true].flatMap((weighted) => {
    const file = `${folder}${type}${weighted ? '.weighted' : ''}.bin`;
    return existsSync(file) ? [[type, weighted ? 'weighted' : 'plain', name, file] as const] : [];
  }),
);

it('has vectors of every type, weighted ones but where importance is ignored', () => {
  const types = new Set(cases.map(([type]) => type));
  expect([...types].sort()).toEqual(blockTypes.map(({ type }) => type).sort());
  const unweighted = [...types].filter(
    (type) => !cases.some((one) => one[0] === type && one[1] === 'weighted'),
  );
  expect(unweighted).toEqual(['Q8_0', 'MXFP4', 'TQ1_0', 'TQ2_0']);
});

it('has a kernel for every type', () => {
  const without = blockTypes.filter(({ name, needsImportance }) => {
    const setting = { ...settingOf(name), ...(needsImportance ? { importance } : {}) };
    return bandKernelFor(kernels, setting) === undefined;
  });
  expect(without.map(({ type }) => type)).toEqual([]);
});

const settingOf = (scheme: SchemeName): Setting =>
  settingFor({ scheme, granularity: 'none' }, 'F32', { rows: vectorRows, columns: vectorColumns });

it.each(cases)("%s, %s: ggml's bytes for each row", (_, kind, scheme, file) => {
  const want = new Uint8Array(readFileSync(file));
  const rowBytes = want.length / vectorRows;
  const setting = { ...settingOf(scheme), ...(kind === 'weighted' ? { importance } : {}) };
  for (let row = 0; row < vectorRows; row++) {
    const wanted = want.slice(row * rowBytes, (row + 1) * rowBytes);
    for (const own of encodedBy(setting, row * vectorColumns, vectorColumns))
      expect([row, Buffer.compare(own, wanted)]).toEqual([row, 0]);
  }
});

const weighted = cases.filter(([, kind]) => kind === 'weighted');
it.each(weighted)('%s, %s: the part of an importance matrix that belongs to a row', (_, __, scheme, file) => {
  const want = new Uint8Array(readFileSync(file));
  const rowBytes = want.length / vectorRows;
  // Two experts of six rows; the second has the importance of the vectors.
  const both = new Float32Array(2 * vectorColumns);
  both.set(importance.map((value, i) => value * (1 + (i % 7))));
  both.set(importance, vectorColumns);
  const [first, count] = [5 * vectorColumns, 3 * vectorColumns];
  for (const own of encodedBy({ ...settingOf(scheme), importance: both }, first, count))
    expect(Buffer.compare(own.slice(rowBytes), want.slice(6 * rowBytes, 8 * rowBytes))).toBe(0);
});

it('refuses an importance matrix of another width, and one with what is no importance', () => {
  const wrong = (given: Float32Array) => () => encodingFor({ ...settingOf('q4_k'), importance: given });
  expect(wrong(importance.slice(1))).toThrow(/511 numbers for 512 columns/);
  for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(wrong(importance.with(7, value))).toThrow(/negative numbers, infinity or NaN/);
});
