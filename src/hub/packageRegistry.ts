/**
 * One package of a NuGet registry: what the registry publishes of its size and hash, and the package itself. NuGet API 3:
 * package content ("flat container"), registration leaf, and the catalog's package details with `packageHash`.
 */
import { LoupeError } from '../errors';
import { hubFetch, isLoopback } from './hubFetch';

/** The registry that onnxruntime-node's own install script takes its files from. */
export const nugetEndpoint = 'https://api.nuget.org';

export interface RegistryPackage {
  readonly endpoint: string;
  /** Lower-case, as addresses have it. */
  readonly name: string;
  readonly version: string;
}

export interface PackageRecord {
  readonly packageBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha512: string;
}

/** A package with three CUDA libraries has a few hundred MB; what is beyond this is not what was meant. */
const mostPackageBytes = 2 ** 31;
const mostRecordBytes = 1_048_576;
/** For the whole download; a stalled one ends sooner. */
const downloadLimitMs = 3_600_000;
const stallLimitMs = 60_000;

export const recordUrl = ({ endpoint, name, version }: RegistryPackage): string =>
  `${endpoint}/v3/registration5-semver1/${name}/${version}.json`;

export const packageUrl = ({ endpoint, name, version }: RegistryPackage): string =>
  `${endpoint}/v3-flatcontainer/${name}/${version}/${name}.${version}.nupkg`;

/**
 * Size and SHA-512 from the registry's catalog, which the registration leaf names. Throws `io` for a registry that does not answer,
 * and `malformed` for a record that is none, or of another package.
 */
export async function readPackageRecord(
  wanted: RegistryPackage,
  signal?: AbortSignal,
): Promise<PackageRecord> {
  const address = new URL(wanted.endpoint);
  if (address.protocol !== 'https:' && !isLoopback(address)) {
    throw new LoupeError('refused', `${address.host} is not asked: its hash could be changed on the way.`);
  }
  const leaf = await readJson(wanted, recordUrl(wanted), signal);
  if (typeof leaf.catalogEntry !== 'string') throw invalidRecord(wanted, 'names no catalog entry');
  const details = await readJson(wanted, leaf.catalogEntry, signal);
  const { id, version, packageHash, packageHashAlgorithm, packageSize } = details;
  if (String(id).toLowerCase() !== wanted.name || version !== wanted.version) {
    throw invalidRecord(wanted, 'is of another package');
  }
  const hash = typeof packageHash === 'string' ? Buffer.from(packageHash, 'base64') : undefined;
  if (packageHashAlgorithm !== 'SHA512' || hash?.length !== 64) throw invalidRecord(wanted, 'has no SHA-512');
  if (
    !Number.isSafeInteger(packageSize) ||
    Number(packageSize) < 1 ||
    Number(packageSize) > mostPackageBytes
  ) {
    throw invalidRecord(wanted, 'has no plausible size');
  }
  return { packageBytes: Number(packageSize), sha512: hash.toString('hex') };
}

const invalidRecord = ({ name, version, endpoint }: RegistryPackage, what: string): LoupeError =>
  new LoupeError('malformed', `The record of ${name} ${version} at ${new URL(endpoint).host} ${what}.`);

async function readJson(
  wanted: RegistryPackage,
  url: string,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown>> {
  const send = hubFetch({ endpoint: wanted.endpoint }, { signal, mostAnswerBytes: mostRecordBytes });
  const response = await send(url);
  if (!response.ok) throw refusedBy(response, url);
  try {
    const value: unknown = JSON.parse(await response.text());
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (thrown) {
    if (thrown instanceof LoupeError) throw thrown;
  }
  throw invalidRecord(wanted, 'is no JSON object');
}

const refusedBy = (response: Response, url: string): LoupeError =>
  new LoupeError(
    response.status === 404 ? 'not-found' : 'io',
    `${new URL(url).host} answers ${response.status} for ${new URL(url).pathname}.`,
  );

/**
 * The package's bytes, in the portions in which they come. Fails with `io` when they are fewer or more than `bytes`, or
 * when none come for a minute.
 */
export async function* downloadPackage(
  wanted: RegistryPackage,
  bytes: number,
  options: { readonly signal?: AbortSignal | undefined; readonly stallLimitMs?: number | undefined } = {},
): AsyncGenerator<Uint8Array> {
  const url = packageUrl(wanted);
  const limitMs = options.stallLimitMs ?? stallLimitMs;
  const stalled = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const expect = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(), limitMs);
  };
  const signal = options.signal ? AbortSignal.any([options.signal, stalled.signal]) : stalled.signal;
  const send = hubFetch(
    { endpoint: wanted.endpoint },
    { signal, timeoutMs: downloadLimitMs, mostAnswerBytes: bytes },
  );
  let received = 0;
  try {
    expect();
    const response = await send(url);
    if (!response.ok || !response.body) throw refusedBy(response, url);
    for await (const portion of response.body) {
      expect();
      received += portion.length;
      yield portion;
    }
  } catch (thrown) {
    if (stalled.signal.aborted && !options.signal?.aborted) {
      throw new LoupeError('io', `${new URL(url).host} sent nothing for ${limitMs / 1000} s.`);
    }
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
  if (received !== bytes) {
    throw new LoupeError('io', `The download was cut short: ${received} of ${bytes} bytes came.`);
  }
}
