/** Which of our schemes writes which type of ggml. */
import { blockTypes } from '../schemes/ggml/blockTypes';
import type { SchemeName } from '../types';
import { type GgufFileType, ggufFileTypes } from './fileTypes';

const byType: ReadonlyMap<string, SchemeName> = new Map([
  ...blockTypes.map(({ name, type }): [string, SchemeName] => [type, name]),
  ['F16', 'f16'],
  ['BF16', 'bf16'],
  ['F32', 'f32'],
]);
const byScheme: ReadonlyMap<string, string> = new Map([...byType].map(([type, name]) => [name, type]));

/** The scheme that writes a type, by the type's name ("Q4_K"); undefined where none does yet. */
export const schemeOfType = (type: string): SchemeName | undefined => byType.get(type);

/** File types whose commonest type can be written. */
export const writableFileTypes: readonly GgufFileType[] = ggufFileTypes.filter(({ type }) =>
  byType.has(type),
);

/** The type that a scheme writes into a GGUF file; undefined for schemes that GGUF has no type for. */
export const typeOfScheme = (scheme: string): string | undefined => byScheme.get(scheme);
