/** The call, object or list around a token, and what is given in it by which name. Pure. */
import type { CodeToken } from './codeTokens';

/** What is given for one argument: the tokens of an expression, never empty. */
export interface Argument {
  /** As it is written, with `-` as `_`; undefined for one that counts by its position. */
  readonly name: string | undefined;
  /** Among those without a name. */
  readonly position: number;
  /** Indices of its first token and behind its last one. */
  readonly first: number;
  readonly end: number;
}

export interface Enclosing {
  readonly bracket: '(' | '[' | '{';
  /** Last part of the called name, such as from_pretrained; undefined where nothing is called. */
  readonly callee: string | undefined;
  /** The called name with the dots. */
  readonly calleePath: string | undefined;
  /** Indices of the brackets; `close` is the number of tokens where it is beyond the window. */
  readonly open: number;
  readonly close: number;
}

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const opening = new Set(Object.keys(closing));
const closers = new Set(Object.values(closing));

const isMark = (token: CodeToken | undefined, text: string): boolean =>
  token?.kind === 'mark' && token.text === text;

/** Each costs a look for its end: deeper nesting is no call that people write. */
const mostLevels = 16;

/** Brackets around the token at an index, from the inside out. */
export function enclosingAt(tokens: readonly CodeToken[], index: number): Enclosing[] {
  const found: Enclosing[] = [];
  let depth = 0;
  for (let at = index - 1; at >= 0 && found.length < mostLevels; at--) {
    const { kind, text } = tokens[at]!;
    if (kind !== 'mark') continue;
    if (closers.has(text)) depth++;
    else if (opening.has(text)) {
      if (depth > 0) depth--;
      else found.push(enclosing(tokens, at));
    }
  }
  return found;
}

function enclosing(tokens: readonly CodeToken[], open: number): Enclosing {
  const bracket = tokens[open]!.text as Enclosing['bracket'];
  const before = bracket === '(' ? calleeBefore(tokens, open) : undefined;
  const callee = before?.text.split('.').at(-1);
  return { bracket, callee, calleePath: before?.text, open, close: closeOf(tokens, open) };
}

/** The called name; in TypeScript, type arguments may stand between. */
function calleeBefore(tokens: readonly CodeToken[], open: number): CodeToken | undefined {
  let at = open - 1;
  if (isMark(tokens[at], '>')) {
    while (at > 0 && !isMark(tokens[at], '<')) at--;
    at--;
  }
  const before = tokens[at];
  return before?.kind === 'word' && !/^\d/.test(before.text) ? before : undefined;
}

/** The matching bracket, or the number of tokens. */
function closeOf(tokens: readonly CodeToken[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const { kind, text } = tokens[at]!;
    if (kind !== 'mark') continue;
    if (opening.has(text)) depth++;
    else if (closers.has(text) && --depth === 0) return at;
  }
  return tokens.length;
}

/** What stands in a bracket, apart by commas; `key: value` and `name = value` have names. */
export function argumentsIn(
  tokens: readonly CodeToken[],
  { open, close }: Pick<Enclosing, 'open' | 'close'>,
): Argument[] {
  const found: Argument[] = [];
  let position = 0;
  let first = open + 1;
  let depth = 0;
  for (let at = open + 1; at <= close; at++) {
    const token = tokens[at];
    const isEnd = at === close || (depth === 0 && isMark(token, ','));
    if (isEnd) {
      if (at > first) {
        const given = namedArgument(tokens, first, at);
        found.push({ ...given, position: given.name === undefined ? position++ : -1 });
      }
      first = at + 1;
    } else if (token?.kind === 'mark') {
      if (opening.has(token.text)) depth++;
      else if (closers.has(token.text)) depth--;
    }
  }
  return found;
}

function namedArgument(
  tokens: readonly CodeToken[],
  first: number,
  end: number,
): Pick<Argument, 'name' | 'first' | 'end'> {
  const [name, mark] = [tokens[first]!, tokens[first + 1]];
  const isNamed =
    first + 2 < end &&
    name.kind !== 'mark' &&
    (isMark(mark, ':') || (isMark(mark, '=') && !isMark(tokens[first + 2], '=')));
  return isNamed
    ? { name: name.text.replaceAll('-', '_'), first: first + 2, end }
    : { name: undefined, first, end };
}

/**
 * The same with what stands in objects that are given (`{ dtype: "fp16" }`, `model_kwargs={...}`, `dict(...)`), one level
 * deep.
 */
export function flattened(tokens: readonly CodeToken[], given: readonly Argument[]): Argument[] {
  return given.flatMap((argument) => [argument, ...objectArguments(tokens, argument.first)]);
}

/** The latest `name = ...` before an index, perhaps with a type between: the place of its expression's first token. */
export function assignedBefore(
  tokens: readonly CodeToken[],
  name: string,
  index: number,
): number | undefined {
  let known = assignments.get(tokens);
  if (!known) {
    known = assignmentsIn(tokens);
    assignments.set(tokens, known);
  }
  // Name, mark and value stand before the index.
  return known.get(name)?.findLast(({ at }) => at <= index - 3)?.value;
}

interface Assignment {
  /** Index of the name. */
  readonly at: number;
  /** Index of the first token of what is assigned. */
  readonly value: number;
}

/** Found once for all tokens of a window: one call may ask for hundreds of names. */
const assignments = new WeakMap<readonly CodeToken[], ReadonlyMap<string, readonly Assignment[]>>();

/** All assignments, by their names; arguments of calls are none, defaults of a function's parameters are. */
function assignmentsIn(tokens: readonly CodeToken[]): ReadonlyMap<string, readonly Assignment[]> {
  const found = new Map<string, Assignment[]>();
  const open: number[] = [];
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind === 'mark') {
      if (opening.has(text)) open.push(at);
      else if (closers.has(text)) open.pop();
    }
    if (kind !== 'word') continue;
    const isTyped = isMark(tokens[at + 1], ':') && tokens[at + 2]?.kind === 'word';
    const mark = isTyped ? at + 3 : at + 1;
    if (!isMark(tokens[mark], '=') || isMark(tokens[mark + 1], '=')) continue;
    const isGiven = isMark(tokens[at - 1], ',') || isMark(tokens[at - 1], '(');
    if (isGiven && !isParameterList(tokens, open.at(-1))) continue;
    const same = found.get(text);
    if (same) same.push({ at, value: mark + 1 });
    else found.set(text, [{ at, value: mark + 1 }]);
  }
  return found;
}

/** Whether a bracket holds the parameters of a function that is defined there, and is not a call's. */
function isParameterList(tokens: readonly CodeToken[], open: number | undefined): boolean {
  if (open === undefined || !isMark(tokens[open], '(')) return false;
  const [name, before] = [tokens[open - 1], tokens[open - 2]];
  return (name?.kind === 'word' && /^(def|function)$/.test(before?.text ?? '')) || name?.text === 'function';
}

/** The call that begins at an index, such as BitsAndBytesConfig(...). */
export function callAt(tokens: readonly CodeToken[], index: number): Enclosing | undefined {
  return tokens[index]?.kind === 'word' && isMark(tokens[index + 1], '(')
    ? enclosing(tokens, index + 1)
    : undefined;
}

/** Methods that are called on what a call gives: `half` of `from_pretrained(...).half()`. */
export function methodsAfter(tokens: readonly CodeToken[], close: number): Enclosing[] {
  const calls: Enclosing[] = [];
  let at = close;
  while (isMark(tokens[at + 1], '.') && tokens[at + 2]?.kind === 'word' && isMark(tokens[at + 3], '(')) {
    const call = enclosing(tokens, at + 3);
    calls.push(call);
    at = call.close;
  }
  return calls;
}

/** Each is read anew: more in one call is nothing that people write. */
const mostSpreads = 8;

/** What `**name` spreads into a call: the arguments of the dictionary that was assigned to the name above. */
export function spreadArguments(
  tokens: readonly CodeToken[],
  given: readonly Argument[],
  before: number,
): Argument[] {
  const spread = given.filter(({ first }) => isMark(tokens[first], '*') && isMark(tokens[first + 1], '*'));
  return spread.slice(0, mostSpreads).flatMap(({ first, end }) => {
    const value = tokens[first + 2];
    const at =
      end === first + 3 && value?.kind === 'word' ? assignedBefore(tokens, value.text, before) : first + 2;
    return at === undefined ? [] : objectArguments(tokens, at);
  });
}

/** What stands in the object or the `dict(...)` that begins at an index. */
function objectArguments(tokens: readonly CodeToken[], first: number): Argument[] {
  const isDict = isMark(tokens[first + 1], '(') && tokens[first]?.text === 'dict';
  const open = isMark(tokens[first], '{') ? first : isDict ? first + 1 : undefined;
  if (open === undefined) return [];
  return argumentsIn(tokens, { open, close: closeOf(tokens, open) }).filter(({ name }) => name);
}
