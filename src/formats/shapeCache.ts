const slots = 64;

/**
 * Gives tensors of the same shape the same array: a model has a handful of shapes for its hundred thousand tensors. A
 * shape that finds its slot taken gets a new array and the slot.
 */
export class ShapeCache {
  private readonly shapes: (readonly number[])[] = new Array(slots).fill([]);

  /** The first `count` of `dimensions`, which stays the caller's. */
  take(dimensions: readonly number[], count: number): readonly number[] {
    let slot = count;
    for (let d = 0; d < count; d++) slot = (slot * 31 + dimensions[d]!) | 0;
    slot = (slot ^ (slot >>> 7)) & (slots - 1);
    const known = this.shapes[slot]!;
    let same = known.length === count;
    for (let d = 0; same && d < count; d++) same = known[d] === dimensions[d];
    if (same) return known;
    const shape = dimensions.slice(0, count);
    this.shapes[slot] = shape;
    return shape;
  }
}
