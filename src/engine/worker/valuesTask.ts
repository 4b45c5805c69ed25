/** Values of a block of a matrix as float64, and the exact texts of 64-bit integers. */
import { wideDtypes } from '../../numeric/dtypes';
import type { TensorSource } from '../tensorSource';
import { SliceReader } from './sliceReader';
import type { ValuesTask, ViewResults } from './viewTasks';
import type { WorkerContext } from './workerContext';

/** Whether float32 cannot hold the stored values. */
export const isWide = ({ dtype, packed }: TensorSource): boolean => !packed && wideDtypes.has(dtype);

export function runValues(
  context: WorkerContext,
  { source, matrix, block }: ValuesTask,
): ViewResults['values'] {
  const { kernels } = context;
  const reader = new SliceReader(context);
  const count = block.rows * block.columns;
  if (!isWide(source)) {
    const pointer = kernels.alloc(4 * count);
    reader.readFloat32(source, matrix, block, pointer);
    return { values: Float64Array.from(kernels.f32(pointer, count)) };
  }
  const raw = kernels.alloc(8 * count);
  reader.readStored(source, matrix, block, raw);
  const wide = kernels.alloc(8 * count);
  kernels.decodeWide(source.dtype, raw, wide, count);
  const values = kernels.f64(wide, count).slice();
  const { dtype } = source;
  if (dtype !== 'I64' && dtype !== 'U64') return { values };
  const bytes = kernels.u8(raw, 8 * count).slice();
  const integers = dtype === 'I64' ? new BigInt64Array(bytes.buffer) : new BigUint64Array(bytes.buffer);
  return { values, exact: Array.from(integers, String) };
}
