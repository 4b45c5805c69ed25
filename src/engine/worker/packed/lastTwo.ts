/**
 * Keeps the two values used last by a key: a part's segments all ask for the same one, and a comparison for two in turn.
 */
export class LastTwo<T> {
  private readonly kept = new Map<string, T>();

  /** The value of a key, made when it is not among the two; the older one is dropped first. */
  get(key: string, make: () => T): T {
    let value = this.kept.get(key);
    if (value === undefined) {
      const oldest = this.kept.size > 1 ? this.kept.keys().next().value : undefined;
      if (oldest !== undefined) this.kept.delete(oldest);
      value = make();
    }
    this.kept.delete(key);
    this.kept.set(key, value);
    return value;
  }
}
