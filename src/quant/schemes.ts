import { LoupeError } from '../errors';
import { int8Absmax } from './int8Absmax';
import { int8Zeropoint } from './int8Zeropoint';
import type { Scheme } from './scheme';

/** Every scheme, in the order in which menus show them. */
export const schemes: readonly Scheme[] = [int8Absmax, int8Zeropoint];

/** The scheme of a name; throws `usage` and lists the names for an unknown one. */
export function schemeNamed(name: string): Scheme {
  const found = schemes.find((scheme) => scheme.name === name);
  if (found !== undefined) return found;
  const known = schemes.map((scheme) => scheme.name).join(', ');
  throw new LoupeError('usage', `There is no scheme "${name}". Known: ${known}.`);
}
