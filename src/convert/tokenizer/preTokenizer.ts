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
const deepseekWords = String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${'`'}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const cjk = '[一-龥\u3040-ゟ゠-ヿ]+';
/** OpenAI's later spelling of `words`: what is possessive could not be taken back anyway, and one line end behind white space is the last. */
const laterWords = (digits: string): string =>
  String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|${digits}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`;
/** White space and punctuation of Bloom and its kin; llama.cpp leaves out brackets that mean nothing there. */
const bloomWords = ' ?[^(\\s|[.,!?…。，、।۔،])]+';
/** DeepSeek's first tokenizer lists all letters of alphabets with capitals, as ranges. */
const casedLetters = 'split a list of cased letters';
const casedLettersPattern = /^\\s\?\[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿ[^\]]+\]\+$/;
const withoutContractions = (pattern: string): string => pattern.slice(pattern.indexOf('|[') + 1);
const deepseekCjk = '[一-龥\u0800-一가-\ud7ff]+';

/** Steps of a pre-tokenizer, in the notation of `steps`, and llama.cpp's name of it. */
const known: ReadonlyMap<string, string> = new Map([
  ['bytes+words', 'gpt-2'],
  [`split ${words(String.raw`\p{N}{1,3}`)}; bytes`, 'llama-bpe'],
  [`split ${laterWords(String.raw`\p{N}{1,3}`)}; bytes`, 'llama-bpe'],
  [`split ${words(String.raw`\p{N}`)}; bytes`, 'qwen2'],
  [
    `split ${words(String.raw`\p{N}`).replaceAll(String.raw`\p{L}+`, String.raw`[\p{L}\p{M}]+`).replaceAll(String.raw`[^\s\p{L}\p{N}]`, String.raw`[^\s\p{L}\p{M}\p{N}]`)}; bytes`,
    'qwen35',
  ],
  ['digits; bytes+words', 'starcoder'],
  // Words without English contractions, so that Turkish endings stay with them.
  [`split ${withoutContractions(words(String.raw`\p{N}`))}; bytes`, 'ufakzeka'],
  [`split ${laterWords(String.raw`\p{N}`)}; bytes`, 'bailingmoe'],
  [`split ${String.raw`\p{N}{1,3}`}; split ${words(String.raw`\p{N}+`)}; bytes`, 'minicpm5'],
  [`split ${capitalWords(contractions, String.raw`\p{N}{1,3}`)}; bytes`, 'gpt-4o'],
  [`split ${capitalWords('', String.raw`\p{N}`)}; bytes`, 'tekken'],
  [`split ${String.raw`\p{N}{1,3}`}; split ${cjk}; split ${deepseekWords}; bytes`, 'deepseek-v3'],
  [
    String.raw`split [\r\n]; split \s?\p{L}+; split \s?\p{P}+; split ${deepseekCjk}; digits; bytes`,
    'deepseek-coder',
  ],
  [
    String.raw`split [\r\n]; ${casedLetters}; split \s?[!-/:-~！-／：-～‘-‟　-。]+; split \s+$; split ${deepseekCjk}; digits; bytes`,
    'deepseek-llm',
  ],
  [
    `split ${words(String.raw`\p{N}{1}`).replace(String.raw`[^\s\p{L}\p{N}]+[\r\n]*`, String.raw`[^\s\p{L}\p{N}\r\n]+`)}; bytes`,
    'seed-coder',
  ],
  [`split ${bloomWords}; bytes`, 'bloom'],
  [`split ${bloomWords}; digits; bytes`, 'viking'],
  ['punctuation; bytes+words; digits+; split [0-9][0-9][0-9]', 'falcon'],
]);

/** Under these names llama.cpp puts a beginning before every text unless it is told not to. */
export const beginsByDefault: ReadonlySet<string> = new Set(['llama-bpe', 'tekken']);

/** Throws `unsupported`, showing the steps, for a pre-tokenizer that llama.cpp has no name for here. */
export function preTokenizerName(tokenizer: JsonObject, tokenizerConfig?: JsonObject): string {
  assertKnownNormalizer(asRecord(tokenizer.normalizer));
  const found = steps(asRecord(tokenizer.pre_tokenizer)).join('; ');
  const name = known.get(found);
  if (name === undefined) {
    throw new LoupeError(
      'unsupported',
      `tokenizer.json cuts text in a way that is not known to llama.cpp under any name here: ${found.slice(0, 400) || 'not at all'}. Known: ${[...new Set(known.values())].join(', ')}. If llama.cpp's own converter knows the model, what that writes in F16 can be quantized here.`,
    );
  }
  // The same pattern: Llama 3's tokenizer takes whole words that are tokens without merging, cl100k's does not.
  if (name === 'llama-bpe' && asRecord(tokenizer.model)?.ignore_merges !== true) return 'dbrx';
  // They cut alike; of "smollm" llama.cpp leaves spaces before punctuation when it writes texts.
  return name === 'starcoder' && tokenizerConfig?.clean_up_tokenization_spaces === false ? 'smollm' : name;
}

/** "bytes+words" is GPT-2's: bytes as letters, cut by its own pattern; "bytes" leaves the cutting to others. */
function steps(node: JsonObject | undefined): string[] {
  if (!node) return [];
  switch (node.type) {
    case 'Sequence':
      return (Array.isArray(node.pretokenizers) ? node.pretokenizers : []).flatMap((inner) =>
        steps(asRecord(inner)),
      );
    case 'ByteLevel': {
      const own = node.use_regex === false ? 'bytes' : 'bytes+words';
      return [node.add_prefix_space === true ? `${own} behind a space` : own];
    }
    case 'Digits':
      return [node.individual_digits === true ? 'digits' : 'digits+'];
    case 'Punctuation':
      return [node.behavior === 'Contiguous' ? 'punctuation' : `punctuation ${String(node.behavior)}`];
    case 'Split': {
      const pattern = asRecord(node.pattern);
      const text = pattern?.Regex;
      // A pattern may also be a text that is meant by its letters.
      const split = `${splitKind(node)} ${typeof text === 'string' ? spelled(text) : JSON.stringify(pattern)}`;
      return [typeof text === 'string' && casedLettersPattern.test(text) ? casedLetters : split];
    }
    default:
      return [`${String(node.type)}`];
  }
}

/** Matches stand by themselves; to keep just what matches is the same for a pattern that leaves nothing out, as all known ones do. */
function splitKind({ behavior, invert }: JsonObject): string {
  if (behavior === 'Isolated' && invert !== true) return 'split';
  return behavior === 'Removed' && invert === true ? 'split' : `split ${String(behavior)}`;
}

/** Line ends stand in patterns as they are, or by their letters. */
const spelled = (pattern: string): string => pattern.replaceAll('\r', '\\r').replaceAll('\n', '\\n');

/** llama.cpp takes texts as they are; composed letters are what texts have anyway. */
function assertKnownNormalizer(node: JsonObject | undefined): void {
  if (!node || node.type === 'NFC') return;
  const list = node.type === 'Sequence' && Array.isArray(node.normalizers) ? node.normalizers : undefined;
  if (!list)
    throw new LoupeError(
      'unsupported',
      `tokenizer.json changes texts before it cuts them (${String(node.type).slice(0, 60)}), which llama.cpp does not do for byte-pair tokenizers.`,
    );
  for (const inner of list) assertKnownNormalizer(asRecord(inner));
}
