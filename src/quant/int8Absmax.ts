import { type Scheme, storedScale } from './scheme';

/**
 * Symmetric INT8. The founding formula is scale = 127 / max|x|, q = round(scale * x), x~ = q / scale; what
 * is stored is its reciprocal s = max|x| / 127 in the scale's type, and codes come from s as stored.
 */
export const int8Absmax: Scheme = {
  name: 'int8-absmax',
  label: 'INT8 absmax',
  bits: 8,
  symmetric: true,
  low: 1,
  high: 255,
  parameters(min, max, scaleDtype) {
    const absmax = Math.max(Math.abs(min), Math.abs(max));
    return { ...storedScale(absmax, 127, scaleDtype), zero: 128 };
  },
};
