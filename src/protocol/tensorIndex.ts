/** Indices of tensor elements as people write them: "12, 400", or one flat index. */

/** An index a dimension, or a sentence that says what is wrong. */
export type ParsedIndex = { readonly at: readonly number[] } | { readonly problem: string };

/** One index a dimension of a flat index; the last dimension varies fastest. */
export function atOfFlat(flat: number, shape: readonly number[]): number[] {
  const at: number[] = new Array(shape.length);
  let rest = flat;
  for (let dimension = shape.length - 1; dimension >= 0; dimension--) {
    const size = Math.max(1, shape[dimension]!);
    at[dimension] = rest % size;
    rest = Math.floor(rest / size);
  }
  return at;
}

/** The flat index of an element. */
export function flatOf(at: readonly number[], shape: readonly number[]): number {
  let flat = 0;
  for (let dimension = 0; dimension < shape.length; dimension++)
    flat = flat * shape[dimension]! + (at[dimension] ?? 0);
  return flat;
}

/**
 * Reads an index: one number a dimension, set apart by commas, semicolons or spaces, in brackets or not, or one flat
 * index. Negative numbers count from the end, as in Python.
 */
export function parseTensorIndex(text: string, shape: readonly number[]): ParsedIndex {
  const words = text
    .trim()
    .replace(/^[[(]|[\])]$/g, '')
    .split(/[\s,;]+/)
    .filter((word) => word !== '');
  const wrong = words.find((word) => !/^[-\u2212]?\d{1,16}$/.test(word));
  const form = shape.length > 1 ? `${shape.length} numbers, or one flat index` : 'one number';
  if (words.length === 0) return { problem: `Write ${form}.` };
  if (wrong !== undefined) return { problem: `"${wrong.slice(0, 40)}" is no index. Write ${form}.` };
  const numbers = words.map((word) => Number(word.replace('\u2212', '-')));
  const isFlat = numbers.length === 1 && shape.length !== 1;
  if (!isFlat && numbers.length !== shape.length)
    return { problem: `The tensor has ${shape.length} dimensions. Write ${form}.` };
  const sizes = isFlat ? [shape.reduce((product, size) => product * size, 1)] : shape;
  const at: number[] = [];
  for (const [dimension, given] of numbers.entries()) {
    const size = sizes[dimension]!;
    const index = given < 0 ? given + size : given;
    if (index < 0 || index >= size) {
      const what = isFlat ? 'The flat index' : `Index ${dimension + 1}`;
      return { problem: `${what} goes from 0 to ${(size - 1).toLocaleString('en-US')}.` };
    }
    at.push(index);
  }
  return { at: isFlat ? atOfFlat(at[0]!, shape) : at };
}
