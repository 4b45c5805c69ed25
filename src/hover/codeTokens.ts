/** Words, strings and marks of a few lines of Python, JavaScript, TypeScript or JSON. Pure. */
import type { TextWindow } from './textWindow';

export interface CodeToken {
  /** `word`: a dotted name or a number. `mark`: any other single character. */
  readonly kind: 'word' | 'string' | 'mark';
  /** A string without its quotes, as it is written. */
  readonly text: string;
  readonly line: number;
  /** Columns in its line, half-open; of a string those between its quotes. */
  readonly start: number;
  readonly end: number;
}

/** What begins a comment: `#` or `//`. */
export type CommentMark = '#' | '//';

const wordPattern = /[\p{L}_$][\p{L}\p{N}_$]*(?:\.[\p{L}_$][\p{L}\p{N}_$]*)*|\d[\w.]*/uy;
const stringPrefix = /^(?:[rbuf]|rb|br|rf|fr)$/i;

/**
 * Strings end with their line: a window may begin within a docstring, and so none is followed over lines. What looks odd
 * then stays within its line.
 */
export function codeTokens({ first, lines }: TextWindow, comment: CommentMark): CodeToken[] {
  const tokens: CodeToken[] = [];
  for (const [index, text] of lines.entries()) readLine(text, first + index, comment, tokens);
  return tokens;
}

function readLine(text: string, line: number, comment: CommentMark, tokens: CodeToken[]): void {
  let at = 0;
  while (at < text.length) {
    const char = text[at]!;
    if (char === ' ' || char === '\t' || char === '\r') at++;
    else if (text.startsWith(comment, at)) return;
    else if (char === '"' || char === "'" || char === '`') at = readString(text, at, line, tokens);
    else {
      wordPattern.lastIndex = at;
      const word = wordPattern.exec(text)?.[0];
      const end = at + (word?.length ?? 1);
      tokens.push({ kind: word ? 'word' : 'mark', text: word ?? char, line, start: at, end });
      at = end;
    }
  }
}

/** Gives the place behind the closing quotes, or the line's end. */
function readString(text: string, at: number, line: number, tokens: CodeToken[]): number {
  const quote = text[at]!;
  const width = text.startsWith(quote.repeat(3), at) ? 3 : 1;
  const start = at + width;
  let end = start;
  while (end < text.length && !text.startsWith(quote.repeat(width), end)) end += text[end] === '\\' ? 2 : 1;
  const before = tokens.at(-1);
  // The r of r"..." is no name.
  if (before?.kind === 'word' && before.line === line && before.end === at && stringPrefix.test(before.text))
    tokens.pop();
  end = Math.min(end, text.length);
  tokens.push({ kind: 'string', text: text.slice(start, end), line, start, end });
  return Math.min(end + width, text.length);
}
