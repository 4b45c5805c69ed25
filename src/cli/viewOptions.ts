/** Options of `show` and `save`: a tensor, and which part of it. */
import { LoupeError } from '../errors';
import type { TensorSlice } from '../protocol/engineApi';

/** Half-open; an end that is not given is the matrix'. */
export interface OpenRange {
  readonly from: number;
  readonly to: number | undefined;
}

export interface ViewOptions {
  readonly tensor: string;
  readonly rows: OpenRange | undefined;
  readonly columns: OpenRange | undefined;
  readonly slice: TensorSlice | undefined;
  readonly element: { readonly row: number; readonly column: number } | undefined;
}

interface ViewArguments {
  readonly rows?: string | undefined;
  readonly columns?: string | undefined;
  readonly slice?: string | undefined;
  readonly element?: string | undefined;
  readonly out?: string | undefined;
}

/** Throws `usage` for what is missing or makes no sense; whether it is in the tensor is the engine's to say. */
export function viewOptions(
  command: 'show' | 'save',
  tensor: string | undefined,
  { rows, columns, slice, element, out }: ViewArguments,
): ViewOptions {
  if (tensor === undefined) throw new LoupeError('usage', `${command} needs the name of a TENSOR.`);
  if (command === 'save' && !/\.(npy|csv)$/i.test(out ?? ''))
    throw new LoupeError('usage', 'save needs --out with a name that ends in .npy or .csv.');
  if (element !== undefined && (rows !== undefined || columns !== undefined))
    throw new LoupeError('usage', '--element goes with neither --rows nor --columns.');
  return {
    tensor,
    rows: rows === undefined ? undefined : parseRange('rows', rows),
    columns: columns === undefined ? undefined : parseRange('columns', columns),
    slice: slice === undefined ? undefined : parseSlice(slice),
    element: element === undefined ? undefined : parseElement(element),
  };
}

/** As in Python: "4:8", "4:", ":8"; "4" is 4:5. */
function parseRange(option: string, text: string): OpenRange {
  const match = /^(\d{0,15})(:?)(\d{0,15})$/.exec(text);
  const [, from = '', colon, to = ''] = match ?? [];
  const isRange = colon === ':' || from !== '';
  const range: OpenRange = {
    from: Number(from),
    to: colon === '' ? Number(from) + 1 : to === '' ? undefined : Number(to),
  };
  if (match && isRange && (range.to === undefined || range.from < range.to)) return range;
  throw new LoupeError('usage', `--${option} takes a range such as 4:8; "${text}" is none.`);
}

function parseElement(text: string): { row: number; column: number } {
  const match = /^(\d{1,15}),(\d{1,15})$/.exec(text);
  if (match) return { row: Number(match[1]), column: Number(match[2]) };
  throw new LoupeError('usage', `--element takes ROW,COLUMN; "${text}" is not that.`);
}

/** "3,r,c,0": an index for each dimension, r for the rows', c for the columns'; two colons are r and c in this order. */
function parseSlice(text: string): TensorSlice {
  const letters = text.split(',').map((part) => part.trim().toLowerCase());
  const colons = letters.flatMap((part, d) => (part === ':' ? [d] : []));
  if (colons.length === 2 && !letters.includes('r') && !letters.includes('c')) {
    letters[colons[0]!] = 'r';
    letters[colons[1]!] = 'c';
  }
  const rowDimension = letters.indexOf('r');
  const columnDimension = letters.indexOf('c');
  const rest = letters.filter((_, d) => d !== rowDimension && d !== columnDimension);
  if (rowDimension < 0 || columnDimension < 0 || !rest.every((part) => /^\d{1,15}$/.test(part)))
    throw new LoupeError(
      'usage',
      `--slice takes an index for each dimension but two, which are r and c, such as 3,r,c; "${text}" is not that.`,
    );
  return {
    rowDimension,
    columnDimension,
    at: letters.map((part, d) => (d === rowDimension || d === columnDimension ? 0 : Number(part))),
  };
}
