/** ggml's types against the bytes of ggml's own quantizers, as ../shared/golden/README.md says that they compare. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeReference } from '../../../../src/kernels/reference/decode';
import { blockTypes } from '../../../../src/quant/schemes/ggml/blockTypes';
import { sharedPath } from '../../../fixtures/shared';
import { encodeWhole, floats } from '../encodeWhole';

const golden = sharedPath('golden/ggml');
const bytes = (name: string) => new Uint8Array(readFileSync(`${golden}/${name}`));
const columns = 1024;

describe.skipIf(golden === undefined)('rows of every kind', () => {
  const rows = golden ? (JSON.parse(readFileSync(`${golden}/inputs.json`, 'utf8')).rows as string[]) : [];
  const inputs = golden ? floats(bytes('inputs.f32')) : new Float32Array(0);
  const rowOf = (row: number) => inputs.slice(row * columns, (row + 1) * columns);

  // Of the ternary types and those of lattices there are no vectors here.
  const listed = golden
    ? (JSON.parse(readFileSync(`${golden}/types.json`, 'utf8')) as { type: string }[]).map(({ type }) => type)
    : [];
  const types = blockTypes.filter(({ type }) => listed.includes(type));

  it('has a scheme for each listed type, or a cast', () => {
    expect([...types.map(({ type }) => type), 'F16', 'BF16'].sort()).toEqual([...listed].sort());
  });

  it.each(types.map(({ name, type }) => [type, name] as const))('%s', (type, scheme) => {
    // What llama-quantize writes of IQ4_NL is another search than ggml's reference of a row.
    const file = type === 'IQ4_NL' ? 'IQ4_NL.chunk' : type;
    const want = bytes(`${file}.bin`);
    const wantValues = floats(bytes(`${file}.deq.f32`));
    const rowBytes = want.length / rows.length;
    let compared = 0;
    for (const [row, name] of rows.entries()) {
      const encode = () => encodeWhole({ scheme, granularity: 'none' }, rowOf(row), 1);
      const wanted = want.slice(row * rowBytes, (row + 1) * rowBytes);
      const values = wantValues.subarray(row * columns, (row + 1) * columns);
      if (!values.every(Number.isFinite)) {
        expect(name).toBe('f16_overflow');
        expect(encode).toThrow(/beyond 65,504/);
        continue;
      }
      const { stored, dequantized } = encode();
      const own = stored.get('')!;
      if (name === 'signed_zeros' && (type === 'Q4_1' || type === 'Q5_1')) {
        // Minima of -0 and 0 are the same.
        for (const array of [own, wanted])
          for (let at = 0; at < array.length; at += rowBytes / 32) array[at + 3]! &= 0x7f;
      }
      expect([name, Buffer.compare(own, wanted)]).toEqual([name, 0]);
      expect([name, dequantized.findIndex((value, i) => value !== values[i])]).toEqual([name, -1]);
      expect(decodeReference(type, own, columns)).toEqual(dequantized);
      compared++;
    }
    expect(compared).toBeGreaterThan(22);
  });
});
