/** Turns tensors of a pickle into spans of a file, once it is known where each storage lies. */
import { LoupeError } from '../../errors';
import { findDtype } from '../../numeric/dtypes';
import type { TensorInfo } from '../checkpoint';
import { counted, quoteName } from '../fileContents';
import type { FindingList } from '../findingList';
import type { NamedTensor } from './flatten';
import type { CodeUse } from './pickleBudget';
import type { PickleStorage, PickleTensor } from './pickleValues';

/** Where a storage's bytes lie, or why they cannot be read. */
export type StoragePlace =
  | { readonly byteOffset: number; readonly bytes: number }
  | { readonly reason: string; readonly code?: string };

/** Element sizes of PyTorch's own quantized types, whose scales lie outside of the storage. */
const quantizedBytes: ReadonlyMap<string, number> = new Map([
  ['QINT8', 1],
  ['QUINT8', 1],
  ['QINT32', 4],
]);

export const elementBytes = (dtype: string | undefined): number =>
  dtype === undefined ? 1 : (quantizedBytes.get(dtype) ?? findDtype(dtype)?.blockBytes ?? 1);

export interface Placement {
  readonly file: string;
  readonly bigEndian: boolean;
  readonly findings: FindingList;
  readonly find: (storage: PickleStorage) => Promise<StoragePlace>;
}

/** The tensors with their spans; what cannot be read says why. Throws `malformed` for uncountable shapes. */
export async function placeTensors(
  tensors: readonly NamedTensor[],
  placement: Placement,
): Promise<TensorInfo[]> {
  const placed: TensorInfo[] = [];
  for (const { name, tensor } of tensors) placed.push(await placeTensor(name, tensor, placement));
  return placed;
}

async function placeTensor(name: string, tensor: PickleTensor, placement: Placement): Promise<TensorInfo> {
  const { dtype, shape, storage } = tensor;
  const elements = shape.reduce((product, size) => product * size, 1);
  const itemBytes = elementBytes(dtype);
  const bytes = elements * itemBytes;
  const skipped = tensor.storageOffset * itemBytes;
  if (!Number.isSafeInteger(elements) || !Number.isSafeInteger(bytes + skipped))
    throw new LoupeError('malformed', `Tensor ${quoteName(name)} has more elements than can be counted.`, {
      file: placement.file,
      tensor: name,
      byteOffset: 0,
    });
  const base = { name, dtype, shape, elements, file: 0, byteOffset: 0, bytes };
  if (!storage) return { ...base, bytes: 0, unreadable: tensor.unreadable ?? 'It has no values.' };
  const place = await placement.find(storage);
  const fault = (code: string, reason: string): TensorInfo => {
    placement.findings.add({
      severity: 'error',
      code,
      message: `Tensor ${quoteName(name)}: ${reason}`,
      file: placement.file,
      tensor: name,
    });
    return { ...base, unreadable: reason };
  };
  if ('reason' in place)
    return place.code === undefined ? { ...base, unreadable: place.reason } : fault(place.code, place.reason);
  const byteOffset = place.byteOffset + skipped;
  const at = { ...base, byteOffset };
  if (quantizedBytes.has(dtype))
    return { ...at, unreadable: 'It is quantized by PyTorch: its codes mean nothing without their scales.' };
  if (!findDtype(dtype)) return fault('unknown-type', `Its type ${quoteName(dtype)} is not known.`);
  if (storage.isView) return { ...at, unreadable: 'It is a view as files before PyTorch 0.4 have them.' };
  if (tensor.unreadable !== undefined) return { ...at, unreadable: tensor.unreadable };
  if (!isContiguous(tensor, elements))
    return {
      ...at,
      unreadable: `Its values do not lie one after another: its strides are [${tensor.strides.join(', ')}].`,
    };
  if (elements > 0 && skipped + bytes > place.bytes)
    return fault(
      'tensor-outside-storage',
      `It ends at byte ${skipped + bytes} of its storage, which has ${counted(place.bytes, 'byte')}.`,
    );
  if (placement.bigEndian && itemBytes > 1)
    return { ...at, unreadable: 'Its values are big-endian; only little-endian ones can be read.' };
  return at;
}

/** As PyTorch decides it: dimensions of one element may have any stride. */
function isContiguous({ shape, strides }: PickleTensor, elements: number): boolean {
  if (elements === 0) return true;
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] === 1) continue;
    if (strides[d] !== expected) return false;
    expected *= shape[d]!;
  }
  return true;
}

/** One finding a name: what loading the pickle in Python would import or call. */
export function reportCode(uses: Iterable<CodeUse>, file: string, findings: FindingList): void {
  for (const { path, verdict, byteOffset, called } of uses) {
    const name = quoteName(path);
    const message =
      verdict === 'dangerous'
        ? called
          ? `Loading this file in Python would run ${name}. Nothing of it is run here.`
          : `Loading this file in Python would import ${name}, which can run code. Nothing of it is run here.`
        : `The file names ${name}, which is code and no tensor; Python would ${called ? 'call' : 'import'} it. Nothing of it is run here.`;
    findings.add({
      severity: verdict === 'dangerous' ? 'error' : 'warning',
      code: 'pickle-code',
      message,
      file,
      byteOffset,
    });
  }
}
