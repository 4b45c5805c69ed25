/** The schemes against vectors that others made: bitsandbytes' rule, ggml, and casts of numpy and PyTorch. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { f32BitsToBf16, f32BitsToF16 } from '../../../src/numeric/floats';
import { e2m1, e4m3, e5m2, type Minifloat, toMinifloat } from '../../../src/numeric/minifloats';
import { nearestInMap, signedDynamicMap } from '../../../src/quant/dynamicMap';
import type { SchemeChoice } from '../../../src/quant/types';
import { sharedPath } from '../../fixtures/shared';
import { encodeWhole, floats } from './encodeWhole';

const golden = sharedPath('golden');
const bytes = (name: string) => new Uint8Array(readFileSync(`${golden}/${name}`));
const json = <T>(name: string) => JSON.parse(readFileSync(`${golden}/${name}`, 'utf8')) as T;
const columns = 1024;
const rowNames = () => json<{ rows: string[] }>('ggml/inputs.json').rows;

describe.skipIf(golden === undefined)('8-bit floats and 16-bit casts', () => {
  const cases: readonly [string, Minifloat, boolean][] = [
    ['e4m3fn_torch', e4m3, false],
    ['e4m3fn_saturate', e4m3, true],
    ['e5m2_torch', e5m2, false],
    ['e5m2_saturate', e5m2, true],
  ];
  it.each(cases)('%s', (name, format, saturate) => {
    const inputs = floats(bytes('fp8/inputs.f32'));
    const want = bytes(`fp8/${name}.u8`);
    expect(want.length).toBe(4900);
    const wrong: string[] = [];
    for (const [i, x] of inputs.entries()) {
      const code = toMinifloat(x, format, saturate);
      // The sign of a NaN is nobody's business.
      const same = Number.isNaN(x) ? (code & 0x7f) === (want[i]! & 0x7f) : code === want[i];
      if (!same) wrong.push(`${x}: ${code} is not ${want[i]}`);
    }
    expect(wrong).toEqual([]);
  });

  it('16-bit casts, NaN apart, whose pattern differs by maker', () => {
    const inputs = new Uint32Array(bytes('fp8/inputs.f32').buffer);
    const bf16 = new Uint16Array(bytes('fp8/bf16_ggml.u16').buffer);
    const f16 = new Uint16Array(bytes('fp8/fp16_ieee_rne.u16').buffer);
    for (const [i, pattern] of inputs.entries()) {
      if ((pattern & 0x7fffffff) > 0x7f800000) continue;
      expect([f32BitsToBf16(pattern), f32BitsToF16(pattern)]).toEqual([bf16[i], f16[i]]);
    }
  });

  it('the tables of values', () => {
    const { decode_e4m3fn, decode_e5m2 } =
      json<Record<string, (number | string | null)[]>>('fp8/manifest.json');
    for (const [format, want] of [
      [e4m3, decode_e4m3fn!],
      [e5m2, decode_e5m2!],
    ] as const) {
      const finite = want.flatMap((value, code) => (typeof value === 'number' ? [[code, value]] : []));
      expect(finite.length).toBeGreaterThan(240);
      for (const [code, value] of finite) expect(format.values[code!]! === value!).toBe(true);
    }
    expect([...e2m1.values]).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6]);
  });
});

describe.skipIf(golden === undefined)('NF4 and FP4', () => {
  interface Manifest {
    codebook_nf4: number[];
    codebook_fp4_by_code: number[];
    dynamic_map_signed_8bit: number[];
  }
  it.each([
    ['nf4', 64],
    ['nf4', 128],
    ['fp4', 64],
    ['fp4', 128],
  ] as const)('%s, blocks of %i', (scheme, blockSize) => {
    const values = floats(bytes('ggml/inputs.f32'));
    const choice: SchemeChoice = { scheme, granularity: 'block', blockSize };
    const got = encodeWhole(choice, values, values.length / columns);
    const name = `nf4/${scheme}_b${blockSize}`;
    const wantCodes = bytes(`${name}.bin`);
    const wantScales = bytes(`${name}.absmax.f32`);
    const wantValues = floats(bytes(`${name}.deq.f32`));
    const scales = floats(got.stored.get('.absmax')!);
    expect(Buffer.compare(got.stored.get('.absmax')!, wantScales)).toBe(0);
    const weight = got.stored.get('')!;
    let compared = 0;
    for (let i = 0; i < values.length; i++) {
      expect(got.dequantized[i]! === wantValues[i]!).toBe(true);
      // In blocks of zeros and subnormals the codes are open.
      if (scales[Math.floor(i / blockSize)]! < 1e-38) continue;
      compared++;
      expect(weight[i >> 1]).toBe(wantCodes[i >> 1]);
    }
    expect(compared).toBeGreaterThan(0.8 * values.length);
    const { codebook_nf4, codebook_fp4_by_code } = json<Manifest>('nf4/manifest.json');
    const levels = scheme === 'nf4' ? codebook_nf4 : codebook_fp4_by_code;
    expect([...floats(got.stored.get('.quant_map')!)]).toEqual(levels);
  });

  it('the dynamic map follows from its formula', () => {
    const { dynamic_map_signed_8bit: want } = json<Manifest>('nf4/manifest.json');
    expect([...signedDynamicMap()]).toEqual(want);
  });

  it('the search finds a nearest value of the map', () => {
    const map = signedDynamicMap();
    for (let x = -1; x <= 1; x += 0.00037) {
      const distances = Array.from(map, (value) => Math.abs(value - x));
      expect(distances[nearestInMap(map, x)]).toBeLessThanOrEqual(Math.min(...distances) + 1e-9);
    }
  });
});

/** The middles of neighbouring codes, where OCP's round to even and ggml's smaller magnitude differ. */
const unevenMiddles = new Set([0.75, 1.75, 3.5]);

describe.skipIf(golden === undefined)('MXFP4', () => {
  it('equals ggml but where a value lies in the middle of two codes', () => {
    const values = floats(bytes('ggml/inputs.f32'));
    const want = bytes('ggml/MXFP4.bin');
    const wantValues = floats(bytes('ggml/MXFP4.deq.f32'));
    const got = encodeWhole({ scheme: 'mxfp4', granularity: 'block' }, values, values.length / columns);
    const scales = got.stored.get('_scale')!;
    const names = rowNames();
    let middles = 0;
    for (let block = 0; block < values.length / 32; block++) {
      const row = names[block >> 5];
      // There ggml's exponent wraps around below 0, and the whole block becomes 0.
      if (row === 'denormal') continue;
      expect([row, scales[block]]).toEqual([row, want[17 * block]]);
      for (let i = 32 * block; i < 32 * (block + 1); i++) {
        if (got.dequantized[i]! === wantValues[i]!) continue;
        const scaled = Math.abs(values[i]!) / 2 ** (scales[block]! - 127);
        expect(unevenMiddles.has(scaled)).toBe(true);
        middles++;
      }
    }
    console.log(`MXFP4: ${middles} of ${values.length} values lie in the middle, where ggml rounds down.`);
  });
});
