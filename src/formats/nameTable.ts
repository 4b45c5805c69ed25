/** Slots that a name may be away from its own before the table is taken for one under attack. */
const longestProbe = 64;

/**
 * Tells names apart: a hash table over typed arrays, several times as fast as a Map for the hundreds of thousands of
 * names that a header can have, since it allocates nothing per name. Its hash can be attacked in spite of its random seed;
 * names that crowd together move on to a Map, which V8 defends.
 */
export class NameTable {
  private readonly names: string[] = [];
  private readonly seed = Math.floor(Math.random() * 2 ** 31);
  /** 1 + the number of the name, 0 where a slot is free; a power of two of them, at most half taken. */
  private slots = new Int32Array(1024);
  private hashes = new Int32Array(512);
  private crowded: Map<string, number> | undefined;

  /** Adds a name; the number of the earlier one when it is there already, counted from 0, else undefined. */
  add(name: string): number | undefined {
    if (this.crowded) return this.addToMap(this.crowded, name);
    const hash = hashOf(name, this.seed);
    const mask = this.slots.length - 1;
    let probe = 0;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.slots[slot]! - 1;
      if (found < 0) {
        this.slots[slot] = this.names.push(name);
        break;
      }
      if (this.hashes[found] === hash && this.names[found] === name) return found;
      if (++probe > longestProbe) {
        this.crowded = new Map(this.names.map((earlier, i) => [earlier, i]));
        return this.addToMap(this.crowded, name);
      }
    }
    this.hashes[this.names.length - 1] = hash;
    if (this.names.length === this.hashes.length) this.grow();
    return undefined;
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
    for (let i = 0; i < this.names.length; i++) {
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
