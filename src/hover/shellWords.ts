/** The words of the command around a position: over continued lines, up to what ends a command. Pure. */
import type { CommandWord } from './commandMention';
import type { TextWindow } from './textWindow';

/** What ends a command, quoted words, bare ones, a comment's beginning. The quote of "don't" opens nothing. */
const wordPattern =
  /((?<!\S)#)|(\|\||&&|[;|&])|(?<![\p{L}\d])"((?:[^"\\]|\\.)*)"|(?<![\p{L}\d])'([^']*)'|(?:[^\s"'`;|&()<>,[\]\\]|\\.)+/gu;

/** The lines of the command, where a backslash (in PowerShell a backtick, in cmd a caret) continues a line. */
export function continuedLines(
  { first, lines }: TextWindow,
  line: number,
): { first: number; lines: string[] } {
  const goesOn = (at: number): boolean => /(^|\s)[\\`^]\s*$/.test(lines[at - first] ?? '');
  let [from, to] = [line, line];
  while (from > first && goesOn(from - 1)) from--;
  while (to < first + lines.length - 1 && goesOn(to)) to++;
  return { first: from, lines: lines.slice(from - first, to - first + 1) };
}

/** Words of the command that holds the position, and which of them does; index -1 where none does. */
export function commandWords(
  { first, lines }: TextWindow,
  line: number,
  column: number,
): { words: CommandWord[]; index: number } {
  let words: CommandWord[] = [];
  let index = -1;
  for (const [offset, text] of lines.entries()) {
    for (const found of text.matchAll(wordPattern)) {
      const [whole, comment, operator, double, single] = found;
      const start = found.index + (double === undefined && single === undefined ? 0 : 1);
      const isBegin = found.index === 0 || /\s/.test(text[found.index - 1]!);
      if (comment !== undefined) break;
      if (operator !== undefined) {
        if (index >= 0) return { words, index };
        words = [];
        continue;
      }
      const word = double ?? single ?? whole;
      if (/^[\\^`]$/.test(word)) continue;
      const end = start + word.length;
      const isHere = first + offset === line && column >= start && column <= end;
      // --model="x" is one word.
      const before = words.at(-1);
      const isGlued = before && before.line === first + offset && before.text.endsWith('=') && !isBegin;
      if (isGlued) words[words.length - 1] = glued(before, word, end, start);
      else words.push({ text: word, line: first + offset, start, end });
      if (isHere && index < 0) index = words.length - 1;
    }
  }
  return { words, index };
}

/** A flag with its quoted value; the place of the value counts from the word's end. */
const glued = (before: CommandWord, value: string, end: number, start: number): CommandWord => ({
  text: before.text + value,
  line: before.line,
  // Columns of the flag move by the quote, so that those of the value are right.
  start: start - before.text.length,
  end,
});
