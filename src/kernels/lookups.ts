/** Decoders that look values up in the kernels' memory: in the values of a small float, or in the points of a lattice. */
import { fillLattice, latticeBytes } from '../numeric/latticeGrids';
import { tableBytes, tableValues } from '../numeric/tableValues';
import {
  type Decoder,
  type KernelExports,
  type LookupDecoder,
  latticeDtypes,
  tabledDtypes,
  tableOnlyDtypes,
} from './kernelExports';

/**
 * Reserves a place for each table (45 KB in all) and fills it when a value of its type is decoded for the first time,
 * so that instantiation costs nothing.
 */
export class Lookups {
  readonly decoders = new Map<string, Decoder>();
  /** The first byte behind all tables. */
  readonly end: number;

  /** `start` is where the tables go, at a multiple of 4; `view` shows bytes of the memory as it is when called. */
  constructor(
    exports: KernelExports,
    start: number,
    private readonly view: (pointer: number, bytes: number) => Uint8Array<ArrayBuffer>,
  ) {
    let at = start;
    const reserve = (bytes: number) => {
      at += bytes;
      return at - bytes;
    };
    const table = (dtype: string, decode: LookupDecoder) =>
      this.add([dtype, decode], reserve(tableBytes), tableBytes, (bytes) =>
        bytes.set(new Uint8Array(tableValues(dtype)!.buffer)),
      );
    for (const dtype of tabledDtypes) table(dtype, exports[`decode${dtype}`]);
    for (const dtype of tableOnlyDtypes) table(dtype, exports.decodeByTable);
    for (const [dtype, name] of Object.entries(latticeDtypes)) {
      const bytes = latticeBytes(name);
      const decode = exports[`decode${dtype as keyof typeof latticeDtypes}`];
      this.add([dtype, decode], reserve(bytes), bytes, (into) =>
        fillLattice(name, new Int8Array(into.buffer, into.byteOffset, bytes)),
      );
    }
    this.end = at;
  }

  private add(
    [dtype, decode]: readonly [string, LookupDecoder],
    pointer: number,
    bytes: number,
    fill: (bytes: Uint8Array<ArrayBuffer>) => void,
  ): void {
    let isFilled = false;
    this.decoders.set(dtype, (src, dst, elements) => {
      if (!isFilled) fill(this.view(pointer, bytes));
      isFilled = true;
      decode(src, dst, elements, pointer);
    });
  }
}
