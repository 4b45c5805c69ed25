/** NF4 and FP4 as bitsandbytes has them: codebooks of 16 values over blocks of the flattened weight. */
import { nearestInMap, signedDynamicMap } from '../dynamicMap';
import { floatBytes, highNibblesFirst, piece } from '../packing';
import { remembering } from '../remembering';
import type { Band, Chunk, Encoding, Knowledge, Scheme, Setting, Survey } from '../scheme';
import { addTo } from '../surveys';

interface Codebook {
  readonly name: 'nf4' | 'fp4';
  /** Values by code. */
  readonly values: Float32Array;
  /** The code of a value in -1..1. */
  codeOf(scaled: number): number;
}

/** How many of ascending thresholds lie below a value. */
function countBelow(thresholds: Float32Array, value: number): number {
  let count = 0;
  while (count < thresholds.length && value > thresholds[count]!) count++;
  return count;
}

/**
 * Quantiles of the normal distribution with 0 and both ends exact (Dettmers et al. 2023, QLoRA, arXiv 2305.14314,
 * appendix E); numbers of bitsandbytes, functional.py `get_4bit_type` and csrc/kernels.cu `dQuantizeNF4`.
 */
export const nf4Values = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);
export const nf4Thresholds = Float32Array.of(
  -0.8480964004993439,
  -0.6106329262256622,
  -0.4599952697753906,
  -0.33967943489551544,
  -0.23460740596055984,
  -0.13791173323988914,
  -0.045525018125772476,
  0.03979014977812767,
  0.1202552504837513,
  0.2035212516784668,
  0.2920137718319893,
  0.3893125355243683,
  0.5016634166240692,
  0.6427869200706482,
  0.8614784181118011,
);

/** Twelfths: a sign bit and 0, 0.0625, 8, 12, 4, 6, 2, 3 in the order of the codes, which is not that of the values. */
const fp4Magnitudes = [0, 0.0625, 8, 12, 4, 6, 2, 3].map((twelfths) => twelfths / 12);
export const fp4Values = Float32Array.of(...fp4Magnitudes, ...fp4Magnitudes.map((value) => -value));
/** csrc/kernels.cu `dQuantizeFP4`, and the codes of the magnitudes between them. */
export const fp4Thresholds = Float32Array.of(
  0.00260417,
  0.0859375,
  0.20833333,
  0.29166667,
  0.4166667,
  0.583333,
  0.8333333,
);
export const fp4Codes = [0, 1, 6, 7, 4, 5, 2, 3];

const blockSizes = [64, 32, 128, 256, 512, 1024, 2048, 4096] as const;
/** Scales that share a scale of their own in double quantization. */
export const nestedBlock = 256;
const torchDtypes: Readonly<Record<string, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

function blockCodebook(codebook: Codebook, label: string, detail: string): Scheme {
  const { name } = codebook;
  return {
    name,
    label,
    detail,
    family: 'codebook',
    scope: 'linear',
    options: { granularities: ['block'], blockSizes, doubleQuant: true },
    encoding: (setting) => encodingOf(codebook, setting),
    stored: ({ choice, dtype }) => ({
      layout: 'bitsandbytes',
      config: {
        load_in_4bit: true,
        load_in_8bit: false,
        bnb_4bit_quant_type: name,
        bnb_4bit_use_double_quant: choice.doubleQuant,
        bnb_4bit_compute_dtype: torchDtypes[dtype] ?? 'float32',
        bnb_4bit_quant_storage: 'uint8',
      },
    }),
  };
}

/** Largest magnitude of each block of a band. */
function blockAbsmax(values: Float32Array, blockSize: number): Float32Array {
  const absmax = new Float32Array(Math.ceil(values.length / blockSize));
  for (let i = 0; i < values.length; i++) {
    const block = Math.floor(i / blockSize);
    const magnitude = Math.abs(values[i]!);
    if (magnitude > absmax[block]!) absmax[block] = magnitude;
  }
  return absmax;
}

export interface NestedScales {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly absmax: Float32Array;
}

/** Scales less their mean, in the dynamic code with a scale for every 256: functional.py `quantize_4bit`. */
export function nest(absmax: Float32Array, offset: number, map: Float32Array): NestedScales {
  const shifted = absmax.map((value) => value - offset);
  const scales = blockAbsmax(shifted, nestedBlock);
  const codes = new Uint8Array(absmax.length);
  const result = new Float32Array(absmax.length);
  for (let i = 0; i < absmax.length; i++) {
    const scale = scales[Math.floor(i / nestedBlock)]!;
    const inverse = scale === 0 ? 0 : Math.min(Math.fround(1 / scale), largestFloat);
    codes[i] = nearestInMap(map, Math.min(1, Math.max(-1, Math.fround(shifted[i]! * inverse))));
    result[i] = Math.fround(map[codes[i]!]! * scale) + offset;
  }
  return { codes, scales, absmax: result };
}

/** The mean scale, which double quantization takes away first, from the last survey. */
export function nestedOffset(): (known: Knowledge) => number {
  return remembering((known: Knowledge) => {
    const [sum, count] = known.at(-1) as unknown as [number, number];
    return Math.fround(sum / count);
  });
}

const largestFloat = Math.fround(3.4028234663852886e38);

/**
 * A block's scale is max|x|, stored in F32; code = the codebook's nearest by fixed thresholds to x * (1 / scale), the
 * reciprocal taken in float32 of at least 1e-38; x~ = value[code] * scale. With double quantization codes still
 * come from the exact scales, and x~ from the stored ones.
 */
function encodingOf(codebook: Codebook, { rows, columns, choice, dtype }: Setting): Encoding {
  const { blockSize, doubleQuant } = choice;
  const { name, values: levels } = codebook;
  const elements = rows * columns;
  const blocks = Math.ceil(elements / blockSize);
  const map = doubleQuant ? signedDynamicMap() : new Float32Array(0);
  const meanAbsmax: Survey = {
    start: () => new Float64Array(2),
    add(state, { values }) {
      const absmax = blockAbsmax(values, blockSize);
      for (const value of absmax) state[0]! += value;
      state[1]! += absmax.length;
    },
    merge: addTo,
  };
  const offsetOf = nestedOffset();
  /** Python's json.dumps of QuantState.as_dict; filled up with spaces, so that its size does not depend on values. */
  const describe = (offset: number): Uint8Array => {
    const nested = doubleQuant
      ? `, "nested_blocksize": ${nestedBlock}, "nested_dtype": "float32", "nested_offset": ${offset}`
      : '';
    const text = `{"quant_type": "${name}", "blocksize": ${blockSize}, "dtype": "${torchDtypes[dtype] ?? 'float32'}", "shape": [${rows}, ${columns}]${nested}`;
    return new TextEncoder().encode(`${text.padEnd(describedLength - 1)}}`);
  };
  /** The longest number has 24 characters. */
  const describedLength =
    102 + `${name}${blockSize}${torchDtypes[dtype]}${rows}${columns}`.length + (doubleQuant ? 120 : 0);
  const state = `.quant_state.bitsandbytes__${name}`;

  function encode({ first, values }: Band, known: Knowledge) {
    const absmax = blockAbsmax(values, blockSize);
    const nested = doubleQuant ? nest(absmax, offsetOf(known), map) : undefined;
    const scales = nested?.absmax ?? absmax;
    const codes = new Uint8Array(values.length);
    const dequantized = new Float32Array(values.length);
    for (let block = 0; block < absmax.length; block++) {
      const inverse = Math.fround(1 / Math.max(absmax[block]!, smallestAbsmax));
      const end = Math.min((block + 1) * blockSize, values.length);
      for (let i = block * blockSize; i < end; i++) {
        const scaled = Math.fround(values[i]! * inverse);
        const code = codebook.codeOf(scaled > 1 ? 1 : scaled < -1 ? -1 : scaled);
        codes[i] = code;
        dequantized[i] = levels[code]! * scales[block]!;
      }
    }
    const chunks = (): Chunk[] => {
      const block = first / blockSize;
      const weight = { suffix: '', byteOffset: first / 2, bytes: highNibblesFirst(codes) };
      if (!nested)
        return [weight, { suffix: '.absmax', byteOffset: 4 * block, bytes: floatBytes(absmax, 'F32') }];
      return [
        weight,
        { suffix: '.absmax', byteOffset: block, bytes: nested.codes },
        {
          suffix: '.nested_absmax',
          byteOffset: (4 * block) / nestedBlock,
          bytes: floatBytes(nested.scales, 'F32'),
        },
      ];
    };
    const scaleAt = (index: number) => ({ scale: scales[Math.floor(index / blockSize)]! });
    return { codes, dequantized, scaleAt, chunks };
  }

  return {
    to: name.toUpperCase(),
    unit: doubleQuant ? blockSize * nestedBlock : blockSize,
    surveys: doubleQuant ? [meanAbsmax] : [],
    encode,
    pieces: () => [
      piece('', 'U8', [Math.ceil(elements / 2), 1]),
      piece('.absmax', doubleQuant ? 'U8' : 'F32', [blocks]),
      piece('.quant_map', 'F32', [levels.length]),
      piece(state, 'U8', [describedLength]),
      ...(doubleQuant
        ? [
            piece('.nested_absmax', 'F32', [Math.ceil(blocks / nestedBlock)]),
            piece('.nested_quant_map', 'F32', [map.length]),
          ]
        : []),
    ],
    wholePieces(known) {
      const whole = (suffix: string, bytes: Uint8Array): Chunk => ({ suffix, byteOffset: 0, bytes });
      return [
        whole('.quant_map', floatBytes(levels, 'F32')),
        whole(state, describe(doubleQuant ? offsetOf(known) : 0)),
        ...(doubleQuant ? [whole('.nested_quant_map', floatBytes(map, 'F32'))] : []),
      ];
    },
  };
}

/** Where 1 / scale would overflow. */
export const smallestAbsmax = Math.fround(1e-38);

export const nf4 = blockCodebook(
  { name: 'nf4', values: nf4Values, codeOf: (scaled) => countBelow(nf4Thresholds, scaled) },
  'NF4',
  '16 levels at the quantiles of a normal distribution; what QLoRA loads.',
);
export const fp4 = blockCodebook(
  {
    name: 'fp4',
    values: fp4Values,
    codeOf: (scaled) => (scaled < 0 ? 8 : 0) + fp4Codes[countBelow(fp4Thresholds, Math.abs(scaled))]!,
  },
  'FP4 (bitsandbytes)',
  "16 levels of a 4-bit float of bitsandbytes' own, which is not E2M1.",
);
