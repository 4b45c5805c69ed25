/** The list of a checkpoint's tensors as CSV, JSON or Markdown: pure text, no editor needed. */
import type { Catalogue } from '../protocol/engineApi';

export type TensorListFormat = 'csv' | 'json' | 'md';

interface TensorRow {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly bytes: number;
  readonly file: string;
  readonly byteOffset: number;
}

const headings = ['name', 'dtype', 'shape', 'elements', 'bytes', 'file', 'byteOffset'] as const;

/** The last part of a path, of either kind of separator. */
const baseName = (path: string) => path.split(/[/\\]/).at(-1) ?? path;

function* tensorRows({ tensors, files }: Catalogue): Generator<TensorRow> {
  for (let index = 0; index < tensors.count; index++) {
    yield {
      name: tensors.names[index]!,
      dtype: tensors.dtypes[tensors.dtype[index]!]!,
      shape: [
        ...tensors.shapes.subarray(index === 0 ? 0 : tensors.shapeEnd[index - 1]!, tensors.shapeEnd[index]!),
      ],
      elements: tensors.elements[index]!,
      bytes: tensors.bytes[index]!,
      file: baseName(files[tensors.file[index]!]?.path ?? ''),
      byteOffset: tensors.byteOffset[index]!,
    };
  }
}

const shapeText = (shape: readonly number[]) => (shape.length === 0 ? 'scalar' : shape.join(' x '));

/**
 * A field of RFC 4180. Text that a spreadsheet would run as a formula gets an apostrophe before it, as OWASP's "CSV
 * Injection" advises: a tensor's name is whatever the file says.
 */
export function csvField(text: string): string {
  const safe = /^[\s]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A cell of a Markdown table: shown as it is written, whatever marks it holds. */
export function markdownCell(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the table.
      .replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ')
      // An underscore inside a word marks nothing.
      .replace(/[\\`*[\]<>|~&$:]|(?<!\w)_|_(?!\w)/g, '\\$&')
  );
}

/** The whole list, one row a tensor in the model's order, ending in a line break. */
export function tensorListText(catalogue: Catalogue, format: TensorListFormat): string {
  const rows = [...tensorRows(catalogue)];
  switch (format) {
    case 'json':
      return `${JSON.stringify({ format: catalogue.format, name: catalogue.name, tensors: rows }, null, 1)}\n`;
    case 'csv':
      return [
        headings.join(','),
        ...rows.map((row) =>
          [
            csvField(row.name),
            csvField(row.dtype),
            csvField(shapeText(row.shape)),
            row.elements,
            row.bytes,
            csvField(row.file),
            row.byteOffset,
          ].join(','),
        ),
        '',
      ].join('\r\n');
    case 'md':
      return [
        '| name | dtype | shape | elements | bytes | file | byte offset |',
        '|---|---|---:|---:|---:|---|---:|',
        ...rows.map(
          (row) =>
            `| ${markdownCell(row.name)} | ${markdownCell(row.dtype)} | ${shapeText(row.shape)} | ${row.elements} | ${row.bytes} | ${markdownCell(row.file)} | ${row.byteOffset} |`,
        ),
        '',
      ].join('\n');
  }
}

/** The format that a file's ending means; CSV for any other. */
export function tensorListFormat(fileName: string): TensorListFormat {
  const ending = /\.([^./\\]+)$/.exec(fileName)?.[1]?.toLowerCase();
  return ending === 'json' ? 'json' : ending === 'md' || ending === 'markdown' ? 'md' : 'csv';
}
