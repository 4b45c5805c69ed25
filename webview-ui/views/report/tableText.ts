/** The report's rows as CSV and Markdown, with every digit. */
import type { TensorError } from '../../../src/protocol/engineApi';
import { isQuantized, metrics } from './metrics';

const heads = ['tensor', 'from', 'to', 'bytes', ...metrics.map(({ name }) => name), 'note'];

function cells(row: TensorError): string[] {
  const figures = metrics.map((metric) => {
    const value = metric.value(row);
    // An exact copy has no finite SQNR, and a kept tensor no figures at all.
    return isQuantized(row) ? (Number.isFinite(value) ? String(value) : 'exact') : '';
  });
  return [row.name, row.from, row.to, String(row.bytes), ...figures, row.note ?? ''];
}

/** RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe: names come from files. */
export function tableCsv(rows: readonly TensorError[]): string {
  const quoted = (text: string) => {
    const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [heads, ...rows.map(cells)].map((line) => `${line.map(quoted).join(',')}\r\n`).join('');
}

/** A GitHub table. Names are text: nothing in them becomes markup. */
export function tableMarkdown(rows: readonly TensorError[]): string {
  const escaped = (text: string) =>
    text.replace(/[\\`*_{}[\]<>()#!|~&]/g, (letter) => `\\${letter}`).replace(/\s+/g, ' ');
  const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |\n`;
  const rule = heads.map((_, i) => (i >= 3 && i < heads.length - 1 ? '---:' : '---'));
  return [line(heads), line(rule), ...rows.map((row) => line(cells(row).map(escaped)))].join('');
}
