/**
 * Installs and removes the files that add CUDA to ONNX Runtime. They come from the registry that onnxruntime-node's own install
 * script takes them from; the version is onnxruntime-node's, and the package must have the size and the SHA-512 that
 * the registry's catalog publishes and the user agreed to. Nothing is sent before that.
 */
import { createHash } from 'node:crypto';
import { access, constants, readFile, rm } from 'node:fs/promises';
import * as path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { type ByteSource, openFileSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import {
  entryDataOffset,
  readZipDirectory,
  type ZipDirectory,
  type ZipEntry,
} from '../../formats/zip/directory';
import {
  downloadPackage,
  nugetEndpoint,
  packageUrl,
  type RegistryPackage,
  readPackageRecord,
  recordUrl,
} from '../../hub/packageRegistry';
import type { CudaProviderProgress, CudaProviderRecord, CudaProviderState } from '../../protocol/backendApi';
import type { JobContext } from '../jobs';
import { OutputFile } from '../outputFile';
import {
  cudaFiles,
  cudaFolderInPackage,
  cudaMarker,
  cudaPackageName,
  hasCudaProvider,
  type RuntimePlace,
  runtimePlace,
} from './cudaProviderFiles';

/** The CUDA provider unpacks to a few hundred MB; a larger entry is not what was meant. */
const mostFileBytes = 2 ** 31;
const portionBytes = 1_048_576;

/** What tests exchange: the registry, where the runtime lies, and the platform. */
export interface CudaSurroundings {
  readonly endpoint: string;
  readonly place: RuntimePlace | undefined;
  readonly platform: string;
}

export const realSurroundings = (): CudaSurroundings => ({
  // For a mirror of the registry, and for tests of the product as a whole.
  endpoint: process.env.TENSOR_LOUPE_NUGET_ENDPOINT || nugetEndpoint,
  place: runtimePlace(),
  platform: `${process.platform}-${process.arch}`,
});

const packageOf = ({ endpoint, place }: CudaSurroundings): RegistryPackage => ({
  endpoint,
  name: cudaPackageName,
  version: place?.version ?? '',
});

export async function cudaProviderState(around: CudaSurroundings): Promise<CudaProviderState> {
  const { place } = around;
  const wanted = packageOf(around);
  return {
    refusal: refusalOf(around),
    isInstalled: hasCudaProvider(place?.folder ?? ''),
    isOurs: place !== undefined && (await readMarker(place.folder)) !== undefined,
    version: wanted.version,
    packageUrl: packageUrl(wanted),
    recordUrl: recordUrl(wanted),
    folder: place?.folder ?? '',
    files: cudaFiles,
  };
}

function refusalOf({ place, platform }: CudaSurroundings): string | undefined {
  if (platform !== 'linux-x64') {
    const instead = platform.startsWith('win32')
      ? ' DirectML and WebGPU use the GPU here.'
      : platform.startsWith('darwin')
        ? ' CoreML and WebGPU use the GPU here.'
        : '';
    return `ONNX Runtime for Node takes CUDA on Linux with x64 processors only, and this is ${platform}.${instead}`;
  }
  if (!place) return 'onnxruntime-node is not installed, so there is nothing to add CUDA to.';
  return undefined;
}

/** The registry's size and hash. Sends two requests. */
export async function cudaProviderRecord(
  around: CudaSurroundings,
  signal?: AbortSignal,
): Promise<CudaProviderRecord> {
  await refuseEarly(around);
  return readPackageRecord(packageOf(around), signal);
}

/** Throws `refused` where installing could not succeed, before anything is sent. */
async function refuseEarly(around: CudaSurroundings): Promise<string> {
  const refusal = refusalOf(around);
  if (refusal !== undefined) throw new LoupeError('refused', refusal);
  const { folder } = around.place!;
  try {
    await access(folder, constants.W_OK);
  } catch {
    throw new LoupeError(
      'refused',
      `The files would go to ${folder}, which this user cannot write to. Install the extension for this user.`,
      { file: folder },
    );
  }
  return folder;
}

/**
 * Downloads the package beside its place, compares size and SHA-512 with the record, unpacks the two files, and renames them into
 * place. On failure or cancel nothing is left.
 */
export async function installCudaProvider(
  around: CudaSurroundings,
  record: CudaProviderRecord,
  { signal, progress }: JobContext<CudaProviderProgress>,
): Promise<CudaProviderState> {
  const folder = await refuseEarly(around);
  if ((await readMarker(folder)) === undefined && hasCudaProvider(folder)) {
    throw new LoupeError('exists', `The files are in ${folder} already, and did not come by this command.`, {
      file: folder,
    });
  }
  const archive = await OutputFile.create(path.join(folder, `${cudaPackageName}.nupkg`), true);
  const installed: string[] = [];
  try {
    await download(around, record, archive, signal, progress);
    const source = await openFileSource(archive.path);
    try {
      await unpack(source, folder, installed, signal, progress);
    } finally {
      await source.close();
    }
    await writeMarker(folder, {
      version: around.place!.version,
      sha512: record.sha512,
      files: [...cudaFiles],
    });
  } catch (thrown) {
    for (const file of installed) await rm(file, { force: true });
    await rm(path.join(folder, cudaMarker), { force: true });
    throw LoupeError.from(thrown);
  } finally {
    await archive.discard();
  }
  return cudaProviderState(around);
}

async function download(
  around: CudaSurroundings,
  record: CudaProviderRecord,
  archive: OutputFile,
  signal: AbortSignal,
  progress: (state: CudaProviderProgress) => void,
): Promise<void> {
  const hash = createHash('sha512');
  let bytesDone = 0;
  const tell = () => progress({ step: 'download', bytesDone, bytesTotal: record.packageBytes });
  tell();
  let told = 0;
  for await (const portion of downloadPackage(packageOf(around), record.packageBytes, { signal })) {
    hash.update(portion);
    await archive.append(portion);
    bytesDone += portion.length;
    if (bytesDone - told < portionBytes && bytesDone < record.packageBytes) continue;
    told = bytesDone;
    tell();
  }
  const found = hash.digest('hex');
  if (found !== record.sha512) {
    throw new LoupeError(
      'refused',
      `The downloaded package is not the published one, and was removed: its SHA-512 begins with ${found.slice(0, 16)}, the published one with ${record.sha512.slice(0, 16)}.`,
    );
  }
}

async function unpack(
  source: ByteSource,
  folder: string,
  installed: string[],
  signal: AbortSignal,
  progress: (state: CudaProviderProgress) => void,
): Promise<void> {
  const directory = await readZipDirectory(source, { signal });
  const entries = cudaFiles.map((name) => {
    const entry = directory.byName.get(`${cudaFolderInPackage}/${name}`);
    if (!entry) throw new LoupeError('malformed', `The package has no ${cudaFolderInPackage}/${name}.`);
    if (entry.encrypted || (entry.method !== 0 && entry.method !== 8) || entry.bytes > mostFileBytes) {
      throw new LoupeError('malformed', `The package holds ${name} in a way that is not expected.`);
    }
    return { name, entry };
  });
  const bytesTotal = entries.reduce((sum, { entry }) => sum + entry.bytes, 0);
  let bytesDone = 0;
  for (const { name, entry } of entries) {
    const target = path.join(folder, name);
    const output = await OutputFile.create(target, true);
    try {
      const start = bytesDone;
      await inflate(source, directory, entry, signal, async (portion) => {
        await output.append(portion);
        bytesDone += portion.length;
        progress({ step: 'unpack', bytesDone, bytesTotal });
      });
      if (bytesDone - start !== entry.bytes) {
        throw new LoupeError('malformed', `${name} unpacks to ${bytesDone - start} of ${entry.bytes} bytes.`);
      }
      throwIfAborted(signal);
      await output.commit();
      installed.push(target);
    } catch (thrown) {
      await output.discard();
      throw thrown;
    }
  }
}

/** Hands an entry's unpacked bytes on in portions; never more than the directory says that there are. */
async function inflate(
  source: ByteSource,
  directory: ZipDirectory,
  entry: ZipEntry,
  signal: AbortSignal,
  take: (portion: Uint8Array) => Promise<void>,
): Promise<void> {
  const start = await entryDataOffset(source, entry, directory.byteOffset);
  async function* packed() {
    for (let at = 0; at < entry.packedBytes; at += portionBytes) {
      throwIfAborted(signal);
      yield await source.read(start + at, Math.min(portionBytes, entry.packedBytes - at));
    }
  }
  let received = 0;
  let refusedBy: unknown;
  const consume = async (unpacked: AsyncIterable<Uint8Array>) => {
    for await (const portion of unpacked) {
      received += portion.length;
      try {
        if (received > entry.bytes)
          throw new LoupeError('malformed', 'An entry unpacks to more than it says.');
        await take(portion);
      } catch (thrown) {
        // The pipeline may end with the abort of its other parts in place of the reason.
        refusedBy = thrown;
        throw thrown;
      }
    }
  };
  const bytes = Readable.from(packed(), { objectMode: true });
  try {
    if (entry.method === 0) await pipeline(bytes, consume);
    else await pipeline(bytes, createInflateRaw({ chunkSize: portionBytes }), consume);
  } catch (thrown) {
    if (refusedBy !== undefined) throw refusedBy;
    if (!/^Z_/.test(String((thrown as { code?: unknown }).code))) throw thrown;
    throw new LoupeError(
      'malformed',
      `An entry of the package cannot be unpacked (${(thrown as Error).message}).`,
    );
  }
}

interface Marker {
  readonly version: string;
  readonly sha512: string;
  readonly files: readonly string[];
}

async function writeMarker(folder: string, marker: Marker): Promise<void> {
  const output = await OutputFile.create(path.join(folder, cudaMarker), true);
  try {
    await output.append(new TextEncoder().encode(`${JSON.stringify(marker, undefined, 2)}\n`));
    await output.commit();
  } catch (thrown) {
    await output.discard();
    throw thrown;
  }
}

async function readMarker(folder: string): Promise<Marker | undefined> {
  try {
    return JSON.parse(await readFile(path.join(folder, cudaMarker), 'utf8')) as Marker;
  } catch {
    return undefined;
  }
}

/** Removes what the command installed; throws `refused` for files that came otherwise. */
export async function removeCudaProvider(around: CudaSurroundings): Promise<CudaProviderState> {
  const folder = around.place?.folder;
  if (folder !== undefined && hasCudaProvider(folder) && (await readMarker(folder)) === undefined) {
    throw new LoupeError(
      'refused',
      `The files in ${folder} did not come by this command, and are left as they are.`,
      {
        file: folder,
      },
    );
  }
  if (folder !== undefined) {
    for (const name of [...cudaFiles].reverse()) await rm(path.join(folder, name), { force: true });
    await rm(path.join(folder, cudaMarker), { force: true });
  }
  return cudaProviderState(around);
}
