/** Finds what names a model at a position of a document: only the lines around it are read. Pure. */
import { codeMention } from './codeMention';
import { type CodeToken, codeTokens } from './codeTokens';
import { type CommandWord, wordsMention } from './commandMention';
import { keyedMention } from './keyedMention';
import { noWords, readWord } from './loadWords';
import type { ModelMention } from './modelMention';
import { isModelKey, stringAt } from './modelReference';
import { commandWords, continuedLines } from './shellWords';
import { type TextLines, type TextWindow, windowAround } from './textWindow';

type Style = 'code' | 'slashes' | 'shell' | 'keyed' | 'markdown' | 'modelfile';

/** By VS Code's language ids. */
const styles: Readonly<Record<string, Style>> = {
  python: 'code',
  javascript: 'slashes',
  javascriptreact: 'slashes',
  typescript: 'slashes',
  typescriptreact: 'slashes',
  json: 'slashes',
  jsonc: 'slashes',
  yaml: 'keyed',
  dockercompose: 'keyed',
  toml: 'keyed',
  markdown: 'markdown',
  shellscript: 'shell',
  powershell: 'shell',
  bat: 'shell',
  dockerfile: 'shell',
  makefile: 'shell',
};

/** Languages with hovers. */
export const mentionLanguages: readonly string[] = Object.keys(styles);
/** Files of languages that VS Code does not know by itself. */
export const mentionPatterns: readonly string[] = [
  '**/*.toml',
  '**/Modelfile',
  '**/*.modelfile',
  '**/Modelfile.*',
];

export interface MentionPlace {
  readonly text: TextLines;
  readonly line: number;
  readonly column: number;
  /** VS Code's id of the language. */
  readonly language: string;
  /** Last part of the document's path. */
  readonly fileName: string;
}

/** The mention of a model at a position; undefined where nothing there can be one. */
export function mentionAt({
  text,
  line,
  column,
  language,
  fileName,
}: MentionPlace): ModelMention | undefined {
  const own = text(line) ?? '';
  const isModelfile = /(^|\.)modelfile(\.|$)/i.test(fileName);
  const style = isModelfile ? 'modelfile' : /\.toml$/i.test(fileName) ? 'keyed' : styles[language];
  if (style === undefined) return undefined;
  const window = windowAround(text, line);
  // Of a line that is too long to be taken apart, the string at the position may still be a path.
  if (!window) return pathMention(own, line, column, false);
  switch (style) {
    case 'code':
    case 'slashes':
      return codeAt(window, line, column, style === 'code' ? '#' : '//');
    case 'keyed':
      return keyedMention(window, line, column);
    case 'shell':
      return shellAt(window, line, column) ?? pathMention(own, line, column, true);
    case 'modelfile':
      return modelfileAt(window, line, column);
    case 'markdown':
      return markdownAt(window, line, column) ?? pathMention(own, line, column, true);
  }
}

function pathMention(own: string, line: number, column: number, isBare: boolean): ModelMention | undefined {
  const found = stringAt(own, column, isBare);
  return found && { ...found, kind: 'path', line, load: noWords() };
}

function tokenAt(tokens: readonly CodeToken[], line: number, column: number): number {
  return tokens.findIndex(
    (token) => token.line === line && token.kind !== 'mark' && column >= token.start && column <= token.end,
  );
}

function codeAt(
  window: TextWindow,
  line: number,
  column: number,
  comment: '#' | '//',
): ModelMention | undefined {
  const own = window.lines[line - window.first]!;
  // Commands in notebooks: a line after !, and a cell of %%bash.
  if (comment === '#' && (/^\s*!/.test(own) || isShellCell(window, line))) {
    const lines = window.lines.map((text) => text.replace(/^(\s*)!/, '$1 '));
    return shellAt({ ...window, lines }, line, column) ?? pathMention(own, line, column, true);
  }
  const tokens = codeTokens(window, comment);
  const index = tokenAt(tokens, line, column);
  const token = tokens[index];
  if (!token) return pathMention(own, line, column, false);
  const mention = codeMention(tokens, index);
  // transformers.js has defaults of its own.
  if (mention && comment === '//') mention.load.isFloat32ByDefault = false;
  if (mention?.kind === 'path' && /\s/.test(token.text)) {
    // A command in one string.
    const spaced = ' '.repeat(token.start) + token.text;
    const command = shellAt({ first: line, lines: [spaced] }, line, column);
    if (command && command.kind !== 'path') return command;
  }
  return mention;
}

/** A notebook's cell has lines from 0; what begins it says how it is run. */
const isShellCell = ({ first, lines }: TextWindow, line: number): boolean =>
  line >= 0 && first <= 0 && /^\s*%%(bash|sh|script|cmd)\b/.test(lines[-first] ?? '');

function shellAt(
  window: TextWindow,
  line: number,
  column: number,
  isNested = false,
): ModelMention | undefined {
  const { words, index } = commandWords(braced(continuedLines(window, line)), line, column);
  if (index < 0) return undefined;
  const { text, start } = words[index]!;
  // bash -c "vllm serve ...", python -c "... from_pretrained('org/name')"
  if (/\s/.test(text) && !isNested && words[index]!.line === line && start >= 0) {
    const lines = [' '.repeat(start) + text];
    const inCode = codeModel(lines, line, column);
    return inCode ?? shellAt({ first: line, lines }, line, column, true);
  }
  const mention = wordsMention(words, index, column);
  if (!mention) return undefined;
  if (mention.kind !== 'path') return valueMention(mention, window);
  return assignedMention(mention, words, index, column);
}

/** A Makefile's $(MODEL) as ${MODEL}: parentheses end a word. */
const braced = ({ first, lines }: TextWindow): { first: number; lines: string[] } => ({
  first,
  lines: lines.map((text) => text.replace(/\$\((\w+)\)/g, (_, name: string) => `\${${name}}`)),
});

/** A call that loads a model, within a text of another language. */
function codeModel(lines: readonly string[], line: number, column: number): ModelMention | undefined {
  const tokens = codeTokens({ first: line, lines }, '#');
  const index = tokenAt(tokens, line, column);
  const found = index < 0 ? undefined : codeMention(tokens, index);
  return found?.kind === 'model' ? found : undefined;
}

/** MODEL=org/name, also after export, ENV and ARG; ENV MODEL org/name; MODEL := org/name in a Makefile. */
function assignedMention(
  mention: ModelMention,
  words: readonly CommandWord[],
  index: number,
  column: number,
): ModelMention {
  const word = words[index]!;
  const assigned = /^["']?([A-Za-z_]\w*)[:?]?=(.+)$/.exec(word.text);
  if (assigned && isModelKey(assigned[1]!)) {
    const text = assigned[2]!;
    const start = word.end - text.length;
    if (column < start) return mention;
    return { ...mention, text: withoutVariable(text), start, kind: 'perhaps' };
  }
  const [before, second] = [words[index - 1]?.text ?? '', words[index - 2]?.text ?? ''];
  const isMake = /^[:?]?=$/.test(before) && isModelKey(second);
  const isEnvironment = /^(ENV|setenv)$/i.test(second) && isModelKey(before);
  return isMake || isEnvironment ? { ...mention, kind: 'perhaps' } : mention;
}

/** Of `${MODEL:-org/name}` the default; any other text as it is. */
const withoutVariable = (text: string): string => /^\$\{\w+:?[-=](.+)\}$/.exec(text)?.[1] ?? text;

/** Of `$MODEL`, `${MODEL}` and `$(MODEL)` what was last assigned to it above, or else below, as Makefiles allow. */
function valueMention(mention: ModelMention, { first, lines }: TextWindow): ModelMention {
  const name = /^\$[({]?([A-Za-z_]\w{0,64})[)}]?$/.exec(mention.text)?.[1];
  if (name === undefined) return mention;
  const assignment = new RegExp(
    `(?:^|[\\s;])(?:${name}\\s*[:?]?=\\s*|ENV\\s+${name}\\s+)(["']?)([^"'\\s;|&]+)\\1`,
  );
  const behind = mention.line + 1 - first;
  for (const text of [...lines.slice(0, behind).reverse(), ...lines.slice(behind)]) {
    const value = assignment.exec(text)?.[2];
    if (value === undefined) continue;
    const whole = withoutVariable(value);
    if (!whole.includes('$')) return { ...mention, text: whole };
  }
  return mention;
}

/** Fenced code and code in sentences; which language it is in shows by what it is. */
function markdownAt(window: TextWindow, line: number, column: number): ModelMention | undefined {
  if (isFrontMatter(window, line)) return keyedMention(window, line, column);
  const plain = { first: window.first, lines: window.lines.map((text) => text.replaceAll('`', ' ')) };
  const tokens = codeTokens(plain, '#');
  const index = tokenAt(tokens, line, column);
  const inCode = index < 0 ? undefined : codeMention(tokens, index);
  if (inCode?.kind === 'model') return inCode;
  const command = shellAt(plain, line, column);
  return command && command.kind !== 'path' ? command : undefined;
}

/** A model card begins with YAML between two lines of dashes. */
function isFrontMatter({ first, lines }: TextWindow, line: number): boolean {
  if (first !== 0 || lines[0]?.trim() !== '---') return false;
  const end = lines.findIndex((text, at) => at > 0 && text.trim() === '---');
  return line > 0 && (end < 0 || line < end);
}

/** FROM with what PARAMETER says elsewhere in the file. */
function modelfileAt(window: TextWindow, line: number, column: number): ModelMention | undefined {
  const { words, index } = commandWords(
    { first: line, lines: [window.lines[line - window.first]!] },
    line,
    column,
  );
  const mention = index < 0 ? undefined : wordsMention(words, index, column, true);
  if (!mention) return undefined;
  mention.load.setting.runtime = 'llama.cpp';
  for (const text of window.lines) {
    const parameter = /^\s*PARAMETER\s+(num_ctx)\s+(\S+)/i.exec(text);
    if (parameter) readWord(mention.load, parameter[1]!.toLowerCase(), parameter[2]!);
  }
  return mention;
}
