/** Hover and lens of a config.json as texts. Pure. */
import { binarySize, parameterCount } from '../numeric/sizeText';
import type { ConfigCost, FieldCost } from '../protocol/costApi';
import { grouped } from './loadText';
import { escapeMarkdown, heading } from './markdownText';

/** "8.03 B parameters · 15.0 GiB in BF16 · KV cache 128 KiB a token (F16)" */
export function configLens({ parameters, bytes, dtype, cache, certainty }: ConfigCost): string {
  const about = certainty === 'approximate' ? 'about ' : '';
  const kept = cache
    ? [`KV cache ${binarySize(cache.bytesPerToken)} a token (${cache.dtype.toUpperCase()})`]
    : [];
  return [
    `${about}${parameterCount(parameters)} parameters`,
    `${binarySize(bytes)} in ${dtype}`,
    ...kept,
  ].join(' · ');
}

/** "At 4,096 tokens 512 MiB of cache, at 131,072 16.0 GiB"; empty without a cache. */
export function contextLens({ contexts, cache }: ConfigCost): string {
  const longest = contexts.at(-1);
  if (!cache || !longest) return '';
  return `${binarySize(longest.bytes)} of cache at ${grouped(longest.tokens)} tokens`;
}

/** Fields over which the sizes of caches are worth a table. */
const contextFields: ReadonlySet<string> = new Set([
  'max_position_embeddings',
  'n_positions',
  'n_ctx',
  'max_seq_len',
  'sliding_window',
]);

/** Undefined where nothing is known of the field. */
export function fieldTable(name: string, cost: ConfigCost): string | undefined {
  const { field, fieldNotes, contexts, dtype } = cost;
  if (field.length === 0 && fieldNotes.length === 0) return undefined;
  const hasCache = field.some(({ bytesPerToken }) => bytesPerToken !== 0);
  const columns = ['parameters', `in ${escapeMarkdown(dtype)}`, ...(hasCache ? ['KV cache a token'] : [])];
  // A row that says its own type needs no other one.
  if (field.some(({ label }) => /^in /.test(label))) columns[1] = 'weights';
  const rows = field.map((row) => `| ${escapeMarkdown(row.label)} | ${cells(row, hasCache).join(' | ')} |`);
  const table =
    field.length === 0
      ? undefined
      : [
          `| | ${columns.map(heading).join(' | ')} |`,
          `|:--|${columns.map(() => '--:').join('|')}|`,
          ...rows,
        ].join('\n');
  const sizes =
    contextFields.has(name) && contexts.length > 0
      ? [
          `| tokens | ${contexts.map(({ tokens }) => heading(grouped(tokens))).join(' | ')} |`,
          `|:--|${contexts.map(() => '--:').join('|')}|`,
          `| KV cache (F16) | ${contexts.map(({ bytes }) => binarySize(bytes)).join(' | ')} |`,
        ].join('\n')
      : undefined;
  const parts = [
    `**${escapeMarkdown(name)}** · ${configLens(cost)}`,
    table,
    sizes,
    ...fieldNotes.map(escapeMarkdown),
  ];
  return parts.filter((part) => part !== undefined).join('\n\n');
}

function cells({ parameters, bytes, bytesPerToken, isWhole }: FieldCost, hasCache: boolean): string[] {
  const sized = isWhole ? binarySize : signed(binarySize);
  return [
    (isWhole ? parameterCount : signed(parameterCount))(parameters),
    sized(bytes),
    ...(hasCache ? [sized(bytesPerToken)] : []),
  ];
}

/** With a sign; a difference of nothing is a dash. */
const signed =
  (text: (value: number) => string) =>
  (value: number): string =>
    value === 0 ? '–' : `${value > 0 ? '+' : '−'}${text(Math.abs(value))}`;
