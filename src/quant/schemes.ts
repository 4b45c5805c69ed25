import { LoupeError } from '../errors';
import { linearCodes } from './linearCode';
import type { Scheme } from './scheme';
import { fp4, nf4 } from './schemes/blockCodebook';
import { f8E4m3, f8E5m2 } from './schemes/float8';
import { bf16, f16, f32 } from './schemes/floatCast';
import { blockTypes } from './schemes/ggml/blockTypes';
import { ggmlScheme } from './schemes/ggml/ggmlScheme';
import { linearInteger } from './schemes/linearInteger';
import { bnbInt8, llmInt8 } from './schemes/llmInt8';
import { mxfp4 } from './schemes/mxfp4';
import { mxfp8 } from './schemes/mxfp8';
import { nvfp4 } from './schemes/nvfp4';
import { pruneOnly } from './schemes/pruneOnly';
import { ternary } from './schemes/ternary';

/** Every scheme, in the order in which menus show them. */
export const schemes: readonly Scheme[] = [
  ...linearCodes.map(linearInteger),
  nf4,
  fp4,
  f8E4m3,
  f8E5m2,
  f16,
  bf16,
  mxfp4,
  mxfp8,
  nvfp4,
  bnbInt8,
  llmInt8,
  ternary,
  ...blockTypes.map(ggmlScheme),
  ...pruneOnly,
];

/** Conversions widen with it; as a choice for a model it would only make it larger. */
const unlisted: readonly Scheme[] = [f32];

const byName = new Map<string, Scheme>([...schemes, ...unlisted].map((scheme) => [scheme.name, scheme]));

/** The scheme of a name; throws `usage` and lists the names for an unknown one. */
export function schemeNamed(name: string): Scheme {
  const found = byName.get(name);
  if (found !== undefined) return found;
  const known = schemes.map((scheme) => scheme.name).join(', ');
  throw new LoupeError('usage', `There is no scheme "${name}". Known: ${known}.`);
}
