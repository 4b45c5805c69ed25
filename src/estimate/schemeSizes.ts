/** What a model's weights would take under every scheme, from names and shapes alone. */
import { LoupeError } from '../errors';
import { byteSize, findDtype } from '../numeric/dtypes';
import { defaultGranularity, settingFor } from '../quant/choice';
import { encodingFor } from '../quant/encoding';
import { layerOf } from '../quant/pruning/layers';
import { recipeOf, resolveRecipe } from '../quant/recipe';
import { type Scheme, storedBytes } from '../quant/scheme';
import { schemeNamed, schemes } from '../quant/schemes';
import type { SchemeChoice } from '../quant/types';
import { matrixShape } from '../stats/matrixShape';
import type { SchemeSize } from './types';

/** Tensors of one name pattern, type and shape. */
export interface SizedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly copies: number;
  /** Of one; undefined: what the type takes for the shape. */
  readonly bytes?: number | undefined;
  /** What is stored, where that is not of the type that its values have been made of. */
  readonly stored?: string | undefined;
}

/** Elements of one tensor. */
export const sizedElements = ({ shape }: SizedTensor): number =>
  shape.reduce((product, size) => product * size, 1);

/** Bytes of one tensor as it is. */
export function sizedBytes(tensor: SizedTensor): number {
  if (tensor.bytes !== undefined) return tensor.bytes;
  const dtype = findDtype(tensor.dtype);
  return (dtype && byteSize(dtype, sizedElements(tensor))) ?? 0;
}

/** Every scheme that changes sizes, with its default options and its own policy of what is kept. */
export function schemeSizes(
  tensors: readonly SizedTensor[],
  modelType: string | undefined,
  offered: readonly Scheme[] = schemes,
): SchemeSize[] {
  // The policy looks at numbers in names as at any other; an asterisk stands for all of them.
  const named = tensors.map((tensor) => ({ ...tensor, name: tensor.name.replaceAll('*', '0') }));
  const elements = named.reduce((sum, tensor) => sum + tensor.copies * sizedElements(tensor), 0);
  return offered
    .filter(({ family }) => family !== 'pruning')
    .map((scheme) => schemeSize(scheme, named, modelType, elements));
}

function schemeSize(
  scheme: Scheme,
  tensors: readonly SizedTensor[],
  modelType: string | undefined,
  elements: number,
): SchemeSize {
  const choice = { scheme: scheme.name, granularity: defaultGranularity(scheme) };
  const resolved = resolveRecipe(recipeOf(choice, false), tensors, modelType).tensors;
  let [bytes, quantized, refused] = [0, 0, 0];
  let refusal: string | undefined;
  for (const [index, tensor] of tensors.entries()) {
    const own = resolved[index]!.choice;
    let each = sizedBytes(tensor);
    if (own) {
      const size = encodedBytes(own, tensor);
      if (typeof size === 'number') {
        each = size;
        quantized += tensor.copies;
      } else {
        refusal ??= `${tensor.name}: ${size.message}`;
        refused += tensor.copies;
      }
    }
    bytes += each * tensor.copies;
  }
  return {
    scheme: scheme.name,
    label: scheme.label,
    family: scheme.family,
    bytes,
    bitsPerWeight: elements === 0 ? 0 : (8 * bytes) / elements,
    quantized,
    refused,
    ...(refusal === undefined ? {} : { refusal }),
  };
}

/**
 * Bytes of all pieces, or why the scheme does not fit. Types that are only written by an importance matrix take as much whatever
 * it says.
 */
export function encodedBytes(choice: SchemeChoice, { name, dtype, shape }: SizedTensor): number | LoupeError {
  const { label, needsImportance } = schemeNamed(choice.scheme);
  const type = needsImportance ? findDtype(label) : undefined;
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const rowBytes = type && byteSize(type, shape.at(-1) ?? 0);
  if (rowBytes !== undefined) return rows * rowBytes;
  try {
    const setting = settingFor(choice, dtype, { ...matrixShape(shape), layer: layerOf(name) });
    return storedBytes(encodingFor(setting).pieces());
  } catch (thrown) {
    return LoupeError.from(thrown);
  }
}
