/** Which of our schemes writes which type of ggml. */
import { blockTypeNamed, blockTypes } from '../schemes/ggml/blockTypes';
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

/** ggml ignores an importance matrix for these (ggml-quants.c: quantize_q8_0, quantize_tq1_0, quantize_tq2_0, quantize_mxfp4). */
const unweighed: ReadonlySet<SchemeName> = new Set(['q8_0', 'tq1_0', 'tq2_0', 'mxfp4-ggml']);

/** Whether a scheme weighs errors by an importance matrix. */
export const takesImportance = (scheme: SchemeName): boolean =>
  blockTypeNamed(scheme) !== undefined && !unweighed.has(scheme);

/** The type that a scheme writes into a GGUF file; undefined for schemes that GGUF has no type for. */
export const typeOfScheme = (scheme: string): string | undefined => byScheme.get(scheme);
