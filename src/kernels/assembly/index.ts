/**
 * The kernels' entry point for the AssemblyScript compiler. What each function does, its layouts and its
 * rounding are documented at `Kernels` in ../kernels.ts; ../reference has the same in plain TypeScript.
 */
export { channels, channels64 } from './channels';
export { decodeCodes8, encode8 } from './codes';
export {
  decodeBF16,
  decodeF16,
  decodeF32,
  decodeI8,
  decodeQ4_0,
  decodeQ8_0,
  decodeU8,
} from './decode';
export { errorSums } from './errorSums';
export { histogramF32, histogramF64, histogramU16 } from './histogram';
export { countBeyond, countBeyond64, moments, moments64 } from './moments';
export { rowRange } from './rowRange';

/** The first byte behind the module's own data. */
export function heapBase(): usize {
  return __heap_base;
}
