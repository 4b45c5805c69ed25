import { roundHalfEven } from '../numeric/floats';
import { type Scheme, storedScale } from './scheme';

/**
 * Asymmetric INT8. The founding formula is scale = 255 / (max - min), range 0 taken as 1,
 * zp = round(-scale * min - 128), q = clip(round(scale * x + zp), -128, 127), x~ = (q - zp) / scale.
 *
 * The layout keeps the zero point in 8 bits, so the range is first widened to hold 0, which changes
 * nothing for weights of both signs and puts 0 itself on a code. As zp is an integer, round(scale * x) + zp
 * is taken, which keeps the float32 sum from rounding twice.
 */
export const int8Zeropoint: Scheme = {
  name: 'int8-zeropoint',
  label: 'INT8 zero-point',
  bits: 8,
  symmetric: false,
  low: 0,
  high: 255,
  parameters(min, max, scaleDtype) {
    const low = Math.min(min, 0);
    const { scale, inverse } = storedScale(Math.max(max, 0) - low, 255, scaleDtype);
    const zeroPoint = roundHalfEven(Math.fround(-low * inverse) - 128);
    return { scale, inverse, zero: Math.min(Math.max(zeroPoint, -128), 127) + 128 };
  },
};
