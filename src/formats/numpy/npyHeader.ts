/**
 * The header of an .npy file (numpy/lib/format.py, NEP 1): a magic, a version, a length, and a Python dict literal
 * with `descr`, `fortran_order` and `shape`. The literal is parsed as text and never evaluated.
 */
import { LoupeError } from '../../errors';

export interface NpyHeader {
  /** "<f4" and the like; a list of fields, as text, for a structured type. */
  readonly descr: string;
  readonly structured: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Bytes before the data. */
  readonly headerBytes: number;
}

/** Magic, version and the longer of the two length fields. */
export const npyPrefixBytes = 12;
/** NumPy itself trusts 10,000 characters; structured types with many fields need more. */
const longestHeaderBytes = 1 << 20;
/** NumPy's own limit since 2.0. */
const mostDimensions = 64;
const deepestLiteral = 16;

type Literal =
  | string
  | number
  | boolean
  | null
  | { readonly items: readonly Literal[]; readonly text: string };

/** Bytes before the data of the file that starts with `prefix`; throws `malformed` or `unsupported`. */
export function npyHeaderBytes(prefix: Uint8Array, file: string, byteOffset: number): number {
  const refuse = (code: 'malformed' | 'unsupported', message: string): never => {
    throw new LoupeError(code, message, { file, byteOffset });
  };
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (prefix.length < 10 || magic.some((byte, i) => prefix[i] !== byte))
    refuse('malformed', 'This is no NumPy array: it does not begin with its magic.');
  const version = prefix[6]!;
  if (version < 1 || version > 3)
    refuse('unsupported', `NumPy format version ${version} is not supported; 1 to 3 are.`);
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  if (version > 1 && prefix.length < 12) refuse('malformed', 'The NumPy header is cut.');
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > longestHeaderBytes)
    refuse(
      'malformed',
      `The NumPy header claims ${length} bytes, more than the ${longestHeaderBytes} allowed.`,
    );
  return length + (version === 1 ? 10 : 12);
}

/** Parses a whole header, magic included; throws `malformed`. `byteOffset` is where it lies in the file. */
export function parseNpyHeader(bytes: Uint8Array, file: string, byteOffset: number): NpyHeader {
  const headerBytes = npyHeaderBytes(bytes, file, byteOffset);
  const start = bytes[6] === 1 ? 10 : 12;
  if (bytes.length < headerBytes)
    throw new LoupeError('malformed', 'The file ends inside the NumPy header.', { file, byteOffset });
  // Version 3 is UTF-8; the others are Latin-1, in which only field names can leave ASCII.
  const encoding = bytes[6] === 3 ? 'utf-8' : 'latin1';
  const text = new TextDecoder(encoding).decode(bytes.subarray(start, headerBytes));
  const parser = new LiteralParser(text, (message, at) => {
    throw new LoupeError('malformed', `The NumPy header cannot be parsed: ${message}.`, {
      file,
      byteOffset: byteOffset + start + at,
    });
  });
  const members = parser.dict();
  const refuse = (message: string): never => parser.refuse(message, 0);
  const descr = members.get('descr') ?? refuse('"descr" is missing');
  const fortranOrder = members.get('fortran_order');
  const shape = members.get('shape');
  if (typeof fortranOrder !== 'boolean') return refuse('"fortran_order" is neither True nor False');
  if (typeof shape !== 'object' || shape === null) return refuse('"shape" is no tuple');
  if (members.size !== 3) return refuse('it has other members than the three that belong there');
  if (shape.items.length > mostDimensions) return refuse(`it has more than ${mostDimensions} dimensions`);
  const sizes = shape.items.map((size) =>
    typeof size === 'number' && size >= 0 ? size : refuse('a dimension is no count'),
  );
  const structured = typeof descr === 'object' && descr !== null;
  if (!structured && typeof descr !== 'string') return refuse('"descr" is no type');
  return {
    descr: (structured ? descr.text : String(descr)).slice(0, 200),
    structured,
    fortranOrder,
    shape: sizes,
    headerBytes,
  };
}

/** Strings, integers, True, False, None, tuples and lists; a dict only outermost. */
class LiteralParser {
  private at = 0;

  constructor(
    private readonly text: string,
    readonly refuse: (message: string, at: number) => never,
  ) {}

  dict(): Map<string, Literal> {
    const members = new Map<string, Literal>();
    this.expect('{');
    while (!this.accept('}')) {
      const key = this.value(0);
      if (typeof key !== 'string' || members.has(key)) this.refuse('a key is no new string', this.at);
      this.expect(':');
      members.set(key as string, this.value(0));
      if (!this.accept(',')) {
        this.expect('}');
        break;
      }
    }
    this.space();
    if (this.at < this.text.length) this.refuse('text follows the dictionary', this.at);
    return members;
  }

  private value(depth: number): Literal {
    if (depth > deepestLiteral) this.refuse('it is nested too deeply', this.at);
    this.space();
    const start = this.at;
    const char = this.text[this.at];
    if (char === '(' || char === '[') {
      this.at++;
      const close = char === '(' ? ')' : ']';
      const items: Literal[] = [];
      while (!this.accept(close)) {
        items.push(this.value(depth + 1));
        if (!this.accept(',')) {
          this.expect(close);
          break;
        }
      }
      return { items, text: this.text.slice(start, this.at) };
    }
    if (char === "'" || char === '"') return this.string(char);
    const word = /[-\w]+/y;
    word.lastIndex = this.at;
    const token = word.exec(this.text)?.[0] ?? '';
    this.at += token.length;
    if (token === 'True' || token === 'False') return token === 'True';
    if (token === 'None') return null;
    // Python 2 wrote longs with an L.
    if (/^\d{1,17}L?$/.test(token)) {
      const number = Number.parseInt(token, 10);
      if (Number.isSafeInteger(number)) return number;
    }
    return this.refuse(`${JSON.stringify(token.slice(0, 40))} is no value`, start);
  }

  private string(quote: string): string {
    const start = ++this.at;
    while (this.at < this.text.length && this.text[this.at] !== quote) {
      if (this.text[this.at] === '\\') this.refuse('a string has an escape', this.at);
      if (this.text[this.at] === '\n') this.refuse('a string does not end', start);
      this.at++;
    }
    if (this.at >= this.text.length) this.refuse('a string does not end', start);
    return this.text.slice(start, this.at++);
  }

  private space(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }

  private accept(char: string): boolean {
    this.space();
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  private expect(char: string): void {
    if (!this.accept(char)) this.refuse(`"${char}" is expected`, this.at);
  }
}
