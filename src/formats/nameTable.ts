/** Slots that a name may be away from its own before the table is taken for one under attack. */
const longestProbe = 64;

/**
 * Tells names apart: a hash table over typed arrays, several times as fast as a Map for the hundreds of thousands of
 * names that a header can have, since it allocates nothing per name. Its hash can be attacked in spite of its random seed;
 * names that crowd together move on to a Map, which V8 defends.
 */
export class NameTable {
  /** The first `count` are there. */
  private readonly names: string[];
  private count = 0;
  /** For a hash of the caller's own. */
  readonly seed = Math.floor(Math.random() * 2 ** 31);
  /** 1 + the number of the name, 0 where a slot is free; a power of two of them, at most half taken. */
  private slots: Int32Array;
  private hashes: Int32Array;
  private crowded: Map<string, number> | undefined;

  /** `expected` names, which the caller has bounded, find room without a step of growing. */
  constructor(expected = 0) {
    const room = 2 ** Math.ceil(Math.log2(Math.max(expected + 1, 512)));
    this.slots = new Int32Array(2 * room);
    this.hashes = new Int32Array(room);
    this.names = new Array<string>(expected);
  }

  /**
   * Adds a name; the number of the earlier one when it is there already, counted from 0, else undefined. A caller who has
   * the name's bytes at hand may give its own hash of 32 bits, mixed with the seed, for all names of a table.
   */
  add(name: string, hash: number = hashOf(name, this.seed)): number | undefined {
    if (this.crowded) return this.addToMap(this.crowded, name);
    const mask = this.slots.length - 1;
    let probe = 0;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.slots[slot]! - 1;
      if (found < 0) {
        this.hashes[this.count] = hash;
        this.names[this.count] = name;
        this.slots[slot] = ++this.count;
        if (this.count === this.hashes.length) this.grow();
        return undefined;
      }
      if (this.hashes[found] === hash && this.names[found] === name) return found;
      if (++probe > longestProbe) {
        this.crowded = new Map(this.names.slice(0, this.count).map((earlier, i) => [earlier, i]));
        return this.addToMap(this.crowded, name);
      }
    }
  }

  private addToMap(map: Map<string, number>, name: string): number | undefined {
    const found = map.get(name);
    if (found === undefined) map.set(name, map.size);
    return found;
  }

  private grow(): void {
    const hashes = new Int32Array(this.hashes.length * 2);
    hashes.set(this.hashes);
    this.hashes = hashes;
    this.slots = new Int32Array(this.slots.length * 2);
    const mask = this.slots.length - 1;
    for (let i = 0; i < this.count; i++) {
      let slot = hashes[i]! & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = i + 1;
    }
  }
}

/** 32 bits from two characters a step: the chain of multiplications is what takes the time. */
function hashOf(text: string, seed: number): number {
  let hash = seed ^ text.length;
  const pairs = text.length & ~1;
  for (let i = 0; i < pairs; i += 2) {
    hash = Math.imul(hash ^ text.charCodeAt(i) ^ (text.charCodeAt(i + 1) << 16), 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  if (pairs < text.length) hash = Math.imul(hash ^ text.charCodeAt(pairs), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
