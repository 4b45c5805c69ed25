/** Finds the model that a command names: vllm serve, ollama run, --model, -m, -hf and the like. Pure. */
import type { Runtime } from '../estimate/types';
import { flagName, isLoadWord, type LoadWords, noWords, readWord, runtimeOfFlag } from './loadWords';
import type { ModelMention } from './modelMention';

/** A word of a command without its quotes. */
export interface CommandWord {
  readonly text: string;
  readonly line: number;
  /** Columns, half-open. */
  readonly start: number;
  readonly end: number;
}

/** Flags whose value is a model, by their names as arguments. */
const modelFlags: ReadonlySet<string> = new Set([
  ...['model', 'm', 'model_path', 'model_id', 'model_name', 'model_name_or_path', 'base_model', 'pretrained'],
  ...['hf', 'hfr', 'hf_repo', 'repo_id', 'pretrained_model_name_or_path', 'served_model', 'draft_model'],
]);
/** Those whose value is a model's name on the Hub and nothing else. */
const hubFlags: ReadonlySet<string> = new Set(['hf', 'hfr', 'hf_repo', 'repo_id']);

/** Commands whose first word without a dash is a model. */
const commands: readonly { readonly words: readonly RegExp[]; readonly kind: ModelMention['kind'] }[] = [
  { words: [/^vllm$/, /^(serve|bench|chat|complete)$/], kind: 'model' },
  { words: [/^ollama$/, /^(run|pull|show|push|rm|stop)$/], kind: 'ollama' },
  { words: [/^(hf|huggingface-cli)$/, /^download$/], kind: 'model' },
  { words: [/^FROM$/i], kind: 'ollama' },
];

const runtimes: readonly { readonly word: RegExp; readonly runtime: Runtime }[] = [
  { word: /^(vllm|vllm-openai(:.*)?|vllm\.entrypoints\..*)$/, runtime: 'vllm' },
  { word: /^(llama-[\w-]+|llama|ollama|koboldcpp|.*llama\.cpp.*)$/, runtime: 'llama.cpp' },
];

/**
 * The mention at a word, `column` in it. Where nothing says that the word is a model it may still be a path. In a
 * Modelfile, `FROM` is followed by one of Ollama's names; elsewhere it is no command.
 */
export function wordsMention(
  words: readonly CommandWord[],
  index: number,
  column: number,
  isModelfile = false,
): ModelMention | undefined {
  const word = words[index];
  if (!word || word.text === '') return undefined;
  const joined = /^(--?[\w-]+)=(.*)$/.exec(word.text);
  if (joined && column < word.start + joined[1]!.length + 1) return undefined;
  const start = joined ? word.start + joined[1]!.length + 1 : word.start;
  const text = joined ? joined[2]! : word.text;
  if (text === '' || (text.startsWith('-') && !joined)) return undefined;
  const place = { text, line: word.line, start, end: word.end };
  const load = readFlags(words);
  const flag = joined ? joined[1]! : words[index - 1]?.text;
  // python -m takes a module.
  const isModule =
    flag === '-m' &&
    /(^|\/)(python[\d.]*|py|torchrun|accelerate|uv|pytest)$/.test(words[index - 2]?.text ?? '');
  const isOthers = flag === '-m' && takesMessages(words, index);
  if (flag?.startsWith('-') && !isModule && !isOthers && modelFlags.has(flagName(flag))) {
    return { ...place, kind: hubFlags.has(flagName(flag)) ? 'model' : 'perhaps', load };
  }
  const known = commands.find((command) => isFirstOperand(words, index, command.words));
  if (known && (known.words.length > 1 || isModelfile)) return { ...place, kind: known.kind, load };
  return { ...place, kind: 'path', load };
}

/** Whether -m belongs to a command that means something else by it: a message, a mode, memory. */
const takesMessages = (words: readonly CommandWord[], index: number): boolean =>
  words
    .slice(0, index)
    .some(({ text }) =>
      /^(git|hg|svn|jj|docker|podman|kubectl|go|ssh|scp|curl|wget|make|useradd|usermod|mkdir|install|chmod|gcc|clang|node|npm|pip|conda|ffmpeg)$/.test(
        text,
      ),
    );

/** Whether the words of a command end before this one, with nothing but flags and their values between. */
function isFirstOperand(words: readonly CommandWord[], index: number, command: readonly RegExp[]): boolean {
  for (let at = index; at >= command.length; at--) {
    const isCommand = command.every((pattern, i) => {
      const { text } = words[at - command.length + i]!;
      return pattern.test(text.slice(text.lastIndexOf('/') + 1));
    });
    if (isCommand) return !hasOperand(words, at, index);
  }
  return false;
}

/** Whether a word stands between that is neither a flag nor a flag's value. */
function hasOperand(words: readonly CommandWord[], first: number, end: number): boolean {
  for (let at = first; at < end; at++) {
    const { text } = words[at]!;
    if (text.startsWith('-')) continue;
    const before = at > first ? words[at - 1]!.text : '';
    if (!before.startsWith('-') || before.includes('=')) return true;
  }
  return false;
}

/** What the flags of a command say. */
function readFlags(words: readonly CommandWord[]): LoadWords {
  const load = noWords();
  for (const [index, { text }] of words.entries()) {
    load.setting.runtime ??= runtimes.find(({ word }) =>
      word.test(text.slice(text.lastIndexOf('/') + 1)),
    )?.runtime;
    const found = /^(--?[A-Za-z][\w-]*)(?:=(.*))?$/.exec(text);
    if (!found) continue;
    const name = flagName(found[1]!);
    if (!isLoadWord(name)) continue;
    const next = words[index + 1]?.text;
    const value = found[2] ?? (next !== undefined && !/^-[A-Za-z-]/.test(next) ? next : '');
    readWord(load, name, value);
    // -c is a script's text for many others.
    if (found[1] !== '-c') load.setting.runtime ??= runtimeOfFlag(name);
  }
  return load;
}
