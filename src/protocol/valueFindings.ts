/** Findings that only the values tell: the host, the pages and the command line derive them from statistics. */
import type { Finding, TensorStats } from './engineApi';

/** The figures that decide, whether they come from fresh statistics or from a page's table. */
export interface ValueFigures extends Pick<TensorStats, 'nan' | 'inf' | 'zeros'> {
  /** All values of the tensor, NaN and infinities included. */
  readonly count: number;
}

/** Where the tensor lies. */
export interface TensorPlace {
  readonly name: string;
  readonly file?: string | undefined;
  readonly byteOffset?: number | undefined;
  /** Name of the stored type; of a quantized one only a scale can make NaN or infinity. */
  readonly dtype?: string | undefined;
}

/** Types whose codes are finite by themselves: ggml's blocks, and logical weights of packed codes ("INT8"). */
const scaledCodes = /^(?:I?Q\d|TQ\d|MXFP\d|NVFP\d|INT\d)/;

/** The codes of findings after analysis. */
export const valueFindingCodes = ['scale-overflow', 'nan-values', 'inf-values', 'all-zero'] as const;

/** A name in a sentence: control characters as escapes, and never longer than a line. */
const quote = (name: string) => JSON.stringify(name.length > 120 ? `${name.slice(0, 119)}…` : name);

const values = (count: number) => `${count.toLocaleString('en-US')} ${count === 1 ? 'value' : 'values'}`;

/**
 * What a tensor's figures say that its header could not. A quantized tensor that decodes to NaN or infinity has a
 * scale that overflowed, which is an error. NaN is an error, since no weight can mean it. Infinities are
 * a warning, since masks hold them on purpose. A tensor of zeros is a warning: it is often one that was never written.
 */
export function valueFindings(figures: ValueFigures, place: TensorPlace): readonly Finding[] {
  const { nan, inf, zeros, count } = figures;
  const at = { file: place.file, tensor: place.name, byteOffset: place.byteOffset };
  const name = quote(place.name);
  const found: Finding[] = [];
  const overflowed = nan + inf > 0 && scaledCodes.test(place.dtype ?? '');
  if (overflowed) {
    found.push({
      severity: 'error',
      code: 'scale-overflow',
      message: `${values(nan + inf)} of tensor ${name}, stored as ${place.dtype}, ${nan + inf === 1 ? 'comes' : 'come'} out infinite or NaN: a scale overflowed.`,
      ...at,
    });
  }
  if (nan > 0 && !overflowed) {
    found.push({
      severity: 'error',
      code: 'nan-values',
      message: `${values(nan)} of tensor ${name} ${nan === 1 ? 'is' : 'are'} NaN, of ${count.toLocaleString('en-US')}.`,
      ...at,
    });
  }
  if (inf > 0 && !overflowed) {
    found.push({
      severity: 'warning',
      code: 'inf-values',
      message: `${values(inf)} of tensor ${name} ${inf === 1 ? 'is' : 'are'} infinite, of ${count.toLocaleString('en-US')}.`,
      ...at,
    });
  }
  if (count > 0 && zeros === count) {
    found.push({
      severity: 'warning',
      code: 'all-zero',
      message:
        count === 1
          ? `The only value of tensor ${name} is zero.`
          : `All ${values(count)} of tensor ${name} are zero.`,
      ...at,
    });
  }
  return found;
}

/** A broken model has such findings for each of its tensors; this many of a code are told one by one. */
const mostPerCode = 50;

/** Keeps the first fifty of each code, in order, and one finding that counts the others. */
export function limitFindings(findings: readonly Finding[]): readonly Finding[] {
  const counts = new Map<string, number>();
  const kept: Finding[] = [];
  for (const finding of findings) {
    const seen = (counts.get(finding.code) ?? 0) + 1;
    counts.set(finding.code, seen);
    if (seen <= mostPerCode) kept.push(finding);
  }
  for (const [code, count] of counts) {
    if (count <= mostPerCode) continue;
    const first = kept.find((finding) => finding.code === code)!;
    kept.push({
      severity: first.severity,
      code,
      message: `${(count - mostPerCode).toLocaleString('en-US')} more findings of this kind are left out.`,
      file: first.file,
    });
  }
  return kept;
}
