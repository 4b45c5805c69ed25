/** Decoders and encoders that look values up in the kernels' memory: in the values of a small float, or in the points of a lattice. */
import { fillLattice, type LatticeName, latticeBytes } from '../numeric/latticeGrids';
import { tableBytes, tableValues } from '../numeric/tableValues';
import type { BlockEncoder, LatticeEncoder } from './ggmlExports';
import {
  type Decoder,
  type KernelExports,
  type LookupDecoder,
  tabledDtypes,
  tableOnlyDtypes,
} from './kernelExports';
import { latticeDtypes, latticeTableBytes, latticeTables } from './latticeTables';

/**
 * Reserves a place for each table and fills it when a value of its type is decoded or encoded for the first time, so that instantiation
 * costs nothing: 45 KB for decoding, 7 MB for encoding, which are addresses and no memory until then.
 */
export class Lookups {
  readonly decoders = new Map<string, Decoder>();
  /** Of ggml's types that choose points of a lattice. */
  readonly encoders = new Map<string, BlockEncoder>();
  private readonly filled = new Set<LatticeName>();
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
    const places = new Map<LatticeName, number>();
    for (const [dtype, name] of Object.entries(latticeDtypes)) {
      // Types that share a lattice share its tables.
      const tables = places.get(name) ?? reserve(align(latticeTableBytes[name]));
      places.set(name, tables);
      this.addEncoder(dtype, exports[`encode${dtype as keyof typeof latticeDtypes}`], name, tables);
    }
    this.end = at;
  }

  private addEncoder(dtype: string, encode: LatticeEncoder, name: LatticeName, tables: number): void {
    this.encoders.set(dtype, (...args) => {
      if (!this.filled.has(name)) this.view(tables, latticeTableBytes[name]).set(latticeTables(name));
      this.filled.add(name);
      return encode(...args, tables);
    });
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

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
