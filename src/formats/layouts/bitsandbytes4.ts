/**
 * bitsandbytes' 4-bit layout (bitsandbytes, functional.py QuantState.as_dict): X.weight holds two codes a byte, flat;
 * X.weight.absmax a scale for each block, itself quantized when nested; X.weight.quant_state.bitsandbytes__nf4 (or
 * __fp4) is JSON that has the logical shape.
 */
import type { TensorInfo } from '../checkpoint';
import { quoteName } from '../fileContents';
import { parseJsonObject } from '../jsonSidecar';
import { type Folding, wholeNumber } from './folding';

/** The JSON has some 150 bytes, 300 with nested scales. */
const longestState = 1024;
const mostDimensions = 8;
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
    const shape = shapeOf(states[i]!);
    if (!shape) {
      folding.warn(weight, 'its quant_state is no JSON object with a shape');
      continue;
    }
    const elements = shape.reduce((product, size) => product * size, 1);
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
    });
  }
}

function shapeOf(bytes: Uint8Array): number[] | undefined {
  let shape: unknown;
  try {
    ({ shape } = parseJsonObject(bytes));
  } catch {
    return undefined;
  }
  if (!Array.isArray(shape) || shape.length > mostDimensions) return undefined;
  const sizes = shape.map((size) => wholeNumber(size, 0, Number.MAX_SAFE_INTEGER));
  return sizes.every((size) => size !== undefined) ? sizes : undefined;
}
