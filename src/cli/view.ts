/** The commands `show` and `save`. */
import * as path from 'node:path';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { Catalogue, Region } from '../protocol/engineApi';
import type { CliOptions } from './options';
import { TerminalProgress } from './terminalProgress';
import { printable } from './textTable';
import type { OpenRange, ViewOptions } from './viewOptions';
import { elementJson, elementText, type Shown, valuesJson, valuesText } from './viewOutput';

/** What a screen shows of a tensor when nothing is said. */
const usualRows = 16;
const usualColumns = 8;

/** Prints a JSON document or a text. */
export type Print = (document: unknown, text: string) => void;

interface Found {
  readonly index: number;
  readonly shown: Shown;
  /** Of the matrix that the slice gives. */
  readonly size: { readonly rows: number; readonly columns: number };
}

/** Prints values of a tensor, or one element. */
export async function showTensor(
  engine: EngineClient,
  file: string,
  view: ViewOptions,
  signal: AbortSignal,
  print: Print,
): Promise<number> {
  const catalogue = await engine.call('open', { path: file }, { signal });
  const { index, shown, size } = find(catalogue, view);
  const of = { path: file, generation: catalogue.generation, tensor: index, slice: view.slice };
  if (view.element) {
    const reading = await engine.call('element', { ...of, ...view.element }, { signal });
    print(elementJson(shown, reading), elementText(shown, reading));
    return 0;
  }
  const usual = (range: OpenRange | undefined, count: number): OpenRange => range ?? { from: 0, to: count };
  const region = regionOf(
    { rows: usual(view.rows, usualRows), columns: usual(view.columns, usualColumns) },
    size,
  );
  const read = await engine.call('values', { ...of, region }, { signal });
  print(valuesJson(shown, read), valuesText(shown, read, size));
  return 0;
}

/** Writes values of a tensor to a file. */
export async function saveTensor(
  engine: EngineClient,
  file: string,
  { out = '', overwrite, view }: CliOptions & { view: ViewOptions },
  signal: AbortSignal,
  print: Print,
): Promise<number> {
  const catalogue = await engine.call('open', { path: file }, { signal });
  const { index, size } = find(catalogue, view);
  const progress = new TerminalProgress('Saving');
  try {
    const saved = await engine.call(
      'saveTensor',
      {
        path: file,
        generation: catalogue.generation,
        tensor: index,
        slice: view.slice,
        region: view.rows || view.columns ? regionOf(view, size) : undefined,
        format: /\.npy$/i.test(out) ? 'npy' : 'csv',
        out: path.resolve(out),
        overwrite,
      },
      {
        signal,
        progress: ({ bytesDone, bytesTotal }) =>
          progress.update(
            bytesDone / Math.max(1, bytesTotal),
            `${binarySize(bytesDone)} of ${binarySize(bytesTotal)}`,
          ),
      },
    );
    progress.end();
    print(saved, `${printable(saved.path)}  ${binarySize(saved.bytes)} (${saved.bytes} bytes)`);
    return 0;
  } finally {
    progress.end();
  }
}

function find({ tensors, path: file }: Catalogue, { tensor, slice }: ViewOptions): Found {
  const index = tensors.names.indexOf(tensor);
  if (index < 0) throw new LoupeError('usage', `There is no tensor ${tensor}.`, { file });
  const start = index === 0 ? 0 : tensors.shapeEnd[index - 1]!;
  const shape = Array.from(tensors.shapes.subarray(start, tensors.shapeEnd[index]!));
  const rows = shape.length > 1 ? shape[0]! : 1;
  const columns = shape.slice(shape.length > 1 ? 1 : 0).reduce((product, size) => product * size, 1);
  return {
    index,
    shown: { tensor, dtype: tensors.dtypes[tensors.dtype[index]!]!, shape },
    // A slice that the shape does not have is refused by the engine.
    size: slice
      ? { rows: shape[slice.rowDimension] ?? 1, columns: shape[slice.columnDimension] ?? 1 }
      : { rows, columns },
  };
}

/** Ranges may end beyond the matrix, as in Python. */
function regionOf(
  { rows, columns }: Pick<ViewOptions, 'rows' | 'columns'>,
  size: { rows: number; columns: number },
): Region {
  const end = (range: OpenRange | undefined, most: number) => Math.min(range?.to ?? most, most);
  return {
    row0: rows?.from ?? 0,
    row1: end(rows, size.rows),
    column0: columns?.from ?? 0,
    column1: end(columns, size.columns),
  };
}
