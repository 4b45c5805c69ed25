/** How the stored bytes divide among the dtypes. */
import type { TensorColumns } from '../../src/protocol/engineApi';

export interface DtypeShare {
  readonly dtype: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  /** Of the bytes, 0..1. */
  readonly share: number;
}

/** Largest first. */
export function dtypeShares(columns: TensorColumns): readonly DtypeShare[] {
  const totals = columns.dtypes.map((dtype) => ({ dtype, tensors: 0, parameters: 0, bytes: 0 }));
  let bytes = 0;
  for (let i = 0; i < columns.count; i++) {
    const total = totals[columns.dtype[i]!]!;
    total.tensors++;
    total.parameters += columns.elements[i]!;
    total.bytes += columns.bytes[i]!;
    bytes += columns.bytes[i]!;
  }
  return totals
    .filter((total) => total.tensors > 0)
    .map((total) => ({ ...total, share: bytes > 0 ? total.bytes / bytes : 0 }))
    .sort((a, b) => b.bytes - a.bytes || (a.dtype < b.dtype ? -1 : 1));
}
