/** Tables for terminals. */

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Control characters in names from files must not reach the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Rows as aligned text, two spaces between columns; cells are made printable. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map((column) => column.title), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, index) =>
    cells.reduce((width, row) => Math.max(width, row[index]?.length ?? 0), 0),
  );
  return cells
    .map((row) =>
      row
        .map((cell, index) =>
          columns[index]?.align === 'right'
            ? cell.padStart(widths[index] ?? 0)
            : cell.padEnd(widths[index] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Four significant digits; an em dash where there is no number. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return '—';
  if (value === 0 || Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6
    ? String(Number(value.toPrecision(4)))
    : value.toExponential(3);
}
