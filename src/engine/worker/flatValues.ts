/** Values of a flattened tensor, decoded once for all who look at the same place. */
import { segmentElements } from '../matrix';
import type { TensorSource } from '../tensorSource';
import type { WorkerContext } from './workerContext';

/** Decodes a run of the flattened tensor to float32 at `pointer`. */
export function readFlatTo(
  { reader }: WorkerContext,
  source: TensorSource,
  first: number,
  count: number,
  pointer: number,
): void {
  const { columns } = source;
  for (let done = 0; done < count; ) {
    const row = Math.floor((first + done) / columns);
    const column = (first + done) % columns;
    const rest = count - done;
    const whole = column === 0 ? Math.floor(rest / columns) : 0;
    const block =
      whole > 0
        ? { row, rows: whole, column: 0, columns }
        : { row, rows: 1, column, columns: Math.min(columns - column, rest) };
    reader.readRegion(source, block, pointer + 4 * done);
    done += block.rows * block.columns;
  }
}

/** Decodes a run of the flattened tensor. */
export function readFlat(
  context: WorkerContext,
  source: TensorSource,
  first: number,
  count: number,
): Float32Array {
  const { kernels } = context;
  const mark = kernels.mark();
  try {
    const pointer = kernels.alloc(4 * count);
    readFlatTo(context, source, first, count, pointer);
    return kernels.f32(pointer, count).slice();
  } finally {
    kernels.reset(mark);
  }
}

/** A few runs of a tensor, as they are walked through from its begin to its end. */
export class FlatValues {
  private readonly elements: number;
  private readonly kept = new Map<number, Float32Array>();
  private readonly capacity: number;

  /** `reach`: how far apart the values lie at most that are asked for at about the same time. */
  constructor(
    private readonly context: WorkerContext,
    private readonly source: TensorSource,
    reach: number,
  ) {
    this.elements = source.rows * source.columns;
    this.capacity = Math.ceil(reach / segmentElements) + 2;
  }

  /** Copies values from `first` on to `target`, as many as it holds, all within the tensor. */
  copyTo(target: Float32Array, first: number): void {
    for (let done = 0; done < target.length; ) {
      const at = first + done;
      const index = Math.floor(at / segmentElements);
      const from = at - index * segmentElements;
      const part = this.run(index).subarray(from, from + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  }

  get(first: number, count: number): Float32Array {
    const result = new Float32Array(count);
    this.copyTo(result, first);
    return result;
  }

  private run(index: number): Float32Array {
    const known = this.kept.get(index);
    if (known) return known;
    const first = index * segmentElements;
    const values = readFlat(
      this.context,
      this.source,
      first,
      Math.min(segmentElements, this.elements - first),
    );
    this.kept.set(index, values);
    const oldest = this.kept.size > this.capacity ? this.kept.keys().next().value : undefined;
    if (oldest !== undefined) this.kept.delete(oldest);
    return values;
  }
}
