/** Makes new inputs from known ones: blind edits, numbers that hurt, words of the format, splices of two inputs. */

/** An integer from 0 to `below` - 1. */
export type Random = (below: number) => number;

/** xorshift32; the same seed gives the same inputs. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0 || 0x9e3779b9;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (((state >>> 0) * below) / 2 ** 32) | 0;
  };
}

/** Edges of counts, lengths and offsets. */
const edges = [
  0n,
  1n,
  2n,
  7n,
  8n,
  16n,
  31n,
  32n,
  63n,
  64n,
  127n,
  128n,
  255n,
  256n,
  32_767n,
  65_535n,
  65_536n,
  100_000_000n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n - 8n,
] as const;
const decimals = [
  '0',
  '-1',
  '1e3',
  '2.0',
  '00',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '1e999',
];
/** Inputs stay small, so that many of them run in a second. */
const longestInput = 6144;

export interface Material {
  readonly known: readonly Uint8Array[];
  /** Words of the format that blind edits would not find. */
  readonly words: readonly Uint8Array[];
}

/** A new input. `repair` puts lengths and the like right again, half of the time, so that edits reach what lies deeper. */
export function mutate(
  { known, words }: Material,
  random: Random,
  repair?: (bytes: Uint8Array) => Uint8Array,
): Uint8Array {
  let bytes = Buffer.from(known[random(known.length)]!);
  const edits = 1 + random(random(3) === 0 ? 12 : 3);
  for (let i = 0; i < edits; i++) {
    const at = random(bytes.length + 1);
    switch (random(12)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = random(256);
        break;
      case 2:
        bytes = replace(bytes, at, 0, Buffer.from([random(256)]));
        break;
      case 3:
        bytes = replace(bytes, at, 1 + random(8), Buffer.alloc(0));
        break;
      case 4: {
        const length = random(Math.min(64, bytes.length - at) + 1);
        bytes = replace(bytes, random(bytes.length + 1), random(2) * length, bytes.subarray(at, at + length));
        break;
      }
      case 5:
        if (random(8) === 0) bytes = bytes.subarray(0, at);
        break;
      case 6:
      case 7:
        writeEdge(bytes, at, random);
        break;
      case 8:
      case 9: {
        const word = words[random(words.length)];
        if (word) bytes = replace(bytes, at, random(2) * word.length, Buffer.from(word));
        break;
      }
      case 10: {
        const other = known[random(known.length)]!;
        const from = random(other.length + 1);
        const length = random(Math.min(256, other.length - from) + 1);
        bytes = replace(bytes, at, random(2) * length, Buffer.from(other.subarray(from, from + length)));
        break;
      }
      default:
        bytes = replaceNumber(bytes, at, random);
    }
  }
  const result = new Uint8Array(bytes.subarray(0, longestInput));
  return repair && random(2) === 0 ? repair(result) : result;
}

function replace(bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
}

function writeEdge(bytes: Buffer, at: number, random: Random): void {
  const width = [1, 2, 4, 8][random(4)]!;
  if (at + width > bytes.length) return;
  const little = random(4) > 0;
  let value = edges[random(edges.length)]!;
  if (random(3) === 0) value = BigInt(bytes.length + random(17) - 8);
  for (let i = 0; i < width; i++)
    bytes[at + (little ? i : width - 1 - i)] = Number((value >> BigInt(8 * i)) & 0xffn);
}

/** Puts another number in the place of the next decimal one. */
function replaceNumber(bytes: Buffer<ArrayBuffer>, at: number, random: Random): Buffer<ArrayBuffer> {
  const isDigit = (i: number) => bytes[i]! >= 0x30 && bytes[i]! <= 0x39;
  let start = at;
  while (start < bytes.length && !isDigit(start)) start++;
  let end = start;
  while (end < bytes.length && isDigit(end)) end++;
  if (start === end) return bytes;
  const text =
    random(2) === 0
      ? decimals[random(decimals.length)]!
      : String(Number(bytes.toString('latin1', start, end)) + random(9) - 4);
  return replace(bytes, start, end - start, Buffer.from(text));
}
