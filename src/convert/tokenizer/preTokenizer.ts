/**
 * Which of llama.cpp's ways to cut text into words a tokenizer.json means. llama.cpp knows them by name only
 * (llama-vocab.cpp), and a wrong one changes the tokens silently: what is not recognised is refused.
 */
import { LoupeError } from '../../errors';
import { asRecord } from '../../formats/jsonSidecar';
import type { JsonObject } from './tokenizerFiles';

/** Contractions, words, up to three or single digits, punctuation, white space: cl100k's pattern and its kin. */
const words = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
/** o200k's pattern: words by their capitals. */
const capitalWords = (contraction: string, digits: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${contraction}|[^\r\n\p{L}\p{N}]?${upper}+${lower}*${contraction}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
const deepseekWords =
  String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${'`'}{|}~][A-Za-z]+|[^` +
  '\r\n' +
  String.raw`\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[` +
  '\r\n' +
  String.raw`]*|\s*[` +
  '\r\n' +
  String.raw`]+|\s+(?!\S)|\s+`;
const cjk = '[一-龥\u3040-ゟ゠-ヿ]+';

/** Steps of a pre-tokenizer, in the notation of `steps`, and llama.cpp's name of it. */
const known: ReadonlyMap<string, string> = new Map([
  ['bytes+words', 'gpt-2'],
  [`split ${words(String.raw`\p{N}{1,3}`)}; bytes`, 'llama-bpe'],
  [`split ${words(String.raw`\p{N}`)}; bytes`, 'qwen2'],
  [
    `split ${words(String.raw`\p{N}`).replaceAll(String.raw`\p{L}+`, String.raw`[\p{L}\p{M}]+`).replaceAll(String.raw`[^\s\p{L}\p{N}]`, String.raw`[^\s\p{L}\p{M}\p{N}]`)}; bytes`,
    'qwen35',
  ],
  ['digits; bytes+words', 'starcoder'],
  [`split ${capitalWords(contractions, String.raw`\p{N}{1,3}`)}; bytes`, 'gpt-4o'],
  [`split ${capitalWords('', String.raw`\p{N}`)}; bytes`, 'tekken'],
  [`split ${String.raw`\p{N}{1,3}`}; split ${cjk}; split ${deepseekWords}; bytes`, 'deepseek-v3'],
  ['punctuation; bytes+words; digits+; split [0-9][0-9][0-9]', 'falcon'],
]);

/** Throws `unsupported`, showing the steps, for a pre-tokenizer that llama.cpp has no name for here. */
export function preTokenizerName(tokenizer: JsonObject): string {
  const found = steps(asRecord(tokenizer.pre_tokenizer)).join('; ');
  const name = known.get(found);
  if (name === undefined) {
    throw new LoupeError(
      'unsupported',
      `tokenizer.json cuts text in a way that is not known to llama.cpp under any name here: ${found.slice(0, 400) || 'not at all'}. Known: ${[...new Set(known.values())].join(', ')}.`,
    );
  }
  // The same pattern: Llama 3's tokenizer takes whole words that are tokens without merging, cl100k's does not.
  if (name === 'llama-bpe' && asRecord(tokenizer.model)?.ignore_merges !== true) return 'dbrx';
  return name;
}

/** "bytes+words" is GPT-2's: bytes as letters, cut by its own pattern; "bytes" leaves the cutting to others. */
function steps(node: JsonObject | undefined): string[] {
  if (!node) return [];
  switch (node.type) {
    case 'Sequence':
      return (Array.isArray(node.pretokenizers) ? node.pretokenizers : []).flatMap((inner) =>
        steps(asRecord(inner)),
      );
    case 'ByteLevel':
      return [node.use_regex === false ? 'bytes' : 'bytes+words'];
    case 'Digits':
      return [node.individual_digits === true ? 'digits' : 'digits+'];
    case 'Punctuation':
      return ['punctuation'];
    case 'Split': {
      const pattern = asRecord(node.pattern);
      const text = pattern?.Regex ?? pattern?.String;
      return [`split ${typeof text === 'string' ? text : '?'}`];
    }
    default:
      return [`${String(node.type)}`];
  }
}
