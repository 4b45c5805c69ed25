/** Tells what a zip archive holds, by its entries and not by its name. */
import type { ByteSource } from '../bytes/byteSource';
import { LoupeError } from '../errors';
import type { FileContents, ReadOptions } from './fileContents';
import { readNpz } from './numpy/reader';
import { findPickle, readPytorchZip } from './pytorch/zipReader';
import { readZipDirectory } from './zip/directory';

/** Reads a checkpoint of PyTorch or an archive of NumPy arrays; throws `not-a-checkpoint` for any other archive. */
export async function readArchive(
  source: ByteSource,
  rootName: string,
  options: ReadOptions = {},
): Promise<FileContents> {
  const directory = await readZipDirectory(source, options);
  if (findPickle(directory)) return readPytorchZip(source, directory, rootName, options);
  if (directory.entries.some(({ name }) => name.endsWith('.npy'))) return readNpz(source, directory, options);
  throw new LoupeError(
    'not-a-checkpoint',
    'This is a zip archive that holds neither a PyTorch model nor NumPy arrays.',
    { file: source.path, byteOffset: 0 },
  );
}
