/** A long array that comes page by page, as it is looked at or searched. */

export type PagedValue = string | number | boolean;

/** Reads `count` values from `start` on; may give fewer at the end. */
export type ReadValues = (
  start: number,
  count: number,
  signal: AbortSignal,
) => Promise<readonly PagedValue[]>;

export const pageLength = 512;
/** A search reads as much at once as the compute process gives. */
const searchLength = 4096;
/** Places that a search keeps; nobody reads more. */
export const mostMatches = 10_000;

export class PagedValues {
  private readonly pages = new Map<number, readonly PagedValue[]>();
  private readonly reading = new Map<number, Promise<void>>();

  /** `head`: the first values, when they are known already. */
  constructor(
    readonly length: number,
    private readonly read: ReadValues,
    private readonly head: readonly PagedValue[] = [],
  ) {}

  /** The value at a place when it has come. */
  get(index: number): PagedValue | undefined {
    return this.pages.get(Math.floor(index / pageLength))?.[index % pageLength] ?? this.head[index];
  }

  /** Resolves when the values of [first, end) are here; rejects as reading does. */
  async ensure(first: number, end: number, signal: AbortSignal): Promise<void> {
    const waiting: Promise<void>[] = [];
    const last = Math.min(end, this.length);
    for (let page = Math.floor(first / pageLength); page * pageLength < last; page++) {
      if (this.pages.has(page)) continue;
      let reading = this.reading.get(page);
      if (!reading) {
        reading = this.readPages(page * pageLength, pageLength, signal).finally(() =>
          this.reading.delete(page),
        );
        this.reading.set(page, reading);
      }
      waiting.push(reading);
    }
    await Promise.all(waiting);
  }

  /** `start` is the first place of a page. */
  private async readPages(start: number, count: number, signal: AbortSignal): Promise<void> {
    const values = await this.read(start, Math.min(count, this.length - start), signal);
    for (let at = 0; at < values.length; at += pageLength) {
      this.pages.set((start + at) / pageLength, values.slice(at, at + pageLength));
    }
  }

  /**
   * Places whose text holds the query, whatever its case; all pages are read on the way. `told` hears how far it got and
   * what it found.
   */
  async search(
    query: string,
    told: (searched: number, matches: readonly number[]) => void,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    const wanted = query.toLowerCase();
    const matches: number[] = [];
    for (let start = 0; start < this.length && matches.length < mostMatches; start += searchLength) {
      const end = Math.min(this.length, start + searchLength);
      let isHere = true;
      for (let at = start; at < end; at += pageLength) isHere &&= this.pages.has(at / pageLength);
      if (!isHere) await this.readPages(start, searchLength, signal);
      if (signal.aborted) throw new DOMException('Cancelled.', 'AbortError');
      for (let index = start; index < end && matches.length < mostMatches; index++) {
        if (
          String(this.get(index) ?? '')
            .toLowerCase()
            .includes(wanted)
        )
          matches.push(index);
      }
      told(end, matches);
    }
    return matches;
  }
}

/** A token or another string as it is shown: what cannot be seen is written as an escape. */
export function visibleText(value: PagedValue): string {
  return String(value).replace(
    // Controls, invisible and bidirectional format characters, line and paragraph separators, lone surrogates.
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => {
      const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
      return escapes[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
    },
  );
}
