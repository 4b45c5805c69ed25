/** The options of GGUF outputs: mixes, importance matrix, and types for single tensors. */
import * as path from 'node:path';
import { LoupeError } from '../errors';
import { findFileType } from '../quant/gguf/fileTypes';
import { schemeOfType, writableFileTypes } from '../quant/gguf/ggmlSchemes';
import type { GgufOptions } from '../quant/gguf/options';
import { schemes } from '../quant/schemes';
import type { SchemeName } from '../quant/types';

/** Their names, for the grammar. */
export const ggufOptionNames = [
  ...['imatrix', 'tensor-type', 'output-tensor-type', 'token-embedding-type', 'leave-output-tensor'],
  ...['allow-requantize', 'keep-split'],
] as const;

export interface GgufValues {
  readonly scheme?: string | undefined;
  readonly recipe?: string | undefined;
  readonly out?: string | undefined;
  readonly imatrix?: string | undefined;
  readonly 'tensor-type'?: readonly string[] | undefined;
  readonly 'output-tensor-type'?: string | undefined;
  readonly 'token-embedding-type'?: string | undefined;
  readonly 'leave-output-tensor'?: boolean | undefined;
  readonly 'allow-requantize'?: boolean | undefined;
  readonly 'keep-split'?: boolean | undefined;
}

/** Those that choose types. */
const typeOptions: ReadonlySet<string> = new Set(ggufOptionNames.slice(1, 5));

const isScheme = (name: string): boolean => schemes.some((scheme) => scheme.name === name.toLowerCase());

/** The scheme that stands for a file type that is no scheme itself: the one of its commonest type. */
export function schemeOfFileType(name: string): SchemeName | undefined {
  const fileType = isScheme(name) ? undefined : findFileType(name);
  return fileType && (schemeOfType(fileType.type) ?? 'q8_0');
}

/** Names of file types that can be written and are no schemes: "q4_k_m". */
export const mixNames: readonly string[] = writableFileTypes
  .map(({ name }) => name.toLowerCase())
  .filter((name) => !isScheme(name));

/**
 * What the options say of a GGUF output, of which the ending of `--out` is one; undefined where they say nothing, and the source's
 * format decides what a scheme means. Throws `usage`.
 */
export function ggufOptions(values: GgufValues): GgufOptions | undefined {
  const { scheme = '', imatrix } = values;
  const isMix = schemeOfFileType(scheme) !== undefined;
  const given = ggufOptionNames.find((name) => values[name] !== undefined);
  const isRecipe = values.recipe !== undefined;
  const isFile = !isRecipe && /\.gguf$/i.test(values.out ?? '') && findFileType(scheme) !== undefined;
  if (!isMix && !isFile && given === undefined) return undefined;
  if (isRecipe && given !== undefined && typeOptions.has(given))
    throw new LoupeError('usage', `A recipe says all types: --recipe and --${given} exclude each other.`);
  if (!isRecipe && !findFileType(scheme))
    throw new LoupeError('usage', `--${given} goes with a GGUF type, and "${scheme}" is none.`);
  return {
    // Beside a recipe it counts for nothing.
    fileType: isRecipe ? 'F16' : scheme,
    ...(imatrix === undefined ? {} : { imatrix: path.resolve(imatrix), imatrixName: imatrix }),
    rules: values['tensor-type']?.map(typeRule),
    outputType: values['output-tensor-type'],
    tokenEmbeddingType: values['token-embedding-type'],
    leaveOutput: values['leave-output-tensor'],
    allowRequantize: values['allow-requantize'],
    keepSplit: values['keep-split'],
  };
}

/** "PATTERN=TYPE"; a pattern may hold the sign itself. */
function typeRule(text: string): { pattern: string; type: string } {
  const at = text.lastIndexOf('=');
  if (at <= 0 || at === text.length - 1)
    throw new LoupeError(
      'usage',
      `--tensor-type takes PATTERN=TYPE, such as **.attn_v.*=q8_0; "${text}" is not that.`,
    );
  return { pattern: text.slice(0, at), type: text.slice(at + 1) };
}
