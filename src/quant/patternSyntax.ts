/** Reads the regular expressions that recipes may hold: those of ECMAScript without look-around and back references. */
import { LoupeError } from '../errors';

/** Code points, both ends included. */
export interface CharacterSet {
  readonly ranges: readonly (readonly [number, number])[];
  readonly isNegated: boolean;
}

export type PatternNode =
  | { readonly kind: 'characters'; readonly set: CharacterSet }
  | { readonly kind: 'edge'; readonly at: 'start' | 'end' }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'either'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly item: PatternNode; readonly least: number; readonly most: number };

type Ranges = CharacterSet['ranges'];
const digits: Ranges = [[0x30, 0x39]];
const words: Ranges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const spaces: Ranges = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
];
const classes: ReadonlyMap<string, Ranges> = new Map([
  ['d', digits],
  ['w', words],
  ['s', spaces],
]);
/** Line ends do not occur in names; a dot is any character. */
const anyCharacter: CharacterSet = { ranges: [], isNegated: true };
/** Counted repetitions beyond this are surely a slip. */
const mostRepetitions = 1000;

/** The tree of an expression without its slashes. Throws `usage` that names the character for what it does not know. */
export function parseExpression(source: string): PatternNode {
  const parser = new ExpressionParser(Array.from(source), source);
  return parser.whole();
}

class ExpressionParser {
  private at = 0;

  constructor(
    private readonly characters: readonly string[],
    private readonly source: string,
  ) {}

  whole(): PatternNode {
    const node = this.either();
    if (this.at < this.characters.length) this.fail('a closing parenthesis has no opening one');
    return node;
  }

  private fail(why: string): never {
    throw new LoupeError(
      'usage',
      `The expression /${this.source}/ cannot be used: ${why} (character ${this.at + 1}).`,
    );
  }

  private peek(): string | undefined {
    return this.characters[this.at];
  }

  private take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at++;
    return true;
  }

  private either(): PatternNode {
    const items = [this.sequence()];
    while (this.take('|')) items.push(this.sequence());
    return items.length === 1 ? items[0]! : { kind: 'either', items };
  }

  private sequence(): PatternNode {
    const items: PatternNode[] = [];
    for (let next = this.peek(); next !== undefined && next !== '|' && next !== ')'; next = this.peek()) {
      items.push(this.repeated(this.atom()));
    }
    return { kind: 'sequence', items };
  }

  private repeated(item: PatternNode): PatternNode {
    const bounds = this.bounds();
    if (!bounds) return item;
    if (item.kind === 'edge') this.fail('^ and $ cannot be repeated');
    // Lazy or greedy makes no difference to whether a name matches.
    this.take('?');
    if (this.peek() !== undefined && '*+?'.includes(this.peek()!)) this.fail('a repetition is repeated');
    return { kind: 'repeat', item, ...bounds };
  }

  private bounds(): { least: number; most: number } | undefined {
    if (this.take('*')) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.take('+')) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.take('?')) return { least: 0, most: 1 };
    if (this.peek() !== '{') return undefined;
    const end = this.characters.indexOf('}', this.at);
    const text = this.characters.slice(this.at, end + 1).join('');
    const match = /^\{(\d{1,4})(,(\d{1,4})?)?\}$/.exec(text);
    if (!match) return this.fail('{ begins a count such as {2} or {1,3}; write \\{ for the character');
    const least = Number(match[1]);
    const most =
      match[2] === undefined ? least : match[3] === undefined ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (least > most) this.fail('a count ends before it begins');
    if (least > mostRepetitions || (most !== Number.POSITIVE_INFINITY && most > mostRepetitions)) {
      this.fail(`a count is beyond ${mostRepetitions}`);
    }
    this.at = end + 1;
    return { least, most };
  }

  private atom(): PatternNode {
    const character = this.peek()!;
    if ('*+?{'.includes(character)) this.fail(`there is nothing that ${character} could repeat`);
    this.at++;
    switch (character) {
      case '^':
        return { kind: 'edge', at: 'start' };
      case '$':
        return { kind: 'edge', at: 'end' };
      case '.':
        return { kind: 'characters', set: anyCharacter };
      case '[':
        return { kind: 'characters', set: this.set() };
      case '\\':
        return { kind: 'characters', set: this.escaped() };
      case '(': {
        if (this.take('?') && !this.take(':')) this.fail('look-around and named groups are not known here');
        const node = this.either();
        if (!this.take(')')) this.fail('a parenthesis is not closed');
        return node;
      }
      default:
        return { kind: 'characters', set: single(character.codePointAt(0)!) };
    }
  }

  /** After a backslash: a class, or a character that is no letter or digit. */
  private escaped(): CharacterSet {
    const character = this.peek();
    if (character === undefined) return this.fail('a backslash stands alone');
    const known = classes.get(character.toLowerCase());
    if (!known && /[a-zA-Z0-9]/.test(character)) this.fail(`\\${character} is not known here`);
    this.at++;
    if (known) return { ranges: known, isNegated: character !== character.toLowerCase() };
    return single(character.codePointAt(0)!);
  }

  /** After an opening bracket. */
  private set(): CharacterSet {
    const isNegated = this.take('^');
    const ranges: (readonly [number, number])[] = [];
    while (!this.take(']')) {
      const low = this.member(ranges);
      if (low === undefined) continue;
      const isRange = this.peek() === '-' && this.characters[this.at + 1] !== ']';
      if (!isRange) {
        ranges.push([low, low]);
        continue;
      }
      this.at++;
      const high = this.member(ranges);
      if (high === undefined || high < low) this.fail('a range of characters ends before it begins');
      ranges.push([low, high]);
    }
    if (ranges.length === 0) this.fail('a set of characters is empty');
    return { ranges, isNegated };
  }

  /** One character of a set, or undefined after a class, which is added to the ranges. */
  private member(ranges: (readonly [number, number])[]): number | undefined {
    const character = this.peek();
    if (character === undefined) return this.fail('a bracket is not closed');
    this.at++;
    if (character !== '\\') return character.codePointAt(0)!;
    const set = this.escaped();
    if (set.isNegated) return this.fail('negated classes inside of brackets are not known here');
    if (set.ranges.length === 1 && set.ranges[0]![0] === set.ranges[0]![1]) return set.ranges[0]![0];
    ranges.push(...set.ranges);
    return undefined;
  }
}

const single = (code: number): CharacterSet => ({ ranges: [[code, code]], isNegated: false });
