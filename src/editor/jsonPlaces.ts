/** Where the values of a JSON text lie, so that a problem can be shown at its place. */

/** Offsets of a value's first character and behind its last one. */
export interface JsonPlace {
  readonly start: number;
  readonly end: number;
}

/** Values nested deeper are passed over: a place in them is that of what holds them. */
const mostDepth = 8;

/**
 * Places by the paths of their values (names and indices from the outside in). The text must be valid JSON, which is not
 * checked again; of a name that occurs twice the last counts, as in `JSON.parse`.
 */
export function jsonPlaces(text: string): (path: readonly (string | number)[]) => JsonPlace {
  const places = new Map<string, JsonPlace>();
  new Scanner(text, places).value([]);
  return (path) => {
    for (let length = path.length; length >= 0; length--) {
      const place = places.get(JSON.stringify(path.slice(0, length)));
      if (place) return place;
    }
    return { start: 0, end: text.length };
  };
}

class Scanner {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly places: Map<string, JsonPlace>,
  ) {}

  value(path: readonly (string | number)[]): void {
    this.skip(/[\s\uFEFF]*/y);
    const start = this.at;
    const first = this.text[start];
    if (path.length >= mostDepth) this.passOver();
    else if (first === '{') this.items('}', () => this.member(path));
    else if (first === '[') this.items(']', (index) => this.value([...path, index]));
    else this.scalar();
    this.places.set(JSON.stringify(path), {
      start: Math.min(start, this.text.length),
      end: Math.min(this.at, this.text.length),
    });
  }

  private skip(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  /** A string, number or word; at least one character, so that scanning always ends. */
  private scalar(): string {
    const found = this.skip(/"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,:{}[\]"]+/y);
    if (found === '') this.at++;
    return found;
  }

  private items(close: string, item: (index: number) => void): void {
    this.at++;
    for (let index = 0; this.at < this.text.length; index++) {
      this.skip(/[\s,]*/y);
      if (this.text[this.at] === close) break;
      item(index);
      this.skip(/\s*/y);
    }
    this.at++;
  }

  private member(path: readonly (string | number)[]): void {
    const quoted = this.scalar();
    this.skip(/\s*:/y);
    let name = quoted;
    try {
      name = JSON.parse(quoted);
    } catch {
      // No JSON after all; its place hardly matters.
    }
    this.value([...path, name]);
  }

  /** A value with all that is in it. */
  private passOver(): void {
    let depth = 0;
    do {
      const character = this.text[this.at];
      if (character === '{' || character === '[') depth++;
      if (character === '}' || character === ']') depth--;
      if (character === '"') this.scalar();
      else if (depth === 0 && character !== '}' && character !== ']') this.scalar();
      else this.at++;
      this.skip(depth > 0 ? /[\s,:]*/y : /(?:)/y);
    } while (depth > 0 && this.at < this.text.length);
  }
}
