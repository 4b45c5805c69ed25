/** A long run of values in pieces that fit the cache. */
import { LoupeError } from '../errors';
import { byteSize, findDtype } from '../numeric/dtypes';

/** Cuts an encoded run into pieces of `most` elements, a multiple of every block type's block. */
export function forEachBlock(
  dtype: string,
  srcPtr: number,
  elements: number,
  most: number,
  visit: (srcPtr: number, elements: number) => void,
): void {
  const info = findDtype(dtype);
  const blockBytes = info === undefined ? undefined : byteSize(info, most);
  if (info === undefined || blockBytes === undefined || byteSize(info, elements) === undefined) {
    throw new LoupeError('unsupported', `${elements} values of type ${dtype} cannot be read.`);
  }
  inBlocks(elements, most, (from, count) => visit(srcPtr + (from / most) * blockBytes, count));
}

/** Calls back for each piece of at most `most` elements, from the first. */
export function inBlocks(
  elements: number,
  most: number,
  visit: (from: number, elements: number) => void,
): void {
  for (let from = 0; from < elements; from += most) visit(from, Math.min(most, elements - from));
}
