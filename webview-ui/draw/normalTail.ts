/**
 * Share of a normal distribution's values that lie further than `sigmas` (>= 0) standard deviations from its mean,
 * on both sides: erfc(sigmas / sqrt 2). The series 26.2.10 of Abramowitz and Stegun up to 3, their
 * continued fraction 26.2.14 beyond; relative error below 1e-9.
 */
export function normalTail(sigmas: number): number {
  if (!(sigmas > 0)) return 1;
  const density = Math.exp(-0.5 * sigmas * sigmas) / Math.sqrt(2 * Math.PI);
  if (sigmas <= 3) {
    let term = sigmas;
    let sum = sigmas;
    for (let n = 1; n < 60; n++) {
      term *= (sigmas * sigmas) / (2 * n + 1);
      sum += term;
    }
    return 1 - 2 * density * sum;
  }
  let fraction = sigmas;
  for (let n = 120; n >= 1; n--) fraction = sigmas + n / fraction;
  return (2 * density) / fraction;
}
