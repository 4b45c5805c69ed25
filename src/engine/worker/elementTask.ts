/** One value and the stored bytes that give it. */
import { findDtype } from '../../numeric/dtypes';
import { isWide } from './valuesTask';
import type { ElementBytes, ElementTask } from './viewTasks';
import type { WorkerContext } from './workerContext';

export function runElement({ kernels, reader }: WorkerContext, { source, index }: ElementTask): ElementBytes {
  const { columns, columnUnit } = source;
  const row = Math.floor(index / columns);
  const column = index - row * columns;
  const begin = Math.floor(column / columnUnit) * columnUnit;
  const block = { row, rows: 1, column: begin, columns: Math.min(columnUnit, columns - begin) };
  const pointer = kernels.alloc(8 * block.columns);
  if (source.packed) {
    reader.read(source, block, pointer);
    return {
      value: kernels.f32(pointer, block.columns)[column - begin]!,
      packed: reader.explain(source, index),
    };
  }
  const { blockElements, blockBytes } = findDtype(source.dtype)!;
  const bytes = blockBytes * Math.ceil(block.columns / blockElements);
  const raw = kernels.alloc(bytes);
  reader.readRaw(source, block, raw);
  const place = Math.floor((column - begin) / blockElements);
  const own = raw + blockBytes * place;
  if (isWide(source)) kernels.decodeWide(source.dtype, own, pointer, 1);
  else kernels.decode(source.dtype, own, pointer, blockElements);
  const values = isWide(source) ? kernels.f64(pointer, 1) : kernels.f32(pointer, blockElements);
  return {
    value: values[(column - begin) % blockElements]!,
    bytes: kernels.u8(own, blockBytes).slice(),
    byteOffset: source.byteOffset + ((row * columns + begin) / blockElements + place) * blockBytes,
  };
}
