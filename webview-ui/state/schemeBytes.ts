/** What a row of the table would take under every scheme, put into words. Pure. */
import type { SchemeBytes } from '../../src/protocol/schemeBytesApi';
import { formatBytes, formatInteger } from './format';

export interface SchemeBytesRow {
  readonly scheme: string;
  readonly label: string;
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Why it is not smaller: "kept", or that some tensors do not fit. */
  readonly note: string;
  /** The whole reason. */
  readonly reason?: string | undefined;
}

export interface SchemeBytesGroup {
  readonly title: string;
  readonly rows: readonly SchemeBytesRow[];
}

/** Schemes, and types of GGUF files, each from the largest to the smallest. Of a GGUF model its types come first. */
export function schemeBytesGroups({ sizes }: SchemeBytes, isGguf: boolean): SchemeBytesGroup[] {
  const rowsOf = (ggml: boolean) =>
    sizes
      .filter(({ family }) => (family === 'ggml') === ggml)
      .map(({ scheme, label, bytes, bitsPerWeight, quantized, refused, refusal }): SchemeBytesRow => {
        const common = { scheme, label, bytes, bitsPerWeight };
        if (refused > 0) {
          const note = refused === 1 ? 'does not fit' : `${formatInteger(refused)} do not fit`;
          return { ...common, note, reason: refusal };
        }
        const isKept = quantized === 0;
        return { ...common, note: isKept ? 'kept' : '', ...(isKept ? { reason: keptReason } : {}) };
      })
      .sort((a, b) => b.bytes - a.bytes);
  const groups = [
    { title: 'Schemes', rows: rowsOf(false) },
    { title: 'Types of GGUF', rows: rowsOf(true) },
  ];
  return (isGguf ? groups.reverse() : groups).filter(({ rows }) => rows.length > 0);
}

const keptReason = "The scheme's policy keeps it as it is: embeddings, norms and the like.";

/** One sentence for a screen reader: now, and the largest and smallest of what changes anything. */
export function schemeBytesSentence(name: string, told: SchemeBytes): string {
  const changed = told.sizes.filter(({ quantized }) => quantized > 0).sort((a, b) => b.bytes - a.bytes);
  const now = `${name}: ${formatBytes(told.storedBytes)} now`;
  const [most, least] = [changed[0], changed.at(-1)];
  if (!most || !least) return `${now}, and kept as it is by every scheme.`;
  return `${now}, from ${formatBytes(most.bytes)} as ${most.label} to ${formatBytes(least.bytes)} as ${least.label}. The details list every scheme.`;
}
