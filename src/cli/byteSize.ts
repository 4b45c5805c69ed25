import { LoupeError } from '../errors';
import { bytesOfText } from '../numeric/byteSize';

/** The bytes of an option. Throws `usage` for what is no size. */
export function parseByteSize(option: string, text: string): number {
  const bytes = bytesOfText(text);
  if (bytes === undefined)
    throw new LoupeError('usage', `--${option} takes a size, such as 2GB or 500MiB; "${text}" is none.`);
  return bytes;
}
