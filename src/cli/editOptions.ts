/** What edit-metadata's options ask for. */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { LoupeError } from '../errors';
import type { MetadataEdit } from '../protocol/ggufApi';

export interface EditOptions {
  readonly edits: readonly MetadataEdit[];
}

/** Names of its options, for the grammar. */
export const editOptionNames = ['set', 'set-file', 'remove', 'name'] as const;

export interface EditValues {
  readonly set?: readonly string[] | undefined;
  readonly 'set-file'?: readonly string[] | undefined;
  readonly remove?: readonly string[] | undefined;
  readonly name?: string | undefined;
}

/** "u32:" or "[string]:" in front of a value. */
const typed = /^(\[?(?:u8|i8|u16|i16|u32|i32|f32|bool|string|u64|i64|f64)\]?):(.*)$/s;

/** The edits that the options name, in the order of their kinds. Throws `usage`. */
export function editOptions(values: EditValues): EditOptions {
  const edits: MetadataEdit[] = [
    ...(values.set ?? []).map((text) => {
      const [key, value] = split('set', text);
      const match = typed.exec(value);
      return match ? { key, type: match[1]!, text: match[2]! } : { key, text: value };
    }),
    ...(values['set-file'] ?? []).map((text) => {
      const [key, file] = split('set-file', text);
      return { key, text: readText(file) };
    }),
    ...(values.name === undefined ? [] : [{ key: 'general.name', type: 'string', text: values.name }]),
    ...(values.remove ?? []).map((key) => ({ key, remove: true as const })),
  ];
  if (edits.length === 0)
    throw new LoupeError('usage', 'edit-metadata needs --set, --set-file, --name or --remove.');
  return { edits };
}

function split(option: string, text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new LoupeError('usage', `--${option} takes KEY=..., and "${text}" is not that.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    throw LoupeError.from(thrown, { file: path.resolve(file) });
  }
}
