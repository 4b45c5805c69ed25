/** Values and elements of a tensor as JSON documents and as text. */
import type { ElementReading, MatrixValues, NumberPicture } from '../protocol/tensorViews';
import { printable, textTable } from './textTable';

/** What is shown of which tensor. */
export interface Shown {
  readonly tensor: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** JSON has no NaN and no infinity: they are strings, as are integers that a number does not hold. */
function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function rowsOf<T>({ region }: MatrixValues, values: ArrayLike<T>): T[][] {
  const columns = region.column1 - region.column0;
  return Array.from({ length: region.row1 - region.row0 }, (_, i) =>
    Array.from({ length: columns }, (_, j) => values[i * columns + j]!),
  );
}

export function valuesJson(shown: Shown, read: MatrixValues): unknown {
  const { row0, row1, column0, column1 } = read.region;
  const texts = read.exact?.map((text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text));
  return {
    ...shown,
    rows: [row0, row1],
    columns: [column0, column1],
    values: texts ? rowsOf(read, texts) : rowsOf(read, Array.from(read.values, jsonNumber)),
  };
}

/** Columns are numbered above, rows in front. */
export function valuesText(
  shown: Shown,
  read: MatrixValues,
  size: { rows: number; columns: number },
): string {
  const { region } = read;
  const texts = read.exact ?? Array.from(read.values, cellText);
  const columns = Array.from({ length: region.column1 - region.column0 }, (_, j) => region.column0 + j);
  const table = textTable(
    [{ title: '', align: 'right' }, ...columns.map((j) => ({ title: String(j), align: 'right' as const }))],
    rowsOf(read, texts).map((row, i) => [String(region.row0 + i), ...row]),
  );
  const isPart = region.row1 - region.row0 < size.rows || region.column1 - region.column0 < size.columns;
  const part = isPart
    ? `\nrows ${region.row0}:${region.row1} of ${size.rows}, columns ${region.column0}:${region.column1} of ${size.columns}`
    : '';
  return `${title(shown)}\n${table}${part}`;
}

const title = ({ tensor, dtype, shape }: Shown): string =>
  `${printable(tensor)}  ${printable(dtype)}  ${shape.join(' × ') || 'scalar'}`;

/** Seven significant digits: what float32 holds. */
function cellText(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return Object.is(value, -0) ? '-0' : String(value);
  return String(Number(value.toPrecision(7)));
}

export function elementJson(shown: Shown, reading: ElementReading): unknown {
  return {
    ...shown,
    ...reading,
    value: jsonNumber(reading.value),
    as: reading.as.map((one) => ({ ...one, value: jsonNumber(one.value), error: jsonNumber(one.error) })),
  };
}

/** The bits in their fields, what each says, and the exact digits; the same of the other types. */
export function elementText(shown: Shown, reading: ElementReading): string {
  const lines = [
    title(shown),
    `[${reading.at.join(', ')}], value ${reading.index}${reading.byteOffset === undefined ? '' : `, at byte ${reading.byteOffset}`}`,
    '',
    `value    ${reading.decimal}`,
  ];
  const { stored, block } = reading;
  if (stored && stored.shortest !== reading.decimal)
    lines.push(`enough   ${stored.shortest} (${stored.significant} digits tell it from its neighbours)`);
  if (stored) {
    lines.push(`bits     ${fieldBits(stored)}`);
    for (const { name, text } of stored.fields) lines.push(`         ${name}: ${text}`);
  }
  if (block) {
    lines.push(`block    ${block.index}, value ${block.position} of ${block.elements}`);
    lines.push(`         ${printable(block.text)}`);
  }
  lines.push(
    '',
    textTable(
      [{ title: 'as' }, { title: 'bits' }, { title: 'value' }, { title: 'error', align: 'right' }],
      reading.as.map((one) => [
        one.dtype,
        fieldBits(one),
        one.decimal,
        one.error === 0 ? 'exact' : Number.isNaN(one.error) ? '' : one.error.toExponential(2),
      ]),
    ),
  );
  return lines.join('\n');
}

const fieldBits = ({ bits, fields }: NumberPicture): string =>
  fields.map(({ from, to }) => bits.slice(from, to)).join(' ');
