/** Which member of a JSON text lies at an offset. Pure. */

export interface JsonMember {
  /** Names from the outside in. Members of arrays' objects are not told. */
  readonly path: readonly string[];
  /** Offsets of the name's opening quote and behind its closing one. */
  readonly start: number;
  readonly end: number;
}

interface Level {
  readonly isObject: boolean;
  /** Of the member whose value is read now. */
  name?: { readonly text: string; readonly start: number; readonly end: number } | undefined;
  isValue: boolean;
}

/** Deeper texts are given up. */
const mostDepth = 64;

/**
 * The innermost member whose name or value the offset is in; values that are objects or lists of objects have members of their
 * own. One pass from the beginning, whatever the text holds; undefined for places outside of members.
 */
export function jsonMemberAt(text: string, offset: number): JsonMember | undefined {
  const levels: Level[] = [];
  let at = 0;
  while (at < text.length && at <= offset) {
    const char = text[at]!;
    const level = levels.at(-1);
    if (char === '"') {
      const end = endOfString(text, at);
      const isName = level?.isObject && !level.isValue;
      if (isName) level.name = { text: text.slice(at + 1, end - 1), start: at, end };
      if (offset < end) return memberOf(levels);
      at = end;
    } else if (char === '{' || char === '[') {
      if (levels.length >= mostDepth) return undefined;
      levels.push({ isObject: char === '{', isValue: false });
      at++;
    } else if (char === '}' || char === ']') {
      if (at === offset && !level?.isValue) return undefined;
      levels.pop();
      at++;
    } else if (char === ':') {
      if (level) level.isValue = true;
      at++;
    } else if (char === ',') {
      if (at >= offset) return memberOf(levels);
      if (level) {
        level.isValue = false;
        level.name = undefined;
      }
      at++;
    } else if (at === offset) return /\s/.test(char) ? undefined : memberOf(levels);
    else at++;
  }
  return undefined;
}

/** The place behind the closing quote, or the text's end. */
function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return Math.min(end + 1, text.length);
}

function memberOf(levels: readonly Level[]): JsonMember | undefined {
  const last = levels.findLast(({ isObject }) => isObject)?.name;
  if (!last) return undefined;
  const path = levels.flatMap(({ name }) => (name ? [name.text] : []));
  return { path, start: last.start, end: last.end };
}
