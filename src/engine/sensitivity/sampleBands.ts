/** Which rows of a tensor a sample takes: always the same ones, spread over the tensor. */
import type { Encoding } from '../../quant/scheme';
import type { MatrixShape } from '../../stats/matrixShape';
import type { Block } from '../matrix';

/** Bands that a sample has when rows are short: enough for the spread between them to be known. */
const usualBands = 32;
const fewestBands = 8;
/** What a worker holds of a sample at most; a tensor whose rows need more is read whole, in parts. */
const mostSampled = 2 ** 23;
/** Bands are not made longer than this for the sake of beginning where blocks begin. */
const longestAligned = 2 ** 16;

/** What bands must look like so that a scheme encodes them as it would in the whole tensor. */
export interface BandNeeds {
  /** Bands begin at multiples of this many rows. */
  readonly rowMultiple: number;
  /** Values of a band at least. */
  readonly elements: number;
}

/** `rowMultiple` is what the choice asks for by itself: the rows of an attention head. */
export function bandNeeds(encoding: Encoding, columns: number, rowMultiple: number): BandNeeds {
  const unit = encoding.valueUnit ?? encoding.unit;
  const aligned = leastCommonMultiple(unit, columns);
  // Blocks that begin within rows: whole ones are cut out of a band.
  if (aligned > longestAligned && aligned !== unit && aligned !== columns)
    return { rowMultiple, elements: 2 * unit };
  return { rowMultiple: leastCommonMultiple(aligned / columns, rowMultiple), elements: 0 };
}

/**
 * Bands of whole rows with about `sampleValues` values together: the tensor is cut into as many stretches as there are
 * bands, and a hash of the tensor's name says which band of each is taken. Depends on its arguments alone. Undefined: the
 * sample would be half of the tensor or more, so that all of it is as well read.
 */
export function sampleBands(
  name: string,
  { rows, columns }: MatrixShape,
  sampleValues: number,
  { rowMultiple, elements }: BandNeeds,
): readonly Block[] | undefined {
  if (rows === 0 || columns === 0) return undefined;
  const wanted = Math.max(elements, Math.ceil(sampleValues / usualBands));
  const bandRows = rowMultiple * Math.max(1, Math.ceil(wanted / (columns * rowMultiple)));
  const places = Math.ceil(rows / bandRows);
  const fitting = Math.floor(sampleValues / (bandRows * columns));
  const count = Math.min(usualBands, Math.max(fewestBands, fitting));
  if (2 * count >= places || count * bandRows * columns > mostSampled) return undefined;
  let hash = hashOf(name);
  return Array.from({ length: count }, (_, i) => {
    const first = Math.floor((i * places) / count);
    const end = Math.floor(((i + 1) * places) / count);
    hash = scrambled(hash + i + 1);
    const row = (first + (hash % (end - first))) * bandRows;
    return { row, rows: Math.min(bandRows, rows - row), column: 0, columns };
  });
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The finalizer of MurmurHash3. */
function scrambled(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
