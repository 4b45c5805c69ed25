/** Installing CUDA's files from a registry on 127.0.0.1: what is asked, what is written, and what is left when it fails. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type CudaSurroundings,
  cudaProviderRecord,
  cudaProviderState,
  installCudaProvider,
  removeCudaProvider,
} from '../../../../src/engine/backends/cudaProvider';
import {
  cudaFiles,
  cudaFolderInPackage,
  cudaPackageName,
} from '../../../../src/engine/backends/cudaProviderFiles';
import { downloadPackage, nugetEndpoint, packageUrl } from '../../../../src/hub/packageRegistry';
import type { CudaProviderProgress, CudaProviderRecord } from '../../../../src/protocol/backendApi';
import { makeZip } from '../../../fixtures/makeZip';
import { makeReadOnly, mountObstacle, mountSmall, unmountAll } from '../../../support/smallDisk';
import { failureOf, temporaryFolder } from '../support';

const folder = temporaryFolder();
const version = '9.8.7';

/** Half of it packs well, half not at all. */
const cuda = Buffer.concat([randomBytes(700_000), Buffer.alloc(2_500_000, 'cuda')]);
const shared = Buffer.from('the bridge');
const packed = Buffer.from(
  makeZip([
    { name: 'readme.txt', data: Buffer.from('hello') },
    { name: `${cudaFolderInPackage}/${cudaFiles[0]}`, data: cuda, deflated: true },
    { name: `${cudaFolderInPackage}/${cudaFiles[1]}`, data: shared },
    { name: `${cudaFolderInPackage}/libonnxruntime_providers_tensorrt.so`, data: Buffer.from('not wanted') },
  ]),
);
const sha512 = (bytes: Uint8Array) => createHash('sha512').update(bytes).digest('hex');
const record: CudaProviderRecord = { packageBytes: packed.length, sha512: sha512(packed) };

let endpoint = '';
const requests: string[] = [];
let answer: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
const details = {
  id: 'Microsoft.ML.OnnxRuntime.Gpu.Linux',
  version,
  packageHash: Buffer.from(record.sha512, 'hex').toString('base64'),
  packageHashAlgorithm: 'SHA512',
  packageSize: packed.length,
};

const server = createServer((request, response) => {
  requests.push(request.url ?? '');
  if (answer?.(request, response)) return;
  const json = (value: unknown) => response.end(JSON.stringify(value));
  if (request.url === `/v3/registration5-semver1/${cudaPackageName}/${version}.json`) {
    json({ catalogEntry: `${endpoint}/v3/catalog0/data/details.json` });
  } else if (request.url === '/v3/catalog0/data/details.json') json(details);
  else if (request.url?.endsWith('.nupkg')) response.end(packed);
  else {
    response.statusCode = 404;
    response.end();
  }
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  answer = undefined;
  requests.length = 0;
});

/** A runtime's folder with its own library in it. */
function surroundings(more: Partial<CudaSurroundings> = {}): CudaSurroundings & { readonly native: string } {
  const native = mkdtempSync(join(folder, 'napi-'));
  writeFileSync(join(native, 'libonnxruntime.so.1'), 'runtime');
  return { endpoint, place: { folder: native, version }, platform: 'linux-x64', ...more, native };
}

const context = (signal = new AbortController().signal) => {
  const told: CudaProviderProgress[] = [];
  return { signal, told, progress: (state: CudaProviderProgress) => told.push(state) };
};

const onlyRuntime = ['libonnxruntime.so.1'];

describe('the pins', () => {
  it("are those of onnxruntime-node's own install script", () => {
    const require = createRequire(import.meta.url);
    const metadata = require('onnxruntime-node/script/install-metadata.js') as {
      requirements: Record<string, string[]>;
      manifests: Record<string, Record<string, { package: string; path: string }>>;
      packages: Record<string, { name: string; versions: { feed: string; version: string }[] }>;
      feeds: Record<string, { index: string }>;
    };
    const manifest = metadata.manifests['linux/x64:cuda12']!;
    for (const name of cudaFiles) {
      const { package: source, path } = manifest[`./${name}`]!;
      expect(path).toBe(`${cudaFolderInPackage}/${name}`);
      const { name: packageName, versions } = metadata.packages[source]!;
      expect(packageName.toLowerCase()).toBe(cudaPackageName);
      const own = (require('onnxruntime-node/package.json') as { version: string }).version;
      expect(versions).toContainEqual({ feed: 'nuget', version: own });
      expect(new URL(metadata.feeds.nuget!.index).origin).toBe(nugetEndpoint);
    }
    expect(metadata.requirements['linux/x64']).toEqual(['cuda12']);
    const others = Object.entries(metadata.requirements).filter(([platform]) => platform !== 'linux/x64');
    expect(others.flatMap(([, required]) => required)).toEqual([]);
  });
});

describe('installing', () => {
  it('reads the record, downloads, checks, unpacks, and can be taken back', async () => {
    const around = surroundings();
    const before = await cudaProviderState(around);
    expect(before).toMatchObject({ isInstalled: false, isOurs: false, version, folder: around.native });
    expect(before.packageUrl).toBe(
      `${endpoint}/v3-flatcontainer/${cudaPackageName}/${version}/${cudaPackageName}.${version}.nupkg`,
    );
    expect(requests, 'the state sends nothing').toEqual([]);

    expect(await cudaProviderRecord(around)).toEqual(record);
    expect(requests).toHaveLength(2);

    const job = context();
    const after = await installCudaProvider(around, record, job);
    expect(after).toMatchObject({ isInstalled: true, isOurs: true });
    expect(requests).toHaveLength(3);
    expect(cuda.equals(readFileSync(join(around.native, cudaFiles[0])))).toBe(true);
    expect(readFileSync(join(around.native, cudaFiles[1]))).toEqual(shared);
    expect(readdirSync(around.native).sort()).toEqual(
      [...onlyRuntime, ...cudaFiles, 'tensor-loupe-cuda.json'].sort(),
    );
    expect(job.told[0]).toEqual({ step: 'download', bytesDone: 0, bytesTotal: packed.length });
    expect(job.told).toContainEqual({
      step: 'download',
      bytesDone: packed.length,
      bytesTotal: packed.length,
    });
    const all = cuda.length + shared.length;
    expect(job.told.at(-1)).toEqual({ step: 'unpack', bytesDone: all, bytesTotal: all });

    expect(await removeCudaProvider(around)).toMatchObject({ isInstalled: false, isOurs: false });
    expect(readdirSync(around.native)).toEqual(onlyRuntime);
  });

  it('replaces what it installed before', async () => {
    const around = surroundings();
    await installCudaProvider(around, record, context());
    writeFileSync(join(around.native, cudaFiles[1]), 'old');
    await installCudaProvider(around, record, context());
    expect(readFileSync(join(around.native, cudaFiles[1]))).toEqual(shared);
  });
});

describe('nothing is left', () => {
  const fails = async (given: CudaProviderRecord, signal?: AbortSignal) => {
    const around = surroundings();
    const error = await failureOf(installCudaProvider(around, given, context(signal)));
    expect(readdirSync(around.native)).toEqual(onlyRuntime);
    return error;
  };

  it('when the hash is another', async () => {
    const error = await fails({ ...record, sha512: sha512(Buffer.from('another')) });
    expect(error.code).toBe('refused');
    expect(error.message).toContain(record.sha512.slice(0, 16));
  });

  it('when the package is changed on the way by one bit', async () => {
    const changed = Buffer.from(packed);
    changed[packed.length >> 1]! ^= 1;
    answer = (request, response) => {
      if (!request.url?.endsWith('.nupkg')) return false;
      response.end(changed);
      return true;
    };
    expect((await fails(record)).code).toBe('refused');
  });

  it('when the answer is cut short, with and without an honest length', async () => {
    answer = (_, response) => {
      response.end(packed.subarray(0, 100_000));
      return true;
    };
    expect((await fails(record)).message).toBe(
      `The download was cut short: 100000 of ${packed.length} bytes came.`,
    );
    answer = (_, response) => {
      response.setHeader('Content-Length', packed.length);
      response.write(packed.subarray(0, 100_000), () => response.destroy());
      return true;
    };
    expect((await fails(record)).code).toBe('io');
  });

  it('when it is longer than published', async () => {
    const error = await fails({ ...record, packageBytes: packed.length - 1 });
    expect(error.message).toContain('longer than the allowed');
  });

  it('when the server refuses, or redirects to an address that is not secure', async () => {
    answer = (_, response) => {
      response.statusCode = 503;
      response.end();
      return true;
    };
    expect((await fails(record)).message).toContain('answers 503');
    answer = (_, response) => {
      response.statusCode = 302;
      response.setHeader('Location', 'ftp://elsewhere.invalid/file');
      response.end();
      return true;
    };
    expect((await fails(record)).message).toContain('not secure');
  });

  it('on cancel in the middle of the download', async () => {
    const controller = new AbortController();
    answer = (request, response) => {
      if (!request.url?.endsWith('.nupkg')) return false;
      response.write(packed.subarray(0, 200_000), () => setTimeout(() => controller.abort(), 50));
      return true;
    };
    expect((await fails(record, controller.signal)).code).toBe('cancelled');
  });

  it('on cancel while unpacking', async () => {
    const around = surroundings();
    const controller = new AbortController();
    const error = await failureOf(
      installCudaProvider(around, record, {
        signal: controller.signal,
        progress: ({ step }) => step === 'unpack' && controller.abort(),
      }),
    );
    expect(error.code).toBe('cancelled');
    expect(readdirSync(around.native)).toEqual(onlyRuntime);
  });

  it('when the package lacks a file, or holds less than it says', async () => {
    const bad = async (entries: Parameters<typeof makeZip>[0]) => {
      const bytes = Buffer.from(makeZip(entries));
      answer = (_, response) => {
        response.end(bytes);
        return true;
      };
      return fails({ packageBytes: bytes.length, sha512: sha512(bytes) });
    };
    const first = { name: `${cudaFolderInPackage}/${cudaFiles[0]}`, data: cuda, deflated: true };
    expect((await bad([first])).message).toContain(cudaFiles[1]);
    const second = { name: `${cudaFolderInPackage}/${cudaFiles[1]}`, data: shared, deflated: true };
    expect((await bad([first, { ...second, claimedBytes: 3 }])).code).toBe('malformed');
  });

  it('when a file cannot be put in its place', async () => {
    const around = surroundings();
    // A folder of the file's name stands in the way of the second file, after the first was written.
    mkdirSync(join(around.native, cudaFiles[1]));
    const error = await failureOf(installCudaProvider(around, record, context()));
    expect(error.file).toBe(join(around.native, cudaFiles[1]));
    expect(existsSync(join(around.native, cudaFiles[0]))).toBe(false);
    expect(readdirSync(around.native).sort()).toEqual([...onlyRuntime, cudaFiles[1]].sort());
  });
});

const obstacle = mountObstacle(join(folder, 'probe'));
if (obstacle) console.log(`Skipped: a full and a read-only disk (${obstacle}).`);

describe.skipIf(obstacle)('a disk', () => {
  const onDisk = (name: string): CudaSurroundings & { readonly native: string } => {
    const native = join(folder, name);
    // The package fits, what it unpacks to does not.
    mountSmall(native, 2);
    return { ...surroundings(), native, place: { folder: native, version } };
  };
  afterAll(unmountAll);

  it('that fills up while unpacking leaves nothing, and is named', async () => {
    const around = onDisk('small');
    const error = await failureOf(installCudaProvider(around, record, context()));
    expect(error).toMatchObject({ code: 'io', file: join(around.native, cudaFiles[0]) });
    expect(error.message).toMatch(/ENOSPC|no space|full/i);
    expect(readdirSync(around.native)).toEqual([]);
    expect(await cudaProviderState(around)).toMatchObject({ isInstalled: false, isOurs: false });
  });

  it('that is read-only is refused before anything is sent', async () => {
    const around = onDisk('readonly');
    makeReadOnly(around.native);
    requests.length = 0;
    expect((await failureOf(cudaProviderRecord(around))).code).toBe('refused');
    expect(requests).toEqual([]);
  });
});

describe('refused before anything is sent', () => {
  it.each([
    ['darwin-arm64', 'CoreML'],
    ['win32-x64', 'DirectML'],
    ['linux-arm64', 'linux-arm64'],
  ])('on %s, naming what is there', async (platform, named) => {
    const around = surroundings({ platform });
    const state = await cudaProviderState(around);
    expect(state.refusal).toContain(named);
    for (const call of [cudaProviderRecord(around), installCudaProvider(around, record, context())]) {
      const error = await failureOf(call);
      expect(error).toMatchObject({ code: 'refused', message: state.refusal });
    }
    expect(requests).toEqual([]);
  });

  it('where the folder is not there, or the runtime', async () => {
    const gone = surroundings({ place: { folder: join(folder, 'gone'), version } });
    expect((await failureOf(cudaProviderRecord(gone))).message).toContain('cannot write');
    expect((await failureOf(cudaProviderRecord(surroundings({ place: undefined })))).code).toBe('refused');
    expect(requests).toEqual([]);
  });

  it('where the files came otherwise, which are neither replaced nor removed', async () => {
    const around = surroundings();
    for (const name of cudaFiles) writeFileSync(join(around.native, name), 'by hand');
    expect((await failureOf(installCudaProvider(around, record, context()))).code).toBe('exists');
    expect((await failureOf(removeCudaProvider(around))).code).toBe('refused');
    expect(readFileSync(join(around.native, cudaFiles[0]), 'utf8')).toBe('by hand');
    expect(requests).toEqual([]);
  });

  it('at an address that anyone on the way could change', async () => {
    const around = surroundings({ endpoint: 'http://mirror.invalid' });
    expect((await failureOf(cudaProviderRecord(around))).message).toContain('changed on the way');
  });
});

describe('a record', () => {
  it.each([
    ['of another package', { id: 'Evil.Package' }, 'another package'],
    ['of another version', { version: '9.8.8' }, 'another package'],
    ['with a weaker hash', { packageHashAlgorithm: 'SHA1' }, 'no SHA-512'],
    ['with half a hash', { packageHash: 'AAAA' }, 'no SHA-512'],
    ['without a size', { packageSize: undefined }, 'no plausible size'],
    ['of a size beyond all bounds', { packageSize: 2 ** 40 }, 'no plausible size'],
  ])('%s is refused', async (_, change, message) => {
    answer = (request, response) => {
      if (!request.url?.endsWith('details.json')) return false;
      response.end(JSON.stringify({ ...details, ...change }));
      return true;
    };
    const error = await failureOf(cudaProviderRecord(surroundings()));
    expect(error).toMatchObject({ code: 'malformed' });
    expect(error.message).toContain(message);
  });

  it('is not looked for elsewhere', async () => {
    answer = (_, response) => {
      response.end(JSON.stringify({ catalogEntry: 'https://elsewhere.invalid/details.json' }));
      return true;
    };
    expect((await failureOf(cudaProviderRecord(surroundings()))).message).toContain('elsewhere.invalid');
    expect(requests).toHaveLength(1);
  });
});

it('gives up a download that stalls', async () => {
  answer = (_, response) => {
    response.write(packed.subarray(0, 1000));
    return true;
  };
  const wanted = { endpoint, name: cudaPackageName, version };
  const read = async () => {
    for await (const portion of downloadPackage(wanted, 5000, { stallLimitMs: 200 }))
      expect(portion.length).toBe(1000);
  };
  expect((await failureOf(read())).message).toMatch(/sent nothing for 0.2 s/);
  expect(packageUrl(wanted)).toContain(endpoint);
});
