/** The report's rows as CSV and Markdown, with every digit. */
import type { TensorError } from '../../../src/protocol/engineApi';
import { isQuantized, type Metric, metrics } from './metrics';

const all = (more: Metric | undefined): readonly Metric[] => (more ? [...metrics, more] : metrics);

const headsOf = (more: Metric | undefined): string[] => [
  ...['tensor', 'from', 'to', 'bytes'],
  ...all(more).map(({ name }) => name),
  'note',
];

function cells(row: TensorError, more: Metric | undefined): string[] {
  const figures = all(more).map((metric) => {
    const value = metric.value(row);
    // An exact copy has no finite SQNR, a kept tensor no figures at all, and some are not computed yet.
    if (!isQuantized(row) || Number.isNaN(value)) return '';
    return Number.isFinite(value) ? String(value) : 'exact';
  });
  const note = [row.note, row.isUnmeasured ? 'not measured' : ''].filter(Boolean).join('; ');
  return [row.name, row.from, row.to, String(row.bytes), ...figures, note];
}

/** RFC 4180, with one metric more where there is one. A cell that a spreadsheet would take for a formula begins with an apostrophe: names come from files. */
export function tableCsv(rows: readonly TensorError[], more?: Metric): string {
  const quoted = (text: string) => {
    const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [headsOf(more), ...rows.map((row) => cells(row, more))]
    .map((line) => `${line.map(quoted).join(',')}\r\n`)
    .join('');
}

/** A GitHub table. Names are text: nothing in them becomes markup. */
export function tableMarkdown(rows: readonly TensorError[], more?: Metric): string {
  const escaped = (text: string) =>
    text.replace(/[\\`*_{}[\]<>()#!|~&]/g, (letter) => `\\${letter}`).replace(/\s+/g, ' ');
  const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |\n`;
  const heads = headsOf(more);
  const rule = heads.map((_, i) => (i >= 3 && i < heads.length - 1 ? '---:' : '---'));
  return [line(heads), line(rule), ...rows.map((row) => line(cells(row, more).map(escaped)))].join('');
}
