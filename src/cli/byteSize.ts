/** Sizes as people type them. */
import { LoupeError } from '../errors';

const units: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KIB', 2 ** 10],
  ['MIB', 2 ** 20],
  ['GIB', 2 ** 30],
  ['TIB', 2 ** 40],
]);

/** "2GB" is 2,000,000,000 bytes and "2GiB" 2,147,483,648, as in Hugging Face's tools. Throws `usage` for what is no size. */
export function parseByteSize(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?I?B|)$/i.exec(text.trim());
  const unit = units.get((match?.[2] ?? '?').toUpperCase());
  const bytes = Math.floor(Number(match?.[1]) * (unit ?? Number.NaN));
  if (!Number.isSafeInteger(bytes))
    throw new LoupeError('usage', `--${option} takes a size, such as 2GB or 500MiB; "${text}" is none.`);
  return bytes;
}
