/** LLM.int8() by the kernels; see src/quant/schemes/llmInt8.ts. */
import type { Kernels } from '../../kernels/kernels';
import { roundToDtype } from '../../numeric/floats';
import { floatBytes } from '../packing';
import { remembering } from '../remembering';
import type { Knowledge, Setting } from '../scheme';
import { outlierColumns } from '../schemes/llmInt8';
import { type BandKernel, isUnchecked, largestHalf } from './bandKernel';
import { placeMasks } from './pruned';

/** `inner` encodes rows without outliers: what is kept apart is 0 to it. */
export function llmInt8Kernel(kernels: Kernels, setting: Setting, inner: BandKernel): BandKernel {
  const { columns } = setting;
  const outliersOf = outlierColumns(setting);
  const maskOf = remembering((outliers: readonly number[]) => {
    const apart = new Uint8Array(columns);
    for (const column of outliers) apart[column] = 1;
    return apart;
  });
  return (band, known: Knowledge) => {
    const { first, count, x, y } = band;
    // What is kept apart may be beyond binary16's largest number.
    const codesOnly = band.codesOnly === true && isUnchecked(kernels, x, count, largestHalf);
    const outliers = outliersOf(known);
    const rest = kernels.alloc(4 * count);
    kernels.quant.pruneColumns(x, 0, count, columns, placeMasks(kernels, maskOf(outliers)), rest);
    const encoded = inner({ ...band, x: rest, codesOnly }, known);
    if (!encoded) return undefined;
    const values = kernels.f32(x, count);
    const dequantized = kernels.f32(y, count);
    const rows = count / columns;
    const kept = new Float32Array(rows * outliers.length);
    for (let row = 0, to = 0; row < rows; row++)
      for (const column of outliers) {
        const at = row * columns + column;
        kept[to++] = values[at]!;
        if (!encoded.omitsValues) dequantized[at] = roundToDtype(values[at]!, 'F16');
      }
    const byteOffset = 2 * (first / columns) * outliers.length;
    return {
      codes: encoded.codes,
      omitsValues: encoded.omitsValues,
      *chunks() {
        yield* encoded.chunks();
        yield { suffix: '.outlier_weights', byteOffset, bytes: floatBytes(kept, 'F16') };
      },
    };
  };
}
