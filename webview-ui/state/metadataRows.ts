/** The metadata of a checkpoint and its config.json as one searchable list of rows. */
import type { MetadataEntry, MetadataValue } from '../../src/protocol/engineApi';
import { formatInteger } from './format';

export interface MetadataRow {
  readonly key: string;
  readonly type: string;
  readonly value: string;
  /** Length of an array of which `value` tells the head only. */
  readonly pagedLength?: number | undefined;
}

export interface MetadataSection {
  readonly title: string;
  readonly rows: readonly MetadataRow[];
}

/** A long array is shown by its length and its first values. */
function metadataText(value: MetadataValue): string {
  if (typeof value !== 'object') return String(value);
  const head = value.head
    .map((item) => (typeof item === 'string' ? JSON.stringify(item) : String(item)))
    .join(', ');
  const more = value.length > value.head.length ? ', …' : '';
  return value.length <= value.head.length
    ? `[${head}]`
    : `${formatInteger(value.length)} items: ${head}${more}`;
}

const maximumDepth = 6;
const maximumRows = 5000;
const maximumInlineItems = 32;

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** Objects are opened, "rope_scaling.factor"; short arrays and everything deep stay JSON. */
function flatten(value: unknown, key: string, depth: number, rows: MetadataRow[]): void {
  if (rows.length >= maximumRows) return;
  const isOpened =
    typeof value === 'object' && value !== null && !Array.isArray(value) && depth < maximumDepth;
  if (isOpened && Object.keys(value).length > 0) {
    for (const [name, inner] of Object.entries(value)) {
      flatten(inner, key === '' ? name : `${key}.${name}`, depth + 1, rows);
    }
    return;
  }
  let text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  if (Array.isArray(value)) {
    text =
      value.length > maximumInlineItems
        ? `${formatInteger(value.length)} items: ${value
            .slice(0, maximumInlineItems)
            .map((item) => JSON.stringify(item))
            .join(', ')}, …`
        : value.length > 0 && value.every((item) => typeof item !== 'object')
          ? value.map((item) => JSON.stringify(item)).join(', ')
          : text;
  }
  rows.push({ key, type: jsonType(value), value: text });
}

/** A parsed JSON object as rows. */
export function jsonRows(value: Readonly<Record<string, unknown>>): readonly MetadataRow[] {
  const rows: MetadataRow[] = [];
  if (Object.keys(value).length > 0) flatten(value, '', 0, rows);
  return rows;
}

const formatNames: Readonly<Record<string, string>> = {
  gguf: 'GGUF',
  onnx: 'ONNX',
  pytorch: 'PyTorch',
  numpy: 'NumPy',
};

/** Sections that hold something: the checkpoint's own metadata. */
export function metadataSections(
  format: string,
  metadata: readonly MetadataEntry[],
): readonly MetadataSection[] {
  const rows = metadata.map(({ key, type, value }) => {
    const isPaged = format === 'gguf' && typeof value === 'object' && value.length > value.head.length;
    return {
      key,
      type,
      value: metadataText(value),
      ...(isPaged ? { pagedLength: value.length } : {}),
    };
  });
  const sections = [{ title: `${formatNames[format] ?? 'safetensors'} metadata`, rows }];
  return sections.filter((section) => section.rows.length > 0);
}

/** Rows whose key, type or value holds every word of the query. */
export function filterMetadata(rows: readonly MetadataRow[], query: string): readonly MetadataRow[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    const text = `${row.key}\n${row.type}\n${row.value}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
