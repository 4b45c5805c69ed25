/** Finds the model that a key or an item of a list names in YAML and TOML. Pure. */
import { wordsMention } from './commandMention';
import { isLoadWord, type LoadWords, noWords, readWord } from './loadWords';
import type { ModelMention } from './modelMention';
import { isModelKey, stringAt } from './modelReference';
import { commandWords, continuedLines } from './shellWords';
import type { TextWindow } from './textWindow';

/** A key with its value: `key: value` or `key = value`, perhaps as the first of a list's item. */
const keyed = /^(\s*(?:-\s+)?)["']?([\w.][\w.-]*)["']?\s*(?::\s|:$|=)\s*(.*)$/;
const item = /^\s*-\s+/;

/** The mention at a position, or undefined where there is no value. */
export function keyedMention(window: TextWindow, line: number, column: number): ModelMention | undefined {
  const text = window.lines[line - window.first]!;
  const pair = keyed.exec(text);
  const valueAt = pair ? text.length - pair[3]!.length : 0;
  if (pair && column < valueAt) return undefined;
  const command = commandAt(window, line, column, pair ? valueAt : undefined);
  if (command && command.kind !== 'path') return command;
  const value = stringAt(text, column, true);
  if (!value) return undefined;
  if (/\s/.test(value.text)) {
    // ["sh", "-c", "vllm serve ..."]
    const inner = { first: line, lines: [' '.repeat(value.start) + value.text] };
    const { words, index } = commandWords(inner, line, column);
    const spaced = index < 0 ? undefined : wordsMention(words, index, column);
    if (spaced && spaced.kind !== 'path') return spaced;
  }
  // A whole flag in quotes was read above, but for where its name is pointed at.
  if (/^--?[\w-]+=/.test(value.text)) return undefined;
  const place = { text: value.text, line, start: value.start, end: value.end };
  if (!pair) {
    const isListed = item.test(text) && isModelsList(window, line);
    return { ...place, kind: isListed ? 'perhaps' : 'path', load: command?.load ?? noWords() };
  }
  const [, indent, key, whole] = pair as unknown as [string, string, string, string];
  // models = ["..."], and what stands within a value: pretrained=org/name.
  const within = /([A-Za-z_]\w*)=$/.exec(text.slice(valueAt, value.start))?.[1];
  const isModel =
    isModelKey(within ?? key) ||
    (whole.startsWith('[') && isModelKey(key.replace(/s$/i, ''))) ||
    isPartOfModel(window, line, indent.length, key);
  return { ...place, kind: isModel ? 'perhaps' : 'path', load: readSiblings(window, line, indent.length) };
}

/** The command that a value, the items of a list or a folded text make up. */
function commandAt(
  window: TextWindow,
  line: number,
  column: number,
  valueAt: number | undefined,
): ModelMention | undefined {
  const { first, lines } = commandLines(window, line, valueAt);
  const { words, index } = commandWords({ first, lines }, line, column);
  return index < 0 ? undefined : wordsMention(words, index, column);
}

/** Keys and dashes of lists become spaces, so that columns stay. */
function commandLines(
  window: TextWindow,
  line: number,
  valueAt: number | undefined,
): Pick<TextWindow, 'first' | 'lines'> {
  const own = window.lines[line - window.first]!;
  if (valueAt !== undefined) return { first: line, lines: [' '.repeat(valueAt) + own.slice(valueAt)] };
  const dash = item.exec(own)?.[0].length;
  const isSame = (text: string): boolean =>
    dash === undefined ? !keyed.test(text) && text.trim() !== '' : item.exec(text)?.[0].length === dash;
  let [from, to] = [line, line];
  while (from > window.first && isSame(window.lines[from - 1 - window.first]!)) from--;
  while (to < window.first + window.lines.length - 1 && isSame(window.lines[to + 1 - window.first]!)) to++;
  const header = window.lines[from - 1 - window.first] ?? '';
  // Only a folded text is one command over lines that nothing continues.
  if (dash === undefined && !/[:-]\s*>[+-]?\s*$/.test(header)) return continuedLines(window, line);
  const lines = window.lines
    .slice(from - window.first, to - window.first + 1)
    .map((text) => text.replace(/^\s*-(?=\s)/, (blank) => ' '.repeat(blank.length)));
  return { first: from, lines };
}

/** What other keys of the same object say, which stand at the same column without a gap of another depth. */
function readSiblings(window: TextWindow, line: number, depth: number): LoadWords {
  const load = noWords();
  const read = (at: number): boolean => {
    const text = window.lines[at - window.first];
    if (text === undefined) return false;
    const pair = keyed.exec(text);
    // Deeper lines belong to a key's value; a shallower one ends the object.
    if (!pair) return text.trim() === '' || text.search(/\S/) >= depth;
    if (pair[1]!.length < depth) return false;
    const name = pair[2]!.replaceAll('-', '_');
    const value = pair[3]!.replace(/\s+#.*$/, '').replace(/^(["'])(.*)\1$/, '$2');
    if (pair[1]!.length === depth && isLoadWord(name)) readWord(load, name, value);
    return true;
  };
  const isItem = (at: number) => item.test(window.lines[at - window.first] ?? '');
  for (let at = line; at === line || !isItem(at + 1); at--) if (!read(at)) break;
  for (let at = line + 1; !isItem(at); at++) if (!read(at)) break;
  return load;
}

/** Names that say something only beneath what says that all of it is about a model. */
const partName = /^(name|id|path|repo|value|default|hf_id|hf_repo|checkpoint|source|uri)$/i;

/** `model: { name: ... }`, a table `[model]`, and `- name: MODEL_ID` with its `value:`. */
function isPartOfModel(window: TextWindow, line: number, depth: number, name: string): boolean {
  if (!partName.test(name)) return false;
  for (let at = line - 1; at >= window.first; at--) {
    const text = window.lines[at - window.first]!;
    if (text.trim() === '' || /^\s*#/.test(text)) continue;
    const table = /^\s*\[+([\w.-]+)\]+/.exec(text);
    if (table) return isModelKey(table[1]!.split('.').at(-1)!);
    const pair = keyed.exec(text);
    if (!pair) continue;
    if (pair[1]!.length < depth) return pair[3] === '' && isModelKey(pair[2]!);
    const isName = pair[1]!.length === depth && pair[2] === 'name' && name === 'value';
    if (isName) return isModelKey(pair[3]!.replace(/^["']|["']$/g, ''));
  }
  return false;
}

/** Whether the list that holds a line stands beneath `base_model:` or `models:`. */
function isModelsList(window: TextWindow, line: number): boolean {
  for (let at = line - 1; at >= window.first; at--) {
    const text = window.lines[at - window.first]!;
    if (item.test(text)) continue;
    const pair = keyed.exec(text);
    return pair?.[3] === '' && (isModelKey(pair[2]!) || isModelKey(pair[2]!.replace(/s$/i, '')));
  }
  return false;
}
