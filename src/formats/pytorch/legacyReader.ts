/**
 * Reads single pickles, and what torch.save wrote before PyTorch 1.6 (torch/serialization.py `_legacy_save`): pickles
 * of a magic number, a version, the system and the object, then the storages' keys, and each storage with its
 * length before its values.
 */
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError } from '../../errors';
import type { MetadataEntry } from '../checkpoint';
import { type FileContents, quoteName, type ReadOptions } from '../fileContents';
import { FindingList } from '../findingList';
import { ForwardCursor } from '../forwardCursor';
import { flatten } from './flatten';
import { runPickle } from './pickleMachine';
import { PickleDict, PickleList, type PickleStorage, type PickleValue } from './pickleValues';
import { elementBytes, placeTensors, reportCode, type StoragePlace } from './placeTensors';
import { pickleBudget, reportFlattening } from './zipReader';

const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;
const lengthBytes = 8;

/** Reads the pickles and the storages' lengths, no values. Throws `malformed` or `unsupported`. */
export async function readPickleFile(
  source: ByteSource,
  rootName: string,
  options: ReadOptions = {},
): Promise<FileContents> {
  const cursor = new ForwardCursor(source, options);
  const budget = pickleBudget(source, options);
  const findings = new FindingList();
  let { value, protocol } = await runPickle(cursor, budget);
  const isTorch = value === magicNumber;
  let bigEndian = false;
  if (isTorch) {
    const version = (await runPickle(cursor, budget)).value;
    if (version !== protocolVersion)
      throw new LoupeError('unsupported', `PyTorch's format version is not ${protocolVersion}.`, {
        file: source.path,
        byteOffset: cursor.byteOffset,
      });
    bigEndian = settingIn((await runPickle(cursor, budget)).value, 'little_endian') === false;
    ({ value, protocol } = await runPickle(cursor, budget));
  }
  const flattened = flatten(value, rootName, source.path);
  const places = new Map<string, StoragePlace>();
  if (isTorch) {
    const keys = (await runPickle(cursor, budget)).value;
    const storages = new Map<string, PickleStorage>();
    for (const { tensor } of flattened.tensors)
      if (tensor.storage) storages.set(tensor.storage.key, tensor.storage);
    await locateStorages(source, cursor.byteOffset, keys, storages, places);
  } else if (flattened.tensors.length === 0 && budget.code.size === 0)
    findings.add({
      severity: 'info',
      code: 'no-tensors',
      message: 'This is a plain Python pickle, which holds no tensor of PyTorch.',
      file: source.path,
    });
  reportCode(budget.code.values(), source.path, findings);
  reportFlattening(flattened.duplicates, flattened.tooDeep, source.path, findings);
  const find = async ({ key }: PickleStorage): Promise<StoragePlace> =>
    places.get(key) ?? {
      reason: `The file lacks its storage ${quoteName(key)}.`,
      code: 'missing-storage',
    };
  const tensors = await placeTensors(flattened.tensors, { file: source.path, bigEndian, findings, find });
  const metadata: MetadataEntry[] = [
    { key: 'pytorch.container', type: 'str', value: isTorch ? 'pickle, before PyTorch 1.6' : 'plain pickle' },
    { key: 'pytorch.pickle_protocol', type: 'int', value: protocol },
    ...flattened.settings,
  ];
  return { format: 'pytorch', tensors, metadata, findings: findings.toArray() };
}

function settingIn(value: PickleValue, key: string): PickleValue | undefined {
  return value instanceof PickleDict ? value.values[value.keys.indexOf(key)] : undefined;
}

/**
 * Storages lie one after another in the order of the keys. The place of one that no tensor has is unknown, since its
 * type is: those behind it cannot be found.
 */
async function locateStorages(
  source: ByteSource,
  start: number,
  keys: PickleValue,
  storages: ReadonlyMap<string, PickleStorage>,
  places: Map<string, StoragePlace>,
): Promise<void> {
  if (!(keys instanceof PickleList))
    throw new LoupeError('malformed', "The storages' keys are no list.", {
      file: source.path,
      byteOffset: start,
    });
  let at = start;
  let lost: string | undefined;
  for (const item of keys.items) {
    const key = String(item);
    if (places.has(key))
      throw new LoupeError('malformed', `The storage ${quoteName(key)} is listed twice.`, {
        file: source.path,
        byteOffset: start,
      });
    const storage = storages.get(key);
    if (lost === undefined && !storage) lost = 'It lies behind a storage of unknown type.';
    if (lost === undefined && at + lengthBytes > source.size) lost = 'The file ends before this tensor does.';
    if (lost !== undefined || !storage) {
      const code = lost?.startsWith('The file') ? 'truncated-data' : 'unreadable-storage';
      places.set(key, { reason: lost ?? '', code });
      continue;
    }
    const bytes = await source.read(at, lengthBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes);
    const length = view.getBigInt64(0, true);
    if (length !== BigInt(storage.length))
      throw new LoupeError(
        'malformed',
        `The storage ${quoteName(key)} has ${length} values, but its tensors say ${storage.length}.`,
        { file: source.path, byteOffset: at },
      );
    const byteOffset = at + lengthBytes;
    const size = storage.length * elementBytes(storage.dtype);
    at = byteOffset + size;
    if (at > source.size) {
      lost = 'The file ends before this tensor does.';
      places.set(key, { reason: lost, code: 'truncated-data' });
    } else places.set(key, { byteOffset, bytes: size });
  }
}
