/**
 * bitsandbytes' 4-bit layout (bitsandbytes, functional.py QuantState.as_dict): X.weight holds two codes a byte, flat;
 * X.weight.absmax a scale for each block, itself quantized when nested; X.weight.quant_state.bitsandbytes__nf4 (or
 * __fp4) is JSON that has the logical shape. w = quant_map[code] * absmax[i / blocksize] over the flattened weight, and
 * a nested absmax = nested_quant_map[code] * nested_absmax[j / nested_blocksize] + nested_offset, in float32
 * (functional.py dequantize_4bit). Its loader then rounds to the model's dtype; ours are the float32 values.
 */
import type { TensorInfo, TensorSpan } from '../checkpoint';
import { quoteName } from '../fileContents';
import { parseJsonObject } from '../jsonSidecar';
import type { PackedWeight } from '../packedWeight';
import { type Folding, product, toSpan, wholeNumber } from './folding';

/** The JSON has some 150 bytes, 300 with nested scales. */
const longestState = 1024;
const mostDimensions = 8;
/** bitsandbytes has blocks of up to 4,096 values. */
const largestBlock = 65_536;
const kinds = ['nf4', 'fp4'] as const;

interface Candidate {
  readonly weight: TensorInfo;
  readonly state: TensorInfo;
  readonly kind: (typeof kinds)[number];
}

/** Reads the JSON blobs: at most 1 KiB each. */
export async function foldBitsandbytes4(folding: Folding): Promise<void> {
  const candidates: Candidate[] = [];
  for (const kind of kinds) {
    for (const { tensor: state, prefix } of folding.ending(`.quant_state.bitsandbytes__${kind}`)) {
      const weight = folding.find(prefix);
      if (!weight) folding.warn(state, `the tensor ${quoteName(prefix)} is missing`);
      else if (state.dtype !== 'U8' || state.bytes > longestState || state.unreadable !== undefined)
        folding.warn(weight, 'its quant_state cannot be read');
      else candidates.push({ weight, state, kind });
    }
  }
  const states = await folding.readSpans(candidates.map(({ state }) => state));
  for (const [i, { weight, state, kind }] of candidates.entries()) {
    const described = stateOf(states[i]!);
    if (!described) {
      folding.warn(weight, 'its quant_state is no JSON object with a shape');
      continue;
    }
    const { shape } = described;
    const elements = product(shape);
    // Stored as bytes, or viewed as another type: the bytes are the same.
    if (weight.bytes !== Math.ceil(elements / 2)) {
      folding.warn(weight, `${weight.bytes} bytes are not 4 bits for each of [${shape.join(', ')}]`);
      continue;
    }
    const part = (suffix: string) => folding.find(`${weight.name}.${suffix}`);
    const method = kind.toUpperCase();
    folding.fold({
      name: weight.name,
      dtype: method,
      shape,
      layout: `bitsandbytes ${method}`,
      bits: 4,
      parts: [
        ['codes', weight],
        ['block scales', part('absmax')],
        ['code values', part('quant_map')],
        ['scales of scales', part('nested_absmax')],
        ['scale values', part('nested_quant_map')],
        ['description', state],
      ],
      values: valuesOf(weight, elements, described, part),
    });
  }
}

interface State {
  readonly shape: readonly number[];
  readonly json: Readonly<Record<string, unknown>>;
}

function stateOf(bytes: Uint8Array): State | undefined {
  let json: State['json'];
  try {
    json = parseJsonObject(bytes);
  } catch {
    return undefined;
  }
  const { shape } = json;
  if (!Array.isArray(shape) || shape.length > mostDimensions) return undefined;
  const sizes = shape.map((size) => wholeNumber(size, 0, Number.MAX_SAFE_INTEGER));
  return sizes.every((size) => size !== undefined) ? { shape: sizes, json } : undefined;
}

/** How the codes are read, or what is missing for it. Blocks run over the flattened weight: it is one line. */
function valuesOf(
  weight: TensorInfo,
  elements: number,
  { json }: State,
  part: (suffix: string) => TensorInfo | undefined,
): PackedWeight<TensorSpan> | string {
  const absmax = part('absmax');
  const map = part('quant_map');
  const blockSize = wholeNumber(json.blocksize, 1, largestBlock);
  if (!absmax || !map) return `its ${absmax ? 'quant_map' : 'absmax'} is missing`;
  if (blockSize === undefined) return 'its quant_state has no blocksize';
  const scales = {
    span: toSpan(absmax),
    dtype: absmax.dtype,
    groups: Math.ceil(elements / blockSize),
    widthEach: blockSize,
    linesEach: 1,
    matrixLines: 1,
  };
  const common = {
    codes: toSpan(weight),
    bits: 4,
    lines: 1,
    width: elements,
    order: { kind: 'upperFirst' },
    meaning: { kind: 'stored', values: toSpan(map) },
  } as const;
  if (absmax.dtype === 'F32') return { ...common, scales };
  const nestedAbsmax = part('nested_absmax');
  const nestedMap = part('nested_quant_map');
  const nestedBlock = wholeNumber(json.nested_blocksize, 1, largestBlock);
  const offset = json.nested_offset;
  if (!nestedAbsmax || !nestedMap)
    return `its ${nestedAbsmax ? 'nested_quant_map' : 'nested_absmax'} is missing`;
  if (nestedBlock === undefined || typeof offset !== 'number')
    return 'its quant_state does not say how its scales are stored';
  const nested = {
    map: toSpan(nestedMap),
    absmax: toSpan(nestedAbsmax),
    blockSize: nestedBlock,
    // JSON has the float32's value in full.
    offset: Math.fround(offset),
  };
  return { ...common, scales: { ...scales, nested } };
}
