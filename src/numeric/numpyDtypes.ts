/** How NumPy names the types that it has. Everything else is given to it as decoded float32. */

export interface NumpyDtype {
  /** In .npy headers (numpy/lib/format.py); multi-byte types little-endian, as checkpoints store them. */
  readonly descr: string;
  /** In Python source. */
  readonly name: string;
  readonly bytes: number;
}

const float32: NumpyDtype = { descr: '<f4', name: 'float32', bytes: 4 };

const numpyDtypes: ReadonlyMap<string, NumpyDtype> = new Map<string, NumpyDtype>([
  ['F64', { descr: '<f8', name: 'float64', bytes: 8 }],
  ['F32', float32],
  ['F16', { descr: '<f2', name: 'float16', bytes: 2 }],
  ['I64', { descr: '<i8', name: 'int64', bytes: 8 }],
  ['I32', { descr: '<i4', name: 'int32', bytes: 4 }],
  ['I16', { descr: '<i2', name: 'int16', bytes: 2 }],
  ['I8', { descr: '|i1', name: 'int8', bytes: 1 }],
  ['U64', { descr: '<u8', name: 'uint64', bytes: 8 }],
  ['U32', { descr: '<u4', name: 'uint32', bytes: 4 }],
  ['U16', { descr: '<u2', name: 'uint16', bytes: 2 }],
  ['U8', { descr: '|u1', name: 'uint8', bytes: 1 }],
  ['BOOL', { descr: '|b1', name: 'bool', bytes: 1 }],
]);

/** The stored type as NumPy has it, or float32 for the decoded values (`stored` is then false). */
export function numpyDtype(dtype: string, isPacked: boolean): NumpyDtype & { readonly stored: boolean } {
  const own = isPacked ? undefined : numpyDtypes.get(dtype);
  return own ? { ...own, stored: true } : { ...float32, stored: false };
}
