/**
 * Reads what torch.save writes since PyTorch 1.6, and TorchScript archives: a zip of stored entries with
 * `<name>/data.pkl`, one `<name>/data/<key>` for each storage, and `<name>/byteorder` (torch/serialization.py,
 * caffe2/serialize/inline_container.cc).
 */
import { type ByteSource, memorySource } from '../../bytes/byteSource';
import { LoupeError } from '../../errors';
import type { MetadataEntry } from '../checkpoint';
import { defaultHeaderCapBytes, type FileContents, quoteName, type ReadOptions } from '../fileContents';
import { FindingList } from '../findingList';
import { ForwardCursor } from '../forwardCursor';
import {
  entryDataOffset,
  entryHead,
  packedReason,
  unpackEntry,
  type ZipDirectory,
  type ZipEntry,
} from '../zip/directory';
import { flatten } from './flatten';
import { PickleBudget } from './pickleBudget';
import { runPickle } from './pickleMachine';
import type { PickleStorage } from './pickleValues';
import { elementBytes, placeTensors, reportCode, type StoragePlace } from './placeTensors';

/** Memory for one file's values, enough for 15,000 tensors; more where larger headers are allowed. */
const pickleBudgetBytes = 36 << 20;

export function pickleBudget({ path }: ByteSource, { headerCapBytes }: ReadOptions): PickleBudget {
  const factor = Math.max(1, (headerCapBytes ?? 0) / defaultHeaderCapBytes);
  return new PickleBudget(pickleBudgetBytes * factor, path);
}

/** A packed pickle is unpacked in memory up to this. */
const mostUnpackedBytes = 16 << 20;
const pickleName = /^(?:.*\/)?data\.pkl$/;

/** The entry that holds the tensors' names, the outermost one; undefined when this is no archive of PyTorch. */
export function findPickle(directory: ZipDirectory): ZipEntry | undefined {
  const depth = ({ name }: ZipEntry) => name.split('/').length;
  let found: ZipEntry | undefined;
  for (const entry of directory.entries)
    if (pickleName.test(entry.name) && (!found || depth(entry) < depth(found))) found = entry;
  return found;
}

/** Reads the pickle and the entries' places, no values. Throws `malformed` or `unsupported`. */
export async function readPytorchZip(
  source: ByteSource,
  directory: ZipDirectory,
  rootName: string,
  options: ReadOptions = {},
): Promise<FileContents> {
  const entry = findPickle(directory);
  if (!entry)
    throw new LoupeError('not-a-checkpoint', 'The archive holds no data.pkl.', { file: source.path });
  const findings = new FindingList();
  const budget = pickleBudget(source, options);
  const cursor = await pickleCursor(source, entry, directory, options);
  const { value, protocol } = await runPickle(cursor, budget);
  const prefix = entry.name.slice(0, -'data.pkl'.length);
  const order = await smallText(source, directory, `${prefix}byteorder`);
  reportCode(budget.code.values(), source.path, findings);
  const { tensors, settings, duplicates, tooDeep } = flatten(value, rootName, source.path);
  reportFlattening(duplicates, tooDeep, source.path, findings);

  const places = new Map<string, StoragePlace>();
  const find = async (storage: PickleStorage): Promise<StoragePlace> => {
    const name = `${prefix}data/${storage.key}`;
    let place = places.get(name);
    if (!place) {
      place = await locate(source, directory, name);
      places.set(name, place);
    }
    const needed = storage.length * elementBytes(storage.dtype);
    if ('bytes' in place && place.bytes < needed)
      return {
        reason: `Its storage ${quoteName(storage.key)} has ${place.bytes} bytes, but ${needed} are needed.`,
        code: 'truncated-data',
      };
    return place;
  };
  const placement = { file: source.path, bigEndian: order === 'big', findings, find };
  const isScript = directory.byName.has(`${prefix}constants.pkl`);
  const metadata: MetadataEntry[] = [
    { key: 'pytorch.container', type: 'str', value: isScript ? 'zip, TorchScript' : 'zip' },
    { key: 'pytorch.pickle_protocol', type: 'int', value: protocol },
    ...(order === '' ? [] : [{ key: 'pytorch.byteorder', type: 'str', value: order }]),
    ...settings,
  ];
  const placed = await placeTensors(tensors, placement);
  return { format: 'pytorch', tensors: placed, metadata, findings: findings.toArray() };
}

async function pickleCursor(
  source: ByteSource,
  entry: ZipEntry,
  directory: ZipDirectory,
  options: ReadOptions,
): Promise<ForwardCursor> {
  if (packedReason(entry) !== undefined) {
    const bytes = await unpackEntry(source, entry, directory.byteOffset, mostUnpackedBytes);
    return new ForwardCursor(memorySource(bytes, source.path), options);
  }
  const start = await entryDataOffset(source, entry, directory.byteOffset);
  return new ForwardCursor(source, options, start, start + entry.bytes);
}

async function locate(source: ByteSource, directory: ZipDirectory, name: string): Promise<StoragePlace> {
  const entry = directory.byName.get(name);
  if (!entry) return { reason: `The archive lacks its storage ${quoteName(name)}.`, code: 'missing-storage' };
  const packed = packedReason(entry);
  if (packed !== undefined) return { reason: packed };
  try {
    return { byteOffset: await entryDataOffset(source, entry, directory.byteOffset), bytes: entry.bytes };
  } catch (error) {
    const { code, message } = LoupeError.from(error);
    if (code !== 'malformed') throw error;
    return { reason: message, code: 'unreadable-storage' };
  }
}

/** A small entry as text, "" when there is none. */
async function smallText(source: ByteSource, directory: ZipDirectory, name: string): Promise<string> {
  const entry = directory.byName.get(name);
  if (!entry) return '';
  const bytes = await entryHead(source, entry, directory.byteOffset, 16);
  return new TextDecoder().decode(bytes).trim();
}

export function reportFlattening(
  duplicates: readonly string[],
  tooDeep: boolean,
  file: string,
  findings: FindingList,
): void {
  for (const name of duplicates)
    findings.add({
      severity: 'warning',
      code: 'duplicate-tensor',
      message: `Two tensors lead to the name ${quoteName(name)}; the first one is shown.`,
      file,
      tensor: name,
    });
  if (tooDeep)
    findings.add({
      severity: 'warning',
      code: 'nested-too-deep',
      message: 'Values nested more than 64 levels deep are not looked into.',
      file,
    });
}
