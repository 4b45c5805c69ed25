import { resolveChoice } from './choice';
import { schemeNamed } from './schemes';
import type { SchemeChoice } from './types';

/** What people call a choice: "INT8 absmax per row", "NF4 per block of 64, scales quantized". */
export function choiceLabel(choice: SchemeChoice): string {
  const { scheme, granularity, blockSize, clip, doubleQuant, prune, output } = resolveChoice(choice);
  const { label, family } = schemeNamed(scheme);
  const per =
    granularity === 'none'
      ? ''
      : granularity === 'block'
        ? ` per block of ${blockSize}`
        : ` per ${granularity}`;
  return [
    `${label}${per}`,
    ...(doubleQuant ? ['scales quantized'] : []),
    ...(clip === 'mse' ? ['least squared error'] : clip === 'hqq' ? ['half-quadratic'] : []),
    ...(prune === undefined || family === 'pruning' ? [] : [`pruned by ${prune === 'nm' ? 'N:M' : prune}`]),
    ...(output === 'fake' ? ['dequantized'] : output === 'qdq' ? ['QDQ'] : []),
  ].join(', ');
}
