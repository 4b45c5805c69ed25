/** Finds the string under the cursor and decides whether it may name a model. Pure. */

export interface StringAt {
  /** The text between the quotes, or the bare scalar in YAML, TOML and Markdown. */
  readonly text: string;
  /** Columns of the text in its line, half-open. */
  readonly start: number;
  readonly end: number;
}

const quotes = ['"', "'", '`'];
/** A path is shorter than this on every system; longer strings are no names. */
const maxLength = 1024;
const maxLineLength = 100_000;

/**
 * The string around `column` in one line of source: quoted in any language; bare words (paths without
 * spaces) also count in YAML, TOML and Markdown. Returns undefined when there is none.
 */
export function stringAt(line: string, column: number, bareWords: boolean): StringAt | undefined {
  // Quotes pair up from the start of the line, so it is scanned as a whole; a minified bundle is left alone.
  if (line.length > maxLineLength) return undefined;
  const found = quotedAt(line, column) ?? (bareWords ? bareAt(line, column) : undefined);
  if (!found || found.text.trim() === '' || found.text.length > maxLength) return undefined;
  return found;
}

function quotedAt(line: string, column: number): StringAt | undefined {
  let open = -1;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (char === '\\') {
      i++;
      continue;
    }
    if (open < 0) {
      if (i > column) return undefined;
      if (quotes.includes(char)) {
        open = i;
        quote = char;
      }
    } else if (char === quote) {
      if (column > open && column <= i) return { text: line.slice(open + 1, i), start: open + 1, end: i };
      open = -1;
    }
  }
  return undefined;
}

const bareCharacter = /[^\s"'`,;()[\]{}<>|=#]/;

function bareAt(line: string, column: number): StringAt | undefined {
  let start = column;
  let end = column;
  while (start > 0 && bareCharacter.test(line[start - 1]!)) start--;
  while (end < line.length && bareCharacter.test(line[end]!)) end++;
  // "model:path" without a space is a path with a colon only on Windows; a trailing colon is YAML's key.
  if (start === end || line[end - 1] === ':') return undefined;
  return { text: line.slice(start, end), start, end };
}

/**
 * Whether a text can be a local path to a model at all: cheap, before any file is touched.
 * Hub ids ("org/name") pass, because a folder of that name may lie in the workspace.
 */
export function mayNameModel(text: string): boolean {
  if (text.includes('\0') || text.includes('\n')) return false;
  return !/^[a-z][a-z0-9+.-]+:\/\//i.test(text) || text.startsWith('file://');
}

/** Variables, keys and arguments that hold the names of models. */
const modelKey =
  /(^|_)(base_?)?model(_?(id|name|path|dir|ckpt|checkpoint))?(_or_path)?$|^_?name_or_path$|(^|_)repo_?id$|(^|_)(checkpoint|pretrained)(_?(name|path|id))?$/i;

/** Whether what has this name is a model by all appearances: MODEL_ID, base_model, "model". */
export const isModelKey = (name: string): boolean =>
  name.length <= 64 && modelKey.test(name.replaceAll('-', '_'));
