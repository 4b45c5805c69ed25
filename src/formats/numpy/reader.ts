/** Reads NumPy arrays: one .npy file, or an .npz archive of them. */
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import { type DtypeInfo, findDtype } from '../../numeric/dtypes';
import type { TensorInfo } from '../checkpoint';
import { counted, type FileContents, quoteName, type ReadOptions } from '../fileContents';
import { FindingList } from '../findingList';
import { entryDataOffset, entryHead, packedReason, type ZipDirectory } from '../zip/directory';
import { type NpyHeader, npyHeaderBytes, npyPrefixBytes, parseNpyHeader } from './npyHeader';

/** Enough for the header of every plain array, which NumPy pads to 64 bytes. */
const usualHeaderBytes = 256;

const plainTypes: ReadonlyMap<string, string> = new Map([
  ['b1', 'BOOL'],
  ['i1', 'I8'],
  ['i2', 'I16'],
  ['i4', 'I32'],
  ['i8', 'I64'],
  ['u1', 'U8'],
  ['u2', 'U16'],
  ['u4', 'U32'],
  ['u8', 'U64'],
  ['f2', 'F16'],
  ['f4', 'F32'],
  ['f8', 'F64'],
  ['c8', 'C64'],
  ['c16', 'C128'],
]);

const kindNames: ReadonlyMap<string, string> = new Map([
  ['O', 'Python objects'],
  ['S', 'byte strings'],
  ['a', 'byte strings'],
  ['U', 'text'],
  ['V', 'raw bytes'],
  ['M', 'dates'],
  ['m', 'time spans'],
  ['f', 'long double numbers, which differ from machine to machine'],
  ['c', 'long double numbers, which differ from machine to machine'],
]);

/** A type of NumPy's in the table of dtypes, or the reason why its values cannot be read. */
function readType({ descr, structured }: NpyHeader): { dtype?: DtypeInfo; name: string; reason?: string } {
  if (structured)
    return { name: 'structured', reason: 'It is a structured array; only plain ones can be read.' };
  const parts = /^([<>|=]?)([A-Za-z])(\d*)/.exec(descr);
  const name = plainTypes.get(`${parts?.[2]}${parts?.[3]}`);
  if (!parts || name === undefined || parts[0] !== descr) {
    const kind = kindNames.get(parts?.[2] ?? '');
    const reason = kind === undefined ? `Its type ${quoteName(descr)} is not known.` : `It holds ${kind}.`;
    return { name: descr, reason };
  }
  const dtype = findDtype(name)!;
  if (parts[1] === '>' && dtype.blockBytes > 1)
    return { dtype, name, reason: 'Its values are big-endian; only little-endian ones can be read.' };
  return { dtype, name };
}

/** Where an array's header lies and how far its bytes may reach. */
interface Place {
  readonly name: string;
  readonly byteOffset: number;
  readonly end: number;
  /** Set when the bytes are no plain run of the file. */
  readonly packed?: string | undefined;
}

function toTensor(header: NpyHeader, place: Place, file: string, findings: FindingList): TensorInfo {
  const { name, byteOffset } = place;
  const at = { file, tensor: name, byteOffset };
  const elements = header.shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(elements))
    throw new LoupeError('malformed', `Array ${quoteName(name)} has more elements than can be counted.`, at);
  const { dtype, name: dtypeName, reason } = readType(header);
  const bytes = elements * (dtype?.blockBytes ?? 0);
  if (!Number.isSafeInteger(bytes))
    throw new LoupeError('malformed', `Array ${quoteName(name)} has more bytes than can be counted.`, at);
  let unreadable = place.packed ?? reason;
  if (header.descr.includes('O') && (header.structured || /^[|<>=]?O$/.test(header.descr)))
    findings.add({
      severity: 'warning',
      code: 'pickle-code',
      message: `Array ${quoteName(name)} holds Python objects; loading it elsewhere can run code. It is not loaded here.`,
      ...at,
    });
  const wide = header.shape.filter((size) => size !== 1).length > 1;
  if (header.fortranOrder && wide && elements > 0)
    unreadable ??= 'Its values lie column by column (Fortran order); only row by row can be read.';
  const dataOffset = byteOffset + header.headerBytes;
  const there = place.end - dataOffset;
  if (dtype && !place.packed && bytes > there) {
    unreadable = 'The file ends before this tensor does.';
    findings.add({
      severity: 'error',
      code: 'truncated-data',
      message: `Array ${quoteName(name)} needs ${counted(bytes, 'byte')}, but only ${counted(there, 'byte')} are there.`,
      ...at,
    });
  } else if (dtype && !place.packed && bytes < there)
    findings.add({
      severity: 'warning',
      code: 'trailing-data',
      message: `${counted(there - bytes, 'byte')} after array ${quoteName(name)} belong to no array.`,
      ...at,
      byteOffset: dataOffset + bytes,
    });
  return {
    name,
    dtype: dtypeName,
    shape: header.shape,
    file: 0,
    byteOffset: dataOffset,
    bytes,
    elements,
    ...(unreadable === undefined ? {} : { unreadable }),
  };
}

async function readHeader(source: ByteSource, start: number, end: number): Promise<NpyHeader> {
  const head = await source.read(start, Math.min(usualHeaderBytes, end - start));
  const needed = npyHeaderBytes(head.subarray(0, npyPrefixBytes), source.path, start);
  if (needed <= head.length) return parseNpyHeader(head, source.path, start);
  if (needed > end - start)
    throw new LoupeError('malformed', 'The file ends inside the NumPy header.', {
      file: source.path,
      byteOffset: end,
    });
  return parseNpyHeader(await source.read(start, needed), source.path, start);
}

/** One .npy file: one tensor, named `name`. Throws `malformed` or `unsupported`. */
export async function readNpy(source: ByteSource, name: string): Promise<FileContents> {
  const header = await readHeader(source, 0, source.size);
  const findings = new FindingList();
  const tensor = toTensor(header, { name, byteOffset: 0, end: source.size }, source.path, findings);
  return { format: 'numpy', tensors: [tensor], metadata: [], findings: findings.toArray() };
}

/**
 * The arrays of an .npz archive, named as NumPy does, without ".npy". An array that cannot be understood becomes a
 * finding; compressed arrays are listed without their values.
 */
export async function readNpz(
  source: ByteSource,
  directory: ZipDirectory,
  options: ReadOptions = {},
): Promise<FileContents> {
  const findings = new FindingList();
  const tensors: TensorInfo[] = [];
  for (const entry of directory.entries) {
    throwIfAborted(options.signal);
    const at = { file: source.path, byteOffset: entry.headerOffset };
    if (!entry.name.endsWith('.npy')) {
      findings.add({
        severity: 'info',
        code: 'foreign-entry',
        message: `The archive's entry ${quoteName(entry.name)} is no array.`,
        ...at,
      });
      continue;
    }
    const name = entry.name.slice(0, -4);
    try {
      const packed = packedReason(entry);
      if (packed === undefined) {
        const byteOffset = await entryDataOffset(source, entry, directory.byteOffset);
        const end = byteOffset + entry.bytes;
        const header = await readHeader(source, byteOffset, end);
        tensors.push(toTensor(header, { name, byteOffset, end }, source.path, findings));
      } else {
        const head = await entryHead(source, entry, directory.byteOffset, usualHeaderBytes * 2);
        const header = parseNpyHeader(head, source.path, entry.headerOffset);
        const place = { name, byteOffset: entry.headerOffset, end: source.size, packed };
        const tensor = toTensor(header, place, source.path, findings);
        tensors.push({ ...tensor, byteOffset: entry.headerOffset, bytes: entry.packedBytes });
      }
    } catch (thrown) {
      const error = LoupeError.from(thrown, at);
      if (error.code !== 'malformed' && error.code !== 'unsupported') throw error;
      findings.add({
        severity: 'error',
        code: 'unreadable-entry',
        message: `Array ${quoteName(name)} cannot be read. ${error.message}`,
        tensor: name,
        ...at,
        ...(error.byteOffset === undefined ? {} : { byteOffset: error.byteOffset }),
      });
    }
  }
  return { format: 'numpy', tensors, metadata: [], findings: findings.toArray() };
}
