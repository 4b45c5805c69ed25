/** The header of an .npy file (numpy/lib/format.py, NEP 1), version 1.0. */

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy aligns the data to this. */
const alignment = 64;

/** Magic, version, length and the dictionary, padded with spaces so that the data begin at a multiple of 64 bytes. */
export function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefix = magic.length + 4;
  const total = Math.ceil((prefix + text.length + 1) / alignment) * alignment;
  const header = new Uint8Array(total).fill(0x20);
  header.set(magic);
  header.set([1, 0], magic.length);
  new DataView(header.buffer).setUint16(magic.length + 2, total - prefix, true);
  header.set(new TextEncoder().encode(text), prefix);
  header[total - 1] = 0x0a;
  return header;
}
