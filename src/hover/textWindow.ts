/** The few lines around a position that a hover reads, however long the document is. Pure. */

/** A document's lines; undefined where there is none. Numbers below 0 are lines of a notebook's earlier cells. */
export type TextLines = (line: number) => string | undefined;

export interface TextWindow {
  /** Number of the first of the lines. */
  readonly first: number;
  readonly lines: readonly string[];
}

/** How far is looked, to either side. */
const mostLines = 50;
/** Characters of all lines together: a minified bundle's line, or one of ten megabytes, is never taken apart. */
export const mostCharacters = 10_240;

/** Grows to both sides in turn until it meets an end, a line that is too long, or its limits; undefined for too long a line. */
export function windowAround(text: TextLines, line: number): TextWindow | undefined {
  const own = text(line);
  if (own === undefined || own.length > mostCharacters) return undefined;
  const lines = [own];
  let characters = own.length;
  let first = line;
  const isOpen = { above: true, below: true };
  for (let distance = 1; distance <= mostLines && (isOpen.above || isOpen.below); distance++) {
    for (const side of ['above', 'below'] as const) {
      if (!isOpen[side]) continue;
      const next = text(side === 'above' ? line - distance : line + distance);
      if (next === undefined || characters + next.length > mostCharacters) isOpen[side] = false;
      else {
        characters += next.length;
        if (side === 'below') lines.push(next);
        else {
          lines.unshift(next);
          first--;
        }
      }
    }
  }
  return { first, lines };
}
