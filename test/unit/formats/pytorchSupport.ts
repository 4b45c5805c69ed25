import { memorySource } from '../../../src/bytes/byteSource';
import { readArchive } from '../../../src/formats/archive';
import type { FileContents } from '../../../src/formats/fileContents';
import { readPickleFile } from '../../../src/formats/pytorch/legacyReader';
import { f32Data } from '../../fixtures/makeCheckpoint';

export const readZip = (file: Uint8Array) => readArchive(memorySource(file, 'test.pt'), 'test');
export const readPickle = (file: Uint8Array) => readPickleFile(memorySource(file, 'test.pt'), 'test');
export const told = ({ findings }: FileContents) => findings.map(({ severity, code }) => [severity, code]);
export const sixFloats = f32Data([1, 2, 3, 4, 5, 6]);
export const matrix = { storage: 'FloatStorage', key: '0', storageLength: 6, shape: [2, 3] };
export const firstValue = (file: Uint8Array, { tensors }: FileContents) =>
  new DataView(file.buffer).getFloat32(tensors[0]!.byteOffset, true);
