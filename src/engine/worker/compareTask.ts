/** Error sums of whole rows against a counterpart, with profiles and histograms when asked for. */
import { linearCodeNamed } from '../../quant/linearCode';
import { addErrorSums, noErrorSums } from '../../quant/tensorError';
import { type Block, divide, segmentElements } from '../matrix';
import type { TensorSource } from '../tensorSource';
import { BandWindow } from './bandWindow';
import { ParameterPointers } from './encodeTask';
import { ErrorProfile } from './errorProfile';
import type { CompareResult, CompareTask, Counterpart } from './task';
import type { WorkerContext } from './workerContext';

export async function runCompare(context: WorkerContext, task: CompareTask): Promise<CompareResult> {
  const { kernels, reader } = context;
  const { source, part } = task;
  const most = Math.min(segmentElements, part.rows * part.columns);
  const x = kernels.alloc(4 * most);
  const y = kernels.alloc(4 * most);
  const other = new CounterpartReader(context, task.counterpart, source, most);
  const profile = task.detail && new ErrorProfile(part, task.detail.bins, task.detail.divergence);
  let sums = noErrorSums;
  for (const block of divide(part, segmentElements)) {
    context.checkCancelled();
    reader.read(source, block, x);
    other.read(block, x, y);
    const n = block.rows * block.columns;
    sums = addErrorSums(sums, kernels.errorSums(x, y, n));
    profile?.add(block, kernels.f32(x, n), kernels.f32(y, n));
  }
  if (!profile) return { sums };
  return { sums, detail: profile.result() };
}

/** Gives the dequantized values that belong to a block of originals. */
export class CounterpartReader {
  private readonly codes: number;
  private readonly pointers: ParameterPointers | undefined;
  private readonly window: BandWindow | undefined;

  constructor(
    private readonly context: WorkerContext,
    private readonly counterpart: Counterpart,
    private readonly source: TensorSource,
    mostElements: number,
  ) {
    const rows = Math.min(source.rows, mostElements);
    this.codes = counterpart.kind === 'scheme' ? context.kernels.alloc(mostElements + 4 * rows) : 0;
    this.pointers = counterpart.kind === 'scheme' ? new ParameterPointers(context, rows) : undefined;
    this.window =
      counterpart.kind === 'encoding'
        ? new BandWindow(context, source, counterpart.setting, counterpart.known)
        : undefined;
  }

  /** Fills `y` for the originals of `block`, which lie at `x`; any columns of one or more rows. */
  read(block: Block, x: number, y: number): void {
    const { kernels, reader } = this.context;
    const { counterpart } = this;
    if (counterpart.kind === 'tensor' && counterpart.isTransposed) {
      const mark = kernels.mark();
      const { row, rows, column, columns } = block;
      const pointer = kernels.alloc(4 * rows * columns);
      const turned = { row: column, rows: columns, column: row, columns: rows };
      reader.readRegion(counterpart.source, turned, pointer);
      const values = kernels.f32(pointer, rows * columns);
      const result = kernels.f32(y, rows * columns);
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) result[i * columns + j] = values[j * rows + i]!;
      kernels.reset(mark);
      return;
    }
    if (counterpart.kind === 'tensor') {
      reader.readRegion(counterpart.source, block, y);
      return;
    }
    if (counterpart.kind === 'encoding') {
      const { columns } = this.source;
      const values = new Float32Array(block.rows * block.columns);
      for (let row = 0; row < block.rows; row++) {
        this.window!.copyTo(
          values.subarray(row * block.columns, (row + 1) * block.columns),
          (block.row + row) * columns + block.column,
        );
      }
      kernels.f32(y, values.length).set(values);
      return;
    }
    const { low, high } = linearCodeNamed(counterpart.scheme)!;
    const { scale, inverse, zero } = this.pointers!;
    const stride = 4 * Math.ceil(block.columns / 4);
    this.pointers!.load(counterpart.parameters, block.row - counterpart.firstRow, block.rows);
    kernels.encode8(x, this.codes, block.rows, block.columns, stride, inverse, zero, low, high);
    kernels.decodeCodes8(this.codes, y, block.rows, block.columns, stride, scale, zero);
  }
}
